// Circuit breakers: who has failed again and again is left alone for a while, then tried with one job. Kept in memory:
// after a restart everybody is trusted again, and found out again within a few jobs.
import { MINUTE_MS, SECOND_MS, type Clock } from '../runtime/clock.ts';

export type Breakers = {
  /** Whether it is left alone now; false also when its one probe may be sent. */
  isOpen(key: string): boolean;
  /** A job is handed over; @returns the way to take that back. */
  begin(key: string): () => void;
  succeed(key: string): void;
  /** @returns whether this opened it. */
  fail(key: string): boolean;
};

type State = {
  inARow: number;
  /** What came of the last minute's jobs. */
  recent: { atMs: number; isFailure: boolean }[];
  /** Null while closed. */
  openUntilMs: number | null;
  /** How often it has opened since it was last sound. */
  opened: number;
  /** A probe is under way until then, if nobody hears of it sooner. */
  probeUntilMs: number;
};

const MAX_IN_A_ROW = 5;
const WINDOW_MS = MINUTE_MS;
/** Half of so many at least. */
const MIN_JOBS = 20;
const MAX_REMEMBERED = 200;
const OPEN_MS = 30 * SECOND_MS;
/** A provider that is back is to be found so within a minute. */
const MAX_OPEN_MS = MINUTE_MS;
const PROBE_MS = MINUTE_MS;

export function createBreakers({ clock }: { clock: Clock }): Breakers {
  const states = new Map<string, State>();

  function stateOf(key: string): State {
    const known = states.get(key);
    if (known !== undefined) return known;
    const state: State = { inARow: 0, recent: [], openUntilMs: null, opened: 0, probeUntilMs: 0 };
    states.set(key, state);
    return state;
  }

  function note(state: State, isFailure: boolean): void {
    const nowMs = clock.elapsedMs();
    const since = nowMs - WINDOW_MS;
    state.recent = [
      ...state.recent.filter(({ atMs }) => atMs > since).slice(1 - MAX_REMEMBERED),
      { atMs: nowMs, isFailure },
    ];
    state.inARow = isFailure ? state.inARow + 1 : 0;
  }

  function openAgain(state: State): void {
    state.opened += 1;
    state.openUntilMs = clock.elapsedMs() + Math.min(MAX_OPEN_MS, OPEN_MS * state.opened);
    Object.assign(state, { inARow: 0, recent: [], probeUntilMs: 0 });
  }

  return {
    isOpen(key) {
      const state = states.get(key);
      if (state === undefined || state.openUntilMs === null) return false;
      const nowMs = clock.elapsedMs();
      return nowMs < state.openUntilMs || nowMs < state.probeUntilMs;
    },
    begin(key) {
      const state = stateOf(key);
      if (state.openUntilMs === null) return () => undefined;
      state.probeUntilMs = clock.elapsedMs() + PROBE_MS;
      return () => {
        state.probeUntilMs = 0;
      };
    },
    succeed(key) {
      const state = stateOf(key);
      if (state.openUntilMs === null) return note(state, false);
      // What was under way when it opened proves nothing.
      if (state.probeUntilMs > 0) states.delete(key);
    },
    fail(key) {
      const state = stateOf(key);
      if (state.openUntilMs !== null) {
        if (state.probeUntilMs > 0) openAgain(state);
        return false;
      }
      note(state, true);
      const failures = state.recent.filter(({ isFailure }) => isFailure).length;
      const isHalf = state.recent.length >= MIN_JOBS && failures * 2 >= state.recent.length;
      if (state.inARow < MAX_IN_A_ROW && !isHalf) return false;
      openAgain(state);
      return true;
    },
  };
}
