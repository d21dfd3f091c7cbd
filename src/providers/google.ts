// Google: the Gemini API. Veo makes films as operations that are asked after; the Gemini image models make a picture
// while we wait and answer with its bytes.
import * as v from 'valibot';
import type {
  AttemptOutcome,
  CostRule,
  Order,
  Provider,
  ProviderContext,
  ServedModel,
  Verified,
} from './provider.ts';
import {
  FILM_SIZES,
  namedSizeOf,
  NANO_BANANA_PRO_SIZES,
  NANO_BANANA_SIZES,
  only,
  type SizeTable,
} from './sizes.ts';
import {
  accountOf,
  askProvider,
  createPatience,
  fails,
  meaningOf,
  openLink,
  oneLine,
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

/** It thinks before it draws, and draws up to 16 million pixels. */
const IMAGE_MS = 180_000;
const KEEP_MS = 20_000;
const VIDEO_MS = 60_000;
const MAX_IMAGE_ANSWER_BYTES = 96 * 1024 * 1024;
const [FIRST_POLL_MS, POLL_GAP_MS] = [15_000, 10_000];
const HOST = 'generativelanguage.googleapis.com';
const MAX_PROMPT = 32_000;

type Served = ServedModel & {
  type: Order['type'];
  sizes: SizeTable;
  /** Whether it is told one of several resolutions. */
  hasImageSize?: boolean;
};

const [PIXELS_720, PIXELS_1080] = [1280 * 720, 1920 * 1080];
const MODELS: Readonly<Record<string, Served>> = {
  'google/veo-3.1': veo('veo-3.1-generate-preview', ['0.4', '0.4', '0.6']),
  'google/veo-3.1-fast': veo('veo-3.1-fast-generate-preview', ['0.1', '0.12', '0.3']),
  'google/veo-3.1-lite': veo('veo-3.1-lite-generate-preview', ['0.05', '0.08']),
  'google/nano-banana-2.1': gemini('gemini-nano-banana-2.1', [
    { when: { maxPixels: 1_600_000 }, amount: '0.034' },
  ]),
  'google/nano-banana-pro': gemini('gemini-3-pro-image', [
    { when: { maxPixels: 6_000_000 }, amount: '0.134' },
    { amount: '0.24' },
  ]),
  'google/nano-banana-2': gemini('gemini-3.1-flash-image', [
    { when: { maxPixels: 1_600_000 }, amount: '0.067' },
  ]),
  'google/nano-banana-2-lite': {
    ...gemini('gemini-3.1-flash-lite-image', []),
    sizes: only(NANO_BANANA_PRO_SIZES, ['1K']),
    hasImageSize: false,
  },
  'google/nano-banana': {
    ...gemini('gemini-2.5-flash-image', [{ amount: '0.039' }]),
    sizes: NANO_BANANA_SIZES,
    hasImageSize: false,
  },
};

/** Dollars for a second at 720p, 1080p and, where it goes so far, 4k. */
function veo(raw: string, [small, full, huge]: readonly [string, string, string?]): Served {
  const rates = [
    { when: { maxPixels: PIXELS_720 }, amount: small },
    { when: { maxPixels: PIXELS_1080 }, amount: full },
    ...(huge === undefined ? [] : [{ amount: huge }]),
  ];
  const cost: CostRule = {
    per: 'second',
    unit: 'USD',
    rates,
    source: 'Gemini API pricing',
    asOf: '2026-10-01',
  };
  const resolutions = huge === undefined ? ['720p', '1080p'] : ['720p', '1080p', '4k'];
  return { raw, cost, type: 'video', sizes: only(FILM_SIZES, resolutions, ['16:9', '9:16']) };
}

function gemini(raw: string, rates: CostRule['rates']): Served {
  const source = 'Gemini API pricing, read by others';
  const cost: CostRule | null =
    rates.length === 0 ? null : { per: 'job', unit: 'USD', rates, source, asOf: '2026-10-01' };
  return { raw, cost, type: 'image', sizes: NANO_BANANA_PRO_SIZES, hasImageSize: true };
}

const NAME = /^(models\/[\w.-]{1,100}\/)?operations\/[\w.-]{1,80}$/;
const textSchema = v.nullish(v.string());
const startedSchema = v.object({ name: v.pipe(v.string(), v.regex(NAME)) });
const operationSchema = v.object({
  name: textSchema,
  done: v.nullish(v.boolean()),
  error: v.nullish(v.object({ code: v.nullish(v.number()), message: textSchema, status: textSchema })),
  response: v.nullish(
    v.object({
      generateVideoResponse: v.nullish(
        v.object({
          generatedSamples: v.nullish(v.array(v.object({ video: v.nullish(v.object({ uri: textSchema })) }))),
          raiMediaFilteredCount: v.nullish(v.number()),
          raiMediaFilteredReasons: v.nullish(v.array(v.string())),
        }),
      ),
    }),
  ),
});
type Operation = v.InferOutput<typeof operationSchema>;
const partSchema = v.object({
  thought: v.nullish(v.boolean()),
  inlineData: v.nullish(v.object({ mimeType: textSchema, data: v.string() })),
});
const contentSchema = v.object({
  candidates: v.nullish(
    v.array(
      v.object({
        content: v.nullish(v.object({ parts: v.nullish(v.array(partSchema)) })),
        finishReason: textSchema,
      }),
    ),
  ),
  promptFeedback: v.nullish(v.object({ blockReason: textSchema })),
  responseId: textSchema,
});
const errorSchema = v.object({
  error: v.object({
    message: textSchema,
    status: textSchema,
    details: v.nullish(v.array(v.unknown())),
  }),
});
const modelsSchema = v.object({ models: v.array(v.unknown()) });

export function createGoogle(): Provider {
  const patience = createPatience();
  return {
    id: 'google',
    modes: ['live'],
    serves: (model) => Object.hasOwn(MODELS, model),
    canTake,
    submitIsRepeatable: false,
    submitTimeoutMs: IMAGE_MS + KEEP_MS,
    submit: (order, attemptId, context) =>
      order.type === 'video' ? startFilm(order, context) : makePicture(order, attemptId, context),
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    openOutput: (output, _order, context) =>
      openLink(context, output.url, { hosts: [HOST], headers: headersOf(context), mayLeave: true }),
    upstream: {
      baseUrl: `https://${HOST}/v1beta`,
      outputHosts: [HOST],
      credentials: ['api_key'],
      models: MODELS,
      capabilities: { cancel: 'none', callback: 'none', hasBalance: false },
      verify,
    },
  };
}

function canTake(order: Order): boolean {
  const { model, type, prompt, durationSeconds = 0, seed } = order;
  const served = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  const size = served && namedSizeOf(served.sizes, order);
  if (served?.type !== type || size === undefined || prompt.length > MAX_PROMPT) return false;
  if (type === 'image') return true;
  // Films are made from a seed in the other one of Google's two clouds.
  if (seed !== undefined) return false;
  return durationSeconds === 8 || (size.resolution === '720p' && [4, 6].includes(durationSeconds));
}

async function startFilm(order: Order, context: ProviderContext): Promise<AttemptOutcome> {
  const { prompt, reference, durationSeconds } = order;
  const served = MODELS[order.model];
  const size = served && namedSizeOf(served.sizes, order);
  const image = reference && {
    bytesBase64Encoded: base64Of(reference.bytes),
    mimeType: reference.contentType,
  };
  const answer = await askProvider(context, {
    to: `/models/${served?.raw}:predictLongRunning`,
    method: 'POST',
    headers: headersOf(context),
    json: {
      instances: [{ prompt, ...(image === undefined ? {} : { image }) }],
      parameters: { aspectRatio: size?.ratio, resolution: size?.resolution, durationSeconds, sampleCount: 1 },
    },
    deadlineMs: VIDEO_MS,
  });
  if (answer.kind !== 'answer') return unansweredSubmit(answer);
  if (answer.status !== 200) return refusalOf(answer, context);
  const started = v.safeParse(startedSchema, answer.json);
  if (!started.success) return { kind: 'unknown', reason: `an answer without an operation: ${answer.text}` };
  const pollAt = context.clock.now() + FIRST_POLL_MS;
  return { kind: 'pending', providerJobId: started.output.name, pollAt };
}

async function makePicture(
  order: Order,
  attemptId: string,
  context: ProviderContext,
): Promise<AttemptOutcome> {
  const { prompt, reference, seed } = order;
  const served = MODELS[order.model];
  const size = served && namedSizeOf(served.sizes, order);
  const inlineData = reference && { mimeType: reference.contentType, data: base64Of(reference.bytes) };
  const imageSize = served?.hasImageSize ? { imageSize: size?.resolution } : {};
  const answer = await askProvider(context, {
    to: `/models/${served?.raw}:generateContent`,
    method: 'POST',
    headers: headersOf(context),
    json: {
      contents: [
        { role: 'user', parts: [{ text: prompt }, ...(inlineData === undefined ? [] : [{ inlineData }])] },
      ],
      generationConfig: {
        responseModalities: ['TEXT', 'IMAGE'],
        imageConfig: { aspectRatio: size?.ratio, ...imageSize },
        ...(seed === undefined ? {} : { seed }),
      },
    },
    maxBytes: MAX_IMAGE_ANSWER_BYTES,
    deadlineMs: IMAGE_MS,
  });
  if (answer.kind !== 'answer') return unansweredSubmit(answer);
  if (answer.status !== 200) return refusalOf(answer, context);
  return pictureOf(answer, attemptId, context);
}

/** Why it ends without a picture where the content is the reason. */
const REFUSED_CONTENT = /SAFETY|PROHIBITED_CONTENT|BLOCKLIST|SPII|RECITATION/;

async function pictureOf(
  answer: WireAnswer,
  attemptId: string,
  context: ProviderContext,
): Promise<AttemptOutcome> {
  const content = v.safeParse(contentSchema, answer.json);
  const { candidates, promptFeedback, responseId } = content.success ? content.output : {};
  if (promptFeedback?.blockReason) {
    return { ...rejects('content_policy_violation'), reason: `the prompt: ${promptFeedback.blockReason}` };
  }
  if (!candidates) return { kind: 'unknown', reason: `an answer without a candidate: ${answer.text}` };
  const parts = candidates.flatMap((candidate) => candidate.content?.parts ?? []);
  const drawn = parts.find(({ thought, inlineData }) => thought !== true && inlineData)?.inlineData;
  const bytes = Buffer.from(drawn?.data ?? '', 'base64');
  if (bytes.length > 0) {
    const output = await context.keep('output', new Uint8Array(bytes));
    const isTellable = /^[\w-]{1,200}$/.test(responseId ?? '');
    return { kind: 'completed', providerJobId: (isTellable && responseId) || attemptId, outputs: [output] };
  }
  const why = candidates[0]?.finishReason ?? 'no reason';
  const refusal = REFUSED_CONTENT.test(why) ? rejects('content_policy_violation') : fails('provider');
  return { ...refusal, reason: oneLine(`no picture: ${why}`) };
}

async function poll(
  providerJobId: string,
  context: ProviderContext,
  patience: ReturnType<typeof createPatience>,
): Promise<AttemptOutcome> {
  if (!NAME.test(providerJobId)) return { ...fails('provider'), reason: 'that is no name of an operation' };
  const answer = await askProvider(context, { to: `/${providerJobId}`, headers: headersOf(context) });
  if (answer.kind !== 'answer') return unansweredPoll(answer);
  if (answer.status !== 200) {
    const { said, retryAt } = errorOf(answer, context);
    const refusal = refusedPoll(answer, context.clock.now(), said);
    return refusal.kind === 'unreachable' && retryAt !== undefined ? { ...refusal, retryAt } : refusal;
  }
  const read = v.safeParse(operationSchema, answer.json);
  if (!read.success) return { kind: 'unreachable', reason: `an answer without an operation: ${answer.text}` };
  return endingOf(read.output, { providerJobId, context, patience });
}

function endingOf(
  operation: Operation,
  job: { providerJobId: string; context: ProviderContext; patience: ReturnType<typeof createPatience> },
): AttemptOutcome {
  const { providerJobId, context, patience } = job;
  const pending = { kind: 'pending', providerJobId, pollAt: context.clock.now() + POLL_GAP_MS } as const;
  const { done, error, response } = operation;
  if (done !== true) return pending;
  if (error) {
    const said = tellable(context, withoutIds(`${error.status ?? error.code}: ${error.message ?? ''}`));
    const isOurs = error.code === 3 || error.code === 400;
    const meaning = meaningOf(said, WORDS) ?? (isOurs ? rejects('invalid_input') : fails('provider'));
    return { ...meaning, reason: said };
  }
  const made = response?.generateVideoResponse;
  const url = linkOf(made?.generatedSamples?.[0]?.video?.uri ?? '');
  if (url !== null) return { kind: 'completed', providerJobId, outputs: [{ role: 'output', url }] };
  if ((made?.raiMediaFilteredCount ?? 0) > 0) {
    const reason = oneLine(`filtered: ${(made?.raiMediaFilteredReasons ?? []).join(' ')}`);
    return { ...rejects('content_policy_violation'), reason };
  }
  if (!patience.isOver(providerJobId)) return pending;
  return { ...fails('provider'), reason: 'it is done and has no film' };
}

/** A key never stands in what is stored. */
function linkOf(uri: string): string | null {
  const url = URL.parse(uri);
  if (url === null) return null;
  url.searchParams.delete('key');
  return url.href;
}

/** The first that fits; a status is a word, and one word has several reasons. */
const WORDS: readonly (readonly [RegExp, Refusal])[] = [
  [/API_KEY_|api key (not valid|expired|not found)|UNAUTHENTICATED/i, fails('credential')],
  [/credits are depleted|prepayment/i, fails('balance')],
  [/RESOURCE_EXHAUSTED/, fails('rate')],
  [/BILLING_DISABLED|FAILED_PRECONDITION.*billing/i, fails('balance')],
  [/responsible ai|sensitive words|usage guidelines|safety|violat/i, rejects('content_policy_violation')],
  [/unable to (process|decode|load|read) .*image|image is not valid/i, rejects('file_load_error')],
  [/FAILED_PRECONDITION|NOT_FOUND|PERMISSION_DENIED.* model\b/, fails('model')],
  [/PERMISSION_DENIED/, fails('credential')],
  // A server that is overloaded says so before it begins.
  [/UNAVAILABLE/, fails('provider')],
];

function refusalOf(answer: WireAnswer, context: ProviderContext): AttemptOutcome {
  const { said, retryAt } = errorOf(answer, context);
  const later = retryAt === undefined ? {} : { retryAt };
  // What broke in its midst may go on; a word of its own about being busy comes before that.
  const meaning = answer.status < 500 || answer.status === 503 ? meaningOf(said ?? '', WORDS) : undefined;
  if (meaning === undefined) {
    const { json, text } = answer;
    return refusedSubmit({ ...answer, json: said && json }, context.clock.now(), said ?? text);
  }
  const refusal = refused(context, meaning, { answer, reason: `${answer.status} ${said}` });
  return refusal.kind === 'failed' ? { ...refusal, ...later } : refusal;
}

/** What an error says, undefined when it is none of Google's; and when its account may be tried again. */
function errorOf(answer: WireAnswer, context: ProviderContext): { said?: string; retryAt?: number } {
  const read = v.safeParse(errorSchema, answer.json);
  if (!read.success) return {};
  const { status, message, details } = read.output.error;
  const detail = JSON.stringify(details ?? []);
  const cause = /"reason":"(\w+)"/.exec(detail)?.[1] ?? '';
  const said = tellable(context, withoutIds([status, cause, message].filter(Boolean).join(' ')));
  const now = context.clock.now();
  if (detail.includes('PerDay')) return { said, retryAt: nextQuotaDay(now) };
  const delay = /"retryDelay":"(\d{1,9}(?:\.\d+)?)s"/.exec(detail)?.[1];
  return delay === undefined ? { said } : { said, retryAt: now + Math.ceil(Number(delay) * 1000) };
}

/** A day of a quota ends at midnight in California, in winter or summer by then. */
function nextQuotaDay(now: number): number {
  const [hour, day] = [3_600_000, 86_400_000];
  return now - ((now - 8 * hour) % day) + day;
}

function withoutIds(text: string): string {
  return text.replaceAll(/(projects?[/ :#]+|project_number:)['"]?[\w-]+/gi, '$1…');
}

async function verify(context: ProviderContext): Promise<Verified> {
  const answer = await askProvider(context, { to: '/models?pageSize=1', headers: headersOf(context) });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: reasonOf(answer) };
  if (answer.status === 200 && v.is(modelsSchema, answer.json)) {
    return { kind: 'ok', remoteId: null, balance: null, slots: null };
  }
  const { said } = errorOf(answer, context);
  const meaning = meaningOf(said ?? '', WORDS);
  const isRefused = meaning?.kind === 'failed' && meaning.fault === 'credential';
  return { kind: isRefused ? 'refused' : 'unreachable', reason: `${answer.status} ${said ?? answer.text}` };
}

function headersOf(context: ProviderContext): Record<string, string> {
  const { credential } = accountOf(context);
  return { 'x-goog-api-key': credential.kind === 'api_key' ? credential.apiKey : credential.token };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
