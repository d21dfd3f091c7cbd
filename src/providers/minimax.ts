// MiniMax: H3 by version 2 of its API, whose tasks carry their film, and Hailuo by version 1, whose films are files that are
// asked for by themselves. Its callbacks want a challenge answered first: polling does without.
import * as v from 'valibot';
import type * as p from './provider.ts';
import { FILM_SIZES, namedSizeOf, only, type NamedSize, type SizeTable } from './sizes.ts';
import * as wire from './wire.ts';

const BASE_URL = 'https://api.minimax.io';
const OUTPUT_HOSTS = ['.minimax.io', '.minimaxi.com', '.minimax.cn', '.minimax.chat', '.aliyuncs.com'];

type Served = p.ServedModel & {
  version: 'v1' | 'v2';
  sizes: SizeTable;
  maxPrompt: number;
  /** By the resolution, as it is said here. */
  seconds: Readonly<Record<string, readonly number[]>>;
  hasSound: boolean;
};

const LONG = Array.from({ length: 12 }, (_, index) => 4 + index);
const P768 = 1_060_000;
const MODELS: Readonly<Record<string, Served>> = {
  'minimax/h3': {
    ...{ raw: 'MiniMax-H3', version: 'v2', maxPrompt: 7000, hasSound: true },
    sizes: only(FILM_SIZES, ['768p', '2K']),
    seconds: { '768P': LONG, '2K': LONG },
    cost: usd('0.08', '0.13', { source: 'MiniMax, pay as you go, read by others', asOf: '2026-10-24' }),
  },
  'minimax/hailuo-2.3': {
    ...{ raw: 'MiniMax-Hailuo-2.3', version: 'v1', maxPrompt: 2000, hasSound: false },
    sizes: only(FILM_SIZES, ['768p', '1080p'], ['16:9']),
    seconds: { '768P': [6, 10], '1080P': [6] },
    // It has a price for each film; the dearest by the second.
    cost: usd('0.056', '0.0817', { source: 'MiniMax, prices of a film', asOf: '2025-11-01' }),
  },
};

function usd(small: string, large: string, read: Pick<p.CostRule, 'source' | 'asOf'>): p.CostRule {
  const rates = [{ when: { maxPixels: P768 }, amount: small }, { amount: large }];
  return { per: 'second', unit: 'USD', rates, ...read };
}

const MAX_REFERENCE_BYTES = 20 * 1024 * 1024;
const FIRST_POLL_MS = 10_000;
const GAPS_MS = { queued: 15_000, running: 10_000 } as const;
const LATE_OUTPUT_MS = 5000;
/** What has not made a task by then will not make one. */
const SETTLED_AFTER_MS = 120_000;
const SKEW_MS = 60_000;
const PAGE_SIZE = 100;

const idSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,100}$/));
const textSchema = v.nullish(v.string(), '');
const wordSchema = v.nullish(v.pipe(v.union([v.string(), v.number()]), v.transform(String)), '');
const baseSchema = v.object({ base_resp: v.object({ status_code: v.number(), status_msg: textSchema }) });
const errorSchema = v.object({ error: v.object({ type: textSchema, message: textSchema }) });
const createdSchema = v.object({ task_id: idSchema });
const taskSchema = v.object({
  task: v.object({
    id: idSchema,
    status: v.string(),
    content: v.nullish(v.object({ url: textSchema })),
    error: v.nullish(v.object({ code: wordSchema, message: textSchema })),
  }),
});
const listSchema = v.object({ items: v.array(v.object({ id: idSchema, created_at: v.number() })) });
const deletedSchema = v.object({ action: textSchema, status: textSchema });
const legacySchema = v.object({ task_id: wordSchema, status: v.string(), file_id: wordSchema });
const fileSchema = v.object({ file: v.object({ download_url: v.pipe(v.string(), v.nonEmpty()) }) });

