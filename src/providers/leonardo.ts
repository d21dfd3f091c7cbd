// Leonardo.Ai: its Production API with a key, or a session that the operator is entitled to use. Creating is version 2 of
// it, the rest version 1. Its callbacks carry a secret that is fixed with the key, for one address: polling does without.
import * as v from 'valibot';
import type { JobType } from '../words.ts';
import type { AttemptOutcome, Cost, Order, Provider, ProviderContext, ProviderOutput } from './provider.ts';
import type { ServedModel, Upstream, Verified } from './provider.ts';
import { namedSizeOf, SEEDANCE_SIZES } from './sizes.ts';
import * as wire from './wire.ts';

const CALCULATOR = {
  unit: 'USD',
  source: 'its own calculator, as others read it',
  asOf: '2026-08-01',
} as const;
const MODELS: Readonly<Record<string, ServedModel>> = {
  'openai/gpt-image-2': {
    raw: 'gpt-image-2',
    cost: {
      per: 'megapixel',
      rates: [
        { when: { quality: 'LOW' }, amount: '0.0114' },
        { when: { quality: 'HIGH' }, amount: '0.3695' },
        { amount: '0.0935' },
      ],
      ...CALCULATOR,
    },
  },
  'bytedance/seedance-2.0-fast': {
    raw: 'seedance-2.0-fast',
    cost: {
      per: 'second',
      rates: [{ when: { maxPixels: 430_000 }, amount: '0.1682' }, { amount: '0.3616' }],
      ...CALCULATOR,
    },
  },
  'bytedance/seedance-2.0-mini': { raw: 'seedance-2.0-mini', cost: null },
  'bytedance/seedance-2.0': { raw: 'seedance-2.0', cost: null },
  'bytedance/seedance-2.5': { raw: 'bytedance/seedance-2.5', cost: null },
};

const OUTPUT_HOSTS = ['cdn.leonardo.ai'];
const FIRST_POLL_MS = { image: 3000, video: 10_000 } as const;
const YOUNG_MS = { image: 30_000, video: 120_000 } as const;
/** While it is young, and after. */
const GAP_MS = { image: [3000, 5000], video: [8000, 10_000] } as const;
const LATE_OUTPUT_MS = 3000;
/** A row that is looked for may have been written by a clock that is off by as much. */
const SKEW_MS = 60_000;
/** What a create call has not made by then it will not make: it is answered when the row is written. */
const SETTLED_AFTER_MS = 120_000;
const PAGE_ROWS = 50;
const MAX_ROWS = 200;

const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const text = v.nullish(v.string());
const count = v.fallback(v.nullish(v.pipe(v.number(), v.minValue(0))), null);
const amount = v.pipe(v.string(), v.regex(/^\d{1,12}(\.\d{1,12})?$/));
/** What it costs may be missing or new in form: the id alone says that the order was taken. */
const createdSchema = v.object({
  generationId: id,
  apiCreditCost: count,
  cost: v.fallback(v.nullish(v.object({ amount, unit: v.string() })), null),
});
const madeSchema = v.object({ url: text, motionMP4URL: text, nsfw: v.nullish(v.boolean()) });
const rowSchema = v.object({
  id,
  status: v.string(),
  createdAt: text,
  prompt: text,
  imageWidth: count,
  imageHeight: count,
  generated_images: v.nullish(v.array(madeSchema)),
});
type Row = v.InferOutput<typeof rowSchema>;
const readSchema = v.object({ generations_by_pk: v.nullable(rowSchema) });
const listSchema = v.object({ generations: v.array(rowSchema) });
const fields = v.record(v.string(), v.string());
const formSchema = v.object({
  uploadInitImage: v.object({
    id,
    url: v.string(),
    fields: v.union([v.pipe(v.string(), v.parseJson(), fields), fields]),
  }),
});
const userSchema = v.object({
  user: v.object({ id }),
  apiPaidTokens: count,
  apiSubscriptionTokens: count,
  apiConcurrencySlots: count,
});
const meSchema = v.object({ user_details: v.tupleWithRest([userSchema], v.unknown()) });

