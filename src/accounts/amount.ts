// Amounts of providers' money: millionths of a unit, as whole numbers, so that they can be added and compared in the
// database.
import type { Cost, Estimate } from '../providers/index.ts';

export type Unit = Cost['unit'];
export type Amount = Estimate;

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
