// BytePlus ModelArk: Seedance films as tasks, Seedream pictures while we wait. The same API under the name of Volcengine
// Ark in China, with other ids and prices: an account whose base URL is there is spoken to in those.
import * as v from 'valibot';
import { sha256Hex } from '../crypto.ts';
import { canTake, FILMS, MODELS, PICTURES, priceOf, sizeOf } from './byteplus-models.ts';
import type { AttemptOutcome, Callback, Cost, Order } from './provider.ts';
import type { Provider, ProviderContext, Upstream, Verified } from './provider.ts';
import * as wire from './wire.ts';

const OUTPUT_HOSTS = [
  '.tos-ap-southeast-1.bytepluses.com',
  '.tos-ap-southeast-1.volces.com',
  '.tos-cn-beijing.volces.com',
];
const TASKS = '/contents/generations/tasks';

const PICTURE_MS = 240_000;
const FIRST_POLL_MS = 10_000;
const LATE_OUTPUT_MS = 5000;
/** Tasks that nobody waits for any more end by themselves, some time after their job's deadline. */
const EXPIRES_AFTER_S = 7200;
const MARKS = 3600;
/** A task that is looked for may carry the time of a clock that is off by as much. */
const SKEW_MS = 60_000;
/** What a create call has not made by then it will not make. */
const SETTLED_AFTER_MS = 120_000;
const PAGE_TASKS = 500;

const id = v.pipe(v.string(), v.regex(/^[\w.-]{1,128}$/));
const text = v.fallback(v.nullish(v.string()), null);
const count = v.fallback(v.nullish(v.pipe(v.number(), v.minValue(0))), null);
const link = v.union([
  v.string(),
  v.pipe(
    v.object({ url: v.string() }),
    v.transform(({ url }) => url),
  ),
]);
const error = v.fallback(v.nullish(v.object({ code: text, message: text })), null);
const taskSchema = v.object({
  id,
  status: v.string(),
  model: text,
  error,
  failure_reason: error,
  content: v.fallback(v.nullish(v.object({ video_url: v.nullish(link) })), null),
  usage: v.fallback(v.nullish(v.object({ completion_tokens: count })), null),
  created_at: count,
  resolution: text,
  duration: count,
  execution_expires_after: count,
});
type Task = v.InferOutput<typeof taskSchema>;
type Fault = NonNullable<v.InferOutput<typeof error>>;
const listSchema = v.object({ total: v.number(), items: v.array(taskSchema) });
const picturesSchema = v.object({
  data: v.fallback(v.nullish(v.array(v.object({ url: v.nullish(v.string()), error }))), null),
  error,
});
const refusalSchema = v.object({ error: v.object({ code: text, message: text }) });

export function createByteplus(): Provider {
  const patience = wire.createPatience();
  return {
    id: 'byteplus',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake,
    submitIsRepeatable: false,
    submitTimeoutMs: PICTURE_MS + 10_000,
    submit: (order, attemptId, context) =>
      order.type === 'video' ? startFilm(order, attemptId, context) : makePicture(order, attemptId, context),
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    cancel,
    openOutput: (output, _order, context) => wire.openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: 'https://ark.ap-southeast.bytepluses.com/api/v3',
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key'],
      models: MODELS,
      capabilities: { cancel: 'queued', callback: 'unsigned', hasBalance: false },
      verify,
      findSubmitted,
      readCallback,
    },
  };
}