export function createLeonardo(): Provider {
  const patience = wire.createPatience();
  return {
    id: 'leonardo',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake,
    submitIsRepeatable: false,
    // A reference takes two calls before the one that counts, and that one may be made twice.
    submitTimeoutMs: 110_000,
    submit,
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    openOutput: (output, _order, context) => wire.openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: 'https://cloud.leonardo.ai/api/rest',
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key', 'session'],
      models: MODELS,
      capabilities: { cancel: 'none', callback: 'none', hasBalance: true },
      verify,
      findSubmitted,
    },
  };
}

function canTake(order: Order): boolean {
  const { model, type, prompt, width, height, quality = 'LOW', durationSeconds = 0 } = order;
  if (!Object.hasOwn(MODELS, model)) return false;
  if (type === 'video') {
    const lines = namedSizeOf(SEEDANCE_SIZES, order)?.resolution ?? 'none';
    const isSize = ['480p', '720p'].includes(lines) || (lines === '1080p' && /2\.[05]$/.test(model));
    const maxSeconds = model.endsWith('2.5') ? 30 : 15;
    return isSize && prompt.length <= 5000 && durationSeconds >= 4 && durationSeconds <= maxSeconds;
  }
  const [short, long, pixels] = [Math.min(width, height), Math.max(width, height), width * height];
  const isSize = width % 16 === 0 && height % 16 === 0 && long < 3840 && long <= 3 * short;
  const isArea = pixels >= 655_360 && pixels <= 8_294_400;
  return isSize && isArea && prompt.length <= 9999 && ['LOW', 'MEDIUM', 'HIGH'].includes(quality);
}

async function submit(order: Order, _attemptId: string, context: ProviderContext): Promise<AttemptOutcome> {
  const upload = order.reference === undefined ? null : await uploadReference(order.reference, context);
  if (upload !== null && 'kind' in upload) return upload;
  const outcome = await create(order, upload?.id ?? null, context);
  if (upload !== null && (outcome.kind === 'rejected' || outcome.kind === 'failed')) {
    await deleteReference(upload.id, context);
  }
  return outcome;
}

async function create(
  order: Order,
  referenceId: string | null,
  context: ProviderContext,
): Promise<AttemptOutcome> {
  const send = (withStrength: boolean) => {
    const json = bodyOf(order, referenceId, withStrength);
    return ask(context, { to: '/v2/generations', method: 'POST', json });
  };
  const hasStrength = referenceId !== null && order.type === 'video';
  let answer = await send(hasStrength);
  // Its guides know the field and its newest schema does not. What was refused for it was not taken.
  if (hasStrength && answer.kind === 'answer' && /validation.*strength/i.test(errorIn(answer))) {
    answer = await send(false);
  }
  if (answer.kind !== 'answer') return wire.unansweredSubmit(answer);
  const created = createdOf(answer.json);
  if (created === null) return refusalOf(answer, context);
  const cost = costOf(created);
  return {
    kind: 'pending',
    providerJobId: `${order.type}.${created.generationId}${referenceId === null ? '' : `.${referenceId}`}`,
    pollAt: context.clock.now() + FIRST_POLL_MS[order.type],
    ...(cost === null ? {} : { cost }),
  };
}

function bodyOf(order: Order, referenceId: string | null, withStrength: boolean): unknown {
  const { model, type, prompt, width, height, quality, durationSeconds, hasAudio, seed, reference } = order;
  const image = { image: { id: referenceId, type: 'UPLOADED' } };
  const item = withStrength ? { ...image, strength: reference?.strength } : image;
  const own =
    type === 'image'
      ? { ...(quality === undefined ? {} : { quality }), prompt_enhance: 'OFF' }
      : {
          duration: durationSeconds,
          motion_has_audio: hasAudio ?? false,
          ...(seed === undefined ? {} : { seed }),
        };
  const guidances = referenceId === null ? {} : { guidances: { image_reference: [item] } };
  return {
    model: MODELS[model]?.raw,
    public: false,
    parameters: { prompt, quantity: 1, width, height, ...own, ...guidances },
  };
}