export function createMinimax(): p.Provider {
  const patience = wire.createPatience();
  return {
    id: 'minimax',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake,
    submitIsRepeatable: false,
    submit,
    async poll(providerJobId, context) {
      const job = jobOf(providerJobId);
      if (job === null) return strange();
      const means = { providerJobId, context, patience };
      return job.version === 'v2' ? poll(job.id, means) : pollLegacy(job.id, means);
    },
    cancel,
    openOutput: (output, _order, context) => wire.openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: BASE_URL,
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key'],
      models: MODELS,
      capabilities: { cancel: 'queued', callback: 'none', hasBalance: false },
      verify,
      findSubmitted,
    },
  };
}

function canTake(order: p.Order): boolean {
  const { model, type, prompt, durationSeconds = 0, hasAudio, seed, reference } = order;
  const served = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  if (served === undefined || type !== 'video' || seed !== undefined) return false;
  if (prompt.length > served.maxPrompt || (reference?.bytes.length ?? 0) > MAX_REFERENCE_BYTES) return false;
  const named = namedSizeOf(served.sizes, order);
  if (named === undefined || (hasAudio !== undefined && hasAudio !== served.hasSound)) return false;
  return served.seconds[named.resolution.toUpperCase()]?.includes(durationSeconds) ?? false;
}

async function submit(
  order: p.Order,
  _attemptId: string,
  context: p.ProviderContext,
): Promise<p.AttemptOutcome> {
  const served = MODELS[order.model];
  const named = served === undefined ? undefined : namedSizeOf(served.sizes, order);
  if (served === undefined || named === undefined)
    return { ...wire.fails('model'), reason: 'it makes no such film' };
  const { version, raw: model } = served;
  const body = version === 'v2' ? bodyOf(order, named) : legacyBodyOf(order, named);
  const json = { model, ...body, aigc_watermark: false };
  const answer = await ask(context, { to: `/${version}/video_generation`, method: 'POST', json });
  if (answer.kind !== 'answer') return wire.unansweredSubmit(answer);
  const created = v.safeParse(createdSchema, answer.json);
  if (answer.status !== 200 || !created.success || saidOf(answer)?.isError === true)
    return refusalOf(answer, context);
  const providerJobId = `${version}.${created.output.task_id}`;
  return { kind: 'pending', providerJobId, pollAt: context.clock.now() + FIRST_POLL_MS };
}

/** With a first frame the film has its ratio. */
function bodyOf({ prompt, durationSeconds: duration, reference }: p.Order, named: NamedSize): object {
  const resolution = named.resolution.toUpperCase();
  const text = { type: 'text', text: prompt };
  if (reference === undefined) return { content: [text], resolution, duration, ratio: named.ratio };
  const image = { type: 'image_url', image_url: { url: wire.dataUrlOf(reference) }, role: 'first_frame' };
  return { content: [text, image], resolution, duration, ratio: 'adaptive' };
}

function legacyBodyOf({ prompt, durationSeconds: duration, reference }: p.Order, named: NamedSize): object {
  const image = reference === undefined ? {} : { first_frame_image: wire.dataUrlOf(reference) };
  return { prompt, duration, resolution: named.resolution.toUpperCase(), ...image };
}

/** By the number, which stands in brackets behind the words of version 2, and by the words where there is none. */
const WORDS: readonly (readonly [RegExp, wire.Refusal])[] = [
  [/^1004:|^2049:|\(1004\)|\(2049\)|authentication_error|authorized_error/, wire.fails('credential')],
  [/^1008:|\(1008\)|insufficient_balance/, wire.fails('balance')],
  [/^(1002|1039|1041|2045|2056):|\((1002|1039|1041|2045|2056)\)|rate_limit/, wire.fails('rate')],
  [/^102[67]:|\(102[67]\)|new_sensitive|content_(policy|filter)/, wire.rejects('content_policy_violation')],
  [/^2061:|\(2061\)/, wire.fails('model')],
  [/^2013:|\(2013\)|invalid_request|bad_request/, wire.rejects('invalid_input')],
];

/** What an answer says in either version's shape; null when it says nothing of how it went. */
function saidOf({ json }: wire.WireAnswer): { words: string; isError: boolean } | null {
  const base = v.safeParse(baseSchema, json);
  if (base.success) {
    const { status_code: code, status_msg: message } = base.output.base_resp;
    return { words: `${code}: ${message}`, isError: code !== 0 };
  }
  const error = v.safeParse(errorSchema, json);
  return error.success
    ? { words: `${error.output.error.type}: ${error.output.error.message}`, isError: true }
    : null;
}

