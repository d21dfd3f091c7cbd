// Jobs that wait for a free account: they look again by themselves every few seconds, and the one that has waited longest
// at once when an attempt has ended. Nobody waits as a rule; then nothing is looked up.
import { SECOND_MS, type Clock } from '../runtime/clock.ts';
import type { Tx } from '../store/db.ts';
import type { ClockJumps } from './clock-jumps.ts';
import { wakeOldestWaiting } from './queries.ts';

export type Capacity = {
  /** A job found everybody busy. */
  noteWaiting(): void;
  /** An attempt has ended in this transaction: its slot is free. */
  noteFree(tx: Tx): Promise<void>;
};

/** Longer than a job waits before it looks again by itself. */
const REMEMBERED_MS = 10 * SECOND_MS;

export function createCapacity({ clock, jumps }: { clock: Clock; jumps: ClockJumps }): Capacity {
  let waitingUntilMs = -Infinity;
  return {
    noteWaiting() {
      waitingUntilMs = clock.elapsedMs() + REMEMBERED_MS;
    },
    async noteFree(tx) {
      if (waitingUntilMs < clock.elapsedMs()) return;
      for (const { id } of await wakeOldestWaiting(tx, { now: tx.now - jumps.pendingMs() })) {
        tx.publish('job-due', id);
      }
    },
  };
}