/** Both documented shapes, and the wrappers around them that were seen: `generate`, `data`, an array of one. */
function createdOf(json: unknown): v.InferOutput<typeof createdSchema> | null {
  const created = v.safeParse(createdSchema, json);
  if (created.success) return created.output;
  if (Array.isArray(json)) return json.length === 1 ? createdOf(json[0]) : null;
  if (typeof json !== 'object' || json === null) return null;
  const inner = 'generate' in json ? json.generate : 'data' in json ? json.data : undefined;
  return inner === undefined ? null : createdOf(inner);
}

function costOf({ cost, apiCreditCost }: v.InferOutput<typeof createdSchema>): Cost | null {
  if (cost?.unit === 'DOLLARS') return { amount: cost.amount, unit: 'USD' };
  if (cost?.unit === 'CREDITS') return { amount: cost.amount, unit: 'credits' };
  return apiCreditCost ? { amount: wire.decimalOf(apiCreditCost), unit: 'credits' } : null;
}

const KEY_REFUSED = wire.fails('credential');
/** What a refusal means by its words, the first that fits: statuses vary, and version 2 refuses with 200 as well. */
const WORDS: readonly (readonly [RegExp, wire.Refusal])[] = [
  [/authentication hook|authorization hook|access-denied/i, KEY_REFUSED],
  [/content moderation|inappropriate content/i, wire.rejects('content_policy_violation')],
  [/not enough (api )?tokens|insufficient (funds|balance|credit)/i, wire.fails('balance')],
  [/invalid file extension|invalid init image|access image|init variation/i, wire.rejects('file_load_error')],
  [/not supported within the production api/i, wire.fails('model')],
  [/validation.?(failed|error)|bad-request|expect(ing|ed) a /i, wire.rejects('invalid_input')],
  [/unexpected variable|invalid dimensions|too many images/i, wire.rejects('invalid_input')],
];

/** An answer to a POST without what it should have made. Only what is certainly a refusal is told as one. */
function refusalOf(answer: wire.WireAnswer, context: ProviderContext): AttemptOutcome {
  const said = wire.saidBy(answer.json);
  const reason = wire.tellable(context, withoutIds(said || answer.text));
  const meaning = answer.status === 429 ? undefined : wire.meaningOf(said, WORDS);
  // Behind the check of the key, a 500 may come after the order was taken, whatever it says.
  const isCertain = answer.status < 500 || meaning === KEY_REFUSED;
  if (meaning !== undefined && isCertain) return { ...meaning, reason };
  // A page with 403 comes from in front of it, for what is wrong in the address.
  if (answer.status === 403 && said === '') return { ...wire.fails('provider'), reason };
  return wire.refusedSubmit(answer, context.clock.now(), reason);
}

function errorIn({ status, json }: wire.WireAnswer): string {
  return status < 500 && createdOf(json) === null ? wire.saidBy(json) : '';
}

/** Those of accounts and users are not for telling. */
function withoutIds(text: string): string {
  return text.replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/gi, '…');
}

