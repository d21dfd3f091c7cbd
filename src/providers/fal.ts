// fal: a queue in front of many models. An order is a request at the model's own path; whether it went well is told by
// its result, not by its status. Its callbacks are signed with keys that it publishes.
import * as v from 'valibot';
import { isEd25519Signature, sha256Hex } from '../crypto.ts';
import { FAL_MODELS, falPlanOf } from './fal-models.ts';
import type { AttemptOutcome, Callback, Order, Provider, ProviderContext, Verified } from './provider.ts';
import {
  accountOf,
  askProvider,
  createKeyring,
  createPatience,
  dataUrlOf,
  fails,
  oneLine,
  openLink,
  reasonOf,
  refusedPoll,
  refusedSubmit,
  rejects,
  tellable,
  unansweredPoll,
  unansweredSubmit,
  type Refusal,
  type WireAnswer,
  type WireRequest,
} from './wire.ts';

const BASE_URL = 'https://queue.fal.run';
/** Its other hosts; whoever sets another base URL has them all there. */
const PLATFORM_URL = 'https://api.fal.ai';
const REST_URL = 'https://rest.fal.ai';
const OUTPUT_HOSTS = ['fal.media', '.fal.media'];

/** What the types of its errors mean; one that is not here, and comes with 422, is about the input. */
const TYPES: Readonly<Record<string, Refusal>> = {
  content_policy_violation: rejects('content_policy_violation'),
  image_load_error: rejects('file_load_error'),
  file_download_error: rejects('file_download_error'),
  file_too_large: rejects('file_size_exceeded'),
  image_too_large: rejects('file_too_large'),
  image_too_small: rejects('file_too_small'),
  unsupported_image_format: rejects('unsupported_file_format'),
  no_media_generated: fails('provider'),
  generation_timeout: fails('provider'),
  internal_server_error: fails('provider'),
  downstream_service_error: fails('provider'),
  downstream_service_unavailable: fails('provider'),
  request_timeout: fails('provider'),
  startup_timeout: fails('provider'),
  client_cancelled: fails('provider'),
  client_disconnected: fails('provider'),
};

const requestIdSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const submittedSchema = v.object({ request_id: requestIdSchema, response_url: v.nullish(v.string()) });
const statusSchema = v.object({
  status: v.string(),
  queue_position: v.nullish(v.pipe(v.number(), v.minValue(0))),
  error: v.nullish(v.unknown()),
  error_type: v.nullish(v.string()),
});
const fileSchema = v.object({ url: v.pipe(v.string(), v.url()) });
const resultSchema = v.object({
  images: v.nullish(v.array(fileSchema)),
  video: v.nullish(fileSchema),
  has_nsfw_concepts: v.nullish(v.array(v.nullish(v.boolean()))),
});
const partSchema = v.object({ msg: v.optional(v.string(), ''), type: v.optional(v.string(), '') });
const problemSchema = v.object({
  detail: v.union([v.string(), v.array(partSchema)]),
  error_type: v.nullish(v.string()),
});
const billingSchema = v.object({
  username: v.nullish(v.string()),
  credits: v.nullish(v.object({ current_balance: v.number(), currency: v.string() })),
});
const keysSchema = v.object({ keys: v.array(v.object({ x: v.string() })) });
const callbackSchema = v.object({ request_id: requestIdSchema, gateway_request_id: v.nullish(v.string()) });

const POLL_MS = { image: 1000, video: 5000 } as const;
/** For each request in front of ours. */
const PLACE_MS = 500;
const MAX_GAP_MS = 15_000;
const MAX_CALLBACK_AGE_S = 300;

type Patience = ReturnType<typeof createPatience>;
type Keyring = ReturnType<typeof createKeyring<readonly string[]>>;

export function createFal(): Provider {
  const patience = createPatience();
  const keyring: Keyring = createKeyring();
  return {
    id: 'fal',
    modes: ['live'],
    serves: (model) => Object.hasOwn(FAL_MODELS, model),
    canTake: (order) => falPlanOf(order) !== null,
    submitIsRepeatable: false,
    submit: (order, _attemptId, context) => submit(order, context),
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    cancel,
    openOutput: (output, _order, context) => openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: BASE_URL,
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key'],
      models: FAL_MODELS,
      capabilities: { cancel: 'running', callback: 'signed', hasBalance: true },
      verify,
      readCallback: (callback, context) => readCallback(callback, context, keyring),
    },
  };
}

function ask(context: ProviderContext, request: Omit<WireRequest, 'headers'>) {
  const { credential } = accountOf(context);
  const key = credential.kind === 'api_key' ? credential.apiKey : credential.token;
  return askProvider(context, { ...request, headers: { authorization: `Key ${key}` } });
}

