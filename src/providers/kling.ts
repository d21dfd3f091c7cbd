// Kling: an order is a task. The newer models have a path of their own each, the older ones share the paths of version 1.
// A task also goes by the id that we give it, by which one that got lost is found again.
import * as v from 'valibot';
import { hmacBase64, isEqualConstantTime } from '../crypto.ts';
import type * as p from './provider.ts';
import { FILM_SIZES, namedSizeOf, only, type NamedSize, type SizeTable } from './sizes.ts';
import * as wire from './wire.ts';

const BASE_URL = 'https://api-singapore.klingai.com';
const OUTPUT_HOSTS = ['.klingai.com', '.kling.ai', '.kwimgs.com', '.inkwai.com'];

type Served = p.ServedModel & {
  /** Whether it is named in the body, and not in the path. */
  isLegacy: boolean;
  sizes: SizeTable;
  seconds: readonly number[];
  sound: 'always' | 'never' | 'chosen';
};

const RATIOS = ['16:9', '9:16', '1:1'];
const HD = only(FILM_SIZES, ['720p', '1080p'], RATIOS);
const SHORT = [5, 10];
const LONG = Array.from({ length: 13 }, (_, index) => 3 + index);
const [P720, P1080] = [930_000, 2_100_000];

const MODELS: Readonly<Record<string, Served>> = {
  'kling/kling-3.0': {
    ...{ raw: 'kling-3.0', isLegacy: false, seconds: LONG, sound: 'chosen' },
    sizes: only(FILM_SIZES, ['720p', '1080p', '4k'], RATIOS),
    cost: usd(['0.126', P720, true], ['0.084', P720], ['0.168', P1080, true], ['0.112', P1080], ['0.42']),
  },
  'kling/kling-3.0-turbo': {
    ...{ raw: 'kling-3.0-turbo', isLegacy: false, sizes: HD, seconds: LONG, sound: 'always' },
    cost: usd(['0.112', P720], ['0.14']),
  },
  'kling/kling-2.6': {
    ...{ raw: 'kling-v2-6', isLegacy: true, sizes: HD, seconds: SHORT, sound: 'chosen' },
    cost: usd(['0.042', P720], ['0.14', P1080, true], ['0.07']),
  },
  'kling/kling-2.5-turbo': {
    ...{ raw: 'kling-v2-5-turbo', isLegacy: true, sizes: HD, seconds: SHORT, sound: 'never' },
    cost: usd(['0.042', P720], ['0.07']),
  },
};

/** Each rate is an amount, the most pixels to which it applies, and whether with sound. */
function usd(...rates: (readonly [amount: string, maxPixels?: number, hasAudio?: boolean])[]): p.CostRule {
  const written = rates.map(([amount, maxPixels, hasAudio]) => {
    return { when: { ...(maxPixels && { maxPixels }), ...(hasAudio && { hasAudio }) }, amount };
  });
  const read = { source: 'kling.ai, video pricing', asOf: '2026-08-13' };
  return { per: 'second', unit: 'USD', rates: written, ...read };
}

const MAX_PROMPT = 2500;
const IMAGE_TYPE = /^image\/(png|jpeg)$/;
const FIRST_POLL_MS = 10_000;
const LATE_OUTPUT_MS = 5000;
/** What has not made a task by then will not make one. */
const SETTLED_AFTER_MS = 120_000;
const SKEW_MS = 60_000;
const PAGE_SIZE = 200;
const YEAR_MS = 365 * 86_400_000;
const SIGNED_FOR_MS = 5 * 60_000;

const idSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,100}$/));
const amountSchema = v.pipe(v.string(), v.regex(/^\d{1,12}(\.\d{1,12})?$/));
const textSchema = v.nullish(v.string(), '');
const filmsSchema = v.nullish(
  v.array(v.object({ type: v.nullish(v.string(), 'video'), url: textSchema })),
  [],
);
const billingSchema = v.nullish(
  v.array(v.object({ charge_type: textSchema, amount: v.fallback(amountSchema, ''), currency: textSchema })),
  [],
);

