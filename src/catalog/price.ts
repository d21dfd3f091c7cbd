// What a job costs: a rule over its request, in whole credits. A request that no rate covers has no price and is
// refused, never free.
import * as v from 'valibot';
import { credits, type Credits } from '../credits.ts';
import { tierOf } from './size.ts';

const rateSchema = v.strictObject({
  when: v.exactOptional(
    v.pipe(
      v.strictObject({
        quality: v.exactOptional(v.string()),
        size: v.exactOptional(v.string()),
        resolution: v.exactOptional(
          v.pipe(v.string(), v.description('What stands behind the ratio in the name of the size.')),
        ),
        hasAudio: v.exactOptional(v.boolean()),
      }),
      v.description("The rate applies when all of these equal the request's; the first that applies counts."),
    ),
  ),
  credits: v.pipe(
    v.number(),
    v.finite(),
    v.gtValue(0),
    v.maxValue(1_000_000_000),
    v.description("Credits for one unit; a fraction is allowed, the job's price is rounded up."),
  ),
});

export const priceRuleSchema = v.pipe(
  v.strictObject({
    per: v.picklist(['job', 'second']),
    rates: v.pipe(v.array(rateSchema), v.minLength(1), v.maxLength(64)),
  }),
  v.title('PriceRule'),
);

export type PriceRule = v.InferOutput<typeof priceRuleSchema>;

/** What a price depends on. */
export type PricedRequest = {
  size: string;
  quality?: string | undefined;
  durationSeconds?: number | undefined;
  hasAudio?: boolean | undefined;
  /** How many outputs; 1 unless told. */
  count?: number | undefined;
};

/** The price in whole credits, at least 1; null when the rule has no rate for the request. */
export function priceOf(rule: PriceRule, request: PricedRequest): Credits | null {
  const rate = rule.rates.find(
    ({ when = {} }) =>
      (when.quality === undefined || when.quality === request.quality) &&
      (when.size === undefined || when.size === request.size) &&
      (when.resolution === undefined || when.resolution === tierOf(request.size)) &&
      (when.hasAudio === undefined || when.hasAudio === (request.hasAudio ?? false)),
  );
  if (rate === undefined) return null;
  const units = rule.per === 'second' ? request.durationSeconds : 1;
  const { count = 1 } = request;
  if (units === undefined || units <= 0 || count < 1) return null;
  // Rounding at nine decimals first keeps 0.1 × 30 at 3 and not at 4. Each output is rounded for itself, so that two
  // cost twice what one does.
  return credits(count * Math.max(1, Math.ceil(Number((rate.credits * units).toFixed(9)))));
}
