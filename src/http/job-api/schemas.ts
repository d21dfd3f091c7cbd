// What the Job API takes, field by field. The same schemas validate requests and describe them in the reference.
import * as v from 'valibot';
import type { Model } from '../../catalog/index.ts';
import { JOB_TYPES, REFERENCE_STRENGTHS } from '../../words.ts';
import { described, named } from '../annotate.ts';
import { instantText, pageQuery, waitQuery } from '../query.ts';

/** 14 MiB of base64 is what fits into a body. */
const MAX_REFERENCE_TEXT = 14 * 1024 * 1024;
const METADATA = { maxPairs: 16, maxNameLength: 64, maxValueLength: 512 } as const;

function promptSchema(model: Model) {
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
    v.metadata({ maxLength: model.promptMaxLength, description: 'What the picture or film shows.' }),
  );
}

const referenceText = v.pipe(
  v.string(),
  v.minLength(1, 'is empty'),
  v.maxLength(MAX_REFERENCE_TEXT, 'is too long'),
);

const referenceSchema = named(
  'ReferenceImage',
  v.union([
    described(
      'The same as an object with `imageUrl` alone; the id of an upload may stand here too.',
      referenceText,
    ),
    v.strictObject({
      imageUrl: described(
        'A public `https` address or a data URL of a PNG, JPEG or WebP image of at most 10 MiB.',
        v.exactOptional(referenceText),
      ),
      imageBase64: described(
        'The bytes of the image in base64, instead of `imageUrl`.',
        v.exactOptional(referenceText),
      ),
      uploadId: described(
        'What `POST /v1/uploads` has answered, instead of `imageUrl`.',
        v.exactOptional(v.pipe(v.string(), v.maxLength(100))),
      ),
      mimeType: described(
        'The type of the bytes in `imageBase64`; it must be the true one.',
        v.exactOptional(v.pipe(v.string(), v.maxLength(100))),
      ),
      strength: described(
        'How closely the output follows the image; `MID` when it is absent.',
        v.exactOptional(v.picklist(REFERENCE_STRENGTHS)),
      ),
    }),
  ]),
);

const metadataSchema = named(
  'Metadata',
  v.pipe(
    v.record(
      v.pipe(
        v.string(),
        v.maxLength(
          METADATA.maxNameLength,
          `must have names of at most ${METADATA.maxNameLength} characters`,
        ),
      ),
      v.pipe(
        v.string(),
        v.maxLength(METADATA.maxValueLength, `must have at most ${METADATA.maxValueLength} characters`),
      ),
    ),
    v.maxEntries(METADATA.maxPairs, `must have at most ${METADATA.maxPairs} pairs`),
    v.description(
      'Labels of your own. They come back with the job and are no part of the idempotency check.',
    ),
  ),
);

/** The fields that depend on the model. */
function modelEntries(model: Model) {
  const sizes = Object.keys(model.sizes);
  return {
    size: described(
      'Ratio and tier of the output; `GET /v1/models` gives the pixels.',
      v.optional(v.picklist(sizes), model.defaultSize),
    ),
  };
}

function imageEntries(model: Model) {
  return {
    ...modelEntries(model),
    quality: described(
      'A higher quality costs more.',
      v.optional(v.picklist(model.qualities ?? []), model.defaultQuality ?? ''),
    ),
  };
}

function videoEntries(model: Model) {
  const { min = 1, max = 1, default: standard = 1 } = model.durationSeconds ?? {};
  const message = `must be a whole number of seconds from ${min} to ${max}`;
  return {
    ...modelEntries(model),
    duration: described(
      'Seconds.',
      v.optional(
        v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message)),
        standard,
      ),
    ),
    motionHasAudio: described('Whether the video has sound.', v.optional(v.boolean(), true)),
    seed: described(
      'The same seed and request give a similar output; -1 is a random seed.',
      v.exactOptional(seedSchema),
    ),
  };
}

const SEED_MESSAGE = 'must be a whole number from -1 to 4294967295';
const seedSchema = v.pipe(
  v.number(SEED_MESSAGE),
  v.integer(SEED_MESSAGE),
  v.minValue(-1, SEED_MESSAGE),
  v.maxValue(4_294_967_295, SEED_MESSAGE),
);

const commonEntries = {
  referenceImage: v.exactOptional(referenceSchema),
  metadata: v.exactOptional(metadataSchema),
};

export function imageRequestSchema(model: Model) {
  return named(
    'ImageRequest',
    v.strictObject({ prompt: promptSchema(model), ...imageEntries(model), ...commonEntries }),
  );
}

export function videoRequestSchema(model: Model) {
  return named(
    'VideoRequest',
    v.strictObject({ prompt: promptSchema(model), ...videoEntries(model), ...commonEntries }),
  );
}

export type ImageRequest = v.InferOutput<ReturnType<typeof imageRequestSchema>>;
export type VideoRequest = v.InferOutput<ReturnType<typeof videoRequestSchema>>;

/** An estimate takes the same fields and needs none of them but the type. */
export function estimateRequestSchema(models: { image: Model; video: Model }) {
  return v.variant('type', [
    named(
      'ImageEstimate',
      v.strictObject({
        type: v.literal('image'),
        prompt: v.exactOptional(promptSchema(models.image)),
        ...imageEntries(models.image),
        ...commonEntries,
      }),
    ),
    named(
      'VideoEstimate',
      v.strictObject({
        type: v.literal('video'),
        prompt: v.exactOptional(promptSchema(models.video)),
        ...videoEntries(models.video),
        ...commonEntries,
      }),
    ),
  ]);
}

export const JOB_STATUSES = ['processing', 'completed', 'failed', 'canceled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export const listQuerySchema = v.strictObject({
  status: described('Only jobs in this status.', v.optional(v.picklist(JOB_STATUSES))),
  type: described('Only jobs of this type.', v.optional(v.picklist(JOB_TYPES))),
  createdAfter: described('Only jobs accepted after this instant.', v.optional(instantText)),
  ...pageQuery({ max: 100, standard: 20 }),
});

export const jobParams = v.strictObject({
  jobId: v.pipe(
    v.string(),
    v.description('The `jobId` of the answer that accepted the job.'),
    v.examples(['job_01m7xyqn02e3fa7ae8dqfy7sce']),
  ),
});

export const readQuerySchema = v.strictObject(waitQuery);
/** For routes without a query of their own. */
export const noQuerySchema = v.strictObject({});
