// What a model accepts, as data. The rules that a request is checked against are read from here by every face.
import * as v from 'valibot';
import { priceRuleSchema } from './price.ts';

const sideSchema = v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(8192));
const secondsSchema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(600));

export const modelSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/)),
  name: v.string(),
  type: v.picklist(['image', 'video']),
  /** In code points, after trimming. */
  promptMaxLength: v.pipe(v.number(), v.integer(), v.minValue(1)),
  sizes: v.record(v.string(), v.strictObject({ width: sideSchema, height: sideSchema })),
  defaultSize: v.string(),
  qualities: v.exactOptional(v.array(v.string())),
  defaultQuality: v.exactOptional(v.string()),
  durationSeconds: v.exactOptional(
    v.strictObject({ min: secondsSchema, max: secondsSchema, default: secondsSchema }),
  ),
  canHaveAudio: v.optional(v.boolean(), false),
  canSeed: v.optional(v.boolean(), false),
  /** From acceptance to the end, whatever it is. */
  deadlineSeconds: v.pipe(v.number(), v.integer(), v.minValue(10), v.maxValue(86_400)),
  /** Who serves it in live mode, in order of preference. */
  providers: v.pipe(v.array(v.string()), v.minLength(1)),
  price: priceRuleSchema,
});

export type Model = v.InferOutput<typeof modelSchema>;

/** The model's name without its lab, as the Job API prints it. */
export function modelShortName(id: string): string {
  return id.slice(id.indexOf('/') + 1);
}
