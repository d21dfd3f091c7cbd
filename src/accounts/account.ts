// An account of the operator's at a provider: what is known of it, and whether it can be used. Pure. Nothing here
// holds its credential, so that whoever has an account can show it.
import * as v from 'valibot';
import type { Credential } from '../providers/index.ts';
import { MINUTE_MS, SECOND_MS, type Instant } from '../runtime/clock.ts';
import type { AccountStatus, Tables } from '../store/db.ts';
import type { Unit } from './amount.ts';

/** Amounts are millionths of `balanceUnit`. */
export type Account = {
  id: string;
  provider: string;
  label: string;
  credentialKind: Credential['kind'];
  /** The last characters of the key or token. */
  credentialHint: string;
  /** The provider's own name of it, once it has told. */
  remoteId: string | null;
  /** `paused` by the operator; the last three by what the provider said. */
  status: AccountStatus;
  /** What the provider last said against it. */
  lastError: string | null;
  /** Accounts of a lower number are used up first. */
  priority: number;
  /** How much of the load of its priority it takes, next to the others. */
  weight: number;
  /** The models that it may be used for; null for all. */
  models: string[] | null;
  /** Models that the provider has refused to this account. */
  refusedModels: string[];
  /** How many orders at once. */
  slots: number;
  slotsTaken: number;
  /** What is to be left on it. */
  floor: number;
  /** What open attempts are expected to cost. */
  reserved: number;
  balanceUnit: Unit | null;
  available: number | null;
  subscription: number | null;
  paid: number | null;
  /** When the provider was last asked about it. */
  checkedAt: Instant | null;
  cooldownUntil: Instant | null;
  cooldownSteps: number;
  expiresAt: Instant | null;
  usedAt: Instant | null;
  createdAt: Instant;
  updatedAt: Instant;
};

export type AccountRow = Tables['accounts']['$inferSelect'];

/** What is shown as an account's status; one that cools down, or is past its end, is not active. */
export const SHOWN_STATUSES = ['active', 'paused', 'cooldown', 'exhausted', 'auth_error', 'expired'] as const;
export type ShownStatus = (typeof SHOWN_STATUSES)[number];

const namesSchema = v.array(v.string());

/** The row without its credential, its JSON columns parsed. */
export function readAccount(row: AccountRow): Account {
  const { sealedCredential: _sealed, credentialHash: _hash, models, refusedModels, ...account } = row;
  return {
    ...account,
    models: v.parse(v.nullable(namesSchema), models),
    refusedModels: v.parse(namesSchema, refusedModels),
  };
}

export function shownStatus(account: Account, now: Instant): ShownStatus {
  if (account.status !== 'active') return account.status;
  if (account.expiresAt !== null && account.expiresAt <= now) return 'expired';
  return isCooling(account, now) ? 'cooldown' : 'active';
}

export function isCooling({ cooldownUntil }: Account, now: Instant): boolean {
  return cooldownUntil !== null && cooldownUntil > now;
}

const FIRST_COOLDOWN_MS = 30 * SECOND_MS;
/** A provider that says "tomorrow" is asked again sooner. */
const MAX_COOLDOWN_MS = 10 * MINUTE_MS;

/** Until when an account is left alone that was told to slow down for the `steps`-th time in a row, from 0. */
export function cooldownEnd(now: Instant, steps: number, retryAt: Instant | undefined): Instant {
  const doubled = Math.min(MAX_COOLDOWN_MS, FIRST_COOLDOWN_MS * 2 ** Math.min(steps, 10));
  const told = retryAt === undefined ? doubled : retryAt - now;
  return now + Math.min(MAX_COOLDOWN_MS, Math.max(SECOND_MS, told));
}
