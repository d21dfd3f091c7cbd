// Black Forest Labs: the FLUX models. An order lies in one of several regions, and is found only where the answer to it
// says; that address is the job's id.
import * as v from 'valibot';
import { hmacBase64, hmacBase64Url, isEqualConstantTime } from '../crypto.ts';
import type {
  AttemptOutcome,
  Callback,
  Cost,
  CostRule,
  Order,
  Provider,
  ProviderContext,
  ServedModel,
  Verified,
} from './provider.ts';
import { FLUX_SIZES, namedSizeOf, only } from './sizes.ts';
import {
  accountOf,
  askProvider,
  createPatience,
  fails,
  meaningOf,
  openLink,
  reasonOf,
  refused,
  refusedPoll,
  refusedSubmit,
  rejects,
  tellable,
  unansweredPoll,
  unansweredSubmit,
  type Refusal,
  type WireAnswer,
} from './wire.ts';

/** It links to its own hosts, and to storage of its own at a host that many share. */
const OUTPUT_HOSTS = ['.bfl.ai', '.blob.core.windows.net'];
const FIRST_POLL_MS = 1500;
/** A region may not know a job yet that another one has taken. */
const GRACE_MS = 20_000;
const MAX_CALLBACK_AGE_MS = 300_000;
const MAX_PROMPT = 32_000;
const MAX_JOB_ID = 200;

type Served = ServedModel & {
  /** How it is told the size; a ratio stands for sizes of one resolution only. */
  size: 'free' | 'pixels' | '1MP' | '4MP';
  takesReference: boolean;
};

const MODELS: Readonly<Record<string, Served>> = {
  'bfl/flux-2-pro': flux2('flux-2-pro', 0.03, 0.015),
  'bfl/flux-2-max': flux2('flux-2-max', 0.07, 0.03),
  'bfl/flux-2-flex': flux2('flux-2-flex', 0.05, 0.05),
  'bfl/flux-2-klein-4b': flux2('flux-2-klein-4b', 0.014, 0.001),
  'bfl/flux-2-klein-9b': flux2('flux-2-klein-9b', 0.015, 0.002),
  'bfl/flux-kontext-pro': flux1('flux-kontext-pro', '0.04', '1MP', true),
  'bfl/flux-kontext-max': flux1('flux-kontext-max', '0.08', '1MP', true),
  'bfl/flux-1.1-pro-ultra': flux1('flux-pro-1.1-ultra', '0.06', '4MP'),
  'bfl/flux-1.1-pro': flux1('flux-pro-1.1', '0.04', 'pixels'),
  'bfl/flux-dev': flux1('flux-dev', '0.025', 'pixels'),
};

/** Dollars for the first million pixels and for each further one; a reference costs as much as a further one. */
function flux2(raw: string, first: number, further: number): Served {
  const amountOf = (megapixels: number) => String(Number((first + (megapixels - 1) * further).toFixed(4)));
  const cost: CostRule = {
    per: 'job',
    unit: 'USD',
    rates: [
      { when: { maxPixels: 1_100_000 }, amount: amountOf(1) },
      { when: { maxPixels: 2_150_000 }, amount: amountOf(2) },
      { amount: amountOf(4) },
    ],
    source: 'black-forest-labs/skills, skills/bfl-api/SKILL.md',
    asOf: '2026-02-03',
  };
  return { raw, cost, size: 'free', takesReference: true };
}

function flux1(raw: string, amount: string, size: Served['size'], takesReference = false): Served {
  const source = 'Black Forest Labs pricing, read by others';
  const cost: CostRule = { per: 'job', unit: 'USD', rates: [{ amount }], source, asOf: '2026-02-03' };
  return { raw, cost, size, takesReference };
}

const idSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const textSchema = v.nullish(v.string());
const takenSchema = v.object({ id: idSchema, polling_url: textSchema, cost: v.nullish(v.number()) });
const jobSchema = v.object({
  status: textSchema,
  // Seen instead of `status`.
  state: textSchema,
  result: v.nullish(v.object({ sample: textSchema })),
  error: v.optional(v.unknown()),
  message: v.optional(v.unknown()),
  details: v.optional(v.unknown()),
});
type Job = v.InferOutput<typeof jobSchema>;
const busySchema = v.object({ retry_after: v.pipe(v.number(), v.minValue(0), v.maxValue(86_400)) });
const creditsSchema = v.object({ credits: v.number() });
const callbackSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ id: idSchema, timestamp: v.nullish(v.string()) }),
);

/**
 * `asksForCallbacks`: an order with a callback is documented to be answered without the address at which it is found, so
 * that nobody can ask after it where its region is not the nearest one. Off until a real answer has shown otherwise.
 */
export function createBfl({ asksForCallbacks = false }: { asksForCallbacks?: boolean } = {}): Provider {
  const patience = createPatience();
  return {
    id: 'bfl',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake,
    submitIsRepeatable: false,
    submit: (order, _attemptId, context) => submit(order, context, asksForCallbacks),
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    openOutput: (output, _order, context) => openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: 'https://api.bfl.ai',
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key'],
      models: MODELS,
      capabilities: { cancel: 'none', callback: asksForCallbacks ? 'signed' : 'none', hasBalance: true },
      verify,
      readCallback,
    },
  };
}