/** What is read of a task, whichever family it is of. */
type Task = Record<'id' | 'status' | 'message' | 'externalId' | 'film', string> & {
  createdAt: number;
  cost: p.Cost | null;
};
const timeSchema = v.nullish(v.number(), 0);
const taskSchema = v.pipe(
  v.object({
    ...{ id: idSchema, status: v.string(), message: textSchema, create_time: timeSchema },
    ...{ external_id: textSchema, outputs: filmsSchema, billing: billingSchema },
  }),
  v.transform(({ create_time: createdAt, external_id: externalId, outputs, billing, ...rest }): Task => {
    return { ...rest, createdAt, externalId, film: filmOf(outputs), cost: costOf(billing) };
  }),
);
const legacySchema = v.pipe(
  v.object({
    ...{ task_id: idSchema, task_status: v.string(), task_status_msg: textSchema, created_at: timeSchema },
    task_info: v.nullish(v.object({ external_task_id: textSchema })),
    task_result: v.nullish(v.object({ videos: filmsSchema })),
    final_unit_deduction: v.fallback(amountSchema, ''),
  }),
  v.transform((task): Task => {
    const { task_id: id, task_status: status, task_status_msg: message, created_at: createdAt } = task;
    const externalId = task.task_info?.external_task_id ?? '';
    const film = filmOf(task.task_result?.videos ?? []);
    const amount = task.final_unit_deduction;
    const cost: p.Cost | null = amount === '' ? null : { amount, unit: 'credits' };
    return { id, status, message, createdAt, externalId, film, cost };
  }),
);
const oneSchema = v.union([taskSchema, legacySchema]);
const createdSchema = v.object({ code: v.literal(0), data: oneSchema });
const listSchema = v.object({ code: v.literal(0), data: v.nullish(v.array(oneSchema), []) });
const errorSchema = v.object({ code: v.number(), message: textSchema });
const packSchema = v.object({
  resource_pack_name: textSchema,
  remaining_quantity: v.number(),
  status: v.string(),
});
const packsSchema = v.object({
  code: v.literal(0),
  data: v.object({ resource_pack_subscribe_infos: v.nullish(v.array(packSchema), []) }),
});

function filmOf(outputs: v.InferOutput<typeof filmsSchema>): string {
  return outputs.find(({ type, url }) => type === 'video' && url !== '')?.url ?? '';
}

/** A charge is in the money of the account or in units of a package, and of several there is no sum. */
function costOf(billing: v.InferOutput<typeof billingSchema>): p.Cost | null {
  const [charge] = billing;
  if (charge === undefined || billing.length > 1 || charge.amount === '') return null;
  const { amount, currency } = charge;
  if (charge.charge_type === 'unit') return { amount, unit: 'credits' };
  return currency === 'USD' || currency === 'CNY' ? { amount, unit: currency } : null;
}

export function createKling(): p.Provider {
  const patience = wire.createPatience();
  return {
    id: 'kling',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake,
    submitIsRepeatable: false,
    submit,
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    openOutput: (output, _order, context) => wire.openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: BASE_URL,
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key'],
      models: MODELS,
      capabilities: { cancel: 'none', callback: 'unsigned', hasBalance: true },
      verify,
      findSubmitted,
      readCallback,
    },
  };
}

function canTake(order: p.Order): boolean {
  const { model, type, prompt, durationSeconds = 0, hasAudio, seed, reference } = order;
  const served = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  if (served === undefined || type !== 'video' || seed !== undefined || prompt.length > MAX_PROMPT)
    return false;
  if (reference !== undefined && !IMAGE_TYPE.test(reference.contentType)) return false;
  const named = namedSizeOf(served.sizes, order);
  if (named === undefined || !served.seconds.includes(durationSeconds)) return false;
  // The older ones make sound in their larger size only.
  if (hasAudio === true && served.isLegacy && named.resolution !== '1080p') return false;
  return hasAudio === undefined || served.sound === 'chosen' || hasAudio === (served.sound === 'always');
}

