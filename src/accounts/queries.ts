// The accounts' rows. What is taken of an account (slots, expected costs) is kept by the triggers of attempts.
import { and, asc, eq, gt, inArray, isNotNull, isNull, lte, sql } from 'drizzle-orm';
import {
  command,
  fixedLimit,
  insertion,
  statement,
  type AccountStatus,
  type Connection,
  type Tables,
} from '../store/db.ts';

export const insertAccount = insertion('accounts');

export const findAccount = statement(({ q, t }, p: { id: string }) =>
  q.select().from(t.accounts).where(eq(t.accounts.id, p.id)),
);

export const findByHash = statement(({ q, t }, p: { provider: string; credentialHash: string }) =>
  q
    .select({ id: t.accounts.id })
    .from(t.accounts)
    .where(and(eq(t.accounts.provider, p.provider), eq(t.accounts.credentialHash, p.credentialHash))),
);

export const listOfProvider = statement(({ q, t }, p: { provider: string }) =>
  q.select().from(t.accounts).where(eq(t.accounts.provider, p.provider)),
);

export const listAll = statement(({ q, t }, _: Record<string, never>) =>
  q.select().from(t.accounts).orderBy(asc(t.accounts.id)),
);

type Row = Tables['accounts']['$inferSelect'];

export type AccountSettings = Pick<
  Row,
  | 'id'
  | 'label'
  | 'status'
  | 'lastError'
  | 'priority'
  | 'weight'
  | 'models'
  | 'refusedModels'
  | 'slots'
  | 'floor'
  | 'cooldownUntil'
  | 'cooldownSteps'
  | 'expiresAt'
  | 'updatedAt'
>;

export const updateAccount = command(({ q, t }, p: AccountSettings) =>
  q
    .update(t.accounts)
    .set({
      label: p.label,
      status: p.status,
      lastError: p.lastError,
      priority: p.priority,
      weight: p.weight,
      models: p.models,
      refusedModels: p.refusedModels,
      slots: p.slots,
      floor: p.floor,
      cooldownUntil: p.cooldownUntil,
      cooldownSteps: p.cooldownSteps,
      expiresAt: p.expiresAt,
      updatedAt: p.updatedAt,
    })
    .where(eq(t.accounts.id, p.id)),
);

export type SealedCredential = Pick<
  Row,
  'id' | 'credentialKind' | 'sealedCredential' | 'credentialHash' | 'credentialHint'
>;

export const updateCredential = command(({ q, t }, p: SealedCredential) =>
  q
    .update(t.accounts)
    .set({
      credentialKind: p.credentialKind,
      sealedCredential: p.sealedCredential,
      credentialHash: p.credentialHash,
      credentialHint: p.credentialHint,
    })
    .where(eq(t.accounts.id, p.id)),
);

export type CheckedAccount = Pick<
  Row,
  'id' | 'remoteId' | 'balanceUnit' | 'available' | 'subscription' | 'paid' | 'checkedAt'
>;

export const updateChecked = command(({ q, t }, p: CheckedAccount) =>
  q
    .update(t.accounts)
    .set({
      remoteId: p.remoteId,
      balanceUnit: p.balanceUnit,
      available: p.available,
      subscription: p.subscription,
      paid: p.paid,
      checkedAt: p.checkedAt,
    })
    .where(eq(t.accounts.id, p.id)),
);

export const touchAccount = command(({ q, t }, p: { id: string; usedAt: number }) =>
  q.update(t.accounts).set({ usedAt: p.usedAt }).where(eq(t.accounts.id, p.id)),
);

/** An account that takes orders again is trusted again. */
export const endCooldowns = command(({ q, t }, p: { id: string }) =>
  q
    .update(t.accounts)
    .set({ cooldownSteps: 0 })
    .where(and(eq(t.accounts.id, p.id), gt(t.accounts.cooldownSteps, sql`0`))),
);

export const deleteAccount = command(({ q, t }, p: { id: string }) =>
  q.delete(t.accounts).where(eq(t.accounts.id, p.id)),
);

/** An open job that was made with the account, if there is one. */
export const findOpenJob = statement(({ q, t }, p: { accountId: string }) =>
  q
    .select({ id: t.jobs.id })
    .from(t.jobs)
    .innerJoin(t.attempts, eq(t.attempts.jobId, t.jobs.id))
    .where(and(isNull(t.jobs.endedAt), eq(t.attempts.accountId, p.accountId)))
    .limit(fixedLimit(1)),
);

/** Takes accounts whose time is up out of use. */
export function expireAccounts(
  { q, t }: Connection,
  { now, statuses }: { now: number; statuses: readonly AccountStatus[] },
) {
  return q
    .update(t.accounts)
    .set({ status: 'expired', updatedAt: now })
    .where(
      and(
        isNotNull(t.accounts.expiresAt),
        lte(t.accounts.expiresAt, now),
        inArray(t.accounts.status, [...statuses]),
      ),
    )
    .returning();
}
