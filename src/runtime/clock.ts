// Time. The only home of Date.now and of timers; a test hands in a clock of its own.

/** Milliseconds since the epoch, as stored in every database. */
export type Instant = number;

export type Clock = {
  /** Wall-clock time: for what is stored and shown. */
  now(): Instant;
  /** Milliseconds that never jump: for how long something took, and for rate windows. */
  elapsedMs(): number;
  /** Resolves after `ms`, or at once (without an error) when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    elapsedMs: () => performance.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const done = () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, Math.min(ms, MAX_TIMER_MS));
        signal?.addEventListener('abort', done);
      }),
  };
}

/** Timers overflow above 2^31-1 ms and would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** The instant in the one form that every answer uses: ISO 8601, UTC, milliseconds. */
export function isoInstant(instant: Instant): string {
  return new Date(instant).toISOString();
}

export function isoInstantOrNull(instant: Instant | null): string | null {
  return instant === null ? null : isoInstant(instant);
}

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Runs `effect` once everything that is ready now has had its turn; returns the way to call that off. */
export function onNextTurn(effect: () => void): () => void {
  const immediate = setImmediate(effect);
  return () => clearImmediate(immediate);
}

/** Lets everything else that is ready go first; for long work on the main thread. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void onNextTurn(resolve));
}
