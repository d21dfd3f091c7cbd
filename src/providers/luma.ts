// Luma: the Dream Machine API, for films (Ray) and pictures (Photon) from words. Its references are links that it fetches
// itself, so that none can be handed over here; its callbacks are not signed.
import * as v from 'valibot';
import type {
  AttemptOutcome,
  Callback,
  CostRule,
  Order,
  Provider,
  ProviderContext,
  ServedModel,
  Upstream,
  Verified,
} from './provider.ts';
import { FILM_SIZES, namedSizeOf, only, type SizeTable } from './sizes.ts';
import {
  accountOf,
  askProvider,
  createPatience,
  fails,
  meaningOf,
  openLink,
  reasonOf,
  refusedPoll,
  refusedSubmit,
  rejects,
  tellable,
  unansweredPoll,
  unansweredSubmit,
  type WireAnswer,
  type WireRequest,
} from './wire.ts';

const OUTPUT_HOSTS = ['.cdn-luma.com', '.lumalabs.ai'];
const ROOT = '/dream-machine/v1';
const GENERATIONS = `${ROOT}/generations`;
const MIN_GAP_MS = 2000;
const MAX_GAP_MS = 10_000;
const PAGE_SIZE = 50;
const MAX_PAGES = 5;
/** Its clock may be off by as much. */
const SKEW_MS = 60_000;
/** What was sent so long ago is listed, if it was taken. */
const SETTLED_AFTER_MS = 120_000;

type Model = ServedModel & { sizes: SizeTable; seconds?: readonly number[] };
const priced = (per: CostRule['per'], rates: CostRule['rates']): CostRule => {
  return {
    per,
    unit: 'USD',
    rates,
    source: 'prices of Luma in the documentation of Comfy-Org',
    asOf: '2026-11-21',
  };
};
/** Without 9:16 and its like, what 1080 and 2160 lines become is not known. */
const FILMS: SizeTable = new Map([
  ...only(FILM_SIZES, ['540p', '720p']),
  ...only(FILM_SIZES, ['1080p', '4k'], ['16:9', '9:16']),
]);
const STILLS = only(FILM_SIZES, ['1080p']);
const RAY_2 = priced('second', [
  { when: { maxPixels: 520_000 }, amount: '0.08' },
  { when: { maxPixels: 930_000 }, amount: '0.142' },
  { when: { maxPixels: 2_100_000 }, amount: '0.318' },
  { amount: '1.274' },
]);

const MODELS: Readonly<Record<string, Model>> = {
  'luma/ray-2': { raw: 'ray-2', cost: RAY_2, sizes: FILMS, seconds: [5, 9] },
  'luma/ray-flash-2': { raw: 'ray-flash-2', cost: null, sizes: FILMS, seconds: [5, 9] },
  'luma/photon-1': { raw: 'photon-1', cost: priced('megapixel', [{ amount: '0.0073' }]), sizes: STILLS },
  'luma/photon-flash-1': {
    raw: 'photon-flash-1',
    cost: priced('megapixel', [{ amount: '0.0019' }]),
    sizes: STILLS,
  },
};

/** What its words mean: it has no codes. */
const WORDS = [
  [/insufficient (credit|balance|funds)/i, fails('balance')],
  [/moderation|moderated|not allowed|content policy|safety/i, rejects('content_policy_violation')],
] as const;

const idSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const generationSchema = v.object({
  id: idSchema,
  state: v.string(),
  generation_type: v.nullish(v.string()),
  failure_reason: v.nullish(v.string()),
  created_at: v.nullish(v.string()),
  model: v.nullish(v.string()),
  assets: v.nullish(v.object({ image: v.nullish(v.string()), video: v.nullish(v.string()) })),
  request: v.nullish(v.object({ prompt: v.nullish(v.string()), callback_url: v.nullish(v.string()) })),
});
type Generation = v.InferOutput<typeof generationSchema>;
const listSchema = v.object({ generations: v.array(generationSchema), has_more: v.nullish(v.boolean()) });
const creditsSchema = v.object({ credit_balance: v.number() });
const problemSchema = v.object({ detail: v.string() });

type Patience = ReturnType<typeof createPatience>;

