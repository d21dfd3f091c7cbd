// Canceling a job: at once while it waits, and after that only if its provider can still stop. It races with the
// job's own end by design; exactly one of the two wins.
import type { Pool } from '../accounts/index.ts';
import { GatewayError } from '../errors.ts';
import { SECOND_MS } from '../runtime/clock.ts';
import { first, type Db, type Tx } from '../store/db.ts';
import type { Caller } from './call.ts';
import { readJob, type Job } from './job.ts';
import { findJob, findNewestAttempt } from './queries.ts';
import type { Router } from './route.ts';
import type { Settle } from './settle.ts';

export type CancelParts = {
  db: Db;
  router: Router;
  pool: Pick<Pool, 'accessOf'>;
  caller: Caller;
  settle: Settle;
};

/** @throws GatewayError `generation_not_cancelable` when the job has ended, or cannot be stopped any more */
export type Cancel = (job: Job, actor: string) => Promise<Job>;

const CANCEL_TIMEOUT_MS = 10 * SECOND_MS;

export function createCancel({ db, router, pool, caller, settle }: CancelParts): Cancel {
  return async (seen, actor) => {
    const canceled = await db.transaction((tx) => cancelIn(tx, seen.id, { from: 'queued', actor }));
    if (canceled !== null) return canceled;
    if (!(await stopAtProvider(seen.id))) throw new GatewayError('generation_not_cancelable');
    const stopped = await db.transaction((tx) => cancelIn(tx, seen.id, { from: 'running', actor }));
    if (stopped === null) throw new GatewayError('generation_not_cancelable');
    return stopped;
  };

  async function cancelIn(tx: Tx, id: string, { from, actor }: { from: Job['state']; actor: string }) {
    const row = first(await findJob(tx, { id }));
    if (row === null || row.state !== from) return null;
    return settle(tx, readJob(row), { state: 'canceled', actor });
  }

  async function stopAtProvider(id: string): Promise<boolean> {
    const job = first(await findJob(db.read, { id }));
    const attempt = first(await findNewestAttempt(db.read, { jobId: id }));
    if (job?.state !== 'running' || attempt === null || attempt.providerJobId === null) return false;
    const { providerJobId, accountId } = attempt;
    const provider = router.find(attempt.provider);
    if (provider?.cancel === undefined) return false;
    const account = accountId === null ? null : await pool.accessOf(db.read, accountId).catch(() => null);
    if (account === null && accountId !== null) return false;
    return caller
      .within(
        { timeoutMs: CANCEL_TIMEOUT_MS, account },
        (context) => provider.cancel?.(providerJobId, context) ?? Promise.resolve(false),
      )
      .catch(() => false);
  }
}
