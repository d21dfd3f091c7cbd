// What an order will probably cost us, by a provider's price list, and what is left of our price then. Estimates: what an
// order has cost stands with its attempt.
import type { Credits } from '../credits.ts';
import type { Cost, CostRule, Order } from './provider.ts';

/** `micros` are millionths of the unit. */
export type Estimate = { micros: number; unit: Cost['unit'] };

/** What a cost depends on. */
export type CostedOrder = Pick<Order, 'width' | 'height' | 'quality' | 'durationSeconds' | 'hasAudio'>;

/** What is left of a price: in thousandths of a US dollar, as a credit is worth one, and as a share of the price. */
export type Margin = { credits: number; share: number };

type Condition = NonNullable<CostRule['rates'][number]['when']>;

const MICROS = 1_000_000;
/** A credit is a thousandth of a US dollar. */
const MICROS_PER_CREDIT = 1000;

/** By the first rate whose conditions all hold, rounded up; null when the list has none, or there is no list. */
export function estimateCost(rule: CostRule | null, order: CostedOrder): Estimate | null {
  const rate = rule?.rates.find(({ when = {} }) => isMet(when, order));
  if (rule === null || rate === undefined) return null;
  // Six decimals of a millionth, before it is rounded up: 0.1 × 3 is not a millionth more than 0.3.
  const micros = Number((Number(rate.amount) * MICROS * quantityOf(rule, order)).toFixed(6));
  return { micros: Math.ceil(micros), unit: rule.unit };
}

/** Null when the cost is not known, or in a unit that nobody here can convert; `creditUsd` is `Upstream.creditUsd`. */
export function marginOf(price: Credits, cost: Estimate | null, creditUsd?: string): Margin | null {
  const usd = cost === null ? undefined : { USD: '1', credits: creditUsd, CNY: undefined }[cost.unit];
  if (cost === null || usd === undefined) return null;
  const credits = price - (cost.micros * Number(usd)) / MICROS_PER_CREDIT;
  return { credits, share: credits / price };
}

function isMet({ quality, hasAudio, maxHeight, maxPixels }: Condition, order: CostedOrder): boolean {
  return (
    (quality === undefined || quality === order.quality) &&
    (hasAudio === undefined || hasAudio === (order.hasAudio ?? false)) &&
    (maxHeight === undefined || order.height <= maxHeight) &&
    (maxPixels === undefined || order.width * order.height <= maxPixels)
  );
}

function quantityOf({ per }: CostRule, order: CostedOrder): number {
  switch (per) {
    case 'job':
      return 1;
    case 'second':
      return order.durationSeconds ?? 1;
    case 'megapixel':
      return (order.width * order.height) / MICROS;
  }
}