async function startFilm(order: Order, attemptId: string, context: ProviderContext): Promise<AttemptOutcome> {
  const film = FILMS[order.model];
  const size = film && sizeOf(order, film);
  if (!film || !size) return { ...wire.rejects('invalid_input'), reason: 'a film that it does not make' };
  const { callbackUrl } = wire.accountOf(context);
  const { prompt, reference, durationSeconds, hasAudio = false, seed } = order;
  const role = film.isFirst ? 'first_frame' : 'reference_image';
  const image = reference && { type: 'image_url', image_url: { url: wire.dataUrlOf(reference) }, role };
  const own = film.isFirst ? (seed === undefined ? {} : { seed }) : { generate_audio: hasAudio };
  const json = {
    model: rawIdOf(film.raw, context),
    content: [{ type: 'text', text: prompt }, ...(image ? [image] : [])],
    ...size,
    duration: durationSeconds,
    watermark: false,
    execution_expires_after: markOf(attemptId),
    ...own,
    ...(callbackUrl === null ? {} : { callback_url: callbackUrl }),
  };
  const answer = await ask(context, { to: TASKS, method: 'POST', json });
  if (answer.kind !== 'answer') return wire.unansweredSubmit(answer);
  const created = v.safeParse(v.object({ id }), answer.json);
  if (answer.status >= 300 || !created.success) return refusalOf(answer, context);
  return { kind: 'pending', providerJobId: created.output.id, pollAt: context.clock.now() + FIRST_POLL_MS };
}

/** It echoes no name of ours, but the seconds after which a task expires: those tell like tasks apart. */
function markOf(attemptId: string): number {
  return EXPIRES_AFTER_S + (Number.parseInt(sha256Hex(attemptId).slice(0, 8), 16) % MARKS);
}

async function makePicture(
  order: Order,
  attemptId: string,
  context: ProviderContext,
): Promise<AttemptOutcome> {
  const picture = PICTURES[order.model];
  if (!picture) return { ...wire.rejects('invalid_input'), reason: 'a picture that it does not make' };
  const { prompt, width, height, reference } = order;
  const json = {
    model: rawIdOf(picture.raw, context),
    prompt,
    size: `${width}x${height}`,
    response_format: 'url',
    watermark: false,
    ...(picture.isLayered ? {} : { sequential_image_generation: 'disabled' }),
    ...(reference ? { image: [wire.dataUrlOf(reference)] } : {}),
  };
  const answer = await ask(context, {
    to: '/images/generations',
    method: 'POST',
    json,
    deadlineMs: PICTURE_MS,
  });
  if (answer.kind !== 'answer') return wire.unansweredSubmit(answer);
  const made = v.safeParse(picturesSchema, answer.json);
  if (answer.status >= 300 || !made.success || !made.output.data) return refusalOf(answer, context);
  const [first] = made.output.data;
  if (first?.url) {
    return { kind: 'completed', providerJobId: attemptId, outputs: [{ role: 'output', url: first.url }] };
  }
  return failureOf(first?.error ?? made.output.error, context);
}

/** In China the same models go by another first name. */
function rawIdOf(raw: string, context: ProviderContext): string {
  return isInChina(context) ? `doubao-${raw.replace(/^(dreamina|dola)-/, '')}` : raw;
}

function isInChina(context: ProviderContext): boolean {
  return URL.parse(wire.accountOf(context).baseUrl)?.hostname.endsWith('.volces.com') ?? false;
}

/** What a code means, the first that fits. */
const CODES: readonly (readonly [RegExp, wire.Refusal])[] = [
  [/SensitiveContentDetected|RiskDetection/, wire.rejects('content_policy_violation')],
  [/^InvalidImageURL/, wire.rejects('file_load_error')],
  [/^(MissingParameter|InvalidParameter|InvalidArgumentError|OutofContext)/, wire.rejects('invalid_input')],
  [/^(AuthenticationError|InvalidAccountStatus)/, wire.fails('credential')],
  [/^AccountOverdue|ServiceOverdue|^SetLimitExceeded|^InvalidSubscription/, wire.fails('balance')],
  [/^QuotaExceeded.*queue/i, wire.fails('rate')],
  [/^QuotaExceeded/, wire.fails('balance')],
  [/^(ServerOverloaded|ContentSecurityDetectionError|InternalServiceError)/, wire.fails('provider')],
  [/RateLimitExceeded|^RequestBurstTooFast|^InflightBatchsize/, wire.fails('rate')],
  [/^(ModelNotOpen|InvalidEndpoint|AccessDenied|OperationDenied|UnsupportedModel)/, wire.fails('model')],
];

