// The time of a simulation: it stands still until it is moved, wakes who is due in the order of their time, and its wall
// clock can be set without any time going by.
import type { Clock } from '../../src/runtime/clock.ts';

export type SimClock = Clock & {
  /** Moves time, waking everybody who is due by then. */
  advance(ms: number): void;
  /** Sets the wall clock forward or back. */
  jump(ms: number): void;
  /** The same time for one process; after `end` nobody in it wakes any more. */
  ofProcess(): { clock: Clock; end: () => void };
  /** How often somebody fell asleep or woke; tells whether anything happens. */
  activity(): number;
};

type Sleeper = { wakeAt: number; wake: () => void };

const START_AT = 1_800_000_000_000;

export function createSimClock(): SimClock {
  let elapsedMs = 0;
  let setByMs = 0;
  let activity = 0;
  /** Who sleeps, by process. */
  const dormitories = new Set<Set<Sleeper>>();
  const now = () => START_AT + elapsedMs + setByMs;

  function sleepIn(asleep: Set<Sleeper>, ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper: Sleeper = {
        wakeAt: elapsedMs + ms,
        wake: () => {
          if (!asleep.delete(sleeper)) return;
          activity += 1;
          resolve();
        },
      };
      activity += 1;
      asleep.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  function ofProcess(): { clock: Clock; end: () => void } {
    const asleep = new Set<Sleeper>();
    dormitories.add(asleep);
    return {
      clock: { now, elapsedMs: () => elapsedMs, sleep: (ms, signal) => sleepIn(asleep, ms, signal) },
      end: () => void dormitories.delete(asleep),
    };
  }

  return {
    ...ofProcess().clock,
    ofProcess,
    advance(ms) {
      elapsedMs += ms;
      const due = [...dormitories].flatMap((asleep) =>
        [...asleep].filter((sleeper) => sleeper.wakeAt <= elapsedMs),
      );
      for (const sleeper of due.sort((a, b) => a.wakeAt - b.wakeAt)) sleeper.wake();
    },
    jump(ms) {
      setByMs += ms;
    },
    activity: () => activity,
  };
}
