// Replicate: predictions of the models that it calls official, each with an input of its own. Everything of a prediction
// is deleted an hour after its end. Its callbacks are signed as Standard Webhooks, with one secret an account.
import * as v from 'valibot';
import { hmacBase64, isEqualConstantTime } from '../crypto.ts';
import type {
  AttemptOutcome,
  Callback,
  Order,
  Provider,
  ProviderContext,
  Upstream,
  Verified,
} from './provider.ts';
import { replicateInputOf, REPLICATE_MODELS } from './replicate-models.ts';
import {
  accountOf,
  askProvider,
  createKeyring,
  createPatience,
  dataUrlOf,
  fails,
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

const OUTPUT_HOSTS = ['replicate.delivery', '.replicate.delivery'];
/** Larger references are uploaded. */
const MAX_INLINE_BYTES = 256_000;
const MIN_GAP_MS = 1000;
const MAX_GAP_MS = 10_000;
const MAX_CALLBACK_AGE_S = 300;
const MAX_PAGES = 5;
/** Its clock may be off by as much. */
const SKEW_MS = 60_000;
/** What was sent so long ago is listed, if it was taken. */
const SETTLED_AFTER_MS = 120_000;

const MODERATED = /\(E005\)|flagged as sensitive|nsfw|content policy|moderat|safety/i;

const idSchema = v.pipe(v.string(), v.regex(/^[a-z0-9]{8,64}$/));
const predictionSchema = v.object({
  id: idSchema,
  status: v.string(),
  created_at: v.nullish(v.string()),
  output: v.nullish(v.unknown()),
  error: v.nullish(v.unknown()),
  data_removed: v.nullish(v.boolean()),
});
type Prediction = v.InferOutput<typeof predictionSchema>;
const rowSchema = v.object({
  ...predictionSchema.entries,
  model: v.nullish(v.string()),
  webhook: v.nullish(v.string()),
  input: v.nullish(v.object({ prompt: v.nullish(v.string()) })),
});
type Row = v.InferOutput<typeof rowSchema>;
const pageSchema = v.object({ next: v.nullish(v.string()), results: v.array(rowSchema) });
const outputSchema = v.union([
  v.pipe(v.string(), v.url()),
  v.pipe(
    v.tupleWithRest([v.pipe(v.string(), v.url())], v.unknown()),
    v.transform(([url]) => url),
  ),
]);
const fileSchema = v.object({ urls: v.object({ get: v.pipe(v.string(), v.url()) }) });
const problemSchema = v.object({ title: v.nullish(v.string()), detail: v.nullish(v.string()) });
const accountSchema = v.object({ username: v.string() });
const secretSchema = v.object({ key: v.pipe(v.string(), v.minLength(1)) });

type Patience = ReturnType<typeof createPatience>;
type Keyring = ReturnType<typeof createKeyring<Uint8Array>>;

export function createReplicate(): Provider {
  const patience = createPatience();
  const keyring: Keyring = createKeyring();
  return {
    id: 'replicate',
    modes: ['live'],
    serves: (model) => Object.hasOwn(REPLICATE_MODELS, model),
    canTake: (order) => replicateInputOf(order) !== null,
    submitIsRepeatable: false,
    submit: (order, _attemptId, context) => submit(order, context, patience),
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    cancel,
    openOutput: (output, _order, context) => openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: 'https://api.replicate.com/v1',
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key'],
      models: REPLICATE_MODELS,
      capabilities: { cancel: 'running', callback: 'signed', hasBalance: false },
      verify,
      findSubmitted,
      readCallback: (callback, context) => readCallback(callback, context, keyring),
    },
  };
}

function ask(context: ProviderContext, request: Omit<WireRequest, 'headers'>) {
  const { credential } = accountOf(context);
  const key = credential.kind === 'api_key' ? credential.apiKey : credential.token;
  return askProvider(context, { ...request, headers: { authorization: `Bearer ${key}` } });
}

async function submit(order: Order, context: ProviderContext, patience: Patience): Promise<AttemptOutcome> {
  const plan = replicateInputOf(order);
  if (plan === null) return { ...fails('model'), reason: 'Replicate does not make this' };
  const reference = order.reference === undefined ? null : await placeOf(order.reference, context);
  if (reference !== null && 'kind' in reference) return reference;
  const { callbackUrl } = accountOf(context);
  const answer = await ask(context, {
    to: `/models/${plan.raw}/predictions`,
    method: 'POST',
    json: {
      input: { ...plan.input, ...(reference === null ? {} : plan.withReference(reference.url)) },
      ...(callbackUrl === null ? {} : { webhook: callbackUrl, webhook_events_filter: ['completed'] }),
    },
  });
  if (answer.kind !== 'answer') return unansweredSubmit(answer);
  if (answer.status >= 300) return refusalOf(context, answer);
  const read = v.safeParse(predictionSchema, answer.json);
  if (!read.success) return { kind: 'unknown', reason: 'what it answers to an order cannot be read' };
  return outcomeOf(read.output, context, patience);
}

