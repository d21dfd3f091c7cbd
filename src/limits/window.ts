// A sliding window of 60 seconds with an exact log of what it admitted: in no 60 seconds more than the limit, and
// nothing refused below it. Pure; time comes in as monotonic milliseconds.
import type { RateWindow } from '../errors.ts';
import { MINUTE_MS } from '../runtime/clock.ts';

export const WINDOW_MS = MINUTE_MS;

/** `resetMs` is until the oldest admission leaves the window: when full, until one more would be admitted. */
export type WindowState = RateWindow;

export type SlidingWindow = {
  /** Admits and counts, or refuses and counts nothing. */
  take(limit: number, nowMs: number): boolean;
  /** Takes back the admission made at `admittedMs`, when what it was for came to nothing. */
  giveBack(admittedMs: number): void;
  state(limit: number, nowMs: number): WindowState;
  /** When the last admission will have left the window; the window is of no more use then. */
  idleAt(): number;
};

/** `admitted`: earlier admissions in ascending order, as read back after a restart. */
export function createSlidingWindow(admitted: number[] = []): SlidingWindow {
  // A queue: `start` is its head, and what is behind it is cut off now and then.
  let times = admitted;
  let start = 0;

  function forget(nowMs: number): void {
    while (start < times.length && (times[start] ?? 0) <= nowMs - WINDOW_MS) start += 1;
    if (start > 64 && start * 2 > times.length) {
      times = times.slice(start);
      start = 0;
    }
  }

  return {
    take(limit, nowMs) {
      forget(nowMs);
      if (times.length - start >= limit) return false;
      times.push(nowMs);
      return true;
    },
    giveBack(admittedMs) {
      const index = times.lastIndexOf(admittedMs);
      if (index >= start) times.splice(index, 1);
    },
    state(limit, nowMs) {
      forget(nowMs);
      const used = times.length - start;
      // Above the limit, as after a smaller plan, more than the oldest has to leave.
      const freesOne = times[start + Math.max(0, used - limit)];
      return {
        limit,
        remaining: Math.max(0, limit - used),
        resetMs: freesOne === undefined ? 0 : Math.max(0, freesOne + WINDOW_MS - nowMs),
      };
    },
    idleAt: () => (times.at(-1) ?? 0) + WINDOW_MS,
  };
}