/** A path at one of its other hosts. */
function at(context: ProviderContext, host: string, path: string): string {
  const { baseUrl } = accountOf(context);
  return (baseUrl === BASE_URL ? host : baseUrl) + path;
}

async function submit(order: Order, context: ProviderContext): Promise<AttemptOutcome> {
  const plan = falPlanOf(order);
  if (plan === null) return { ...fails('model'), reason: 'fal does not make this' };
  const image = order.reference === undefined ? {} : plan.withReference(dataUrlOf(order.reference));
  const { callbackUrl } = accountOf(context);
  const query = callbackUrl === null ? '' : `?fal_webhook=${encodeURIComponent(callbackUrl)}`;
  const to = `/${plan.endpoint}${query}`;
  const answer = await ask(context, { to, method: 'POST', json: { ...plan.input, ...image } });
  if (answer.kind !== 'answer') return unansweredSubmit(answer);
  const now = context.clock.now();
  if (answer.status >= 300) {
    const meaning = answer.status < 500 ? meaningOf(answer) : undefined;
    if (meaning !== undefined) return { ...meaning, reason: saidBy(context, answer) };
    return refusedSubmit(answer, now, saidBy(context, answer));
  }
  const submitted = v.safeParse(submittedSchema, answer.json);
  if (!submitted.success) return { kind: 'unknown', reason: 'what it answers to an order cannot be read' };
  const { request_id: id, response_url: url } = submitted.output;
  return {
    kind: 'pending',
    providerJobId: `${applicationAt(url) ?? applicationOf(plan.endpoint)}/requests/${id}`,
    pollAt: now + POLL_MS[order.type],
  };
}

/** A request is found at its application: the first two parts of the model's path. */
function applicationOf(endpoint: string): string {
  return endpoint.split('/').slice(0, 2).join('/');
}