/** Where a model finds a reference: in the request itself, or uploaded. Nothing was ordered when that fails. */
async function placeOf(
  reference: NonNullable<Order['reference']>,
  context: ProviderContext,
): Promise<{ url: string } | AttemptOutcome> {
  if (reference.bytes.length <= MAX_INLINE_BYTES) return { url: dataUrlOf(reference) };
  const form = new FormData();
  const name = `reference.${reference.contentType.split('/').at(-1)}`;
  form.append('content', new Blob([reference.bytes], { type: reference.contentType }), name);
  const answer = await ask(context, { to: '/files', method: 'POST', form });
  if (answer.kind !== 'answer') return { ...fails('provider'), reason: `upload: ${reasonOf(answer)}` };
  const read = v.safeParse(fileSchema, answer.json);
  if (answer.status < 300 && read.success) return { url: read.output.urls.get };
  const refused = refusalOf(context, answer);
  if (refused.kind === 'rejected') return { ...refused, code: 'file_load_error' };
  return refused.kind === 'failed'
    ? refused
    : { ...fails('provider'), reason: `upload: status ${answer.status}` };
}

function refusalOf(context: ProviderContext, answer: WireAnswer): AttemptOutcome {
  const reason = saidBy(context, answer);
  // It forbids a model, while a wrong key is told with 401.
  if (answer.status === 403) return { ...fails('model'), reason };
  if (answer.status === 422 && MODERATED.test(reason))
    return { ...rejects('content_policy_violation'), reason };
  const seconds = /available in (\d{1,6})s/.exec(reason)?.[1];
  const headers = { ...(seconds === undefined ? {} : { 'retry-after': seconds }), ...answer.headers };
  return refusedSubmit({ ...answer, headers }, context.clock.now(), reason);
}

function saidBy(context: ProviderContext, { json, text }: WireAnswer): string {
  const read = v.safeParse(problemSchema, json);
  if (!read.success) return json === undefined ? text : 'no reason is given';
  return tellable(context, [read.output.title, read.output.detail].filter(Boolean).join(': '));
}

async function poll(
  providerJobId: string,
  context: ProviderContext,
  patience: Patience,
): Promise<AttemptOutcome> {
  const answer = await ask(context, { to: `/predictions/${providerJobId}` });
  if (answer.kind !== 'answer') return unansweredPoll(answer);
  const read = v.safeParse(predictionSchema, answer.json);
  if (answer.status === 200 && read.success) return outcomeOf(read.output, context, patience);
  return refusedPoll(answer, context.clock.now(), saidBy(context, answer));
}

function outcomeOf(
  { id: providerJobId, status, created_at: createdAt, output, error, data_removed: isGone }: Prediction,
  context: ProviderContext,
  patience: Patience,
): AttemptOutcome {
  const now = context.clock.now();
  const ageMs = now - Date.parse(createdAt ?? '');
  const gapMs = Number.isNaN(ageMs) ? MAX_GAP_MS : Math.min(Math.max(ageMs / 6, MIN_GAP_MS), MAX_GAP_MS);
  const later = { kind: 'pending', providerJobId, pollAt: now + Math.ceil(gapMs) } as const;
  const said = tellable(context, typeof error === 'string' ? error : 'no reason is given');
  switch (status.toLowerCase()) {
    case 'succeeded': {
      const read = v.safeParse(outputSchema, output);
      if (read.success)
        return { kind: 'completed', providerJobId, outputs: [{ role: 'output', url: read.output }] };
      if (isGone) return { ...fails('provider'), reason: 'its output is deleted already' };
      return patience.isOver(providerJobId) ? { ...fails('provider'), reason: 'it has no output' } : later;
    }
    case 'failed':
      return {
        ...(MODERATED.test(said) ? rejects('content_policy_violation') : fails('provider')),
        reason: said,
      };
    case 'canceled':
    case 'cancelled':
    case 'aborted':
      return { ...fails('provider'), reason: 'it was cancelled' };
    default:
      return later;
  }
}

