// A fake Gemini API: films as operations, pictures at once, files behind the key, as strict about a request as Google's
// own client is, and with a switch for everything that can go wrong.
import * as v from 'valibot';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { recorded } from './recording.ts';
import {
  BAD_ANSWERS,
  badAnswer,
  mediaAnswer,
  startFake,
  type BadAnswer,
  type FakeAnswer,
  type FakeRequest,
} from './server.ts';

/** Answers to a request that nothing was done for. */
const REFUSALS = {
  bad_key: 'bad-key',
  key_blocked: 'key-blocked',
  unauthenticated: 'unauthenticated',
  billing: 'billing',
  no_credits: 'no-credits',
  location: 'location',
  no_model: 'no-model',
  model_denied: 'model-denied',
  rate: 'rate-limit',
  rate_with_delay: 'rate-limit-delay',
  rate_for_the_day: 'rate-limit-day',
  moderation: 'moderation',
  bad_image: 'bad-image',
  overloaded: 'overloaded',
  error_before: 'internal',
} as const;
const POLL_ENDINGS = {
  failed: 'operation-failed',
  refused: 'operation-refused',
  invalid: 'operation-invalid',
  invalid_status: 'operation-invalid-status',
  filtered: 'operation-filtered',
  no_film: 'operation-empty',
  gone: 'no-operation',
  overloaded: 'overloaded',
  rate_with_delay: 'rate-limit-delay',
  error: 'internal',
} as const;

export type SubmitFault =
  | keyof typeof REFUSALS
  | 'reset_before'
  | 'forbidden_page'
  | 'error_after'
  | 'error_in_many_words'
  | 'deadline_after'
  | 'blocked'
  | 'unsafe'
  | 'no_image'
  | 'text_only'
  | 'thoughts'
  | BadAnswer;
export type PollFault = keyof typeof POLL_ENDINGS | 'unknown_state' | BadAnswer;

export type FakeGoogle = {
  baseUrl: string;
  origin: string;
  faults: { submit: SubmitFault | null; poll: PollFault | null; file: 'gone' | null };
  /** How many films were really begun and pictures really made. */
  accepted: number;
  /** The body of the newest order. */
  ordered: unknown;
  close(): void;
};

const mediaSchema = v.strictObject({
  bytesBase64Encoded: v.pipe(v.string(), v.base64()),
  mimeType: v.string(),
});
const filmSchema = v.strictObject({
  instances: v.strictTuple([
    v.strictObject({
      prompt: v.pipe(v.string(), v.minLength(1)),
      image: v.optional(mediaSchema),
      lastFrame: v.optional(mediaSchema),
      referenceImages: v.optional(
        v.array(v.strictObject({ image: mediaSchema, referenceType: v.literal('asset') })),
      ),
    }),
  ]),
  parameters: v.optional(
    v.strictObject({
      aspectRatio: v.optional(v.picklist(['16:9', '9:16']), '16:9'),
      resolution: v.optional(v.picklist(['720p', '1080p', '4k']), '720p'),
      durationSeconds: v.optional(v.picklist([4, 6, 8]), 8),
      negativePrompt: v.optional(v.string()),
      personGeneration: v.optional(v.picklist(['allow_all', 'allow_adult', 'dont_allow'])),
      sampleCount: v.optional(v.literal(1)),
    }),
    {},
  ),
});
const partSchema = v.union([
  v.strictObject({ text: v.string() }),
  v.strictObject({
    inlineData: v.strictObject({ mimeType: v.string(), data: v.pipe(v.string(), v.base64()) }),
  }),
]);
const RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9'] as const;
const pictureSchema = v.strictObject({
  contents: v.array(v.strictObject({ role: v.optional(v.literal('user')), parts: v.array(partSchema) })),
  generationConfig: v.strictObject({
    responseModalities: v.array(v.picklist(['TEXT', 'IMAGE'])),
    imageConfig: v.optional(
      v.strictObject({
        aspectRatio: v.optional(v.picklist(RATIOS)),
        imageSize: v.optional(v.picklist(['1K', '2K', '4K'])),
      }),
      {},
    ),
    seed: v.optional(v.pipe(v.number(), v.integer())),
  }),
});

const FILM_MODELS = new Set([
  'veo-3.1-generate-preview',
  'veo-3.1-fast-generate-preview',
  'veo-3.1-lite-generate-preview',
]);
const PICTURE_MODELS = new Set([
  'gemini-nano-banana-2.1',
  'gemini-3-pro-image',
  'gemini-3.1-flash-image',
  'gemini-3.1-flash-lite-image',
  'gemini-2.5-flash-image',
]);

/** They are told no resolution. */
const ONE_SIZE = new Set(['gemini-2.5-flash-image', 'gemini-3.1-flash-lite-image']);

type Film = { width: number; height: number; seconds: number; polls: number };

