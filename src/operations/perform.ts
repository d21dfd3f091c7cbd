// How an operator's change is made: one transaction that holds the change, its line in the audit and, where the
// caller sent an idempotency key, the answer for a retry.
import type { Audit, NewAuditEvent } from '../audit/index.ts';
import type { Idempotency, StoredAnswer } from '../idempotency/index.ts';
import type { Db, Tx } from '../store/db.ts';

/** Who acts, as the audit writes it down. */
export type Operator = { actor: string; addressHash: string | null; requestId: string | null };

/** What changed, and the line for the audit. */
export type Done<Result> = {
  result: Result;
  event: Pick<NewAuditEvent, 'action' | 'target' | 'summary' | 'before' | 'after'>;
};

/** A change, ready to be made. */
export type Action<Result> = (tx: Tx, operator: Operator) => Promise<Done<Result>>;

/** A change that must not be made twice; `answer` is what a retry gets, with nothing in it that is shown only once. */
export type Once<Result> = {
  key: string;
  fingerprint: string;
  answer: (result: Result, tx: Tx) => Promise<StoredAnswer>;
};

export type Performed<Result> = { kind: 'done'; result: Result } | ({ kind: 'replay' } & StoredAnswer);

/** @throws GatewayError whatever the action refuses with, `idempotency_key_conflict`; nothing is written then */
export type Perform = <Result>(
  operator: Operator,
  action: Action<Result>,
  once: Once<Result> | null,
) => Promise<Performed<Result>>;

/** Operators share one space of idempotency keys. */
const SCOPE = { scope: 'operator', mode: '' } as const;

export function createPerform(parts: { db: Db; audit: Audit; idempotency: Idempotency }): Perform {
  const { db, audit, idempotency } = parts;
  return (operator, action, once) =>
    db.transaction(async (tx) => {
      if (once !== null) {
        const replay = await idempotency.find(tx, { ...SCOPE, ...once });
        if (replay !== null) return replay;
      }
      const { result, event } = await action(tx, operator);
      await audit.record(tx, { ...operator, ...event });
      if (once !== null) {
        await idempotency.claim(tx, {
          ...SCOPE,
          ...once,
          resourceId: event.target,
          ...(await once.answer(result, tx)),
        });
      }
      return { kind: 'done', result } as const;
    });
}
