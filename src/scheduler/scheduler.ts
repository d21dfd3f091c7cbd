// The scheduler: one function that does all due work and says when it next wants to be called. It knows no feature.
// Production calls it in a loop that sleeps until then or is woken; a test calls it and moves the clock.
import { SECOND_MS, type Clock, type Instant } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

/** Something with work that becomes due. */
export type Worker = {
  /** Starts what is due. `underway` ends when that has ended, and never rejects. */
  runDue(): Promise<{ underway: Promise<void>; nextAt: Instant | null }>;
};

export type Scheduler = {
  /** Does all work that is due now, waits for its end, and returns when more is due; null: nothing is planned. */
  runDue(): Promise<Instant | null>;
  /** Runs until `stop`. */
  start(): void;
  /** Something may be due sooner than was known. */
  nudge(): void;
  /** Ends the loop and resolves when nothing is under way. */
  stop(): Promise<void>;
  /** For how many milliseconds work has been due that the loop has not come to; 0 while it is in time. */
  lagMs(): number;
};

/** The loop looks at least this often, in case a nudge got lost. */
const MAX_SLEEP_MS = 30 * SECOND_MS;
/** After a fault the loop waits, so that a broken disk does not make it spin. */
const FAULT_PAUSE_MS = SECOND_MS;

export function createScheduler({
  clock,
  log,
  workers,
}: {
  clock: Clock;
  log: Log;
  workers: Worker[];
}): Scheduler {
  const underway = new Set<Promise<void>>();
  let isStopping = false;
  let isNudged = false;
  /** When the loop is to come to its work next, or had to; null while nothing is planned. */
  let plannedAt: Instant | null = null;
  let sleeping = new AbortController();
  let loop: Promise<void> = Promise.resolve();

  async function tick(): Promise<Instant | null> {
    const looks = await Promise.allSettled(workers.map((worker) => worker.runDue()));
    const instants: Instant[] = [];
    for (const look of looks) {
      if (look.status === 'rejected') continue;
      const tracked: Promise<void> = look.value.underway.then(() => void underway.delete(tracked));
      underway.add(tracked);
      if (look.value.nextAt !== null) instants.push(look.value.nextAt);
    }
    // Only now, because what the other workers have started must not be lost from sight.
    for (const look of looks) if (look.status === 'rejected') throw look.reason;
    return instants.length === 0 ? null : Math.min(...instants);
  }

  async function run(): Promise<void> {
    while (!isStopping) {
      isNudged = false;
      const nextAt = await tick().catch((thrown: unknown) => {
        log.error({ err: thrown }, 'the scheduler could not look for work');
        return clock.now() + FAULT_PAUSE_MS;
      });
      plannedAt = nextAt;
      const now = clock.now();
      if (isNudged || isStopping || (nextAt !== null && nextAt <= now)) continue;
      sleeping = new AbortController();
      await clock.sleep(Math.min(nextAt ?? Infinity, now + MAX_SLEEP_MS) - now, sleeping.signal);
    }
  }

  return {
    async runDue() {
      for (;;) {
        const nextAt = await tick();
        const waiting = [...underway];
        await Promise.all(waiting);
        // What has just ended may have made something due at this same instant; so may what ended during the look.
        const isMoreDue = isNudged || (nextAt !== null && nextAt <= clock.now());
        if (!isMoreDue && (waiting.length === 0 || nextAt !== null)) return nextAt;
        isNudged = false;
      }
    },
    start() {
      loop = run();
    },
    nudge() {
      isNudged = true;
      sleeping.abort();
    },
    async stop() {
      isStopping = true;
      sleeping.abort();
      await loop;
      await Promise.all(underway);
    },
    lagMs: () => (plannedAt === null ? 0 : Math.max(0, clock.now() - plannedAt)),
  };
}
