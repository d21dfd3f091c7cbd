// Limits of a customer over all its keys: requests and generations in a sliding minute, and jobs at once. The
// windows live in this process; the generation window is rebuilt from accepted jobs, so a restart resets nothing.
import { GatewayError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { JobType } from '../words.ts';
import { first, type Connection, type Tx } from '../store/db.ts';
import { findInFlight, listRecentAcceptances } from './queries.ts';
import { createSlidingWindow, WINDOW_MS, type SlidingWindow, type WindowState } from './window.ts';

export type { WindowState } from './window.ts';

export type LimitsInForce = {
  generationsPerMinute: number;
  requestsPerMinute: number;
  concurrentImages: number;
  concurrentVideos: number;
};

export type Limits = {
  /** Counts one request. @throws GatewayError `rate_limit_exceeded` */
  admitRequest(customerId: string, limits: LimitsInForce): WindowState;
  /**
   * Counts one generation, for as long as the transaction holds. @throws GatewayError `rate_limit_exceeded`
   */
  admitGeneration(tx: Tx, customerId: string, limits: LimitsInForce): Promise<void>;
  /** Where the generation window stands, counting nothing. */
  generationState(on: Connection, customerId: string, limits: LimitsInForce): Promise<WindowState>;
  /** Looks whether one more job may be open; in the transaction that opens it. @throws GatewayError `concurrency_limit_exceeded` */
  requireFreePlace(
    on: Connection,
    job: { customerId: string; type: JobType; limits: LimitsInForce },
  ): Promise<void>;
  /** Lets go of windows that nothing is left in. */
  forgetIdle(): void;
};

/** So many acceptances are read back at least, in case the limit is raised within the minute. */
const MIN_REBUILT = 1000;
/** How soon after a refusal for too many open jobs it makes sense to ask again; nobody can know when one ends. */
const CONCURRENCY_RETRY_MS = 5000;

export function createLimits({ clock }: { clock: Clock }): Limits {
  const requests = new Map<string, SlidingWindow>();
  const generations = new Map<string, SlidingWindow>();
  const startedMs = clock.elapsedMs();

  /**
   * When what is still in the window was accepted by earlier processes. What this one accepts stays in a window until
   * it has left it, whatever the wall clock says meanwhile.
   */
  async function acceptedBeforeStart(on: Connection, customerId: string, limit: number): Promise<number[]> {
    const [now, nowMs] = [clock.now(), clock.elapsedMs()];
    if (nowMs - startedMs >= WINDOW_MS) return [];
    const rows = await listRecentAcceptances(on, {
      customerId,
      since: now - WINDOW_MS,
      limit: Math.max(limit, MIN_REBUILT),
    });
    // What lies ahead of a clock that was set back counts as new at the start, and leaves a minute later.
    return rows.map(({ createdAt }) => Math.min(createdAt - now + nowMs, startedMs)).sort((a, b) => a - b);
  }

  async function generationWindow(on: Connection, customerId: string, limit: number): Promise<SlidingWindow> {
    const known = generations.get(customerId);
    if (known !== undefined) return known;
    const admitted = await acceptedBeforeStart(on, customerId, limit);
    // Another request may have made the window while this one was reading.
    const window = generations.get(customerId) ?? createSlidingWindow(admitted);
    generations.set(customerId, window);
    return window;
  }

  return {
    admitRequest(customerId, { requestsPerMinute: limit }) {
      let window = requests.get(customerId);
      if (window === undefined) requests.set(customerId, (window = createSlidingWindow()));
      const nowMs = clock.elapsedMs();
      const isAdmitted = window.take(limit, nowMs);
      const state = window.state(limit, nowMs);
      if (!isAdmitted) throw rateLimited('requests', state);
      return state;
    },
    async admitGeneration(tx, customerId, { generationsPerMinute: limit }) {
      const window = await generationWindow(tx, customerId, limit);
      const nowMs = clock.elapsedMs();
      if (!window.take(limit, nowMs)) throw rateLimited('generations', window.state(limit, nowMs));
      tx.onRollback(() => window.giveBack(nowMs));
    },
    async generationState(on, customerId, { generationsPerMinute: limit }) {
      return (await generationWindow(on, customerId, limit)).state(limit, clock.elapsedMs());
    },
    async requireFreePlace(on, { customerId, type, limits }) {
      const cap = placesFor(type, limits);
      const open = first(await findInFlight(on, { customerId, type }))?.count ?? 0;
      if (open >= cap) throw tooManyOpen(type, cap);
    },
    forgetIdle() {
      const nowMs = clock.elapsedMs();
      for (const windows of [requests, generations]) {
        for (const [customerId, window] of windows) if (window.idleAt() <= nowMs) windows.delete(customerId);
      }
    },
  };
}

function placesFor(type: JobType, limits: LimitsInForce): number {
  return type === 'image' ? limits.concurrentImages : limits.concurrentVideos;
}

function tooManyOpen(type: JobType, cap: number): GatewayError {
  return new GatewayError('concurrency_limit_exceeded', {
    message: `Open ${type} jobs are limited to ${cap}.`,
    details: { limit: cap, type },
    retryAfterMs: CONCURRENCY_RETRY_MS,
  });
}

function rateLimited(bucket: 'requests' | 'generations', state: WindowState): GatewayError {
  return new GatewayError('rate_limit_exceeded', {
    message: `${bucket === 'requests' ? 'Requests' : 'Generations'} are limited to ${state.limit} in 60 seconds.`,
    details: {
      bucket,
      limit: state.limit,
      retry_after_seconds: Math.max(1, Math.ceil(state.resetMs / 1000)),
    },
    retryAfterMs: state.resetMs,
    window: state,
  });
}