export function createLuma(): Provider {
  const patience = createPatience();
  return {
    id: 'luma',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake: (order) => planOf(order) !== null,
    submitIsRepeatable: false,
    submit: (order, _attemptId, context) => submit(order, context, patience),
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    openOutput: (output, _order, context) => openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: 'https://api.lumalabs.ai',
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key'],
      models: MODELS,
      // What it calls deleting is not known to stop the work.
      capabilities: { cancel: 'none', callback: 'unsigned', hasBalance: true },
      verify,
      findSubmitted,
      readCallback,
    },
  };
}

function ask(context: ProviderContext, request: Omit<WireRequest, 'headers'>) {
  const { credential } = accountOf(context);
  const key = credential.kind === 'api_key' ? credential.apiKey : credential.token;
  return askProvider(context, { ...request, headers: { authorization: `Bearer ${key}` } });
}

/** Where an order goes and what is sent there; null when the model does not make it. */
function planOf(order: Order): { to: string; json: Readonly<Record<string, unknown>> } | null {
  const model = Object.hasOwn(MODELS, order.model) ? MODELS[order.model] : undefined;
  const { type, prompt, durationSeconds = 0, quality, seed, reference, hasAudio } = order;
  const named = model === undefined ? undefined : namedSizeOf(model.sizes, order);
  if (model === undefined || named === undefined || (model.seconds === undefined) !== (type === 'image'))
    return null;
  if (quality !== undefined || seed !== undefined || reference !== undefined || hasAudio === true)
    return null;
  if (model.seconds?.includes(durationSeconds) === false) return null;
  const json = { model: model.raw, prompt, aspect_ratio: named.ratio };
  if (type === 'image') return { to: `${GENERATIONS}/image`, json: { ...json, format: 'jpg' } };
  const film = { resolution: named.resolution, duration: `${durationSeconds}s` };
  return { to: `${GENERATIONS}/video`, json: { ...json, ...film } };
}

async function submit(order: Order, context: ProviderContext, patience: Patience): Promise<AttemptOutcome> {
  const plan = planOf(order);
  if (plan === null) return { ...fails('model'), reason: 'Luma does not make this' };
  const { callbackUrl } = accountOf(context);
  const json = { ...plan.json, ...(callbackUrl === null ? {} : { callback_url: callbackUrl }) };
  const answer = await ask(context, { to: plan.to, method: 'POST', json });
  if (answer.kind !== 'answer') return unansweredSubmit(answer);
  if (answer.status >= 300) {
    const said = saidBy(context, answer);
    const meaning = answer.status < 500 && answer.status !== 429 ? meaningOf(said, WORDS) : undefined;
    if (meaning !== undefined) return { ...meaning, reason: said };
    return refusedSubmit(answer, context.clock.now(), said);
  }
  const read = v.safeParse(generationSchema, answer.json);
  if (!read.success) return { kind: 'unknown', reason: 'what it answers to an order cannot be read' };
  return outcomeOf(read.output, context, patience);
}

function saidBy(context: ProviderContext, { json, text }: WireAnswer): string {
  const read = v.safeParse(problemSchema, json);
  if (read.success) return tellable(context, read.output.detail);
  return json === undefined ? text : 'no reason is given';
}

async function poll(
  providerJobId: string,
  context: ProviderContext,
  patience: Patience,
): Promise<AttemptOutcome> {
  const answer = await ask(context, { to: `${GENERATIONS}/${providerJobId}` });
  if (answer.kind !== 'answer') return unansweredPoll(answer);
  const read = v.safeParse(generationSchema, answer.json);
  if (answer.status === 200 && read.success) return outcomeOf(read.output, context, patience);
  return refusedPoll(answer, context.clock.now(), saidBy(context, answer));
}

