// POST /v1/images/generate and /v1/videos/generate: from a request of this dialect to an accepted job.
import { Elysia } from 'elysia';
import type { Model } from '../../catalog/index.ts';
import { assert, type ErrorCode } from '../../errors.ts';
import { fingerprintOf } from '../../idempotency/index.ts';
import { isEnded, type JobInput } from '../../jobs/index.ts';
import { parseReference } from '../../media/index.ts';
import { MAX_IMAGE_BODY_BYTES } from '../body.ts';
import { exchangeOf, principalOf } from '../exchange.ts';
import { preferredWaitSeconds } from '../query.ts';
import { acceptedSchema, endedSchema } from './answers.ts';
import { acceptedExample, endedExample, imageRequestExample, videoRequestExample } from './examples.ts';
import { fixedModels, TAG, type JobApiParts } from './parts.ts';
import { renderAccepted, renderJobError, statusOf } from './render.ts';
import { findResultOf } from './results.ts';
import {
  imageRequestSchema,
  noQuerySchema,
  videoRequestSchema,
  type ImageRequest,
  type VideoRequest,
} from './schemas.ts';
import { JSON_TYPE } from '../json-text.ts';

const ERRORS: ErrorCode[] = [
  'invalid_input',
  'idempotency_key_conflict',
  'rate_limit_exceeded',
  'concurrency_limit_exceeded',
  'provider_unavailable',
  'insufficient_credits',
  'invalid_reference_image',
  'unsupported_file_format',
  'file_size_exceeded',
  'file_too_small',
  'file_too_large',
  'file_load_error',
  'service_unavailable',
];

const WAIT_HEADERS = { 'Preference-Applied': 'The wait that was granted, such as `wait=30`.' };

export function generateRoutes(parts: JobApiParts) {
  const { route, catalog } = parts;
  const models = fixedModels(catalog);
  return new Elysia()
    .post(
      '/v1/images/generate',
      ({ request, body }) =>
        submit(parts, request, { model: models.image, body, input: imageInput(models.image, body) }),
      {
        ...route.withBody(declaration('image')),
        body: imageRequestSchema(models.image),
        query: noQuerySchema,
      },
    )
    .post(
      '/v1/videos/generate',
      ({ request, body }) =>
        submit(parts, request, { model: models.video, body, input: videoInput(models.video, body) }),
      {
        ...route.withBody(declaration('video')),
        body: videoRequestSchema(models.video),
        query: noQuerySchema,
      },
    );
}

function declaration(type: 'image' | 'video') {
  return {
    operationId: type === 'image' ? 'generateImage' : 'generateVideo',
    tag: TAG,
    summary: type === 'image' ? 'Make an image' : 'Make a video',
    description:
      'Accepts a job durably and reserves its price. The same request with the same `Idempotency-Key` finds the same ' +
      'job again and never pays twice. With `Prefer: wait=N` the answer comes when the job ends, after N seconds (60 ' +
      'at most) if it does not, and carries the result.',
    access: { kind: 'customer', scope: 'generation:write', dialect: 'job', window: 'generations' },
    idempotencyKey: 'required',
    maxBodyBytes: MAX_IMAGE_BODY_BYTES,
    requestHeaders: {
      Prefer: { description: 'Waits up to N seconds for the end of the job.', example: 'wait=30' },
    },
    requestExample: type === 'image' ? imageRequestExample : videoRequestExample,
    answers: {
      202: {
        description: 'The job was accepted; it is not done yet.',
        schema: acceptedSchema,
        example: acceptedExample(type),
        headers: WAIT_HEADERS,
      },
      200: {
        description: 'The job ended while the request waited (`Prefer: wait`).',
        schema: endedSchema,
        example: endedExample(type),
        headers: WAIT_HEADERS,
      },
    },
    errors: ERRORS,
  } as const;
}

function imageInput(model: Model, { prompt, size, quality }: ImageRequest): Omit<JobInput, 'reference'> {
  return { prompt, size, ...pixelsOf(model, size), quality };
}

function videoInput(model: Model, body: VideoRequest): Omit<JobInput, 'reference'> {
  const { prompt, size, duration, motionHasAudio, seed } = body;
  return {
    prompt,
    size,
    ...pixelsOf(model, size),
    durationSeconds: duration,
    hasAudio: motionHasAudio,
    ...(seed === undefined ? {} : { seed }),
  };
}

export function pixelsOf(model: Model, size: string): { width: number; height: number } {
  const pixels = model.sizes[size];
  assert(pixels !== undefined, 'a validated size is one of the model');
  return pixels;
}

type Submission = {
  model: Model;
  body: ImageRequest | VideoRequest;
  input: Omit<JobInput, 'reference'>;
};

async function submit(
  parts: JobApiParts,
  request: Request,
  { model, body, input }: Submission,
): Promise<Response> {
  const exchange = exchangeOf(request);
  const principal = principalOf(request);
  assert(exchange.idempotencyKey !== null, 'the route requires an idempotency key');
  try {
    const submitted = await parts.jobs.submit(principal, {
      model,
      input,
      reference: body.referenceImage === undefined ? null : parseReference(body.referenceImage),
      metadata: body.metadata ?? {},
      requestId: exchange.requestId,
      idempotency: {
        key: exchange.idempotencyKey,
        fingerprint: fingerprint(exchange.route, exchange.rawBody),
      },
      answer: (job) => ({ status: 202, body: JSON.stringify(renderAccepted(job)) }),
    });
    exchange.isReplay = submitted.isReplay;
    return await answer(parts, request, submitted);
  } finally {
    exchange.rate = await parts.limits.generationState(parts.db.read, principal.customerId, principal.limits);
  }
}

/** The customer's own labels are no part of what is ordered. */
function fingerprint(route: string, rawBody: unknown): string {
  const { metadata: _, ...ordered } = rawBody as Record<string, unknown>;
  return fingerprintOf({ method: 'POST', route, body: ordered });
}

async function answer(
  parts: JobApiParts,
  request: Request,
  submitted: { jobId: string; status: number; body: string; isReplay: boolean },
): Promise<Response> {
  const headers = new Headers({
    'content-type': JSON_TYPE,
    'cache-control': 'no-store',
  });
  if (submitted.isReplay) headers.set('idempotency-replayed', 'true');
  const waitSeconds = preferredWaitSeconds(request);
  if (waitSeconds === 0 && !submitted.isReplay)
    return new Response(submitted.body, { status: submitted.status, headers });
  const accepted = { ...(JSON.parse(submitted.body) as object), idempotentReplay: submitted.isReplay };
  if (waitSeconds === 0) return new Response(JSON.stringify(accepted), { status: submitted.status, headers });

  headers.set('preference-applied', `wait=${waitSeconds}`);
  exchangeOf(request).keepOpen(waitSeconds);
  const job = await parts.jobs.waitForEnd(principalOf(request), submitted.jobId, waitSeconds * 1000);
  if (!isEnded(job.state))
    return new Response(JSON.stringify(accepted), { status: submitted.status, headers });
  const ended = {
    ...accepted,
    status: statusOf(job.state),
    result: job.state === 'completed' ? await findResultOf(parts, job) : null,
    error: renderJobError(job),
  };
  return new Response(JSON.stringify(ended), { status: 200, headers });
}
