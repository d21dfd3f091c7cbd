// OpenAI: the images API, which makes a picture while we wait and answers with its bytes. Nothing can be asked for
// afterwards: an answer that was lost is a picture that was paid for and that nobody will see.
import * as v from 'valibot';
import type {
  AttemptOutcome,
  Cost,
  CostRule,
  Order,
  Provider,
  ProviderContext,
  ServedModel,
  Verified,
} from './provider.ts';
import {
  accountOf,
  askProvider,
  fails,
  meaningOf,
  reasonOf,
  refused,
  refusedSubmit,
  rejects,
  unansweredSubmit,
  type Refusal,
  type WireAnswer,
} from './wire.ts';

/** It takes minutes over a large picture of high quality. */
const SUBMIT_MS = 240_000;
const KEEP_MS = 20_000;
/** A picture of 8 million pixels in base64, and what stands around it. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_PROMPT = 32_000;

const BASIC_QUALITIES = ['LOW', 'MEDIUM', 'HIGH'];
const MORE_QUALITIES = [...BASIC_QUALITIES, 'XHIGH', 'MAX'];
const FIXED_SIZES = ['1024x1024', '1536x1024', '1024x1536'];
const RETIRES_ON = '2026-12-01';

/** Billionths of a dollar for a token. */
type TokenPrices = { textIn: number; imageIn: number; imageOut: number };
type Served = ServedModel & {
  qualities: readonly string[];
  /** Absent where any size within the rules will do. */
  sizes?: readonly string[];
  /** Whether it can be told how closely to keep to a reference. */
  hasFidelity: boolean;
  tokens?: TokenPrices;
};

const NEWEST_TOKENS: TokenPrices = { textIn: 5000, imageIn: 8000, imageOut: 30_000 };
const MODELS: Readonly<Record<string, Served>> = {
  'openai/gpt-image-2.5-flare': newest('gpt-image-2.5-flare'),
  'openai/gpt-image-2.5-sunburst': newest('gpt-image-2.5-sunburst'),
  'openai/gpt-image-2': {
    raw: 'gpt-image-2',
    cost: byQuality(['0.006', '0.053', '0.211'], '2026-09-01'),
    qualities: BASIC_QUALITIES,
    hasFidelity: false,
    tokens: NEWEST_TOKENS,
  },
  'openai/gpt-image-1.5': {
    raw: 'gpt-image-1.5',
    cost: byQuality(['0.013', '0.05', '0.2'], '2026-10-01'),
    retiresOn: RETIRES_ON,
    qualities: BASIC_QUALITIES,
    sizes: FIXED_SIZES,
    hasFidelity: true,
  },
  'openai/gpt-image-1-mini': {
    raw: 'gpt-image-1-mini',
    cost: byQuality(['0.006', '0.015', '0.052'], '2026-10-01'),
    retiresOn: RETIRES_ON,
    qualities: BASIC_QUALITIES,
    sizes: FIXED_SIZES,
    hasFidelity: false,
    tokens: { textIn: 2000, imageIn: 2500, imageOut: 8000 },
  },
};

function newest(raw: string): Served {
  // Tokens have a price, and nobody has published how many a picture takes.
  return { raw, cost: null, qualities: MORE_QUALITIES, hasFidelity: false, tokens: NEWEST_TOKENS };
}

/** The dearest of the sizes that are listed, for low, medium and high; without what the prompt costs. */
function byQuality([low, medium, high]: readonly [string, string, string], asOf: string): CostRule {
  return {
    per: 'job',
    unit: 'USD',
    rates: [
      { when: { quality: 'LOW' }, amount: low },
      { when: { quality: 'HIGH' }, amount: high },
      { amount: medium },
    ],
    source: 'OpenAI, image generation guide: cost of an output image',
    asOf,
  };
}