function outcomeOf(generation: Generation, context: ProviderContext, patience: Patience): AttemptOutcome {
  const {
    id: providerJobId,
    generation_type: type,
    created_at: createdAt,
    assets,
    failure_reason: why,
  } = generation;
  const now = context.clock.now();
  const ageMs = now - Date.parse(createdAt ?? '');
  const gapMs = Number.isNaN(ageMs) ? MAX_GAP_MS : Math.min(Math.max(ageMs / 6, MIN_GAP_MS), MAX_GAP_MS);
  const later = { kind: 'pending', providerJobId, pollAt: now + Math.ceil(gapMs) } as const;
  switch (generation.state.toLowerCase()) {
    case 'completed': {
      // A film may have a picture beside it, of which nothing is said.
      const url = (type === 'image' ? assets?.image : assets?.video) ?? '';
      if (URL.canParse(url)) return { kind: 'completed', providerJobId, outputs: [{ role: 'output', url }] };
      return patience.isOver(providerJobId) ? { ...fails('provider'), reason: 'it has no output' } : later;
    }
    case 'failed': {
      const reason = tellable(context, why ?? 'no reason is given');
      return { ...(meaningOf(reason, WORDS.slice(1)) ?? fails('provider')), reason };
    }
    default:
      return later;
  }
}

/** It counts in cents. */
async function verify(context: ProviderContext): Promise<Verified> {
  const answer = await ask(context, { to: `${ROOT}/credits` });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: reasonOf(answer) };
  const read = v.safeParse(creditsSchema, answer.json);
  if (answer.status === 200 && read.success) {
    const available = (Math.max(0, read.output.credit_balance) / 100).toFixed(4);
    return { kind: 'ok', remoteId: null, balance: { unit: 'USD', available }, slots: null };
  }
  const isRefused = answer.status === 401 || answer.status === 403;
  return { kind: isRefused ? 'refused' : 'unreachable', reason: `status ${answer.status}` };
}

const findSubmitted: NonNullable<Upstream['findSubmitted']> = async (order, { sentAt, taken }, context) => {
  const { callbackUrl } = accountOf(context);
  const rows = await rowsSince(sentAt - SKEW_MS, context);
  if (typeof rows === 'string') return { kind: 'unknown', reason: rows };
  const raw = MODELS[order.model]?.raw;
  const found = rows.filter(({ id, model, request }) => {
    const isOthers = taken?.has(id) === true || (request?.callback_url ?? callbackUrl) !== callbackUrl;
    return !isOthers && (model ?? raw) === raw && (request?.prompt ?? order.prompt) === order.prompt;
  });
  const now = context.clock.now();
  const [row] = found;
  if (found.length > 1) return { kind: 'unknown', reason: `${found.length} generations are like it` };
  if (row && !row.request?.prompt) return { kind: 'unknown', reason: 'one hides what was asked' };
  if (row !== undefined) return { kind: 'pending', providerJobId: row.id, pollAt: now };
  if (now - sentAt < SETTLED_AFTER_MS) return { kind: 'unknown', reason: 'it is not listed yet' };
  return { ...fails('provider'), reason: 'it was never listed' };
};

/** The generations that were made after an instant, or why they are not to be had. */
async function rowsSince(since: number, context: ProviderContext): Promise<Generation[] | string> {
  const rows: Generation[] = [];
  const isOlder = ({ created_at: createdAt }: Generation) => Date.parse(createdAt ?? '') < since;
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await ask(context, { to: `${GENERATIONS}?limit=${PAGE_SIZE}&offset=${page * PAGE_SIZE}` });
    if (answer.kind !== 'answer') return reasonOf(answer);
    const read = v.safeParse(listSchema, answer.json);
    if (!read.success) return `the list cannot be read: status ${answer.status}`;
    const { generations, has_more: hasMore } = read.output;
    rows.push(...generations.filter((row) => !isOlder(row)));
    // An order of the list is not promised: what is older ends it only where it runs from new to old.
    const [first, last] = [generations.at(0), generations.at(-1)].map((row) =>
      Date.parse(row?.created_at ?? ''),
    );
    const isNewestFirst = (first ?? 0) > (last ?? 0);
    const isEnd =
      hasMore === false || generations.length === 0 || (isNewestFirst && generations.some(isOlder));
    if (isEnd) return rows;
  }
  return `more than ${MAX_PAGES * PAGE_SIZE} generations since`;
}

/** Nothing in it is proven but that its sender knew the address; the order is asked about. */
async function readCallback({ body }: Callback): Promise<string | null> {
  const read = v.safeParse(
    v.pipe(v.string(), v.parseJson(), generationSchema),
    new TextDecoder().decode(body),
  );
  return read.success ? read.output.id : null;
}