async function submit(
  order: p.Order,
  attemptId: string,
  context: p.ProviderContext,
): Promise<p.AttemptOutcome> {
  const served = MODELS[order.model];
  const named = served === undefined ? undefined : namedSizeOf(served.sizes, order);
  if (served === undefined || named === undefined)
    return { ...wire.fails('model'), reason: 'it makes no such film' };
  const family = familyOf(order);
  const path = `/${order.reference === undefined ? 'text' : 'image'}-to-video/${served.raw}`;
  const answer = await ask(context, {
    to: served.isLegacy ? `/v1/videos/${family}` : path,
    method: 'POST',
    json: served.isLegacy
      ? legacyBodyOf(order, attemptId, { served, named })
      : bodyOf(order, { served, named, options: optionsOf(attemptId, context) }),
  });
  if (answer.kind !== 'answer') return wire.unansweredSubmit(answer);
  const created = v.safeParse(createdSchema, answer.json);
  if (!created.success) return refusalOf(answer, context);
  const providerJobId = `${family}.${created.output.data.id}`;
  return { kind: 'pending', providerJobId, pollAt: context.clock.now() + FIRST_POLL_MS };
}

/** Where its task is asked for: the first half of a job's id. */
function familyOf({ model, reference }: p.Order): string {
  if (MODELS[model]?.isLegacy !== true) return 'tasks';
  return reference === undefined ? 'text2video' : 'image2video';
}

function optionsOf(attemptId: string, context: p.ProviderContext): unknown {
  const { callbackUrl } = wire.accountOf(context);
  const callback = callbackUrl === null ? {} : { callback_url: callbackUrl };
  return { external_task_id: attemptId, watermark_info: { enabled: false }, ...callback };
}

type Named = { served: Served; named: NamedSize };
function bodyOf(order: p.Order, { served, named, options }: Named & { options: unknown }): unknown {
  const { prompt, durationSeconds: duration, hasAudio = false, reference } = order;
  const audio = served.sound === 'chosen' ? { audio: hasAudio ? 'native' : 'off' } : {};
  const settings = { resolution: named.resolution, duration, ...audio };
  if (reference === undefined)
    return { prompt, settings: { ...settings, aspect_ratio: named.ratio }, options };
  const frame = { type: 'first_frame', url: base64Of(reference) };
  return { contents: [{ type: 'prompt', text: prompt }, frame], settings, options };
}

/** Without a callback, which would not say to which of the two paths its task belongs. */
function legacyBodyOf(order: p.Order, attemptId: string, { served, named }: Named): unknown {
  const { prompt, durationSeconds, hasAudio = false, reference } = order;
  return {
    model_name: served.raw,
    prompt,
    mode: named.resolution === '1080p' ? 'pro' : 'std',
    duration: String(durationSeconds),
    ...(served.sound === 'chosen' ? { sound: hasAudio ? 'on' : 'off' } : {}),
    ...(reference === undefined ? { aspect_ratio: named.ratio } : { image: base64Of(reference) }),
    external_task_id: attemptId,
  };
}

function base64Of({ bytes }: NonNullable<p.Order['reference']>): string {
  return Buffer.from(bytes).toString('base64');
}

/** By its own number; statuses are shared by several. */
const CODES: readonly (readonly [RegExp, wire.Refusal])[] = [
  [/^(100[0-4]|1100|1304)$/, wire.fails('credential')],
  [/^110[12]$/, wire.fails('balance')],
  [/^(1103|1203)$/, wire.fails('model')],
  [/^120[01]$/, wire.rejects('invalid_input')],
  [/^1202$/, wire.fails('provider')],
  [/^130[01]$/, wire.rejects('content_policy_violation')],
  [/^130[23]$/, wire.fails('rate')],
];