const countSchema = v.pipe(v.number(), v.integer(), v.minValue(0));
const usageSchema = v.object({
  input_tokens_details: v.object({ text_tokens: countSchema, image_tokens: countSchema }),
  output_tokens: countSchema,
});
const imagesSchema = v.object({
  created: v.number(),
  data: v.nullish(v.array(v.object({ b64_json: v.nullish(v.string()) })), []),
  usage: v.optional(v.unknown()),
});
const wordSchema = v.nullish(v.union([v.string(), v.number()]));
const errorSchema = v.object({
  error: v.object({
    message: v.nullish(v.string()),
    type: wordSchema,
    param: v.optional(v.unknown()),
    code: wordSchema,
  }),
});
const listSchema = v.object({ data: v.array(v.object({ id: v.string() })) });

export function createOpenai(): Provider {
  return {
    id: 'openai',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake,
    submitIsRepeatable: false,
    submitTimeoutMs: SUBMIT_MS + KEEP_MS,
    submit,
    poll: async () => ({ ...fails('provider'), reason: 'it answers at once and keeps no jobs' }),
    openOutput: async () => {
      throw new Error('its outputs come with its answers');
    },
    upstream: {
      baseUrl: 'https://api.openai.com/v1',
      outputHosts: [],
      credentials: ['api_key'],
      models: MODELS,
      capabilities: { cancel: 'none', callback: 'none', hasBalance: false },
      verify,
    },
  };
}

function canTake(order: Order): boolean {
  const { model, type, prompt, width, height, quality, seed } = order;
  const served = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  if (served === undefined || type !== 'image' || seed !== undefined) return false;
  if (prompt.length > MAX_PROMPT) return false;
  if (quality !== undefined && !served.qualities.includes(quality)) return false;
  return served.sizes === undefined ? isFreeSize(width, height) : served.sizes.includes(`${width}x${height}`);
}

function isFreeSize(width: number, height: number): boolean {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const pixels = width * height;
  const isWhole = width % 16 === 0 && height % 16 === 0;
  return isWhole && long <= 3840 && long <= 3 * short && pixels >= 655_360 && pixels <= 8_294_400;
}

async function submit(order: Order, attemptId: string, context: ProviderContext): Promise<AttemptOutcome> {
  const fields = fieldsOf(order);
  const { reference } = order;
  const to = reference === undefined ? '/images/generations' : '/images/edits';
  const answer = await askProvider(context, {
    to,
    method: 'POST',
    headers: headersOf(context),
    ...(reference === undefined ? { json: fields } : { form: formOf(fields, reference) }),
    maxBytes: MAX_ANSWER_BYTES,
    deadlineMs: SUBMIT_MS,
  });
  if (answer.kind !== 'answer') return unansweredSubmit(answer);
  if (answer.status !== 200) return refusalOf(answer, context);
  const made = v.safeParse(imagesSchema, answer.json);
  if (!made.success) return { kind: 'unknown', reason: `an answer without a picture: ${answer.text}` };
  const bytes = Buffer.from(made.output.data?.[0]?.b64_json ?? '', 'base64');
  if (bytes.length === 0) return { ...fails('provider'), reason: 'it has made nothing' };
  const output = await context.keep('output', new Uint8Array(bytes));
  const cost = costOf(made.output.usage, MODELS[order.model]?.tokens);
  return {
    kind: 'completed',
    providerJobId: jobIdOf(answer) ?? attemptId,
    outputs: [output],
    ...(cost === null ? {} : { cost }),
  };
}

/** The texts of both encodings. */
function fieldsOf({ model, prompt, width, height, quality, reference }: Order): Record<string, string> {
  const served = MODELS[model];
  const fidelity = reference?.strength === 'HIGH' ? 'high' : 'low';
  return {
    model: served?.raw ?? '',
    prompt,
    size: `${width}x${height}`,
    output_format: 'png',
    ...(quality === undefined ? {} : { quality: quality.toLowerCase() }),
    ...(reference !== undefined && served?.hasFidelity ? { input_fidelity: fidelity } : {}),
  };
}