function canTake(order: Order): boolean {
  const { model, type, prompt, width, height, reference } = order;
  const served = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  if (served === undefined || type !== 'image' || prompt.length > MAX_PROMPT) return false;
  if (reference !== undefined && !served.takesReference) return false;
  switch (served.size) {
    case 'free':
      return (
        width % 16 === 0 && height % 16 === 0 && Math.min(width, height) >= 64 && width * height <= 2048 ** 2
      );
    case 'pixels':
      return [width, height].every((side) => side % 32 === 0 && side >= 256 && side <= 1440);
    case '1MP':
    case '4MP':
      return namedSizeOf(only(FLUX_SIZES, [served.size]), order) !== undefined;
  }
}

async function submit(
  order: Order,
  context: ProviderContext,
  asksForCallbacks: boolean,
): Promise<AttemptOutcome> {
  const { callbackUrl } = accountOf(context);
  const callback =
    asksForCallbacks && callbackUrl !== null
      ? { webhook_url: callbackUrl, webhook_secret: callbackSecretOf(context) }
      : {};
  const answer = await askProvider(context, {
    to: `/v1/${MODELS[order.model]?.raw}`,
    method: 'POST',
    headers: headersOf(context),
    json: { ...bodyOf(order), ...callback },
  });
  if (answer.kind !== 'answer') return unansweredSubmit(answer);
  const now = context.clock.now();
  if (answer.status !== 200) return refusalOf(answer, context);
  const taken = v.safeParse(takenSchema, answer.json);
  if (!taken.success) return { kind: 'unknown', reason: `an answer without an id: ${answer.text}` };
  const { id, polling_url: url, cost } = taken.output;
  const isTold = typeof cost === 'number' && cost >= 0 && Number.isFinite(cost);
  return {
    kind: 'pending',
    providerJobId: jobIdOf(id, url ?? '', context),
    pollAt: now + FIRST_POLL_MS,
    ...(isTold ? { cost: { amount: dollars(cost), unit: 'USD' } satisfies Cost } : {}),
  };
}

function bodyOf(order: Order): Record<string, unknown> {
  const { model, prompt, width, height, seed, reference } = order;
  const isInPixels = ['free', 'pixels'].includes(MODELS[model]?.size ?? '');
  return {
    prompt,
    output_format: 'png',
    ...(isInPixels ? { width, height } : { aspect_ratio: namedSizeOf(FLUX_SIZES, order)?.ratio }),
    ...(seed === undefined ? {} : { seed }),
    ...(reference === undefined ? {} : { input_image: Buffer.from(reference.bytes).toString('base64') }),
  };
}

/** The address at which the job is found, with the second of its order behind a `#`; else its id alone. */
function jobIdOf(id: string, text: string, context: ProviderContext): string {
  const url = URL.parse(text);
  if (url === null || !isTheirs(url, context)) return id;
  if (!url.searchParams.has('id')) url.searchParams.set('id', id);
  url.hash = String(Math.floor(context.clock.now() / 1000));
  return url.href.length <= MAX_JOB_ID ? url.href : id;
}

/** The key goes to the host that the operator has set, and to those of BFL. */
function isTheirs(url: URL, context: ProviderContext): boolean {
  if (url.origin === URL.parse(accountOf(context).baseUrl)?.origin) return true;
  return url.protocol === 'https:' && url.port === '' && url.hostname.endsWith('.bfl.ai');
}