function refusalOf(answer: wire.WireAnswer, context: p.ProviderContext): p.AttemptOutcome {
  const error = v.safeParse(errorSchema, answer.json);
  if (!error.success) return wire.refusedSubmit({ ...answer, json: undefined }, context.clock.now());
  const { code, message } = error.output;
  const reason = `${answer.status} ${code}: ${message}`;
  const meaning = wire.meaningOf(String(code), CODES);
  // An id that is there already is there because the order had arrived.
  const isDoubled = code === 1201 && /external_(task_)?id/i.test(message);
  if (meaning !== undefined && !isDoubled) return wire.refused(context, meaning, { answer, reason });
  return { kind: 'unknown', reason: wire.tellable(context, reason) };
}

async function poll(
  providerJobId: string,
  context: p.ProviderContext,
  patience: Patience,
): Promise<p.AttemptOutcome> {
  const [, family, id] = /^(tasks|text2video|image2video)\.([\w-]+)$/.exec(providerJobId) ?? [];
  if (family === undefined || id === undefined) return strange();
  const answer = await ask(context, {
    to: family === 'tasks' ? `/tasks?task_ids=${id}` : `/v1/videos/${family}/${id}`,
  });
  if (answer.kind !== 'answer') return wire.unansweredPoll(answer);
  const read = v.safeParse(v.union([createdSchema, listSchema]), answer.json);
  if (!read.success)
    return saysItIsNotThere(answer) ? strange() : wire.refusedPoll(answer, context.clock.now());
  const task = [read.output.data].flat().find((candidate) => candidate.id === id);
  return task === undefined ? strange() : outcomeOf(task, { providerJobId, context, patience });
}

const strange = (): p.AttemptOutcome => ({ ...wire.fails('provider'), reason: 'it knows no such task' });

function saysItIsNotThere({ status, json }: wire.WireAnswer): boolean {
  const error = v.safeParse(errorSchema, json);
  if (!error.success) return false;
  const { code, message } = error.output;
  return status === 404 || code === 1203 || (code === 1201 && /not (found|exist)/i.test(message));
}

type Patience = ReturnType<typeof wire.createPatience>;
/** Its checks speak of risk control; what it says of them is not the same everywhere. */
const POLICY = /risk control|content (policy|safety|moderation)|sensitive|violat|风控|审核|敏感/i;

function outcomeOf(
  { status, message, film, createdAt, cost: told }: Task,
  {
    providerJobId,
    context,
    patience,
  }: { providerJobId: string; context: p.ProviderContext; patience: Patience },
): p.AttemptOutcome {
  const now = context.clock.now();
  const cost = told === null ? {} : { cost: told };
  if (status === 'failed') {
    const isPolicy = POLICY.test(message);
    const refusal = isPolicy ? wire.rejects('content_policy_violation') : wire.fails('provider');
    return { ...refusal, reason: wire.tellable(context, message || 'it says failed, and no more') };
  }
  if (status !== 'succeed' && status !== 'succeeded') {
    return { kind: 'pending', providerJobId, pollAt: now + gapMs(now - createdAt), ...cost };
  }
  const outputs: p.ProviderOutput[] = [{ role: 'output', url: film }];
  if (film !== '') return { kind: 'completed', providerJobId, outputs, ...cost };
  if (patience.isOver(providerJobId))
    return { ...wire.fails('provider'), reason: 'it has succeeded without output' };
  return { kind: 'pending', providerJobId, pollAt: now + LATE_OUTPUT_MS };
}

function gapMs(ageMs: number): number {
  return ageMs < 120_000 ? 8000 : 15_000;
}