function formOf(fields: Record<string, string>, reference: NonNullable<Order['reference']>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const { bytes, contentType } = reference;
  const extension = contentType === 'image/jpeg' ? 'jpg' : contentType.slice('image/'.length);
  form.append('image', new Blob([bytes], { type: contentType }), `reference.${extension}`);
  return form;
}

/** Its own name of the exchange, for asking its support about it. */
function jobIdOf({ headers }: WireAnswer): string | null {
  const id = headers['x-request-id'] ?? '';
  return /^[\x21-\x7e]{1,200}$/.test(id) ? id : null;
}

function costOf(usage: unknown, prices: TokenPrices | undefined): Cost | null {
  const used = v.safeParse(usageSchema, usage);
  if (!used.success || prices === undefined) return null;
  const { input_tokens_details: input, output_tokens: output } = used.output;
  const nanos =
    input.text_tokens * prices.textIn + input.image_tokens * prices.imageIn + output * prices.imageOut;
  return { amount: (nanos / 1e9).toFixed(9).replace(/\.?0+$/, ''), unit: 'USD' };
}

/** By its code, its type and the parameter that it is about; the first that fits, whatever the status. */
const WORDS: readonly (readonly [RegExp, Refusal])[] = [
  [/moderation_blocked|content_policy_violation/, rejects('content_policy_violation')],
  [/insufficient_quota|billing_hard_limit_reached|billing_not_active/, fails('balance')],
  [/invalid_api_key|account_deactivated/, fails('credential')],
  [/model_not_found/, fails('model')],
  [/rate_limit_exceeded|slow_down/, fails('rate')],
  [/invalid_image|image_(parse|too)_|\bimage(\[\])?\b.*invalid_request_error/, rejects('file_load_error')],
];

function refusalOf(answer: WireAnswer, context: ProviderContext): AttemptOutcome {
  const { status } = answer;
  const error = v.safeParse(errorSchema, answer.json);
  if (!error.success) return refusedSubmit({ ...answer, json: undefined }, context.clock.now());
  const { message, type, param, code } = error.output.error;
  const words = [code, typeof param === 'string' ? param : '', type].filter(Boolean).join(' ');
  const reason = withoutIds(`${status} ${words}: ${message ?? ''}`);
  const refuse = (refusal: Refusal) => refused(context, refusal, { answer, reason });
  // What broke in its midst may have been made; a word of its own about being busy comes before that.
  const meaning = status < 500 ? meaningOf(words, WORDS) : undefined;
  if (meaning !== undefined) return refuse(meaning);
  if (status === 503) return refuse(fails('provider'));
  // The key is good: its organisation is not verified, or may not use the model from there.
  if (status === 403) return refuse(fails('model'));
  return refusedSubmit(answer, context.clock.now(), withoutIds(`${words}: ${message ?? ''}`));
}

/** It quotes the ends of a key, and the organisation and project that it belongs to. */
function withoutIds(text: string): string {
  return text.replaceAll(/\b(org|proj|user)-\w+|\S*\*{3,}\S*/g, '…');
}

/** The list of models costs nothing; a key that is restricted to making pictures may not read it, and works. */
async function verify(context: ProviderContext): Promise<Verified> {
  const answer = await askProvider(context, { to: '/models', headers: headersOf(context) });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: reasonOf(answer) };
  const { status } = answer;
  const works: Verified = { kind: 'ok', remoteId: null, balance: null, slots: null };
  if (status === 200 && v.is(listSchema, answer.json)) return works;
  const reason = withoutIds(`${status}: ${answer.text}`);
  const isError = v.is(errorSchema, answer.json);
  if (status === 403 && isError && /missing scopes/i.test(answer.text)) return works;
  return { kind: isError && (status === 401 || status === 403) ? 'refused' : 'unreachable', reason };
}

function headersOf(context: ProviderContext): Record<string, string> {
  const { credential } = accountOf(context);
  return { authorization: `Bearer ${credential.kind === 'api_key' ? credential.apiKey : credential.token}` };
}
