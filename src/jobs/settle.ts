// The one place where a job ends: its reservation is captured or released, its place is given back, its event is
// written and its state is made final, in one transaction or not at all.
import { credits } from '../credits.ts';
import { assert, type ErrorCode } from '../errors.ts';
import { makeId } from '../ids.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Media, StoredFile } from '../media/index.ts';
import type { Random } from '../runtime/random.ts';
import { first, type Tx } from '../store/db.ts';
import { MOVES, readJob, type EndState, type Job } from './job.ts';
import type { Attempt } from './attempt.ts';
import {
  closeAttempts,
  endJob,
  fenceOpenJob,
  insertEvent,
  insertFirstEvent,
  updateAttempt,
} from './queries.ts';

/** The actor of everything that happens without anybody asking. */
export const GATEWAY = 'gateway';

export type Ending =
  | { state: 'completed'; files: StoredFile[] }
  | { state: 'failed'; code: ErrorCode; message: string }
  | { state: 'canceled' };

export type SettleParts = { ledger: Ledger; media: Media; random: Random };

/**
 * Ends a job as it was last seen: `job.leaseNo` must still be the row's, else somebody else moved it meanwhile.
 * @returns the ended job, or null when another ending, or another worker, came first
 */
export type Settle = (
  tx: Tx,
  job: Job,
  /** `attempt` is what became of the one that the job ends with, where that is not written down yet. */
  ending: Ending & { actor: string; attempt?: Attempt | undefined },
) => Promise<Job | null>;

export function createSettle({ ledger, media, random }: SettleParts): Settle {
  return async (tx, job, ending) => {
    const fenced = first(await fenceOpenJob(tx, { id: job.id, leaseNo: job.leaseNo }));
    if (fenced === null) return null;
    assert(MOVES[fenced.state].includes(ending.state), `no job ends ${ending.state} from ${fenced.state}`);
    await moveCredits(tx, job, ending.state, ending.actor);
    await media.expireReferences(tx, job.id);
    if (ending.state === 'completed') for (const file of ending.files) await media.record(tx, file);
    if (ending.attempt !== undefined) await updateAttempt(tx, ending.attempt);
    await closeAttempts(tx, { jobId: job.id, isCanceled: ending.state === 'canceled' ? 1 : 0, now: tx.now });
    const ended = first(
      await endJob(tx, {
        id: job.id,
        state: ending.state,
        refunded: ending.state === 'completed' ? 0 : job.price,
        errorCode: ending.state === 'failed' ? ending.code : null,
        errorMessage: ending.state === 'failed' ? ending.message : null,
        now: tx.now,
      }),
    );
    assert(ended !== null, 'a fenced job is still open');
    await recordEvent(tx, random, {
      job,
      kind: `job.${ending.state}`,
      actor: ending.actor,
      reason: ending.state === 'failed' ? ending.code : null,
    });
    tx.publish('job-changed', job.id);
    tx.publish('job-ended', job.id);
    return readJob(ended);
  };

  async function moveCredits(tx: Tx, job: Job, state: EndState, actor: string): Promise<void> {
    if (job.price === 0) return;
    const movement = {
      customerId: job.customerId,
      mode: job.mode,
      amount: credits(job.price),
      reservationId: job.id,
      actor,
      requestId: job.requestId,
    };
    await (state === 'completed' ? ledger.capture(tx, movement) : ledger.release(tx, movement));
  }
}

/** Writes one line of a job's timeline. */
export async function recordEvent(
  tx: Tx,
  random: Random,
  event: { job: Pick<Job, 'id' | 'customerId'>; kind: string; actor: string; reason?: string | null },
): Promise<void> {
  await insertEvent(tx, eventRow(tx, random, event));
}

/** Writes the first line of a job's timeline. */
export async function recordAcceptance(
  tx: Tx,
  random: Random,
  event: { job: Pick<Job, 'id' | 'customerId'>; actor: string },
): Promise<void> {
  await insertFirstEvent(tx, { ...eventRow(tx, random, { ...event, kind: 'job.accepted' }), number: 1 });
}

function eventRow(
  tx: Tx,
  random: Random,
  event: { job: Pick<Job, 'id' | 'customerId'>; kind: string; actor: string; reason?: string | null },
) {
  return {
    id: makeId('event', { now: tx.now, random }),
    jobId: event.job.id,
    customerId: event.job.customerId,
    kind: event.kind,
    reason: event.reason ?? null,
    actor: event.actor,
    createdAt: tx.now,
  };
}
