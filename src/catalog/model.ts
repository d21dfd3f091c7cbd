// What a model accepts, as data. The rules that a request is checked against are read from here by every face.
import * as v from 'valibot';
import { priceRuleSchema } from './price.ts';
import { ratioOf, tierOf } from './size.ts';

export const sideSchema = v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(8192));
const secondsSchema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(600));
const countSchema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100));
const dateSchema = v.pipe(v.string(), v.isoDate());
const modelIdSchema = v.pipe(v.string(), v.regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/));
/** A ratio, or a ratio and a tier: `16:9`, `16:9_720p`. */
export const sizeNameSchema = v.pipe(v.string(), v.regex(/^\d+:\d+(_[A-Za-z0-9.]+)?$/));

const durationSchema = v.strictObject({
  min: secondsSchema,
  max: secondsSchema,
  default: secondsSchema,
  /** Where not every whole number between the two is one: all that are, in order. */
  only: v.exactOptional(v.pipe(v.array(secondsSchema), v.minLength(1))),
  /** Tiers of size that are made in fewer durations. */
  at: v.exactOptional(v.record(v.string(), v.pipe(v.array(secondsSchema), v.minLength(1)))),
});

/** How many images of each role a request may bring. */
const referencesSchema = v.strictObject({
  /** Something or somebody to be seen, or a picture to be changed. */
  reference: v.exactOptional(countSchema),
  first_frame: v.exactOptional(v.literal(1)),
  last_frame: v.exactOptional(v.literal(1)),
  /** What of the first reference is to be changed. */
  mask: v.exactOptional(v.literal(1)),
});

export const modelSchema = v.strictObject({
  id: modelIdSchema,
  name: v.string(),
  type: v.picklist(['image', 'video']),
  /** In code points, after trimming. */
  promptMaxLength: v.pipe(v.number(), v.integer(), v.minValue(1)),
  sizes: v.record(sizeNameSchema, v.strictObject({ width: sideSchema, height: sideSchema })),
  defaultSize: v.string(),
  qualities: v.exactOptional(v.array(v.string())),
  defaultQuality: v.exactOptional(v.string()),
  durationSeconds: v.exactOptional(durationSchema),
  /** Whether a request chooses. */
  canHaveAudio: v.optional(v.boolean(), false),
  /** There is sound, and no choice. */
  alwaysHasAudio: v.optional(v.boolean(), false),
  canSeed: v.optional(v.boolean(), false),
  references: v.optional(referencesSchema, {}),
  /** Nothing is made without an image. */
  needsReference: v.optional(v.boolean(), false),
  /** The first is what comes when nobody asks. */
  outputFormats: v.pipe(v.array(v.picklist(['png', 'jpg', 'webp', 'mp4'])), v.minLength(1)),
  /** From acceptance to the end, whatever it is. */
  deadlineSeconds: v.pipe(v.number(), v.integer(), v.minValue(10), v.maxValue(86_400)),
  /** The first day on which nobody serves it any more, and what to take instead. */
  retirement: v.exactOptional(v.strictObject({ on: dateSchema, successor: v.exactOptional(modelIdSchema) })),
  /** Who serves it in live mode, in order of preference. */
  providers: v.pipe(v.array(v.string()), v.minLength(1)),
  price: priceRuleSchema,
});

export type Model = v.InferOutput<typeof modelSchema>;

/** The model's name without its lab, as the Job API prints it. */
export function modelShortName(id: string): string {
  return id.slice(id.indexOf('/') + 1);
}

/** The ratios of a model, each once, in the order of its sizes. */
export function ratiosOf(model: Pick<Model, 'sizes'>): string[] {
  return [...new Set(Object.keys(model.sizes).map(ratioOf))];
}

/** The tiers of a model's sizes such as `720p`, each once, in their order; none where sizes are ratios alone. */
export function tiersOf(model: Pick<Model, 'sizes'>): string[] {
  const tiers = Object.keys(model.sizes).map(tierOf);
  return [...new Set(tiers.filter((tier) => tier !== undefined))];
}

/** The seconds that can be ordered in a size, in order; none for images. */
export function durationsOf({ durationSeconds }: Pick<Model, 'durationSeconds'>, size: string): number[] {
  if (durationSeconds === undefined) return [];
  const { min, max, only, at } = durationSeconds;
  return at?.[tierOf(size) ?? ''] ?? only ?? Array.from({ length: max - min + 1 }, (_, index) => min + index);
}
