// Calls to providers, with a deadline for each. Whatever an adapter throws, a timeout included, means that nothing
// is known: it becomes an outcome here and nowhere else.
import { Bug, messageOf } from '../errors.ts';
import { secretsOf } from '../accounts/index.ts';
import type { AccountAccess, AttemptOutcome, ProviderContext } from '../providers/index.ts';
import type { Runtime } from '../runtime/index.ts';

export type Caller = {
  /** Asks a provider with an account; `otherwise` is what it means when no answer comes. */
  ask(
    call: (context: ProviderContext) => Promise<AttemptOutcome>,
    options: CallOptions & { otherwise: 'unknown' | 'unreachable' },
  ): Promise<AttemptOutcome>;
  /** Does a piece of work with the network. @throws Error when it does not end in time; the work is aborted then */
  within<T>(options: CallOptions, work: (context: ProviderContext) => Promise<T>): Promise<T>;
  /** Writes down what must not get lost, a few times more when the database cannot; then throws what it threw. */
  insist(write: () => Promise<void>): Promise<void>;
};

/** `account` is null at a provider that has none. */
export type CallOptions = { timeoutMs: number; account: AccountAccess | null };

export type CallerParts = Pick<Runtime, 'net' | 'clock'> & Pick<ProviderContext, 'keep'>;

/** Together well within a lease: long enough for a moment without room on the disk. */
export const INSIST_AFTER_MS = [500, 2000, 8000] as const;

/** Shorter ones are words, such as those of a cookie. */
const MIN_SECRET_LENGTH = 8;

const TIMED_OUT = Symbol('timed out');

export function createCaller({ net, clock, keep }: CallerParts): Caller {
  async function within<T>(
    { timeoutMs, account }: CallOptions,
    work: (context: ProviderContext) => Promise<T>,
  ): Promise<T> {
    const [timeout, done] = [new AbortController(), new AbortController()];
    const timer = clock.sleep(timeoutMs, done.signal).then(() => TIMED_OUT);
    try {
      const result = await Promise.race([work({ net, clock, signal: timeout.signal, account, keep }), timer]);
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
    async ask(call, { otherwise, ...options }) {
      try {
        return withoutSecrets(await within(options, call), options.account);
      } catch (thrown) {
        return withoutSecrets({ kind: otherwise, reason: messageOf(thrown) }, options.account);
      }
    },
  };
}

/** A provider may quote what it was sent; what we keep of its words has no credential in it. */
function withoutSecrets(outcome: AttemptOutcome, account: AccountAccess | null): AttemptOutcome {
  if (account === null || !('reason' in outcome)) return outcome;
  const secrets = secretsOf(account.credential).filter(({ length }) => length >= MIN_SECRET_LENGTH);
  return {
    ...outcome,
    reason: secrets.reduce((rest, secret) => rest.replaceAll(secret, '…'), outcome.reason),
  };
}
