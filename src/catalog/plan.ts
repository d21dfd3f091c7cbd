// Plans: what a customer may do per minute and at once, and how long outputs are kept.
import * as v from 'valibot';

const perMinute = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000));
const atOnce = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000));

const retentionHours = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(8760),
  v.description('How long outputs are kept, in hours.'),
);

const limitEntries = {
  generationsPerMinute: v.pipe(perMinute, v.description('Jobs accepted in any 60 seconds, over all keys.')),
  requestsPerMinute: v.pipe(perMinute, v.description('Requests in any 60 seconds, over all keys.')),
  concurrentImages: v.pipe(atOnce, v.description('Images in flight at once.')),
  concurrentVideos: v.pipe(atOnce, v.description('Videos in flight at once.')),
};

export const limitsSchema = v.strictObject(limitEntries);
/** What an operator may override for one customer. */
export const limitOverridesSchema = v.strictObject({
  generationsPerMinute: v.exactOptional(limitEntries.generationsPerMinute),
  requestsPerMinute: v.exactOptional(limitEntries.requestsPerMinute),
  concurrentImages: v.exactOptional(limitEntries.concurrentImages),
  concurrentVideos: v.exactOptional(limitEntries.concurrentVideos),
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
