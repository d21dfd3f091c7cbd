// What a look at an account, or a fault of an order, makes of it. Pure.
import type { Fault, Verified } from '../providers/index.ts';
import { MINUTE_MS, type Instant } from '../runtime/clock.ts';
import { cooldownEnd, type Account } from './account.ts';
import { parseDecimal } from './amount.ts';

/** What the provider said of an account, in the columns that hold it. */
export function checkedFacts({ remoteId, balance }: Extract<Verified, { kind: 'ok' }>, now: Instant) {
  const available = balance === null ? null : parseDecimal(balance.available);
  return {
    remoteId,
    checkedAt: now,
    balanceUnit: available === null ? null : (balance?.unit ?? null),
    available,
    subscription: partOf(balance?.subscription),
    paid: partOf(balance?.paid),
  };
}

function partOf(text: string | undefined): number | null {
  return text === undefined ? null : parseDecimal(text);
}

export type Standing = Pick<
  Account,
  'status' | 'lastError' | 'cooldownUntil' | 'cooldownSteps' | 'refusedModels'
>;

/** After the provider was asked about it: in use again, or out of use. */
export function standingAfterCheck(account: Account, verified: Verified): Standing {
  const { lastError, cooldownUntil, cooldownSteps, refusedModels } = account;
  const same = { status: account.status, lastError, cooldownUntil, cooldownSteps, refusedModels };
  switch (verified.kind) {
    case 'unreachable':
      return same;
    case 'refused':
      return {
        ...same,
        status: account.status === 'paused' ? 'paused' : 'auth_error',
        lastError: verified.reason,
      };
    case 'ok': {
      if (account.status === 'paused' || account.status === 'expired') return same;
      const available = verified.balance === null ? null : parseDecimal(verified.balance.available);
      const isEmpty = available !== null && available <= account.floor;
      if (isEmpty) return { ...same, status: 'exhausted' };
      const rested = account.status === 'active' ? {} : { cooldownUntil: null, cooldownSteps: 0 };
      return { ...same, ...rested, status: 'active', lastError: null };
    }
  }
}

export type FaultReport = { fault: Fault; reason: string; model: string; retryAt?: Instant };

/** How long an account without a balance to look at rests after it was told that it has not enough. */
const EMPTY_REST_MS = 15 * MINUTE_MS;

/** After an order that was not taken; null when that says nothing about the account. */
export function standingAfterFault(account: Account, report: FaultReport, now: Instant): Standing | null {
  const { status, cooldownUntil, cooldownSteps, refusedModels } = account;
  const same = { status, cooldownUntil, cooldownSteps, refusedModels, lastError: report.reason };
  switch (report.fault) {
    case 'credential':
      return { ...same, status: status === 'paused' ? 'paused' : 'auth_error' };
    case 'balance':
      // What the operator, or a look at the account, has said meanwhile stands.
      if (status !== 'active') return same;
      return { ...same, status: 'exhausted', cooldownUntil: now + EMPTY_REST_MS };
    case 'rate': {
      // Orders that were under way together are told together: one step.
      if (cooldownUntil !== null && cooldownUntil > now) return same;
      const until = cooldownEnd(now, cooldownSteps, report.retryAt);
      return { ...same, cooldownUntil: until, cooldownSteps: cooldownSteps + 1 };
    }
    case 'model':
      return { ...same, refusedModels: [...new Set([...refusedModels, report.model])] };
    case 'provider':
      return null;
  }
}
