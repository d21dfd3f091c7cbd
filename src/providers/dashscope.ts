// Alibaba's Model Studio (DashScope): the Wan models, which it makes asynchronously only. Accounts belong to a region, and
// workspaces have hosts of their own: the operator sets the base URL for them.
import * as v from 'valibot';
import type * as p from './provider.ts';
import { FILM_SIZES, namedSizeOf, only, type NamedSize, type SizeTable } from './sizes.ts';
import * as wire from './wire.ts';

const BASE_URL = 'https://dashscope-intl.aliyuncs.com';
const OUTPUT_HOSTS = ['.aliyuncs.com'];
const SUBMIT_PATH = '/api/v1/services/aigc/video-generation/video-synthesis';

type Served = p.ServedModel & {
  /** What makes a film of a first frame, and how that is handed over. */
  image: { raw: string; isLegacy: boolean };
  /** Whether it is told pixels instead of a ratio. */
  hasPixels: boolean;
  sizes: SizeTable;
  maxPrompt: number;
  seconds: readonly number[];
  /** Whether sound can be left out. */
  canBeSilent: boolean;
};

const from = (least: number, most: number) => Array.from({ length: most - least + 1 }, (_, at) => least + at);
const [P480, P720] = [430_000, 930_000];
const HD = only(FILM_SIZES, ['720p', '1080p']);
const LIST = { source: 'Alibaba Cloud Model Studio, Singapore, read by others', asOf: '2026-06-16' };

const MODELS: Readonly<Record<string, Served>> = {
  'alibaba/wan-3.0': {
    ...{ raw: 'wan3.0-video', image: { raw: 'wan3.0-video', isLegacy: false }, hasPixels: false },
    ...{ maxPrompt: 20_000, seconds: from(2, 30), canBeSilent: true },
    sizes: only(FILM_SIZES, ['480p', '720p', '1080p']),
    cost: usd(
      ['0.05', P480],
      ['0.1', P720],
      ['0.2'],
    )({ source: 'fal.ai, its price of it', asOf: '2026-09-15' }),
  },
  'alibaba/wan-2.7': {
    ...{ raw: 'wan2.7-t2v', image: { raw: 'wan2.7-i2v', isLegacy: false }, hasPixels: false, sizes: HD },
    ...{ maxPrompt: 5000, seconds: from(2, 15), canBeSilent: false },
    cost: usd(['0.1', P720], ['0.15'])(LIST),
  },
  'alibaba/wan-2.6': {
    ...{ raw: 'wan2.6-t2v', image: { raw: 'wan2.6-i2v', isLegacy: true }, hasPixels: true, sizes: HD },
    ...{ maxPrompt: 1500, seconds: [5, 10, 15], canBeSilent: false },
    cost: usd(['0.1', P720], ['0.15'])(LIST),
  },
};

function usd(...rates: (readonly [amount: string, maxPixels?: number])[]) {
  const written = rates.map(([amount, maxPixels]) => ({ when: { ...(maxPixels && { maxPixels }) }, amount }));
  return (read: Pick<p.CostRule, 'source' | 'asOf'>): p.CostRule => {
    return { per: 'second', unit: 'USD', rates: written, ...read };
  };
}

/** The sizes of a list that it keeps to, where they are not what others make of the same words. */
const OWN_PIXELS: Readonly<Record<string, string>> = { '4:3 720p': '1088*832', '3:4 720p': '832*1088' };

const MAX_SEED = 2_147_483_647;
const MAX_REFERENCE_BYTES = 10 * 1024 * 1024;
const FIRST_POLL_MS = 15_000;
const GAP_MS = 15_000;
const LATE_OUTPUT_MS = 5000;
/** What has not made a task by then will not make one. */
const SETTLED_AFTER_MS = 120_000;
const SKEW_MS = 60_000;
const PAGE_SIZE = 100;

const idSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,100}$/));
const textSchema = v.nullish(v.string(), '');
const taskSchema = v.object({
  output: v.object({
    ...{ task_id: idSchema, task_status: v.string() },
    ...{ video_url: textSchema, code: textSchema, message: textSchema },
  }),
});
const listSchema = v.object({
  data: v.array(v.object({ task_id: idSchema, gmt_create: v.number(), model_name: textSchema })),
});
const errorSchema = v.object({ code: v.string(), message: textSchema });

