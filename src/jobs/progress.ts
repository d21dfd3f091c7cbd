// How a job gets on: one conditional write a move, which holds only while the lease under which the step began is
// still the job's. A worker that was paused past its lease comes back to rows that no longer answer to it.
import { assert } from '../errors.ts';
import { SECOND_MS, type Instant } from '../runtime/clock.ts';
import { fraction, type Random } from '../runtime/random.ts';
import type { JobState, Tx } from '../store/db.ts';
import { MOVES, type Job } from './job.ts';
import { moveJob } from './queries.ts';

/** Waits between tries of a step that got nowhere: doubling, with jitter, up to a minute. */
const RETRY = { firstMs: 2 * SECOND_MS, maxMs: 60 * SECOND_MS } as const;

export type Move = {
  to: JobState;
  /** When the next step is due; the deadline, if that comes first. */
  dueAt: Instant;
  /** The step goes on: the lease is kept. */
  keepLease?: boolean;
  /** Nothing was achieved: the count of tries goes on. */
  isRetry?: boolean;
};

/** Moves a leased job, or leaves it for another step in the same state. @returns null when it is no longer ours */
export async function moveOn(tx: Tx, job: Job, move: Move): Promise<Job | null> {
  assert(
    job.state === move.to || MOVES[job.state].includes(move.to),
    `a job does not go from ${job.state} to ${move.to}`,
  );
  const moved: Job = {
    ...job,
    state: move.to,
    dueAt: Math.min(move.dueAt, job.deadlineAt),
    tries: move.isRetry === true ? job.tries : 0,
    leaseOwner: move.keepLease === true ? job.leaseOwner : null,
    startedAt: job.startedAt ?? (hasBegun(move.to) ? Math.max(tx.now, job.createdAt) : null),
    updatedAt: tx.now,
  };
  const rows = await moveJob(tx, {
    id: job.id,
    from: job.state,
    leaseNo: job.leaseNo,
    to: moved.state,
    dueAt: moved.dueAt,
    tries: moved.tries,
    leaseOwner: moved.leaseOwner,
    startedAt: moved.startedAt,
    now: tx.now,
  });
  if (rows.length === 0) return null;
  tx.publish('job-changed', job.id);
  if (moved.leaseOwner === null) tx.publish('job-due', job.id);
  return moved;
}

function hasBegun(state: JobState): boolean {
  return state === 'running' || state === 'storing';
}

/** When a step that got nowhere for the `tries`-th time in a row is tried again. */
export function retryAt(now: Instant, tries: number, random: Random): Instant {
  const ceiling = Math.min(RETRY.maxMs, RETRY.firstMs * 2 ** Math.min(tries - 1, 10));
  return now + Math.round(ceiling * (0.5 + fraction(random) / 2));
}