async function findSubmitted(
  order: p.Order,
  { attemptId, sentAt }: { attemptId: string; sentAt: number },
  context: p.ProviderContext,
): Promise<p.AttemptOutcome> {
  const family = familyOf(order);
  const byId = `/tasks?external_task_ids=${encodeURIComponent(attemptId)}`;
  const list = `/v1/videos/${family}?pageNum=1&pageSize=${PAGE_SIZE}`;
  const answer = await ask(context, { to: family === 'tasks' ? byId : list });
  if (answer.kind !== 'answer') return { kind: 'unknown', reason: wire.reasonOf(answer) };
  const listed = v.safeParse(listSchema, answer.json);
  const isAbsent = family === 'tasks' && saysItIsNotThere(answer);
  if (!listed.success && !isAbsent)
    return { kind: 'unknown', reason: `list: ${answer.status}: ${answer.text}` };
  const tasks = listed.success ? listed.output.data : [];
  const now = context.clock.now();
  const task = tasks.find(({ externalId }) => externalId === attemptId);
  if (task !== undefined) return { kind: 'pending', providerJobId: `${family}.${task.id}`, pollAt: now };
  if (now - sentAt < SETTLED_AFTER_MS) return { kind: 'unknown', reason: 'it is not listed yet' };
  // A full page may have begun after it.
  const isWhole = tasks.length < PAGE_SIZE || tasks.some(({ createdAt }) => createdAt < sentAt - SKEW_MS);
  if (!isWhole) return { kind: 'unknown', reason: `more than ${PAGE_SIZE} tasks since` };
  return { ...wire.fails('provider'), reason: 'it was never listed' };
}

/** The packages of the last year. What is paid afterwards has no balance that can be asked for. */
async function verify(context: p.ProviderContext): Promise<p.Verified> {
  const now = context.clock.now();
  const answer = await ask(context, { to: `/account/costs?start_time=${now - YEAR_MS}&end_time=${now}` });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: wire.reasonOf(answer) };
  const read = v.safeParse(packsSchema, answer.json);
  if (!read.success) {
    const refusal = refusalOf(answer, context);
    const isRefused = refusal.kind === 'failed' && refusal.fault === 'credential';
    return { kind: isRefused ? 'refused' : 'unreachable', reason: `${answer.status}: ${answer.text}` };
  }
  const packs = read.output.data.resource_pack_subscribe_infos.filter(
    ({ status, resource_pack_name: name }) => status === 'online' && !/image|try.?on/i.test(name),
  );
  const available = wire.decimalOf(packs.reduce((sum, pack) => sum + pack.remaining_quantity, 0));
  const balance: p.Balance = { unit: 'credits', available, subscription: available };
  return { kind: 'ok', remoteId: null, balance: packs.length === 0 ? null : balance, slots: null };
}

const callbackSchema = v.pipe(v.string(), v.parseJson(), v.object({ id: idSchema }));

/** Signed when the operator has made a secret for that, by Standard Webhooks. */
async function readCallback(callback: p.Callback, context: p.ProviderContext): Promise<string | null> {
  const { credential } = wire.accountOf(context);
  const secret = credential.kind === 'api_key' ? credential.callbackSecret : undefined;
  if (secret !== undefined && !isSigned(callback, secret, context.clock.now())) return null;
  const read = v.safeParse(callbackSchema, new TextDecoder().decode(callback.body));
  return read.success ? `tasks.${read.output.id}` : null;
}

function isSigned({ headers, body }: p.Callback, secret: string, now: number): boolean {
  const { 'webhook-id': id = '', 'webhook-timestamp': at = '', 'webhook-signature': told = '' } = headers;
  if (!/^\d{1,12}$/.test(at) || Math.abs(now - Number(at) * 1000) > SIGNED_FOR_MS) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = `v1,${hmacBase64(key, Buffer.concat([Buffer.from(`${id}.${at}.`), body]))}`;
  return told.split(' ').some((candidate) => isEqualConstantTime(candidate, signature));
}

function ask(context: p.ProviderContext, request: Omit<wire.WireRequest, 'headers'>) {
  const { credential } = wire.accountOf(context);
  const secret = credential.kind === 'api_key' ? credential.apiKey : credential.token;
  return wire.askProvider(context, { ...request, headers: { authorization: `Bearer ${secret}` } });
}
