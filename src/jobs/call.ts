// Calls to providers, with a deadline for each. Whatever an adapter throws, a timeout included, means that nothing
// is known: it becomes an outcome here and nowhere else.
import { messageOf } from '../errors.ts';
import type { AttemptOutcome, ProviderContext } from '../providers/index.ts';
import type { Runtime } from '../runtime/index.ts';

export type Caller = {
  /** Asks a provider; `otherwise` is what it means when no answer comes. */
  ask(
    call: (context: ProviderContext) => Promise<AttemptOutcome>,
    options: { timeoutMs: number; otherwise: 'unknown' | 'unreachable' },
  ): Promise<AttemptOutcome>;
  /** Does a piece of work with the network. @throws Error when it does not end in time; the work is aborted then */
  within<T>(timeoutMs: number, work: (context: ProviderContext) => Promise<T>): Promise<T>;
};

const TIMED_OUT = Symbol('timed out');

export function createCaller({ net, clock }: Pick<Runtime, 'net' | 'clock'>): Caller {
  async function within<T>(timeoutMs: number, work: (context: ProviderContext) => Promise<T>): Promise<T> {
    const [timeout, done] = [new AbortController(), new AbortController()];
    const timer = clock.sleep(timeoutMs, done.signal).then(() => TIMED_OUT);
    try {
      const result = await Promise.race([work({ net, clock, signal: timeout.signal }), timer]);
      if (result !== TIMED_OUT) return result as T;
      timeout.abort();
      throw new Error(`no answer within ${timeoutMs} ms`);
    } finally {
      done.abort();
    }
  }

  return {
    within,
    async ask(call, { timeoutMs, otherwise }) {
      try {
        return await within(timeoutMs, call);
      } catch (thrown) {
        return { kind: otherwise, reason: messageOf(thrown) };
      }
    },
  };
}