export function createDashscope(): p.Provider {
  const patience = wire.createPatience();
  return {
    id: 'dashscope',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake,
    submitIsRepeatable: false,
    submit,
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
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
  const { model, type, prompt, durationSeconds = 0, hasAudio, seed = 0, reference } = order;
  const served = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  if (served === undefined || type !== 'video' || prompt.length > served.maxPrompt) return false;
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) return false;
  if ((reference?.bytes.length ?? 0) > MAX_REFERENCE_BYTES) return false;
  if (hasAudio === false && !served.canBeSilent) return false;
  return namedSizeOf(served.sizes, order) !== undefined && served.seconds.includes(durationSeconds);
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
  const answer = await ask(context, {
    to: SUBMIT_PATH,
    method: 'POST',
    headers: { 'x-dashscope-async': 'enable' },
    json: bodyOf(order, served, named),
  });
  if (answer.kind !== 'answer') return wire.unansweredSubmit(answer);
  const created = v.safeParse(taskSchema, answer.json);
  if (answer.status !== 200 || !created.success) return refusalOf(answer, context);
  const { task_id: providerJobId } = created.output.output;
  return { kind: 'pending', providerJobId, pollAt: context.clock.now() + FIRST_POLL_MS };
}

function bodyOf(order: p.Order, served: Served, named: NamedSize): unknown {
  const { prompt, durationSeconds: duration, hasAudio, seed, reference } = order;
  const more = {
    ...{ duration, watermark: false },
    ...(seed === undefined ? {} : { seed }),
    ...(served.canBeSilent && hasAudio !== undefined ? { audio: hasAudio } : {}),
  };
  const resolution = named.resolution.toUpperCase();
  if (reference === undefined) {
    const size = OWN_PIXELS[`${named.ratio} ${named.resolution}`] ?? `${order.width}*${order.height}`;
    const frame = served.hasPixels ? { size } : { resolution, ratio: named.ratio };
    return { model: served.raw, input: { prompt }, parameters: { ...frame, ...more } };
  }
  // The film has the ratio of its first frame.
  const url = wire.dataUrlOf(reference);
  const { raw: model, isLegacy } = served.image;
  const input = isLegacy ? { prompt, img_url: url } : { prompt, media: [{ type: 'first_frame', url }] };
  return { model, input, parameters: { resolution, ...more } };
}

/** By its code, and by what stands behind one that says little; the first that fits. */
const WORDS: readonly (readonly [RegExp, wire.Refusal])[] = [
  [/^(InvalidApiKey|invalid_api_key)/, wire.fails('credential')],
  [
    /^(Arrearage|PrepaidBillOverdue|PostpaidBillOverdue|CommodityNotPurchased)|FreeTierOnly/,
    wire.fails('balance'),
  ],
  [/^Throttling/, wire.fails('rate')],
  [/^(AccessDenied|Model|model_|Workspace)|model not exist/i, wire.fails('model')],
  [/download|InvalidURL|InvalidImage|InvalidFile|image (format|file|size)/i, wire.rejects('file_load_error')],
  [/DataInspection|data_inspection|inappropriate|IPInfringement/i, wire.rejects('content_policy_violation')],
  [/^(InvalidParameter|BadRequest)/, wire.rejects('invalid_input')],
];

function refusalOf(answer: wire.WireAnswer, context: p.ProviderContext): p.AttemptOutcome {
  const error = v.safeParse(errorSchema, answer.json);
  if (!error.success) return wire.refusedSubmit({ ...answer, json: undefined }, context.clock.now());
  const words = `${error.output.code}: ${error.output.message}`;
  const meaning = answer.status < 500 ? wire.meaningOf(words, WORDS) : undefined;
  if (meaning !== undefined)
    return wire.refused(context, meaning, { answer, reason: `${answer.status} ${words}` });
  return wire.refusedSubmit(answer, context.clock.now(), wire.tellable(context, words));
}

const strange = (): p.AttemptOutcome => ({ ...wire.fails('provider'), reason: 'it knows no such task' });
const isId = (providerJobId: string) => v.is(idSchema, providerJobId);