function refusalOf(answer: wire.WireAnswer, context: ProviderContext): AttemptOutcome {
  const told = v.safeParse(refusalSchema, answer.json);
  const reason = told.success ? wordsOf(told.output.error) : withoutIds(answer.text);
  // What broke in its midst may have been made all the same.
  const meaning = answer.status < 500 ? wire.meaningOf(reason, CODES) : undefined;
  if (meaning !== undefined) return wire.refused(context, meaning, { answer, reason });
  return wire.refusedSubmit(answer, context.clock.now(), wire.tellable(context, reason));
}

/** Why nothing came of what it had taken. */
function failureOf(error: Fault | null | undefined, context: ProviderContext): AttemptOutcome {
  const reason = wire.tellable(context, error ? wordsOf(error) : 'it has made nothing and says no more');
  return { ...(wire.meaningOf(reason, CODES) ?? wire.fails('provider')), reason };
}

function wordsOf({ code, message }: Fault): string {
  return withoutIds(`${code ?? ''} ${message ?? ''}`.trim() || 'an error without words');
}

/** Those of accounts are long numbers. */
function withoutIds(text: string): string {
  return text.replaceAll(/\b\d{8,}\b/g, '…');
}

async function poll(
  providerJobId: string,
  context: ProviderContext,
  patience: ReturnType<typeof wire.createPatience>,
): Promise<AttemptOutcome> {
  if (!v.is(id, providerJobId)) return { ...wire.fails('provider'), reason: 'no id of a task' };
  const answer = await ask(context, { to: `${TASKS}/${providerJobId}` });
  if (answer.kind !== 'answer') return wire.unansweredPoll(answer);
  const task = v.safeParse(taskSchema, answer.json);
  if (answer.status !== 200 || !task.success) {
    return wire.refusedPoll(answer, context.clock.now(), withoutIds(answer.text));
  }
  const { status, content, created_at, error, failure_reason } = task.output;
  const now = context.clock.now();
  switch (status.toLowerCase()) {
    case 'succeeded': {
      const url = content?.video_url;
      if (url)
        return {
          kind: 'completed',
          providerJobId,
          outputs: [{ role: 'output', url }],
          ...costOf(task.output, context),
        };
      if (patience.isOver(providerJobId))
        return { ...wire.fails('provider'), reason: 'it succeeded without a film' };
      return { kind: 'pending', providerJobId, pollAt: now + LATE_OUTPUT_MS };
    }
    case 'failed':
      return failureOf(error ?? failure_reason, context);
    case 'expired':
      return { kind: 'failed', code: 'provider_timeout', reason: 'the task has expired', fault: 'provider' };
    case 'cancelled':
    case 'canceled':
      return { ...wire.fails('provider'), reason: 'the task was cancelled' };
    default:
      return { kind: 'pending', providerJobId, pollAt: now + gapMs(now - (created_at ?? 0) * 1000) };
  }
}

function gapMs(ageMs: number): number {
  if (ageMs < 60_000) return 5000;
  return ageMs < 300_000 ? 10_000 : 15_000;
}

/** What its tokens cost by the list, in the money of the place. */
function costOf({ model, resolution, usage }: Task, context: ProviderContext): { cost?: Cost } {
  const film = Object.values(FILMS).find(({ raw }) => model === rawIdOf(raw, context));
  const price = film && priceOf(film.tariff, resolution?.toLowerCase() ?? '');
  const unit = isInChina(context) ? 'CNY' : 'USD';
  const each = unit === 'CNY' ? price?.cny : price?.usd;
  const tokens = usage?.completion_tokens;
  return each && tokens ? { cost: { amount: wire.decimalOf((tokens * each) / 1_000_000), unit } } : {};
}

