// The engine: leases jobs whose time has come and runs a step for each, side by side up to a limit. It keeps its
// leases alive while steps are under way, and takes over what a process that died has left.
import { messageOf } from '../errors.ts';
import { MINUTE_MS, SECOND_MS, type Instant } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Db } from '../store/db.ts';
import type { ClockJumps } from './clock-jumps.ts';
import { readJob, type JobRow } from './job.ts';
import { claimDueJobs, findNextDue, handBackLeases, leaveJob, releaseLeases, renewLease } from './queries.ts';
import { retryAt } from './progress.ts';
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
export const MAX_STEPS = 256;
/** When to look again for a free slot. */
const FULL_RETRY_MS = 100;
/** Jobs leased in one go; the loop comes back for more. */
const CLAIM_BATCH = 64;
/** How often a process may die over a job before the job has to wait, and by how much longer each time. */
const POISON = { freeTries: 3, pauseMs: 15 * SECOND_MS } as const;

export type EngineParts = { db: Db; runtime: Runtime; step: Step; jumps: ClockJumps; owner: string };

export function createEngine(parts: EngineParts): Engine {
  const { db, runtime, step, jumps, owner } = parts;
  const { clock, log, random } = runtime;
  /** The claimed rows whose steps are under way. A job can be here twice: when its first lease ran out. */
  const underWay = new Set<JobRow>();
  let isStopped = false;

  async function runStep(row: JobRow): Promise<void> {
    underWay.add(row);
    try {
      // Read before a jump that has come since, its deadline is still on the old clock.
      await step(readJob({ ...row, deadlineAt: row.deadlineAt + jumps.pendingMs() }));
    } catch (thrown) {
      log.error({ err: thrown, jobId: row.id, state: row.state }, 'a step failed');
      await leaveForLater(row);
    } finally {
      underWay.delete(row);
    }
  }

  /** After a fault of ours, or of the disk: the job gets another step soon; if even this fails, when the lease ends. */
  async function leaveForLater({ id, leaseNo, tries, deadlineAt }: JobRow): Promise<void> {
    try {
      const now = clock.now();
      // A fault that outlives the deadline must not make the job due at once, for ever.
      const latest = deadlineAt > now ? deadlineAt : Infinity;
      const dueAt = Math.min(retryAt(now, tries, random), latest);
      await db.transaction(async (tx) => {
        await leaveJob(tx, { id, owner, leaseNo, dueAt: dueAt - jumps.pendingMs() });
        tx.publish('job-due', id);
      });
    } catch (thrown) {
      log.warn({ jobId: id, reason: messageOf(thrown) }, 'a job waits for the end of its lease');
    }
  }

  return {
    async runDue() {
      if (isStopped) return { underway: Promise.resolve(), nextAt: null };
      const jumpedMs = await jumps.follow();
      if (jumpedMs !== 0) log.warn({ jumpedMs }, 'the clock was set; open jobs move with it');
      const now = clock.now();
      const limit = Math.min(CLAIM_BATCH, MAX_STEPS - underWay.size);
      if (limit <= 0) return { underway: Promise.resolve(), nextAt: now + FULL_RETRY_MS };
      const next = first(await findNextDue(db.read, {}))?.dueAt ?? null;
      if (next === null || next > now) return { underway: Promise.resolve(), nextAt: next };
      const claim = { now, owner, leaseUntil: now + LEASE_MS, limit };
      const rows = await db.transaction((tx) => claimDueJobs(tx, claim));
      const underway = Promise.all(rows.map(runStep)).then(() => undefined);
      // Where there was something there may be more: the next look tells.
      return { underway, nextAt: rows.length === 0 ? null : now };
    },
    stop: () => {
      isStopped = true;
    },
    async renewLeases() {
      if (underWay.size === 0) return;
      await db.transaction(async (tx) => {
        const leaseUntil = clock.now() - jumps.pendingMs() + LEASE_MS;
        for (const { id, leaseNo } of underWay) await renewLease(tx, { id, owner, leaseNo, leaseUntil });
      });
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
