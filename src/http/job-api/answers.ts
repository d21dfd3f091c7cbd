// What the Job API answers, field by field. The reference describes answers by these schemas, and the tests hold
// every real one against them.
import * as v from 'valibot';
import { JOB_TYPES, MODES } from '../../words.ts';
import { described, named } from '../annotate.ts';
import { errorTypeSchema } from '../error-body.ts';
import { JOB_STATUSES } from './schemas.ts';

const mode = described('`test` for jobs of a test key.', v.picklist(MODES));
const type = v.picklist(JOB_TYPES);
const jobId = v.string();
const model = v.pipe(v.string(), v.examples(['gpt-image-2', 'seedance-2.0-fast']));
const credits = v.pipe(v.number(), v.integer(), v.minValue(0));
const price = described(
  'The quoted price in credits: reserved now, taken when the output is stored.',
  credits,
);
const instant = v.pipe(v.string(), v.isoTimestamp());
const side = described('Pixels; null when they were not measured.', v.nullable(v.number()));
const link = described('Signed, needs no key, and works until `expiresAt`.', v.pipe(v.string(), v.url()));

const acceptedEntries = {
  ok: v.literal(true),
  jobId,
  status: v.picklist(JOB_STATUSES),
  type,
  model,
  chargedCredits: price,
  idempotentReplay: described(
    'Whether an earlier request with this key made the job. Nothing is charged again.',
    v.boolean(),
  ),
  mode,
};

export const acceptedSchema = named('AcceptedJob', v.strictObject(acceptedEntries));

const resultEntries = {
  ok: v.literal(true),
  jobId,
  status: v.literal('completed'),
  model,
  url: link,
  contentType: v.string(),
  width: side,
  height: side,
  expiresAt: described('When the links stop working; asking again gives new ones.', instant),
};

const imageResultSchema = named(
  'ImageResult',
  v.strictObject({
    ...resultEntries,
    type: v.literal('image'),
    imageUrl: described('The same as `url`.', v.string()),
  }),
);

const videoResultSchema = named(
  'VideoResult',
  v.strictObject({
    ...resultEntries,
    type: v.literal('video'),
    videoUrl: described('The same as `url`.', v.string()),
    previewUrl: described('A still image of the video, where there is one.', v.nullable(v.string())),
    duration: described('Seconds; null when they were not measured.', v.nullable(v.number())),
    hasAudio: v.boolean(),
  }),
);

export const resultSchema = named('JobResult', v.variant('type', [imageResultSchema, videoResultSchema]));

export const pendingResultSchema = named(
  'PendingResult',
  v.strictObject({ ok: v.literal(true), jobId, status: v.literal('processing') }),
);

const jobErrorSchema = named(
  'JobError',
  v.strictObject({ code: errorTypeSchema, message: described('For people.', v.string()) }),
);
const jobError = described('Why the job failed; null when it did not.', v.nullable(jobErrorSchema));

/** A generate answer after `Prefer: wait`, when the job ended in time. */
export const endedSchema = named(
  'EndedJob',
  v.strictObject({
    ...acceptedEntries,
    result: described(
      'What a completed job has made; null otherwise, and when it was deleted since.',
      v.nullable(resultSchema),
    ),
    error: jobError,
  }),
);

const requestEcho = described(
  'What was asked for, with every default filled in.',
  v.strictObject({
    prompt: v.string(),
    size: v.string(),
    quality: v.exactOptional(v.string()),
    duration: v.exactOptional(v.number()),
    motionHasAudio: v.exactOptional(v.boolean()),
    seed: v.exactOptional(v.number()),
    hasReferenceImage: v.boolean(),
  }),
);

const jobEntries = {
  jobId,
  type,
  model,
  mode,
  status: v.picklist(JOB_STATUSES),
  chargedCredits: price,
  refundedCredits: described(
    'What was given back: all of the price when the job failed or was canceled.',
    credits,
  ),
  request: requestEcho,
  metadata: v.record(v.string(), v.string()),
  error: jobError,
  createdAt: instant,
  updatedAt: instant,
  completedAt: described('When the job ended, whichever way.', v.nullable(instant)),
};

export const jobSchema = named(
  'Job',
  v.strictObject({
    ok: v.literal(true),
    ...jobEntries,
    queuePosition: described(
      'How many jobs wait ahead of this one, 1000 at most; only while it waits itself.',
      v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    ),
  }),
);

export const jobListSchema = named(
  'JobList',
  v.strictObject({
    ok: v.literal(true),
    jobs: v.array(named('ListedJob', v.strictObject(jobEntries))),
    nextCursor: described('Send it as `cursor` for the next page; null on the last.', v.nullable(v.string())),
  }),
);

export const uploadSchema = named(
  'Upload',
  v.strictObject({
    ok: v.literal(true),
    uploadId: described('To be sent as `referenceImage`, or as its `uploadId`.', v.string()),
    contentType: v.string(),
    bytes: described('What is left of the file without its metadata.', v.number()),
    width: v.number(),
    height: v.number(),
    mode,
    createdAt: instant,
    expiresAt: described('Until when orders may name it. Orders that did keep what they need.', instant),
  }),
);

export const estimateSchema = named('Estimate', v.strictObject({ ok: v.literal(true), credits }));

const modelSchema = v.strictObject({
  id: model,
  name: v.string(),
  type,
  sizes: described(
    'Pixels of each size.',
    v.record(v.string(), v.strictObject({ width: v.number(), height: v.number() })),
  ),
  qualities: described('Null when the model has none to choose from.', v.nullable(v.array(v.string()))),
  durations: described(
    'Seconds; null for images.',
    v.nullable(v.strictObject({ min: v.number(), max: v.number(), default: v.number() })),
  ),
  pricing: v.strictObject({
    per: v.picklist(['job', 'second']),
    rates: described(
      'The first rate whose `when` equals the request counts.',
      v.array(
        v.strictObject({
          when: v.record(v.string(), v.union([v.string(), v.boolean()])),
          credits: v.number(),
        }),
      ),
    ),
  }),
});

export const modelListSchema = named(
  'ModelList',
  v.strictObject({ ok: v.literal(true), models: v.array(named('Model', modelSchema)) }),
);