/** `pixelsOf` gives the pixels that a ratio and a resolution stand for, as the models have them. */
export async function startFakeGoogle(
  key: string,
  pixelsOf: (model: string, ratio: string, resolution: string) => readonly [number, number],
): Promise<FakeGoogle> {
  const films = new Map<string, Film>();
  const server = await startFake(answer);
  const fake: FakeGoogle = {
    baseUrl: `${server.origin}/v1beta`,
    origin: server.origin,
    faults: { submit: null, poll: null, file: null },
    accepted: 0,
    ordered: null,
    close: server.close,
  };

  function answer(request: FakeRequest): FakeAnswer {
    const { submit } = fake.faults;
    const path = request.url.pathname;
    if (request.headers.get('x-goog-api-key') !== key) return replay('bad-key');
    if (path.startsWith('/v1beta/files/') || path.startsWith('/download/')) return file(path);
    if (path.includes('/operations/')) return poll(path.slice('/v1beta/'.length));
    if (submit === 'reset_before') return 'reset';
    if (submit === 'forbidden_page') return badAnswer('html', 403);
    if (submit !== null && isRefusal(submit)) return replay(REFUSALS[submit]);
    if (path === '/v1beta/models') return isBad(submit) ? badAnswer(submit) : replay('models');
    const [, model = '', verb] = /^\/v1beta\/models\/([\w.-]+):(\w+)$/.exec(path) ?? [];
    if (request.method !== 'POST') return replay('no-model');
    if (verb === 'predictLongRunning' && FILM_MODELS.has(model)) return film(model, request);
    if (verb === 'generateContent' && PICTURE_MODELS.has(model)) return picture(model, request);
    return replay('no-model');
  }

  function film(model: string, { json }: FakeRequest): FakeAnswer {
    const order = v.safeParse(filmSchema, json);
    if (!order.success) return invalid(order.issues[0]);
    const { aspectRatio, resolution, durationSeconds } = order.output.parameters;
    const [instance] = order.output.instances;
    const isLong = resolution !== '720p' || instance.referenceImages !== undefined;
    if (isLong && durationSeconds !== 8) return replay('invalid', { message: 'durationSeconds must be 8.' });
    if (model.includes('lite') && resolution === '4k') return replay('invalid', { message: 'no 4k here.' });
    fake.accepted++;
    fake.ordered = json;
    const name = `models/${model}/operations/film-${fake.accepted}`;
    const [width, height] = pixelsOf(model, aspectRatio, resolution);
    films.set(name, { width, height, seconds: durationSeconds, polls: 0 });
    return afterAccepting() ?? replay('operation-started', { name });
  }

  function poll(name: string): FakeAnswer {
    const known = films.get(name);
    if (known === undefined) return replay('no-operation');
    const fault = fake.faults.poll;
    if (known.polls++ === 0) return replay('operation-running', { name });
    if (fault === 'unknown_state')
      return Response.json({ name, done: false, metadata: { state: 'DREAMING' } });
    if (isBad(fault)) return badAnswer(fault);
    if (fault !== null) return replay(POLL_ENDINGS[fault], { name });
    const id = name.split('/').at(-1);
    const uri = `${fake.baseUrl}/files/${id}:download?alt=media&key=${key}`;
    return replay('operation-done', { name, uri });
  }

  /** The file itself lies behind a redirect. */
  function file(path: string): FakeAnswer {
    const id = /(film-\d+)/.exec(path)?.[1] ?? '';
    const known = [...films].find(([name]) => name.endsWith(`/${id}`))?.[1];
    if (known === undefined || fake.faults.file === 'gone') return replay('no-operation');
    if (!path.startsWith('/download/')) {
      return new Response(null, { status: 302, headers: { location: `/download/${id}.mp4` } });
    }
    const { width, height, seconds } = known;
    return mediaAnswer(tinyMp4(width, height, { seconds, hasAudio: true }), 'video/mp4');
  }

  function picture(model: string, { json }: FakeRequest): FakeAnswer {
    const order = v.safeParse(pictureSchema, json);
    if (!order.success) return invalid(order.issues[0]);
    const { aspectRatio = '1:1', imageSize } = order.output.generationConfig.imageConfig;
    if (ONE_SIZE.has(model) && imageSize !== undefined) {
      return replay('invalid', { message: 'imageSize is not supported.' });
    }
    fake.accepted++;
    fake.ordered = json;
    const [width, height] = pixelsOf(model, aspectRatio, imageSize ?? '1K');
    return afterAccepting() ?? drawn(model, tinyPng(width, height), fake.faults.submit);
  }

  function afterAccepting(): FakeAnswer | null {
    const fault = fake.faults.submit;
    if (fault === 'error_after') return replay('internal');
    if (fault === 'error_in_many_words') return replay('internal-words');
    if (fault === 'deadline_after') return replay('deadline');
    return isBad(fault) ? badAnswer(fault) : null;
  }
  return fake;
}

function drawn(model: string, bytes: Uint8Array, fault: SubmitFault | null): FakeAnswer {
  if (fault === 'blocked') return replay('content-blocked', { model, blockReason: 'PROHIBITED_CONTENT' });
  const finishReason = { unsafe: 'IMAGE_SAFETY', no_image: 'NO_IMAGE', text_only: 'STOP' }[String(fault)];
  if (finishReason !== undefined) return replay('content-without-image', { model, finishReason });
  const inlineData = { mimeType: 'image/png', data: Buffer.from(bytes).toString('base64') };
  const draft = { mimeType: 'image/png', data: Buffer.from(tinyPng(16, 16)).toString('base64') };
  const thoughts = fault === 'thoughts' ? [{ thought: true, inlineData: draft }] : [];
  return replay('content', { model, parts: [...thoughts, { text: 'Here it is.' }, { inlineData }] });
}

function invalid(issue: v.BaseIssue<unknown>): FakeAnswer {
  return replay('invalid', { message: `Invalid value at '${v.getDotPath(issue) ?? 'body'}'.` });
}

function isRefusal(fault: SubmitFault): fault is keyof typeof REFUSALS {
  return Object.hasOwn(REFUSALS, fault);
}

function isBad(fault: string | null): fault is BadAnswer {
  return BAD_ANSWERS.some((bad) => bad === fault);
}

function replay(name: string, values: Readonly<Record<string, unknown>> = {}): Response {
  return recorded(`google/${name}`, values);
}
