// The retry budget: second and third attempts are a small share of all, however many fail, so that one dead provider
// does not become a stampede on the others.
import { MINUTE_MS, type Clock } from '../runtime/clock.ts';

export type RetryBudget = {
  /** Whether one more retry is within the budget. */
  allows(): boolean;
  /** An attempt begins; @returns the way to take that back. */
  count(isRetry: boolean): () => void;
};

const WINDOW_MS = MINUTE_MS;
/** Of all attempts in the window. */
const SHARE = 0.1;
/** So many in a window are always allowed: with few jobs every one counts. */
const MIN_RETRIES = 10;

export function createRetryBudget({ clock }: { clock: Clock }): RetryBudget {
  // Two halves of the window, the older one counted as far as it still reaches into the window.
  let halves = [blankHalf(-Infinity), blankHalf(-Infinity)] as const;

  function current(): Half {
    const startMs = Math.floor(clock.elapsedMs() / WINDOW_MS) * WINDOW_MS;
    const [before, now] = halves;
    if (now.startMs === startMs) return now;
    const made = blankHalf(startMs);
    halves = [now.startMs === startMs - WINDOW_MS ? now : blankHalf(before.startMs), made];
    return made;
  }

  function inWindow(): { attempts: number; retries: number } {
    const now = current();
    const [before] = halves;
    const share = 1 - (clock.elapsedMs() - now.startMs) / WINDOW_MS;
    return {
      attempts: now.attempts + before.attempts * share,
      retries: now.retries + before.retries * share,
    };
  }

  return {
    allows() {
      const { attempts, retries } = inWindow();
      return retries + 1 <= Math.max(MIN_RETRIES, attempts * SHARE);
    },
    count(isRetry) {
      const half = current();
      const step = (by: number) => {
        half.attempts += by;
        if (isRetry) half.retries += by;
      };
      step(1);
      return () => step(-1);
    },
  };
}

type Half = { startMs: number; attempts: number; retries: number };

function blankHalf(startMs: number): Half {
  return { startMs, attempts: 0, retries: 0 };
}
