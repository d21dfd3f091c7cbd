// Waiting for the end of a job, woken by the commit that ended it and not by asking the database again and again.
import { MINUTE_MS, type Clock } from '../runtime/clock.ts';
import type { Db } from '../store/db.ts';

export type Endings = {
  /**
   * Resolves when the job ends, after `ms` at the latest. `hasEnded` is asked once, after the wait has been set up,
   * so that an end in between is not missed. Resolves at once when too many wait already, or the gateway stops.
   */
  wait(jobId: string, ms: number, hasEnded: () => Promise<boolean>): Promise<void>;
  /** Lets everybody who waits go on; for the end of the process. */
  releaseAll(): void;
};

export const MAX_WAIT_MS = MINUTE_MS;
/** Each is an open connection and a timer. */
const MAX_WAITING = 10_000;

export function createEndings({ db, clock }: { db: Db; clock: Clock }): Endings {
  const waiting = new Map<string, Set<AbortController>>();
  let count = 0;
  let isStopping = false;
  db.subscribe('job-ended', (jobId) => {
    for (const controller of waiting.get(jobId) ?? []) controller.abort();
  });

  return {
    async wait(jobId, ms, hasEnded) {
      if (count >= MAX_WAITING || isStopping) return;
      const controller = new AbortController();
      const ofJob = waiting.get(jobId) ?? new Set();
      waiting.set(jobId, ofJob.add(controller));
      count += 1;
      try {
        if (!(await hasEnded())) await clock.sleep(Math.min(ms, MAX_WAIT_MS), controller.signal);
      } finally {
        count -= 1;
        ofJob.delete(controller);
        if (ofJob.size === 0) waiting.delete(jobId);
      }
    },
    releaseAll() {
      isStopping = true;
      for (const controllers of waiting.values()) for (const controller of controllers) controller.abort();
    },
  };
}
