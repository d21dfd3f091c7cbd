// A clock that stands still until a test moves it, and that tells when somebody waits on it, so that a limit is tested
// at the moment it is in force and without waiting.
import type { Clock } from '../../src/runtime/clock.ts';

type Sleeper = { ms: number; wakeAt: number; wake: () => void };

export type ManualClock = Clock & {
  /** Moves time and wakes who is due. */
  advance(ms: number): void;
  /** Sets the wall clock forward or back, as an operator or a time server does; no time passes. */
  jump(ms: number): void;
  /** Resolves as soon as somebody sleeps for exactly this long. */
  someoneSleeps(ms: number): Promise<void>;
  /** How many sleep now. */
  sleepers(): number;
};

export function createManualClock(): ManualClock {
  let now = 1_800_000_000_000;
  let setByMs = 0;
  const asleep = new Set<Sleeper>();
  const watchers = new Set<{ ms: number; tell: () => void }>();
  return {
    now: () => now + setByMs,
    elapsedMs: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper: Sleeper = {
          ms,
          wakeAt: now + ms,
          wake: () => {
            asleep.delete(sleeper);
            resolve();
          },
        };
        asleep.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
        for (const watcher of watchers) if (watcher.ms === ms) watcher.tell();
      }),
    advance(ms) {
      now += ms;
      for (const sleeper of asleep) if (sleeper.wakeAt <= now) sleeper.wake();
    },
    jump(ms) {
      setByMs += ms;
    },
    someoneSleeps: (ms) =>
      new Promise((resolve) => {
        if ([...asleep].some((sleeper) => sleeper.ms === ms)) return resolve();
        const watcher = { ms, tell: () => (watchers.delete(watcher), resolve()) };
        watchers.add(watcher);
      }),
    sleepers: () => asleep.size,
  };
}
