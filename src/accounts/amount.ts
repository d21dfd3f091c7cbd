// Amounts of providers' money: millionths of a unit, as whole numbers, so that they can be added and compared in the
// database. What an order will probably cost is worked out here.
import type { Cost, CostRule, Order } from '../providers/index.ts';

export type Unit = Cost['unit'];
/** `micros` are millionths of the unit. */
export type Amount = { micros: number; unit: Unit };

const MICROS = 1_000_000;
/** Above it a double no longer tells two millionths apart. */
const MAX_MICROS = Number.MAX_SAFE_INTEGER;

/** A decimal, as providers write them; null for what is none. */
export function parseDecimal(text: string): number | null {
  if (!/^-?\d{1,15}(\.\d{1,18})?$/.test(text)) return null;
  const micros = Math.round(Number(text) * MICROS);
  return Math.abs(micros) <= MAX_MICROS ? micros : null;
}

export function toMicros(amount: number): number {
  return Math.round(amount * MICROS);
}

export function fromMicros(micros: number): number {
  return micros / MICROS;
}

/** What an order will cost by a provider's price list, rounded up; null when the list does not say. */
export function estimateOf(rule: CostRule | null, order: Order): Amount | null {
  const rate = rule?.rates.find(({ when = {} }) => isMet(when, order));
  if (rule === null || rate === undefined) return null;
  const each = parseDecimal(rate.amount);
  return each === null ? null : { micros: Math.ceil(each * quantityOf(rule, order)), unit: rule.unit };
}

type Condition = NonNullable<CostRule['rates'][number]['when']>;

function isMet({ quality, hasAudio, maxHeight }: Condition, order: Order): boolean {
  return (
    (quality === undefined || quality === order.quality) &&
    (hasAudio === undefined || hasAudio === (order.hasAudio ?? false)) &&
    (maxHeight === undefined || order.height <= maxHeight)
  );
}

function quantityOf({ per }: CostRule, order: Order): number {
  switch (per) {
    case 'job':
      return 1;
    case 'second':
      return order.durationSeconds ?? 1;
    case 'megapixel':
      return (order.width * order.height) / MICROS;
  }
}
