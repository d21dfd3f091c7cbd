// Choosing an account for an order: certain candidates only, then by priority, then the least loaded, then the one
// that was used longest ago. The same accounts always give the same choice. Pure.
import type { Order } from '../providers/index.ts';
import type { Instant } from '../runtime/clock.ts';
import { isCooling, type Account } from './account.ts';
import type { Amount } from './amount.ts';

export type Wanted = {
  order: Order;
  /** Null when nobody knows. */
  estimate: Amount | null;
  /** Accounts that are not to be used, by id. */
  without: readonly string[];
};

/**
 * Whether an account could do an order, now or once it is free: active, for this model, with enough on it. One that
 * cools down or has no slot left comes back by itself.
 */
export function isFit(account: Account, wanted: Wanted, now: Instant): boolean {
  const { model } = wanted.order;
  return (
    account.status === 'active' &&
    (account.expiresAt === null || account.expiresAt > now) &&
    (account.models === null || account.models.includes(model)) &&
    !account.refusedModels.includes(model) &&
    !wanted.without.includes(account.id) &&
    hasEnough(account, wanted.estimate)
  );
}

/** Whether it can do it now. */
export function isFree(account: Account, now: Instant): boolean {
  return account.slotsTaken < account.slots && !isCooling(account, now);
}

function hasEnough(account: Account, estimate: Amount | null): boolean {
  if (account.available === null) return true;
  const left = account.available - account.reserved - account.floor;
  return left > 0 && left >= expectedCharge(account, estimate);
}

/** What an order is expected to take off an account; nothing when it is counted in another unit. */
export function expectedCharge({ balanceUnit }: Account, estimate: Amount | null): number {
  return estimate !== null && estimate.unit === balanceUnit ? estimate.micros : 0;
}

/** The accounts in the order in which they are to be used. */
export function inOrder(accounts: readonly Account[]): Account[] {
  return [...accounts].sort(
    (a, b) =>
      a.priority - b.priority ||
      loadOf(a) - loadOf(b) ||
      (a.usedAt ?? -1) - (b.usedAt ?? -1) ||
      (a.id < b.id ? -1 : 1),
  );
}

function loadOf({ slotsTaken, slots, weight }: Account): number {
  return slotsTaken / (slots * weight);
}