/** The id of an uploaded reference, or why there is none: nothing was ordered by then. */
async function uploadReference(
  { bytes, contentType }: NonNullable<Order['reference']>,
  context: ProviderContext,
): Promise<{ id: string } | AttemptOutcome> {
  const extension = contentType.replace('image/', '');
  const asked = await ask(context, { to: '/v1/init-image', method: 'POST', json: { extension } });
  if (asked.kind !== 'answer') return { ...wire.fails('provider'), reason: wire.reasonOf(asked) };
  const given = v.safeParse(formSchema, asked.json);
  if (!given.success) {
    const refusal = refusalOf(asked, context);
    return refusal.kind === 'unknown' ? { ...wire.fails('provider'), reason: refusal.reason } : refusal;
  }
  const { id, url, fields } = given.output.uploadInitImage;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([bytes], { type: contentType }), `reference.${extension}`);
  // The storage behind refuses whoever shows a key.
  const stored = await wire.askProvider(context, { to: url, method: 'POST', headers: {}, form });
  if (stored.kind !== 'answer')
    return { ...wire.fails('provider'), reason: `upload: ${wire.reasonOf(stored)}` };
  if (stored.status >= 200 && stored.status < 300) return { id };
  return { ...wire.fails('provider'), reason: `upload: status ${stored.status}` };
}

/** What a customer sent does not stay there. Should this fail, it stays until the operator tidies the account. */
async function deleteReference(id: string, context: ProviderContext): Promise<void> {
  await ask(context, { to: `/v1/init-image/${id}`, method: 'DELETE', deadlineMs: 5000 });
}

type Patience = ReturnType<typeof wire.createPatience>;

async function poll(
  providerJobId: string,
  context: ProviderContext,
  patience: Patience,
): Promise<AttemptOutcome> {
  const [type, id, referenceId] = providerJobId.split('.');
  if ((type !== 'image' && type !== 'video') || id === undefined || !/^[\w-]+$/.test(id)) return strange();
  const answer = await ask(context, { to: `/v1/generations/${id}` });
  if (answer.kind !== 'answer') return wire.unansweredPoll(answer);
  const read = v.safeParse(readSchema, answer.json);
  if (answer.status === 404 || (read.success && read.output.generations_by_pk === null)) return strange();
  if (answer.status !== 200 || !read.success || read.output.generations_by_pk === null) {
    return wire.refusedPoll(answer, context.clock.now(), withoutIds(answer.text));
  }
  const now = context.clock.now();
  const outcome = outcomeOf(read.output.generations_by_pk, { type, providerJobId, now, patience });
  if (outcome.kind !== 'pending' && referenceId !== undefined) await deleteReference(referenceId, context);
  return outcome;
}

const strange = (): AttemptOutcome => ({ ...wire.fails('provider'), reason: 'it knows no such generation' });

function outcomeOf(
  row: Row,
  job: { type: JobType; providerJobId: string; now: number; patience: Patience },
): AttemptOutcome {
  const { type, providerJobId, now } = job;
  if (row.status === 'FAILED') return { ...wire.fails('provider'), reason: 'it says FAILED, and no more' };
  if (row.status !== 'COMPLETE') {
    const isYoung = now - (instantOf(row) ?? 0) < YOUNG_MS[type];
    return { kind: 'pending', providerJobId, pollAt: now + GAP_MS[type][isYoung ? 0 : 1] };
  }
  const made = row.generated_images?.[0];
  if (made?.nsfw) return { ...wire.rejects('content_policy_violation'), reason: 'its output is flagged' };
  const outputs = outputsOf(type, made);
  if (outputs.length > 0) return { kind: 'completed', providerJobId, outputs };
  if (!job.patience.isOver(providerJobId))
    return { kind: 'pending', providerJobId, pollAt: now + LATE_OUTPUT_MS };
  return { ...wire.fails('provider'), reason: 'it is complete and has no output' };
}

/** The URL of a video's row is a still of it. */
function outputsOf(type: JobType, made: v.InferOutput<typeof madeSchema> | undefined): ProviderOutput[] {
  const { url, motionMP4URL: film } = made ?? {};
  if (type === 'image') return url ? [{ role: 'output', url }] : [];
  if (!film) return [];
  const hasStill = url && !/\.mp4($|\?)/i.test(url);
  return [{ role: 'output', url: film }, ...(hasStill ? [{ role: 'poster', url } as const] : [])];
}

/** It writes UTC without saying so. */
function instantOf({ createdAt }: Row): number | null {
  if (!createdAt) return null;
  const instant = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(createdAt) ? createdAt : `${createdAt}Z`);
  return Number.isNaN(instant) ? null : instant;
}

