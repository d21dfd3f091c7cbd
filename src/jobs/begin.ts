// Beginning an attempt: who is to do the job, a slot and the cost taken of an account, and the attempt on disk before
// the provider hears of it, all in one transaction.
import type { Pool } from '../accounts/index.ts';
import { makeId } from '../ids.ts';
import type { AccountAccess, Order, Provider } from '../providers/index.ts';
import type { Random } from '../runtime/random.ts';
import type { Db, Tx } from '../store/db.ts';
import type { Attempt } from './attempt.ts';
import type { Breakers } from './breaker.ts';
import type { Capacity } from './capacity.ts';
import type { Job } from './job.ts';
import { moveOn } from './progress.ts';
import { insertAttempt, listAttempts } from './queries.ts';
import type { RetryBudget } from './retry-budget.ts';
import { breakerOf, type Candidate, type Candidates } from './route.ts';
import { GATEWAY, recordEvent } from './settle.ts';

export type Begun =
  | { kind: 'begun'; job: Job; attempt: Attempt; provider: Provider; access: AccountAccess | null }
  /** Nobody can take it at this moment. */
  | { kind: 'busy' }
  /** Another worker has the job. */
  | { kind: 'lost' };

export type Begin = (job: Job, order: Order) => Promise<Begun>;

export type BeginParts = {
  db: Db;
  random: Random;
  pool: Pick<Pool, 'choose'>;
  candidates: Candidates;
  breakers: Breakers;
  budget: RetryBudget;
  capacity: Capacity;
};

type Chosen = {
  provider: Provider;
  accountId: string | null;
  access: AccountAccess | null;
  estimate: number;
};

export function createBegin(parts: BeginParts): Begin {
  const { db, random, pool, candidates, breakers, budget, capacity } = parts;

  return async (job, order) => {
    const able = await candidates(job, { alsoFailed: null });
    if (able.length === 0) return { kind: 'busy' };
    const begun = await db.transaction((tx) => beginIn(tx, { job, order, able }));
    if (begun.kind === 'busy') capacity.noteWaiting();
    return begun;
  };

  async function beginIn(
    tx: Tx,
    { job, order, able }: { job: Job; order: Order; able: readonly Candidate[] },
  ): Promise<Begun> {
    const number = (await listAttempts(tx, { jobId: job.id })).length + 1;
    if (number > 1 && !budget.allows()) return { kind: 'busy' };
    const chosen = await choose(tx, order, able);
    if (chosen === null) return { kind: 'busy' };
    const moved = await moveOn(tx, job, { to: 'submitting', dueAt: job.dueAt, keepLease: true });
    if (moved === null) return { kind: 'lost' };
    const { provider, access, accountId, estimate } = chosen;
    tx.onRollback(budget.count(number > 1));
    tx.onRollback(breakers.begin(breakerOf(provider, order)));
    if (accountId !== null) tx.onRollback(breakers.begin(accountId));
    const attempt: Attempt = {
      ...blankAttempt(tx.now),
      ...{ id: makeId('attempt', { now: tx.now, random }), jobId: job.id, number },
      ...{ provider: provider.id, accountId, estimate },
    };
    await insertAttempt(tx, attempt);
    await recordEvent(tx, random, { job, kind: 'job.submitting', actor: GATEWAY });
    return { kind: 'begun', job: moved, attempt, provider, access };
  }

  /** The first that can take it now. Who was well a moment ago may have been found out since. */
  async function choose(tx: Tx, order: Order, able: readonly Candidate[]): Promise<Chosen | null> {
    for (const { provider, without } of able) {
      if (breakers.isOpen(breakerOf(provider, order))) continue;
      if (provider.upstream === undefined) return { provider, accountId: null, access: null, estimate: 0 };
      const taken = await pool.choose(tx, { provider, order, without }, breakers.isOpen);
      if (taken !== null) return { provider, ...taken };
    }
    return null;
  }
}

function blankAttempt(now: number) {
  return {
    providerJobId: null,
    outcome: 'sent',
    reason: null,
    outputs: [],
    sentAt: now,
    acceptedAt: null,
    endedAt: null,
    cost: null,
    costUnit: null,
    fault: null,
  } as const satisfies Partial<Attempt>;
}