async function poll(
  providerJobId: string,
  context: ProviderContext,
  patience: ReturnType<typeof createPatience>,
): Promise<AttemptOutcome> {
  const isId = v.safeParse(idSchema, providerJobId).success;
  const url = isId ? null : URL.parse(providerJobId);
  if (!isId && (url === null || !isTheirs(url, context))) {
    return { ...fails('provider'), reason: 'that is no address of a job' };
  }
  const ageMs =
    url === null ? Number.POSITIVE_INFINITY : context.clock.now() - Number(url.hash.slice(1)) * 1000;
  const to = isId ? `/v1/get_result?id=${providerJobId}` : providerJobId.replace(/#.*$/, '');
  const answer = await askProvider(context, { to, headers: headersOf(context) });
  if (answer.kind !== 'answer') return unansweredPoll(answer);
  const read = v.safeParse(jobSchema, answer.json);
  const status = read.success ? (read.output.status ?? read.output.state) : null;
  const pending = { kind: 'pending', providerJobId, pollAt: context.clock.now() + gapMs(ageMs) } as const;
  const isUnheardOf = answer.status === 404 || status?.toLowerCase() === 'task not found';
  if (isUnheardOf && ageMs < GRACE_MS) return pending;
  if (isUnheardOf) return { ...fails('provider'), reason: 'it knows no such task' };
  if (answer.status !== 200) return refusedPoll(answer, context.clock.now(), withoutIds(answer.text));
  if (!read.success || !status)
    return { kind: 'unreachable', reason: `an answer without a status: ${answer.text}` };
  return endingOf(status.toLowerCase(), read.output, { pending, context, patience });
}

function endingOf(
  status: string,
  job: Job,
  {
    pending,
    context,
    patience,
  }: {
    pending: AttemptOutcome & { kind: 'pending' };
    context: ProviderContext;
    patience: ReturnType<typeof createPatience>;
  },
): AttemptOutcome {
  const { providerJobId } = pending;
  switch (status) {
    case 'ready': {
      const url = job.result?.sample;
      if (url) return { kind: 'completed', providerJobId, outputs: [{ role: 'output', url }] };
      if (!patience.isOver(providerJobId)) return pending;
      return { ...fails('provider'), reason: 'it is ready and has no picture' };
    }
    case 'request moderated':
    case 'content moderated':
      return { ...rejects('content_policy_violation'), reason: status };
    case 'error':
    case 'failed': {
      const told = JSON.stringify([job.error, job.message, job.details].filter(Boolean));
      const reason = tellable(context, withoutIds(`${status}: ${told}`));
      return { ...(meaningOf(told, WORDS) ?? fails('provider')), reason };
    }
    default:
      return pending;
  }
}

function gapMs(ageMs: number): number {
  if (ageMs < 10_000) return 1000;
  return ageMs < 60_000 ? 2000 : 5000;
}

const WORDS: readonly (readonly [RegExp, Refusal])[] = [
  [/content_policy|moderat/i, rejects('content_policy_violation')],
  [
    /invalid_image|(decode|load|open|read|identify|process)\w* (the )?(input[_ ])?image/i,
    rejects('file_load_error'),
  ],
  [/insufficient credits/i, fails('balance')],
];

function refusalOf(answer: WireAnswer, context: ProviderContext): AttemptOutcome {
  const now = context.clock.now();
  const reason = withoutIds(`${answer.status}: ${answer.text}`);
  const meaning = answer.status < 500 ? meaningOf(answer.text, WORDS) : undefined;
  if (meaning !== undefined) return refused(context, meaning, { answer, reason });
  // It has no room for more, and says so in its own words.
  if (answer.status === 503 && answer.json !== undefined) {
    return refused(context, fails('provider'), { answer, reason });
  }
  const refusal = refusedSubmit(answer, now, withoutIds(answer.text));
  const busy = v.safeParse(busySchema, answer.json);
  if (refusal.kind !== 'failed' || refusal.retryAt !== undefined || !busy.success) return refusal;
  return { ...refusal, retryAt: now + Math.ceil(busy.output.retry_after * 1000) };
}

function withoutIds(text: string): string {
  return text.replaceAll(/\b(org|user)[-_][\da-z-]{8,}/gi, '…');
}

async function verify(context: ProviderContext): Promise<Verified> {
  const answer = await askProvider(context, { to: '/v1/credits', headers: headersOf(context) });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: reasonOf(answer) };
  const read = v.safeParse(creditsSchema, answer.json);
  if (answer.status === 200 && read.success) {
    const available = dollars(read.output.credits);
    return { kind: 'ok', remoteId: null, balance: { unit: 'USD', available }, slots: null };
  }
  const reason = withoutIds(`${answer.status}: ${answer.text}`);
  const isRefused = [401, 403].includes(answer.status) && answer.json !== undefined;
  return { kind: isRefused ? 'refused' : 'unreachable', reason };
}

/** A credit is a cent. */
function dollars(credits: number): string {
  return (credits / 100).toFixed(6).replace(/\.?0+$/, '');
}

/** Signed as its guide says, or with the secret itself in a header, as an older one does. */
async function readCallback({ headers, body }: Callback, context: ProviderContext): Promise<string | null> {
  const secret = callbackSecretOf(context);
  const hex = /^sha256=([\da-f]{64})$/i.exec(headers['x-bfl-signature'] ?? '')?.[1];
  const isSigned =
    hex === undefined
      ? isEqualConstantTime(headers['x-webhook-secret'] ?? '', secret)
      : isEqualConstantTime(
          Buffer.from(hex, 'hex').toString('base64'),
          hmacBase64(Buffer.from(secret), body),
        );
  const read = v.safeParse(callbackSchema, new TextDecoder().decode(body));
  if (!isSigned || !read.success) return null;
  const sentAt = Date.parse(read.output.timestamp ?? '');
  const isStale = Math.abs(context.clock.now() - sentAt) > MAX_CALLBACK_AGE_MS;
  return isStale ? null : read.output.id;
}

/** Nobody else can make it, and nothing has to be stored for it. */
function callbackSecretOf(context: ProviderContext): string {
  return hmacBase64Url(Buffer.from(keyOf(context)), 'callbacks of bfl');
}

function headersOf(context: ProviderContext): Record<string, string> {
  return { 'x-key': keyOf(context) };
}

function keyOf(context: ProviderContext): string {
  const { credential } = accountOf(context);
  return credential.kind === 'api_key' ? credential.apiKey : credential.token;
}
