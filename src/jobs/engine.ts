// The engine: leases jobs whose time has come and runs a step for each, side by side up to a limit. It keeps its
// leases alive while steps are under way, and takes over what a process that died has left.
import { messageOf } from '../errors.ts';
import { MINUTE_MS, SECOND_MS, type Instant } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Db } from '../store/db.ts';
import { readJob, type Job } from './job.ts';
import { claimDueJobs, findNextDue, handBackLeases, releaseLeases, renewLeases } from './queries.ts';
import { retryAt, moveOn } from './progress.ts';
import type { Step } from './steps.ts';

export type Engine = {
  /** Starts the steps that are due. `underway` ends when they have; `nextAt` is when the next ones are due. */
  runDue(): Promise<{ underway: Promise<void>; nextAt: Instant | null }>;
  /** Takes no more work. */
  stop(): void;
  /** Makes the leases of steps under way last longer. */
  renewLeases(): Promise<void>;
  /** Frees the leases of a process that died, when it is certain that none is alive; returns how many. */
  takeOver(): Promise<number>;
  /** Gives up the leases of steps that did not end in time, at the end of a drain. */
  handBack(): Promise<void>;
};

export const LEASE_MS = MINUTE_MS;
/** Steps at once: they mostly wait for providers. */
const MAX_STEPS = 256;
/** Jobs leased in one go; the loop comes back for more. */
const CLAIM_BATCH = 64;
/** How often a process may die over a job before the job has to wait, and by how much longer each time. */
const POISON = { freeTries: 3, pauseMs: 15 * SECOND_MS } as const;

export function createEngine(parts: { db: Db; runtime: Runtime; step: Step; owner: string }): Engine {
  const { db, runtime, step, owner } = parts;
  const { clock, log, random } = runtime;
  let stepsUnderWay = 0;
  let isStopped = false;

  async function runStep(job: Job): Promise<void> {
    stepsUnderWay += 1;
    try {
      await step(job);
    } catch (thrown) {
      log.error({ err: thrown, jobId: job.id, state: job.state }, 'a step failed');
      await leaveForLater(job);
    } finally {
      stepsUnderWay -= 1;
    }
  }

  /** After a fault of ours, or of the disk: the step is tried again; if even this fails, when the lease ends. */
  async function leaveForLater(job: Job): Promise<void> {
    try {
      const dueAt = retryAt(clock.now(), job.tries, random);
      await db.transaction((tx) => moveOn(tx, job, { to: job.state, dueAt, isRetry: true }));
    } catch (thrown) {
      log.warn({ jobId: job.id, reason: messageOf(thrown) }, 'a job waits for the end of its lease');
    }
  }

  return {
    async runDue() {
      const limit = Math.min(CLAIM_BATCH, MAX_STEPS - stepsUnderWay);
      if (isStopped || limit <= 0) return { underway: Promise.resolve(), nextAt: null };
      const now = clock.now();
      const next = first(await findNextDue(db.read, {}))?.dueAt ?? null;
      if (next === null || next > now) return { underway: Promise.resolve(), nextAt: next };
      const claim = { now, owner, leaseUntil: now + LEASE_MS, limit };
      const jobs = (await db.transaction((tx) => claimDueJobs(tx, claim))).map(readJob);
      const underway = Promise.all(jobs.map(runStep)).then(() => undefined);
      return { underway, nextAt: first(await findNextDue(db.read, {}))?.dueAt ?? null };
    },
    stop: () => {
      isStopped = true;
    },
    async renewLeases() {
      if (stepsUnderWay === 0) return;
      await db.transaction((tx) => renewLeases(tx, { owner, leaseUntil: clock.now() + LEASE_MS }));
    },
    async takeOver() {
      const released = await db.transaction((tx) => releaseLeases(tx, { now: tx.now, ...POISON }));
      return released.length;
    },
    async handBack() {
      await db.transaction((tx) => handBackLeases(tx, { now: tx.now, owner }));
    },
  };
}