async function cancel(providerJobId: string, context: ProviderContext): Promise<boolean> {
  const answer = await ask(context, { to: `/predictions/${providerJobId}/cancel`, method: 'POST' });
  const read = answer.kind === 'answer' ? v.safeParse(predictionSchema, answer.json) : null;
  return read?.success === true && !['succeeded', 'failed'].includes(read.output.status);
}

async function verify(context: ProviderContext): Promise<Verified> {
  const answer = await ask(context, { to: '/account' });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: reasonOf(answer) };
  const read = v.safeParse(accountSchema, answer.json);
  if (answer.status === 200 && read.success) {
    return { kind: 'ok', remoteId: read.output.username, balance: null, slots: null };
  }
  const isRefused = answer.status === 401 || answer.status === 403;
  return { kind: isRefused ? 'refused' : 'unreachable', reason: `status ${answer.status}` };
}

const findSubmitted: NonNullable<Upstream['findSubmitted']> = async (order, { sentAt, taken }, context) => {
  const { callbackUrl } = accountOf(context);
  const rows = await rowsSince(sentAt - SKEW_MS, context);
  if (typeof rows === 'string') return { kind: 'unknown', reason: rows };
  const raw = REPLICATE_MODELS[order.model]?.raw;
  const found = rows.filter(({ id, model, input, webhook }) => {
    const isOthers = taken?.has(id) === true || (Boolean(webhook) && webhook !== callbackUrl);
    return !isOthers && model === raw && (input?.prompt ?? order.prompt) === order.prompt;
  });
  const now = context.clock.now();
  const [row] = found;
  if (found.length > 1) return { kind: 'unknown', reason: `${found.length} predictions are like it` };
  if (row && !row.webhook && !row.input?.prompt) return { kind: 'unknown', reason: 'one hides its input' };
  if (row !== undefined) return { kind: 'pending', providerJobId: row.id, pollAt: now };
  if (now - sentAt < SETTLED_AFTER_MS) return { kind: 'unknown', reason: 'it is not listed yet' };
  return { ...fails('provider'), reason: 'it was never listed' };
};

/** The predictions that were made after an instant, or why they are not to be had. */
async function rowsSince(since: number, context: ProviderContext): Promise<Row[] | string> {
  const rows: Row[] = [];
  let to = '/predictions';
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await ask(context, { to, maxBytes: 8 * 1024 * 1024 });
    if (answer.kind !== 'answer') return reasonOf(answer);
    const read = v.safeParse(pageSchema, answer.json);
    if (!read.success) return `the list cannot be read: status ${answer.status}`;
    const { results, next } = read.output;
    const isOlder = (row: Row) => Date.parse(row.created_at ?? '') < since;
    rows.push(...results.filter((row) => !isOlder(row)));
    if (!next || results.some(isOlder)) return rows;
    // The key goes where it went before, whatever host stands in the link.
    to = `/predictions${URL.parse(next)?.search ?? ''}`;
  }
  return `more than ${MAX_PAGES} pages since`;
}

async function readCallback(
  { headers, body }: Callback,
  context: ProviderContext,
  keyring: Keyring,
): Promise<string | null> {
  const [id, sentAt, signatures] = ['id', 'timestamp', 'signature'].map(
    (name) => headers[`webhook-${name}`] ?? '',
  );
  const now = context.clock.now();
  const read = v.safeParse(
    v.pipe(v.string(), v.parseJson(), predictionSchema),
    new TextDecoder().decode(body),
  );
  if (!read.success || !id || !signatures || !/^\d{1,12}$/.test(sentAt ?? '')) return null;
  if (Math.abs(now / 1000 - Number(sentAt)) > MAX_CALLBACK_AGE_S) return null;
  const message = Buffer.concat([Buffer.from(`${id}.${sentAt}.`), body]);
  const isSigned = await keyring.check(accountOf(context).id, now, {
    ask: () => secretOf(context),
    holds: (secret) => {
      const own = `v1,${hmacBase64(secret, message)}`;
      return signatures.split(' ').some((signature) => isEqualConstantTime(signature, own));
    },
  });
  return isSigned ? read.output.id : null;
}

async function secretOf(context: ProviderContext): Promise<Uint8Array | null> {
  const answer = await ask(context, { to: '/webhooks/default/secret' });
  const read = answer.kind === 'answer' ? v.safeParse(secretSchema, answer.json) : null;
  return read?.success ? Buffer.from(read.output.key.replace(/^whsec_/, ''), 'base64') : null;
}
