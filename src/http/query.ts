// The query parameters that several routes share. A query is text, so numbers and instants are read from it here.
import * as v from 'valibot';
import { MAX_WAIT_MS } from '../jobs/index.ts';
import { isoInstant } from '../runtime/clock.ts';
import { checkCursor, type CursorKind, type PageRequest } from '../store/page.ts';
import { described } from './annotate.ts';

/** A whole number within bounds, from its decimal digits. The reference shows the number, not its spelling. */
export function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,10}$/, message),
    v.metadata({ type: 'integer', minimum: min, maximum: max, pattern: undefined }),
    v.toNumber(),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

/** An instant as ISO 8601 with a zone; milliseconds since the epoch inside. */
export const instantText = v.pipe(
  v.string(),
  v.regex(
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/,
    'must be an instant such as 2026-01-31T12:00:00Z',
  ),
  v.check(isOnTheCalendar, 'must be an instant that exists'),
  v.metadata({ format: 'date-time', pattern: undefined, examples: ['2026-01-31T12:00:00Z'] }),
  v.transform((text) => Date.parse(text)),
);

/** `Date.parse` takes the 30th of February for the 2nd of March. */
function isOnTheCalendar(text: string): boolean {
  const day = text.slice(0, 10);
  const parsed = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(Date.parse(text)) && !Number.isNaN(parsed) && isoInstant(parsed).startsWith(day);
}

/** `limit` and `cursor` of a list. */
export function pageQuery({ max, standard }: { max: number; standard: number }) {
  return {
    limit: described('How many at most.', v.optional(wholeNumber(1, max), String(standard))),
    cursor: described(
      'The `nextCursor` of the page before.',
      v.optional(v.pipe(v.string(), v.maxLength(200, 'is not a cursor of this list'))),
    ),
  };
}

/** @throws GatewayError `invalid_input` for a cursor that no list of this kind handed out */
export function readPage(
  kind: CursorKind,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): PageRequest {
  return { limit, cursor: cursor === undefined ? null : checkCursor(kind, cursor) };
}

/** The longest that a request may wait for the end of a job, in seconds. */
const MAX_WAIT_SECONDS = MAX_WAIT_MS / 1000;

/** `?wait=N` on reads. */
export const waitQuery = {
  wait: described(
    'Seconds to wait for the end of the job before the answer.',
    v.optional(wholeNumber(0, MAX_WAIT_SECONDS)),
  ),
};

/** `Prefer: wait=N` (RFC 7240); 0 when it is absent or not of that form, as preferences are to be ignored then. */
export function preferredWaitSeconds(request: Request): number {
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?:$|[,;\s])/i.exec(request.headers.get('prefer') ?? '');
  return match === null ? 0 : Math.min(MAX_WAIT_SECONDS, Number(match[1]));
}