const findSubmitted: NonNullable<Upstream['findSubmitted']> = async (order, { sentAt, taken }, context) => {
  const rows = await rowsSince(sentAt - SKEW_MS, context);
  if (typeof rows === 'string') return { kind: 'unknown', reason: rows };
  const others = new Set(Array.from(taken ?? [], (id) => id.split('.')[1]));
  const found = rows.filter(
    (row) =>
      row.prompt === order.prompt &&
      (row.imageWidth ?? order.width) === order.width &&
      (row.imageHeight ?? order.height) === order.height &&
      (instantOf(row) ?? sentAt) <= sentAt + SETTLED_AFTER_MS &&
      !others.has(row.id),
  );
  const [row] = found;
  if (found.length > 1) return { kind: 'unknown', reason: `${found.length} generations are like it` };
  const now = context.clock.now();
  if (row !== undefined) return { kind: 'pending', providerJobId: `${order.type}.${row.id}`, pollAt: now };
  if (now - sentAt < SETTLED_AFTER_MS) return { kind: 'unknown', reason: 'it is not listed yet' };
  return { ...wire.fails('provider'), reason: 'it was never listed' };
};

/** Every generation of the account that was created after an instant; or why they are not to be had. */
async function rowsSince(since: number, context: ProviderContext): Promise<Row[] | string> {
  const { remoteId } = wire.accountOf(context);
  const me = remoteId === null ? await verify(context) : { kind: 'ok' as const, remoteId };
  if (me.kind !== 'ok') return me.reason;
  const rows: Row[] = [];
  for (let offset = 0; offset < MAX_ROWS; offset += PAGE_ROWS) {
    const to = `/v1/generations/user/${me.remoteId}?offset=${offset}&limit=${PAGE_ROWS}`;
    const answer = await ask(context, { to });
    if (answer.kind !== 'answer') return wire.reasonOf(answer);
    const listed = v.safeParse(listSchema, answer.json);
    if (!listed.success) return withoutIds(`list: ${answer.text}`);
    const { generations } = listed.output;
    const recent = generations.filter((row) => (instantOf(row) ?? since) >= since);
    rows.push(...recent);
    if (generations.length < PAGE_ROWS || recent.length < generations.length) return rows;
  }
  return `more than ${MAX_ROWS} generations since`;
}

/** The balances of the web application are not for the API, and are not counted. */
async function verify(context: ProviderContext): Promise<Verified> {
  const answer = await ask(context, { to: '/v1/me' });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: wire.reasonOf(answer) };
  const me = v.safeParse(meSchema, answer.json);
  if (answer.status !== 200 || !me.success) {
    const refusal = refusalOf(answer, context);
    const isRefused = refusal.kind === 'failed' && refusal.fault === 'credential';
    return { kind: isRefused ? 'refused' : 'unreachable', reason: withoutIds(answer.text) };
  }
  const [{ user, apiSubscriptionTokens, apiPaidTokens, apiConcurrencySlots }] = me.output.user_details;
  const [subscription, paid] = [apiSubscriptionTokens ?? 0, apiPaidTokens ?? 0];
  return {
    kind: 'ok',
    remoteId: user.id,
    balance: {
      unit: 'credits',
      available: wire.decimalOf(subscription + paid),
      subscription: wire.decimalOf(subscription),
      paid: wire.decimalOf(paid),
    },
    slots: apiConcurrencySlots ?? null,
  };
}

function ask(context: ProviderContext, request: Omit<wire.WireRequest, 'headers'>) {
  const { credential } = wire.accountOf(context);
  const [token, cookie] =
    credential.kind === 'api_key' ? [credential.apiKey, null] : [credential.token, credential.cookie];
  const headers = { authorization: `Bearer ${token}`, ...(cookie ? { cookie } : {}) };
  return wire.askProvider(context, { ...request, headers });
}
