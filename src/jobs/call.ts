// Calls to providers, with a deadline for each. Whatever an adapter throws, a timeout included, means that nothing
// is known: it becomes an outcome here and nowhere else.
import { Bug, messageOf } from '../errors.ts';
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
  /** Writes down what must not get lost, a few times more when the database cannot; then throws what it threw. */
  insist(write: () => Promise<void>): Promise<void>;
};

export type CallerParts = Pick<Runtime, 'net' | 'clock'> & Pick<ProviderContext, 'keep'>;

/** Together well within a lease: long enough for a moment without room on the disk. */
export const INSIST_AFTER_MS = [500, 2000, 8000] as const;

const TIMED_OUT = Symbol('timed out');

export function createCaller({ net, clock, keep }: CallerParts): Caller {
  async function within<T>(timeoutMs: number, work: (context: ProviderContext) => Promise<T>): Promise<T> {
    const [timeout, done] = [new AbortController(), new AbortController()];
    const timer = clock.sleep(timeoutMs, done.signal).then(() => TIMED_OUT);
    try {
      const result = await Promise.race([
        work({ net, clock, signal: timeout.signal, account: null, keep }),
        timer,
      ]);
      if (result !== TIMED_OUT) return result as T;
      timeout.abort();
      throw new Error(`no answer within ${timeoutMs} ms`);
    } finally {
      done.abort();
    }
  }

  return {
    within,
    async insist(write) {
      for (const waitMs of INSIST_AFTER_MS) {
        try {
          return await write();
        } catch (thrown) {
          if (thrown instanceof Bug) throw thrown;
          await clock.sleep(waitMs);
        }
      }
      return write();
    },
    async ask(call, { timeoutMs, otherwise }) {
      try {
        return await within(timeoutMs, call);
      } catch (thrown) {
        return { kind: otherwise, reason: messageOf(thrown) };
      }
    },
  };
}