/** Deleting means cancelling only while a task is queued; later it is refused, and at the end it forgets the task. */
async function cancel(providerJobId: string, context: ProviderContext): Promise<boolean> {
  if (!v.is(id, providerJobId)) return false;
  const task = await ask(context, { to: `${TASKS}/${providerJobId}` });
  const read = v.safeParse(taskSchema, task.kind === 'answer' ? task.json : undefined);
  if (!read.success || read.output.status.toLowerCase() !== 'queued') return false;
  const answer = await ask(context, { to: `${TASKS}/${providerJobId}`, method: 'DELETE' });
  return answer.kind === 'answer' && answer.status === 200;
}

/** There is nothing to ask about the account itself; a list of one task shows that the key works. */
async function verify(context: ProviderContext): Promise<Verified> {
  const answer = await ask(context, { to: `${TASKS}?page_num=1&page_size=1` });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: wire.reasonOf(answer) };
  if (answer.status === 200 && v.is(listSchema, answer.json)) {
    return { kind: 'ok', remoteId: null, balance: null, slots: null };
  }
  const refusal = refusalOf(answer, context);
  const isRefused =
    refusal.kind === 'failed' && ['credential', 'balance', 'model'].includes(refusal.fault ?? '');
  const reason = 'reason' in refusal ? refusal.reason : answer.text;
  return { kind: isRefused ? 'refused' : 'unreachable', reason };
}

/** Pictures leave nothing that could be found again. */
const findSubmitted: NonNullable<Upstream['findSubmitted']> = async (
  order,
  { attemptId, sentAt, taken },
  context,
) => {
  const film = FILMS[order.model];
  if (!film) return { kind: 'unknown', reason: 'it keeps no list of pictures' };
  const query = `page_num=1&page_size=${PAGE_TASKS}&filter.model=${rawIdOf(film.raw, context)}`;
  const answer = await ask(context, { to: `${TASKS}?${query}`, maxBytes: 8 * 1024 * 1024 });
  if (answer.kind !== 'answer') return { kind: 'unknown', reason: wire.reasonOf(answer) };
  const listed = v.safeParse(listSchema, answer.json);
  if (answer.status !== 200 || !listed.success) return { kind: 'unknown', reason: withoutIds(answer.text) };
  const { items, total } = listed.output;
  const found = items.filter(({ id, created_at, execution_expires_after: mark }) => {
    const createdAt = (created_at ?? sentAt / 1000) * 1000;
    const isThen = createdAt >= sentAt - SKEW_MS && createdAt <= sentAt + SETTLED_AFTER_MS + SKEW_MS;
    return isThen && (mark ?? markOf(attemptId)) === markOf(attemptId) && !taken?.has(id);
  });
  const [task] = found;
  const now = context.clock.now();
  if (found.length > 1) return { kind: 'unknown', reason: `${found.length} tasks are like it` };
  if (task !== undefined) return { kind: 'pending', providerJobId: task.id, pollAt: now };
  const isWhole = total <= items.length && now - sentAt >= SETTLED_AFTER_MS;
  if (!isWhole) return { kind: 'unknown', reason: 'it is not listed, or not yet' };
  return { ...wire.fails('provider'), reason: 'it was never listed' };
};

/** Whoever knows the address is believed so far that the task is looked at. */
async function readCallback({ body }: Callback): Promise<string | null> {
  const task = v.safeParse(
    v.pipe(v.string(), v.parseJson(), v.object({ id })),
    new TextDecoder().decode(body),
  );
  return task.success ? task.output.id : null;
}

function ask(context: ProviderContext, request: Omit<wire.WireRequest, 'headers'>) {
  const { credential } = wire.accountOf(context);
  const token = credential.kind === 'api_key' ? credential.apiKey : credential.token;
  return wire.askProvider(context, { ...request, headers: { authorization: `Bearer ${token}` } });
}