function refusalOf(answer: wire.WireAnswer, context: p.ProviderContext): p.AttemptOutcome {
  const said = saidOf(answer);
  if (said === null) return wire.refusedSubmit({ ...answer, json: undefined }, context.clock.now());
  const reason = `${answer.status} ${said.words}`;
  const meaning = answer.status < 500 ? wire.meaningOf(said.words, WORDS) : undefined;
  if (meaning !== undefined) return wire.refused(context, meaning, { answer, reason });
  return wire.refusedSubmit(answer, context.clock.now(), wire.tellable(context, said.words));
}

const strange = (): p.AttemptOutcome => ({ ...wire.fails('provider'), reason: 'it knows no such task' });

function jobOf(providerJobId: string): { version: 'v1' | 'v2'; id: string } | null {
  const [, version, id] = /^(v1|v2)\.([\w-]+)$/.exec(providerJobId) ?? [];
  return id !== undefined && (version === 'v1' || version === 'v2') ? { version, id } : null;
}

type Means = {
  providerJobId: string;
  context: p.ProviderContext;
  patience: ReturnType<typeof wire.createPatience>;
};

async function poll(id: string, means: Means): Promise<p.AttemptOutcome> {
  const { providerJobId, context } = means;
  const answer = await ask(context, { to: `/v2/query/video_generation/${id}` });
  if (answer.kind !== 'answer') return wire.unansweredPoll(answer);
  const read = v.safeParse(taskSchema, answer.json);
  if (answer.status !== 200 || !read.success) return unread(answer, context);
  const { status, content, error } = read.output.task;
  switch (status.toLowerCase()) {
    case 'succeeded':
      return filmOf(content?.url ?? '', means);
    case 'failed':
    case 'cancelled':
    case 'expired':
      return failureOf(status, `${error?.code ?? ''}: ${error?.message ?? ''}`, context);
    default: {
      const gap = status === 'queued' ? GAPS_MS.queued : GAPS_MS.running;
      return { kind: 'pending', providerJobId, pollAt: context.clock.now() + gap };
    }
  }
}

async function pollLegacy(id: string, means: Means): Promise<p.AttemptOutcome> {
  const { providerJobId, context } = means;
  const answer = await ask(context, { to: `/v1/query/video_generation?task_id=${id}` });
  if (answer.kind !== 'answer') return wire.unansweredPoll(answer);
  const read = v.safeParse(legacySchema, answer.json);
  if (answer.status !== 200 || !read.success || read.output.status === '') return unread(answer, context);
  const { status, file_id: fileId } = read.output;
  switch (status) {
    case 'Success':
      return fileId === '' ? filmOf('', means) : fileOf(fileId, means);
    case 'Fail':
      return failureOf(status, saidOf(answer)?.words ?? '', context);
    default: {
      const gap = status === 'Processing' ? GAPS_MS.running : GAPS_MS.queued;
      return { kind: 'pending', providerJobId, pollAt: context.clock.now() + gap };
    }
  }
}

/** Where the film lies for some hours; asked for anew whenever the task is. */
async function fileOf(fileId: string, means: Means): Promise<p.AttemptOutcome> {
  const answer = await ask(means.context, { to: `/v1/files/retrieve?file_id=${encodeURIComponent(fileId)}` });
  if (answer.kind !== 'answer') return wire.unansweredPoll(answer);
  const read = v.safeParse(fileSchema, answer.json);
  if (read.success) return filmOf(read.output.file.download_url, means);
  return {
    kind: 'unreachable',
    reason: wire.tellable(means.context, `file: ${answer.status} ${answer.text}`),
  };
}

function filmOf(url: string, { providerJobId, context, patience }: Means): p.AttemptOutcome {
  if (url !== '') return { kind: 'completed', providerJobId, outputs: [{ role: 'output', url }] };
  if (patience.isOver(providerJobId))
    return { ...wire.fails('provider'), reason: 'it has succeeded without output' };
  return { kind: 'pending', providerJobId, pollAt: context.clock.now() + LATE_OUTPUT_MS };
}