async function poll(
  providerJobId: string,
  context: p.ProviderContext,
  patience: ReturnType<typeof wire.createPatience>,
): Promise<p.AttemptOutcome> {
  if (!isId(providerJobId)) return strange();
  const answer = await ask(context, { to: `/api/v1/tasks/${providerJobId}` });
  if (answer.kind !== 'answer') return wire.unansweredPoll(answer);
  const read = v.safeParse(taskSchema, answer.json);
  const now = context.clock.now();
  if (answer.status !== 200 || !read.success) return wire.refusedPoll(answer, now);
  const { task_status: status, video_url: url, code, message } = read.output.output;
  switch (status.toUpperCase()) {
    case 'SUCCEEDED':
      if (url !== '') return { kind: 'completed', providerJobId, outputs: [{ role: 'output', url }] };
      if (!patience.isOver(providerJobId))
        return { kind: 'pending', providerJobId, pollAt: now + LATE_OUTPUT_MS };
      return { ...wire.fails('provider'), reason: 'it has succeeded without output' };
    case 'FAILED': {
      const words = `${code}: ${message}`;
      const meaning = wire.meaningOf(words, WORDS);
      // A task that was taken does not fail for a key that is refused.
      const refusal = meaning?.kind === 'rejected' ? meaning : wire.fails('provider');
      return { ...refusal, reason: wire.tellable(context, `FAILED ${words}`) };
    }
    case 'CANCELED':
    case 'CANCELLED':
      return { ...wire.fails('provider'), reason: 'it was canceled there' };
    case 'UNKNOWN':
      return strange();
    default:
      return { kind: 'pending', providerJobId, pollAt: now + GAP_MS };
  }
}

/** Only of what waits; for the rest it is refused. */
async function cancel(providerJobId: string, context: p.ProviderContext): Promise<boolean> {
  if (!isId(providerJobId)) return false;
  const answer = await ask(context, {
    to: `/api/v1/tasks/${providerJobId}/cancel`,
    method: 'POST',
    json: {},
  });
  return answer.kind === 'answer' && answer.status === 200 && !v.is(errorSchema, answer.json);
}

/** A task does not say what it was ordered with: that there is none can be told, and which it is cannot. */
async function findSubmitted(
  order: p.Order,
  { sentAt, taken }: { sentAt: number; taken?: ReadonlySet<string> },
  context: p.ProviderContext,
): Promise<p.AttemptOutcome> {
  const answer = await ask(context, { to: `/api/v1/tasks/?page_no=1&page_size=${PAGE_SIZE}` });
  if (answer.kind !== 'answer') return { kind: 'unknown', reason: wire.reasonOf(answer) };
  const listed = v.safeParse(listSchema, answer.json);
  // It names the account with each task, so nothing of it is told.
  if (answer.status !== 200 || !listed.success)
    return { kind: 'unknown', reason: `no list: ${answer.status}` };
  const { data } = listed.output;
  const [since, now] = [sentAt - SKEW_MS, context.clock.now()];
  const isNewer = (task: { gmt_create: number }) => task.gmt_create >= since;
  const served = MODELS[order.model];
  const raw = order.reference === undefined ? served?.raw : served?.image.raw;
  const candidates = data.filter(
    (task) => isNewer(task) && taken?.has(task.task_id) !== true && ['', raw].includes(task.model_name),
  );
  if (candidates.length > 0) return { kind: 'unknown', reason: `${candidates.length} tasks may be it` };
  const isWhole = data.length < PAGE_SIZE || !data.every(isNewer);
  if (now - sentAt < SETTLED_AFTER_MS || !isWhole) return { kind: 'unknown', reason: 'it is not listed yet' };
  return { ...wire.fails('provider'), reason: 'it was never listed' };
}

/** The list of tasks costs nothing. */
async function verify(context: p.ProviderContext): Promise<p.Verified> {
  const answer = await ask(context, { to: '/api/v1/tasks/?page_no=1&page_size=1' });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: wire.reasonOf(answer) };
  const error = v.safeParse(errorSchema, answer.json);
  if (answer.status === 200 && !error.success && v.is(v.object({}), answer.json)) {
    return { kind: 'ok', remoteId: null, balance: null, slots: null };
  }
  const words = error.success
    ? `${error.output.code}: ${error.output.message}`
    : 'no answer that can be read';
  const meaning = wire.meaningOf(words, WORDS);
  const isRefused = meaning?.kind === 'failed' && meaning.fault === 'credential';
  return {
    kind: isRefused ? 'refused' : 'unreachable',
    reason: wire.tellable(context, `${answer.status} ${words}`),
  };
}

function ask(
  context: p.ProviderContext,
  request: Omit<wire.WireRequest, 'headers'> & { headers?: Record<string, string> },
) {
  const { credential } = wire.accountOf(context);
  const secret = credential.kind === 'api_key' ? credential.apiKey : credential.token;
  const headers = { authorization: `Bearer ${secret}`, ...request.headers };
  return wire.askProvider(context, { ...request, headers });
}
