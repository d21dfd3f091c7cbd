// What the Job API takes and answers, field by field. The same schemas validate requests, describe them in the
// reference, and are held against real answers by the tests.
import * as v from 'valibot';
import type { Model } from '../../catalog/index.ts';
import { REFERENCE_STRENGTHS } from '../../words.ts';
import { instantText, pageQuery, waitQuery } from '../query.ts';

/** 14 MiB of base64 is what fits into a body. */
const MAX_REFERENCE_TEXT = 14 * 1024 * 1024;
const METADATA = { maxPairs: 16, maxNameLength: 64, maxValueLength: 512 } as const;

export function promptSchema(model: Model) {
  const message = `must have 1 to ${model.promptMaxLength} characters`;
  return v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, message),
    // In characters as people count them, not in UTF-16 units.
    v.check(
      (text) => text.length <= model.promptMaxLength || Array.from(text).length <= model.promptMaxLength,
      message,
    ),
    v.metadata({ maxLength: model.promptMaxLength }),
  );
}

const referenceText = v.pipe(
  v.string(),
  v.minLength(1, 'is empty'),
  v.maxLength(MAX_REFERENCE_TEXT, 'is too long'),
);

export const referenceSchema = v.union([
  referenceText,
  v.strictObject({
    imageUrl: v.exactOptional(referenceText),
    imageBase64: v.exactOptional(referenceText),
    mimeType: v.exactOptional(v.pipe(v.string(), v.maxLength(100))),
    strength: v.exactOptional(v.picklist(REFERENCE_STRENGTHS)),
  }),
]);

export const metadataSchema = v.pipe(
  v.record(
    v.pipe(
      v.string(),
      v.maxLength(METADATA.maxNameLength, `must have names of at most ${METADATA.maxNameLength} characters`),
    ),
    v.pipe(
      v.string(),
      v.maxLength(METADATA.maxValueLength, `must have at most ${METADATA.maxValueLength} characters`),
    ),
  ),
  v.maxEntries(METADATA.maxPairs, `must have at most ${METADATA.maxPairs} pairs`),
);

/** The fields that depend on the model. */
function modelEntries(model: Model) {
  const sizes = Object.keys(model.sizes);
  return { size: v.optional(v.picklist(sizes), model.defaultSize) };
}

function imageEntries(model: Model) {
  return {
    ...modelEntries(model),
    quality: v.optional(v.picklist(model.qualities ?? []), model.defaultQuality ?? ''),
  };
}

function videoEntries(model: Model) {
  const { min = 1, max = 1, default: standard = 1 } = model.durationSeconds ?? {};
  const message = `must be a whole number of seconds from ${min} to ${max}`;
  return {
    ...modelEntries(model),
    duration: v.optional(
      v.pipe(v.number(), v.integer(message), v.minValue(min, message), v.maxValue(max, message)),
      standard,
    ),
    motionHasAudio: v.optional(v.boolean(), true),
    seed: v.exactOptional(seedSchema),
  };
}

const SEED_MESSAGE = 'must be a whole number from -1 to 4294967295';
const seedSchema = v.pipe(
  v.number(),
  v.integer(SEED_MESSAGE),
  v.minValue(-1, SEED_MESSAGE),
  v.maxValue(4_294_967_295, SEED_MESSAGE),
);

const commonEntries = {
  referenceImage: v.exactOptional(referenceSchema),
  metadata: v.exactOptional(metadataSchema),
};

export function imageRequestSchema(model: Model) {
  return v.strictObject({ prompt: promptSchema(model), ...imageEntries(model), ...commonEntries });
}

export function videoRequestSchema(model: Model) {
  return v.strictObject({ prompt: promptSchema(model), ...videoEntries(model), ...commonEntries });
}

export type ImageRequest = v.InferOutput<ReturnType<typeof imageRequestSchema>>;
export type VideoRequest = v.InferOutput<ReturnType<typeof videoRequestSchema>>;

/** An estimate takes the same fields and needs none of them but the type. */
export function estimateRequestSchema(models: { image: Model; video: Model }) {
  return v.variant('type', [
    v.strictObject({
      type: v.literal('image'),
      prompt: v.exactOptional(promptSchema(models.image)),
      ...imageEntries(models.image),
      ...commonEntries,
    }),
    v.strictObject({
      type: v.literal('video'),
      prompt: v.exactOptional(promptSchema(models.video)),
      ...videoEntries(models.video),
      ...commonEntries,
    }),
  ]);
}

