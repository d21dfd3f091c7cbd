// Credits, the one unit of the ledger (20 buy a small image). Always a whole number within ±2^53; the checked
// arithmetic here is the only way amounts are combined, so that a rounding error is a crash and not a debt.
import { assert } from './errors.ts';

declare const creditsBrand: unique symbol;

/** A whole number of credits. Balances are never negative; deltas may be. */
export type Credits = number & { readonly [creditsBrand]: 'Credits' };

/** Brands a number as credits. Throws (a bug, not a refusal) for fractions, NaN and numbers past 2^53. */
export function credits(amount: number): Credits {
  assert(Number.isSafeInteger(amount), `credits must be a safe integer, got ${amount}`);
  // -0 would break equality of canonical JSON and of the ledger's hash chain.
  return (amount === 0 ? 0 : amount) as Credits;
}

export const NO_CREDITS = credits(0);

export function addCredits(a: Credits, b: Credits): Credits {
  return credits(a + b);
}

export function negateCredits(a: Credits): Credits {
  return credits(0 - a);
}