/** The application in the URL of a result, of which nothing else is used: the key goes to no host that it names. */
function applicationAt(url: string | null | undefined): string | undefined {
  return URL.parse(url ?? '')?.pathname.match(/^\/([\w.-]{1,50}(?:\/[\w.-]{1,50}){1,2})\/requests\//)?.[1];
}

/** What an error says of the order, by its type; undefined where its status alone has to do. */
function meaningOf({ status, json }: WireAnswer): Refusal | undefined {
  const problem = v.safeParse(problemSchema, json);
  if (!problem.success) return undefined;
  const { detail, error_type: general } = problem.output;
  const types = [...(typeof detail === 'string' ? [] : detail.map(({ type }) => type)), general ?? ''];
  const known = types.find((type) => Object.hasOwn(TYPES, type));
  if (known !== undefined) return TYPES[known];
  // An account without money is locked, and answered as one that has not the right.
  const isLocked = status === 403 && typeof detail === 'string' && /balance|locked|top up/i.test(detail);
  return isLocked ? fails('balance') : undefined;
}

/** The words of an error, without what was sent, which it repeats. */
function saidBy(context: ProviderContext, { json, text }: WireAnswer): string {
  const problem = v.safeParse(problemSchema, json);
  if (!problem.success) return json === undefined ? text : 'no reason is given';
  const { detail, error_type: type } = problem.output;
  const parts = typeof detail === 'string' ? [detail] : detail.map((part) => `${part.type}: ${part.msg}`);
  return tellable(context, [...parts.slice(0, 3), type ?? ''].filter((part) => part !== '').join('; '));
}

async function poll(
  providerJobId: string,
  context: ProviderContext,
  patience: Patience,
): Promise<AttemptOutcome> {
  const answer = await ask(context, { to: `/${providerJobId}/status` });
  if (answer.kind !== 'answer') return unansweredPoll(answer);
  const now = context.clock.now();
  const read = v.safeParse(statusSchema, answer.json);
  if (answer.status >= 300 || !read.success) return refusedPoll(answer, now, saidBy(context, answer));
  const { status, queue_position: place, error, error_type: type } = read.output;
  const gapMs = POLL_MS[isOfFilms(providerJobId) ? 'video' : 'image'] + (place ?? 0) * PLACE_MS;
  const later = { kind: 'pending', providerJobId, pollAt: now + Math.min(gapMs, MAX_GAP_MS) } as const;
  if (status.toUpperCase() !== 'COMPLETED') return later;
  const result = await ask(context, { to: `/${providerJobId}` });
  if (result.kind !== 'answer') return unansweredPoll(result);
  const ended = endingOf(context, result, { providerJobId, error: type ?? (error ? 'an error' : null) });
  if (ended !== null) return ended;
  // What stands in front of a result tells nothing of it, however long it does.
  const isItself = result.json !== undefined && ![401, 403, 429].includes(result.status);
  if (!isItself) return refusedPoll(result, now, saidBy(context, result));
  return patience.isOver(providerJobId)
    ? { ...fails('provider'), reason: 'it is complete without output' }
    : later;
}

/** What the result of a completed request says; null when that is nothing. `error`: what its status has said. */
function endingOf(
  context: ProviderContext,
  result: WireAnswer,
  { providerJobId, error }: { providerJobId: string; error: string | null },
): AttemptOutcome | null {
  const meaning = result.status === 200 ? undefined : meaningOf(result);
  if (meaning !== undefined) return { ...meaning, reason: saidBy(context, result) };
  if (result.status === 422) return { ...rejects('invalid_input'), reason: saidBy(context, result) };
  if (error !== null) {
    const known = Object.hasOwn(TYPES, error) ? TYPES[error] : undefined;
    return { ...(known ?? fails('provider')), reason: oneLine(`${error}: ${saidBy(context, result)}`) };
  }
  if (result.status === 404) return { ...fails('provider'), reason: 'its result is not there' };
  const read = v.safeParse(resultSchema, result.json);
  if (result.status !== 200 || !read.success) return null;
  const { images, video, has_nsfw_concepts: flags } = read.output;
  if (flags?.includes(true))
    return { ...rejects('content_policy_violation'), reason: 'its output is flagged' };
  const url = video?.url ?? images?.[0]?.url;
  return url === undefined ? null : { kind: 'completed', providerJobId, outputs: [{ role: 'output', url }] };
}

function isOfFilms(providerJobId: string): boolean {
  return Object.values(FAL_MODELS).some(
    ({ raw, seconds }) =>
      seconds !== undefined && providerJobId.startsWith(`${applicationOf(raw)}/requests/`),
  );
}

async function cancel(providerJobId: string, context: ProviderContext): Promise<boolean> {
  const answer = await ask(context, { to: `/${providerJobId}/cancel`, method: 'PUT' });
  return answer.kind === 'answer' && answer.status === 202;
}

/** Only keys of administrators may see the balance; others are known by what any key may see. */
async function verify(context: ProviderContext): Promise<Verified> {
  const billing = await ask(context, { to: at(context, PLATFORM_URL, '/v1/account/billing?expand=credits') });
  if (billing.kind !== 'answer') return { kind: 'unreachable', reason: reasonOf(billing) };
  const read = v.safeParse(billingSchema, billing.json);
  if (billing.status === 200 && read.success) {
    const { username, credits } = read.output;
    const isDollars = credits?.currency.toUpperCase() === 'USD';
    const available = String(Math.max(0, credits?.current_balance ?? 0));
    const balance = isDollars ? ({ unit: 'USD', available } as const) : null;
    return { kind: 'ok', remoteId: username ?? null, balance, slots: null };
  }
  const to = at(context, PLATFORM_URL, '/v1/models/pricing?endpoint_id=fal-ai/flux/schnell');
  const answer = billing.status === 403 ? await ask(context, { to }) : billing;
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: reasonOf(answer) };
  if (answer !== billing && answer.status === 200) {
    return { kind: 'ok', remoteId: null, balance: null, slots: null };
  }
  const reason = `status ${answer.status}`;
  return { kind: answer.status === 401 || answer.status === 403 ? 'refused' : 'unreachable', reason };
}

async function readCallback(
  { headers, body, model = '' }: Callback,
  context: ProviderContext,
  keyring: Keyring,
): Promise<string | null> {
  const [id, user, sentAt, signature] = ['request-id', 'user-id', 'timestamp', 'signature'].map(
    (name) => headers[`x-fal-webhook-${name}`] ?? '',
  );
  const now = context.clock.now();
  const raw = Object.hasOwn(FAL_MODELS, model) ? FAL_MODELS[model]?.raw : undefined;
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), callbackSchema), new TextDecoder().decode(body));
  if (raw === undefined || !read.success || !id || !signature || !/^\d{1,12}$/.test(sentAt ?? ''))
    return null;
  const { request_id: told, gateway_request_id: gateway } = read.output;
  if (Math.abs(now / 1000 - Number(sentAt)) > MAX_CALLBACK_AGE_S || (id !== told && id !== gateway))
    return null;
  const message = Buffer.from([id, user, sentAt, sha256Hex(body)].join('\n'));
  const isSigned = await keyring.check('jwks', now, {
    ask: () => publishedKeys(context),
    holds: (keys) => keys.some((x) => isEd25519Signature(x, message, Buffer.from(signature, 'hex'))),
  });
  return isSigned ? `${applicationOf(raw)}/requests/${told}` : null;
}

async function publishedKeys(context: ProviderContext): Promise<readonly string[] | null> {
  const to = at(context, REST_URL, '/.well-known/jwks.json');
  const answer = await askProvider(context, { to, headers: {} });
  const read = answer.kind === 'answer' ? v.safeParse(keysSchema, answer.json) : null;
  return read?.success ? read.output.keys.map(({ x }) => x) : null;
}
