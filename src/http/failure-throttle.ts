// Failed authentications by address: past so many a minute the failing ones get 429. Requests with a good key are
// never counted and never refused, so that one bad neighbour behind a shared address blocks nobody.
import { GatewayError } from '../errors.ts';
import { MINUTE_MS, type Clock } from '../runtime/clock.ts';
import { throttleGroup } from './client-address.ts';

export type FailureThrottle = {
  /** Counts one failure. @throws GatewayError `auth_rate_limited` instead, when there were too many */
  count(address: string): void;
};

export const MAX_FAILURES_A_MINUTE = 20;
/** Addresses remembered in a window; a million attackers must not fill the memory. */
const MAX_ADDRESSES = 100_000;
/** What all further addresses of a window count as together, so that nobody gets more tries by coming from many. */
const ALL_OTHERS = 'others';

export function createFailureThrottle({ clock }: { clock: Clock }): FailureThrottle {
  let counts = new Map<string, number>();
  let windowEndMs = 0;
  return {
    count(address) {
      const nowMs = clock.elapsedMs();
      if (nowMs >= windowEndMs) {
        counts = new Map();
        windowEndMs = nowMs + MINUTE_MS;
      }
      const own = throttleGroup(address);
      const group = counts.has(own) || counts.size < MAX_ADDRESSES ? own : ALL_OTHERS;
      const failures = (counts.get(group) ?? 0) + 1;
      if (failures > MAX_FAILURES_A_MINUTE) {
        const resetMs = windowEndMs - nowMs;
        const window = { limit: MAX_FAILURES_A_MINUTE, remaining: 0, resetMs };
        throw new GatewayError('auth_rate_limited', { retryAfterMs: resetMs, window });
      }
      counts.set(group, failures);
    },
  };
}
