// How long a call may take: one deadline and one cancel signal for the whole of it, and shorter limits for its
// phases. Only measures; what a cut means is decided where it happens.
import type { Clock } from './clock.ts';

/** `slow`: the phase's own limit; `deadline`: the whole call's; `aborted`: the caller gave up. */
export type Cut = { kind: 'cut'; reason: 'slow' | 'deadline' | 'aborted' };

export type Watch = {
  /** The work's value, or what cut it short. The work must end by a value (never reject) and is not stopped by a cut. */
  race<T>(work: Promise<T>, limitMs?: number): Promise<T | Cut>;
  /** Lets go of timers and of the signal. */
  end(): void;
};

export function createWatch(clock: Clock, limits: { deadlineMs: number; signal?: AbortSignal }): Watch {
  const over = new AbortController();
  const cut = new Promise<Cut>((resolve) => {
    const abort = () => resolve({ kind: 'cut', reason: 'aborted' });
    if (limits.signal?.aborted) return abort();
    limits.signal?.addEventListener('abort', abort, { signal: over.signal });
    void clock.sleep(limits.deadlineMs, over.signal).then(() => resolve({ kind: 'cut', reason: 'deadline' }));
  });
  return {
    async race(work, limitMs) {
      if (limitMs === undefined) return Promise.race([work, cut]);
      const phase = new AbortController();
      const slow = clock.sleep(limitMs, phase.signal).then((): Cut => ({ kind: 'cut', reason: 'slow' }));
      try {
        return await Promise.race([work, cut, slow]);
      } finally {
        phase.abort();
      }
    },
    end: () => over.abort(),
  };
}
