// Plans: what a customer may do per minute and at once, and how long outputs are kept.
import * as v from 'valibot';

const perMinute = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000));
const atOnce = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000));

const retentionHours = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(8760));

const limitEntries = {
  generationsPerMinute: perMinute,
  requestsPerMinute: perMinute,
  concurrentImages: atOnce,
  concurrentVideos: atOnce,
};

export const limitsSchema = v.strictObject(limitEntries);
/** What an operator may override for one customer. */
export const limitOverridesSchema = v.strictObject({
  generationsPerMinute: v.exactOptional(perMinute),
  requestsPerMinute: v.exactOptional(perMinute),
  concurrentImages: v.exactOptional(atOnce),
  concurrentVideos: v.exactOptional(atOnce),
});

export const planSettingsSchema = v.strictObject({
  ...limitEntries,
  outputRetentionHours: retentionHours,
});

/** What an operator may change of a plan. */
export const planChangeSchema = v.strictObject({
  ...limitOverridesSchema.entries,
  outputRetentionHours: v.exactOptional(retentionHours),
});

export type Limits = v.InferOutput<typeof limitsSchema>;
export type LimitOverrides = v.InferOutput<typeof limitOverridesSchema>;
export type PlanSettings = v.InferOutput<typeof planSettingsSchema>;
export type Plan = { id: string; settings: PlanSettings };

/** The limits in force: the customer's own where there are any, else the plan's. */
export function effectiveLimits(plan: PlanSettings, overrides: LimitOverrides): Limits {
  const { generationsPerMinute, requestsPerMinute, concurrentImages, concurrentVideos } = plan;
  return { generationsPerMinute, requestsPerMinute, concurrentImages, concurrentVideos, ...overrides };
}
