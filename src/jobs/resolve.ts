// Resolving a job of unknown outcome by hand: an operator who has looked at the provider's own pages says that it came to
// nothing, or which order there it is.
import { GatewayError, invalidField } from '../errors.ts';
import type { Random } from '../runtime/random.ts';
import { first, type Tx } from '../store/db.ts';
import { readAttempt } from './attempt.ts';
import type { Job } from './job.ts';
import { moveOn } from './progress.ts';
import { findNewestAttempt, listOrdersOfOthers, updateAttempt } from './queries.ts';
import { recordEvent, type Settle } from './settle.ts';

export type Resolved = { before: Job; after: Job };

export type Resolve = {
  /** Ends an `unknown` job as failed. @throws GatewayError `generation_not_found`, `invalid_state` */
  failUnknown(tx: Tx, id: string, actor: string): Promise<Resolved>;
  /**
   * Goes on with an `unknown` job as the order that its provider has under an id.
   * @throws GatewayError `generation_not_found`, `invalid_state`, `invalid_input` when that is another job's
   */
  attachUnknown(tx: Tx, id: string, found: { providerJobId: string; actor: string }): Promise<Resolved>;
};

export type ResolveParts = {
  random: Random;
  settle: Settle;
  get: (on: Tx, id: string) => Promise<Job>;
};

export function createResolve({ random, settle, get }: ResolveParts): Resolve {
  return {
    async failUnknown(tx, id, actor) {
      const before = await get(tx, id);
      const message = 'The operator ended the job.';
      const ending = { state: 'failed', code: 'outcome_unknown', message, actor } as const;
      const after = before.state === 'unknown' ? await settle(tx, before, ending) : null;
      if (after === null) throw notUnknown();
      return { before, after };
    },
    async attachUnknown(tx, id, { providerJobId, actor }) {
      const before = await get(tx, id);
      const row = first(await findNewestAttempt(tx, { jobId: id }));
      if (before.state !== 'unknown' || row === null) throw notUnknown();
      const attempt = readAttempt(row);
      if (attempt.accountId !== null) {
        const taken = await listOrdersOfOthers(tx, {
          ...{ accountId: attempt.accountId, since: 0, otherThan: attempt.id },
        });
        if (taken.some((other) => other.providerJobId === providerJobId))
          throw invalidField('upstreamGenerationId', 'is that of another job');
      }
      const after = await moveOn(tx, before, { to: 'running', dueAt: tx.now });
      if (after === null) throw notUnknown();
      const reason = 'attached by an operator';
      await updateAttempt(tx, {
        ...{ ...attempt, outcome: 'accepted', providerJobId, reason, acceptedAt: tx.now },
      });
      await recordEvent(tx, random, { job: before, kind: 'job.started', actor, reason });
      return { before, after };
    },
  };
}

function notUnknown(): GatewayError {
  return new GatewayError('invalid_state', {
    message: 'Only a job whose outcome is unknown can be resolved.',
  });
}
