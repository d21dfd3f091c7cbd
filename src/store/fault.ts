// What a failing database means to the outside: in a few words for a start that stops, and as a refusal for a
// request that may be sent again.
import { GatewayError, messageOf, StartFault } from '../errors.ts';
import { SECOND_MS } from '../runtime/clock.ts';

/** What the operator has to look into; a client may try again after this. */
const RETRY_AFTER_MS = 5 * SECOND_MS;

const DAMAGE = 'the database file is damaged';
const OUTAGES: readonly (readonly [prefix: string, message: string])[] = [
  ['SQLITE_FULL', 'the disk is full'],
  ['SQLITE_IOERR', 'the disk reports errors'],
  ['SQLITE_READONLY_ROLLBACK', 'a start was cut off, and the next start puts it right'],
  ['SQLITE_READONLY', 'the data folder cannot be written'],
  ['SQLITE_CANTOPEN', 'the database file cannot be opened'],
  ['SQLITE_BUSY', 'another process holds the database'],
  ['SQLITE_CORRUPT', DAMAGE],
  ['SQLITE_NOTADB', DAMAGE],
];

/** The SQLite result code of a thrown error, such as `SQLITE_FULL`, or null for anything else. */
export function sqliteCode(thrown: unknown): string | null {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string' && error.code.startsWith('SQLITE_'))
      return error.code;
  }
  return null;
}

/** Why the database cannot serve, in a few words; null when the error is about the statement and not about it. */
export function outageOf(thrown: unknown): string | null {
  const code = sqliteCode(thrown);
  return OUTAGES.find(([prefix]) => code?.startsWith(prefix))?.[1] ?? null;
}

/** Runs work on a database file; an outage becomes the one sentence that stops a command. @throws StartFault */
export function explained<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const outage = outageOf(thrown);
    if (outage === null) throw thrown;
    const advice = outage === DAMAGE ? ": restore the last backup with 'sluice restore'" : '';
    throw new StartFault(
      `The database ${file} cannot be used, because ${outage} (${messageOf(thrown)})${advice}.`,
      { cause: thrown },
    );
  }
}

/** Turns an outage into `service_unavailable`; everything else stays what it is. */
export function refusalOf(thrown: unknown): unknown {
  const outage = outageOf(thrown);
  if (outage === null) return thrown;
  return new GatewayError('service_unavailable', {
    message: 'The gateway cannot store anything now. Nothing was started; try again later.',
    retryAfterMs: RETRY_AFTER_MS,
    cause: new Error(`${outage}: ${messageOf(thrown)}`, { cause: thrown }),
  });
}