function failureOf(status: string, words: string, context: p.ProviderContext): p.AttemptOutcome {
  const meaning = wire.meaningOf(words, WORDS);
  // Of a task that was taken, only this is about the order.
  const refusal = meaning?.code === 'content_policy_violation' ? meaning : wire.fails('provider');
  return { ...refusal, reason: wire.tellable(context, `${status}: ${words}`) };
}

function unread(answer: wire.WireAnswer, context: p.ProviderContext): p.AttemptOutcome {
  const words = saidOf(answer)?.words ?? '';
  if (answer.status < 500 && /task.?(id)?.*(invalid|not (found|exist))|invalid task.?id/i.test(words))
    return strange();
  return wire.refusedPoll(answer, context.clock.now());
}

/** Only of what waits: of what has ended the same call would delete the record. */
async function cancel(providerJobId: string, context: p.ProviderContext): Promise<boolean> {
  const job = jobOf(providerJobId);
  if (job === null || job.version === 'v1') return false;
  const asked = await ask(context, { to: `/v2/query/video_generation/${job.id}` });
  const read = asked.kind === 'answer' ? v.safeParse(taskSchema, asked.json) : null;
  if (read?.success !== true || read.output.task.status !== 'queued') return false;
  const answer = await ask(context, { to: `/v2/video_generation/${job.id}`, method: 'DELETE' });
  const deleted = answer.kind === 'answer' ? v.safeParse(deletedSchema, answer.json) : null;
  return deleted?.success === true && deleted.output.action.startsWith('cancel');
}

/** A task does not say what it was ordered with: that there is none can be told, and which it is cannot. */
async function findSubmitted(
  { model }: p.Order,
  { sentAt, taken }: { sentAt: number; taken?: ReadonlySet<string> },
  context: p.ProviderContext,
): Promise<p.AttemptOutcome> {
  if (MODELS[model]?.version !== 'v2') return { kind: 'unknown', reason: 'its tasks are not listed' };
  const answer = await ask(context, { to: `/v2/query/video_generation?page_num=1&page_size=${PAGE_SIZE}` });
  if (answer.kind !== 'answer') return { kind: 'unknown', reason: wire.reasonOf(answer) };
  const listed = v.safeParse(listSchema, answer.json);
  if (answer.status !== 200 || !listed.success || saidOf(answer)?.isError === true) {
    return { kind: 'unknown', reason: `list: ${answer.status} ${answer.text}` };
  }
  const { items } = listed.output;
  const [since, now] = [sentAt - SKEW_MS, context.clock.now()];
  const isNewer = (item: { created_at: number }) => item.created_at * 1000 >= since;
  const candidates = items.filter((item) => isNewer(item) && taken?.has(`v2.${item.id}`) !== true);
  if (candidates.length > 0) return { kind: 'unknown', reason: `${candidates.length} tasks may be it` };
  const isWhole = items.length < PAGE_SIZE || !items.every(isNewer);
  if (now - sentAt < SETTLED_AFTER_MS || !isWhole) return { kind: 'unknown', reason: 'it is not listed yet' };
  return { ...wire.fails('provider'), reason: 'it was never listed' };
}

/** The list of tasks costs nothing. */
async function verify(context: p.ProviderContext): Promise<p.Verified> {
  const answer = await ask(context, { to: '/v2/query/video_generation?page_num=1&page_size=1' });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: wire.reasonOf(answer) };
  const isError = saidOf(answer)?.isError === true;
  if (answer.status === 200 && !isError && v.is(v.object({}), answer.json)) {
    return { kind: 'ok', remoteId: null, balance: null, slots: null };
  }
  const refusal = refusalOf(answer, context);
  const isRefused = isError && refusal.kind === 'failed' && refusal.fault === 'credential';
  return { kind: isRefused ? 'refused' : 'unreachable', reason: `${answer.status}: ${answer.text}` };
}

function ask(context: p.ProviderContext, request: Omit<wire.WireRequest, 'headers'>) {
  const { credential } = wire.accountOf(context);
  const secret = credential.kind === 'api_key' ? credential.apiKey : credential.token;
  return wire.askProvider(context, { ...request, headers: { authorization: `Bearer ${secret}` } });
}