export const JOB_STATUSES = ['processing', 'completed', 'failed', 'canceled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export const listQuerySchema = v.strictObject({
  status: v.optional(v.picklist(JOB_STATUSES)),
  type: v.optional(v.picklist(['image', 'video'])),
  createdAfter: v.optional(instantText),
  ...pageQuery({ max: 100, standard: 20 }),
});

export const readQuerySchema = v.strictObject(waitQuery);
/** For routes without a query of their own. */
export const noQuerySchema = v.strictObject({});

const mode = v.picklist(['live', 'test']);
const type = v.picklist(['image', 'video']);
const credits = v.pipe(v.number(), v.integer(), v.minValue(0));
const instant = v.pipe(v.string(), v.isoTimestamp());
const nullableSize = v.nullable(v.number());

export const acceptedSchema = v.strictObject({
  ok: v.literal(true),
  jobId: v.string(),
  status: v.picklist(JOB_STATUSES),
  type,
  model: v.string(),
  chargedCredits: credits,
  idempotentReplay: v.boolean(),
  mode,
});

const imageResultSchema = v.strictObject({
  ok: v.literal(true),
  jobId: v.string(),
  status: v.literal('completed'),
  type: v.literal('image'),
  model: v.string(),
  url: v.string(),
  imageUrl: v.string(),
  contentType: v.string(),
  width: nullableSize,
  height: nullableSize,
  expiresAt: instant,
});

const videoResultSchema = v.strictObject({
  ok: v.literal(true),
  jobId: v.string(),
  status: v.literal('completed'),
  type: v.literal('video'),
  model: v.string(),
  url: v.string(),
  videoUrl: v.string(),
  previewUrl: v.nullable(v.string()),
  contentType: v.string(),
  width: nullableSize,
  height: nullableSize,
  duration: v.nullable(v.number()),
  hasAudio: v.boolean(),
  expiresAt: instant,
});

export const resultSchema = v.variant('type', [imageResultSchema, videoResultSchema]);

export const pendingResultSchema = v.strictObject({
  ok: v.literal(true),
  jobId: v.string(),
  status: v.literal('processing'),
});

const jobErrorSchema = v.strictObject({ code: v.string(), message: v.string() });

/** A generate answer after `Prefer: wait`, when the job ended in time. */
export const endedSchema = v.strictObject({
  ...acceptedSchema.entries,
  result: v.nullable(resultSchema),
  error: v.nullable(jobErrorSchema),
});

const requestEchoSchema = v.strictObject({
  prompt: v.string(),
  size: v.string(),
  quality: v.exactOptional(v.string()),
  duration: v.exactOptional(v.number()),
  motionHasAudio: v.exactOptional(v.boolean()),
  seed: v.exactOptional(v.number()),
  hasReferenceImage: v.boolean(),
});

const jobEntries = {
  jobId: v.string(),
  type,
  model: v.string(),
  mode,
  status: v.picklist(JOB_STATUSES),
  chargedCredits: credits,
  refundedCredits: credits,
  request: requestEchoSchema,
  metadata: v.record(v.string(), v.string()),
  error: v.nullable(jobErrorSchema),
  createdAt: instant,
  updatedAt: instant,
  completedAt: v.nullable(instant),
};

export const jobSchema = v.strictObject({
  ok: v.literal(true),
  ...jobEntries,
  queuePosition: v.exactOptional(v.number()),
});

export const jobListSchema = v.strictObject({
  ok: v.literal(true),
  jobs: v.array(v.strictObject(jobEntries)),
  nextCursor: v.nullable(v.string()),
});

export const estimateSchema = v.strictObject({ ok: v.literal(true), credits });

export const modelListSchema = v.strictObject({
  ok: v.literal(true),
  models: v.array(
    v.strictObject({
      id: v.string(),
      name: v.string(),
      type,
      sizes: v.record(v.string(), v.strictObject({ width: v.number(), height: v.number() })),
      qualities: v.nullable(v.array(v.string())),
      durations: v.nullable(v.strictObject({ min: v.number(), max: v.number(), default: v.number() })),
      pricing: v.strictObject({
        per: v.picklist(['job', 'second']),
        rates: v.array(
          v.strictObject({
            when: v.record(v.string(), v.union([v.string(), v.boolean()])),
            credits: v.number(),
          }),
        ),
      }),
    }),
  ),
});
