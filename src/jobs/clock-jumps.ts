// What to do when the wall clock is set while jobs are open: their instants move with it, so that none ends early and
// none waits for an hour that comes twice. Monotonic time, which nobody can set, tells a jump from time that passed.
import { SECOND_MS, type Clock } from '../runtime/clock.ts';
import type { Db } from '../store/db.ts';
import { shiftOpenJobs } from './queries.ts';

export type ClockJumps = {
  /** How far the clock has jumped since the jobs were last moved; new instants are to be written without it. */
  pendingMs(): number;
  /** Moves the open jobs; returns by how much. For a database that one process writes. */
  follow(): Promise<number>;
};

/** Less is nothing that a deadline of minutes would feel, and may be the time between two readings. */
const MIN_JUMP_MS = 2 * SECOND_MS;

export function createClockJumps({ db, clock }: { db: Db; clock: Clock }): ClockJumps {
  const distance = () => clock.now() - clock.elapsedMs();
  let followed = distance();

  function pendingMs(): number {
    const jump = Math.round(distance() - followed);
    return Math.abs(jump) < MIN_JUMP_MS ? 0 : jump;
  }

  return {
    pendingMs,
    async follow() {
      const byMs = pendingMs();
      if (byMs === 0) return 0;
      await db.transaction(async (tx) => {
        await shiftOpenJobs(tx, { byMs });
        // Before the commit: a job that is accepted in the same batch is written after the shift.
        const before = followed;
        followed += byMs;
        tx.onRollback(() => {
          followed = before;
        });
      });
      return byMs;
    },
  };
}
