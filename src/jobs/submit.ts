// Accepting a job: the use case behind every dialect's generate route. Idempotency, limits, reservation, job and
// event are one transaction without any network in it; when it has answered, the job is on disk.
import { credits } from '../credits.ts';
import type { Pool, Roster } from '../accounts/index.ts';
import { assert, GatewayError } from '../errors.ts';
import type { Catalog, Model, Quote } from '../catalog/index.ts';
import type { Idempotency, StoredAnswer } from '../idempotency/index.ts';
import { makeId } from '../ids.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Limits, LimitsInForce } from '../limits/index.ts';
import type { Media, ParsedReference } from '../media/index.ts';
import { SECOND_MS, type Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Mode } from '../words.ts';
import type { Db, Tx } from '../store/db.ts';
import type { ClockJumps } from './clock-jumps.ts';
import type { Job, JobInput } from './job.ts';
import { insertJob } from './queries.ts';
import { storeIncoming } from './reference.ts';
import { orderOf, type Router } from './route.ts';
import { recordAcceptance } from './settle.ts';

/** Who asks, as far as accepting a job depends on it. */
export type Submitter = { customerId: string; keyId: string; mode: Mode; limits: LimitsInForce };

/** What is asked, in the one spelling of all dialects; every default is filled in and every value checked. */
export type SubmitJob = {
  model: Model;
  input: Omit<JobInput, 'reference'>;
  reference: ParsedReference | null;
  metadata: Record<string, string>;
  requestId: string;
  idempotency: { key: string; fingerprint: string } | null;
  /** The dialect's answer to the acceptance; stored, so that a retry gets it again. */
  answer: (job: Job) => StoredAnswer;
};

/** What to answer; `jobId` is null only when the first answer was about no job. */
export type Submitted = StoredAnswer & { jobId: string; isReplay: boolean };

export type SubmitParts = {
  db: Db;
  catalog: Catalog;
  idempotency: Idempotency;
  ledger: Ledger;
  limits: Limits;
  media: Media;
  router: Router;
  pool: Pick<Pool, 'roster'>;
  /** @throws GatewayError `service_unavailable` when the disk has no room for new work */
  requireRoom: () => void;
  jumps: ClockJumps;
  clock: Clock;
  random: Random;
};

/** When no provider can take a job there is no telling when one can. */
const CAPACITY_RETRY_MS = 10 * SECOND_MS;

/**
 * Accepts a job durably, or finds the one that the same request made before.
 * @throws GatewayError `idempotency_key_conflict`, `rate_limit_exceeded`, `concurrency_limit_exceeded`,
 *   `provider_unavailable`, `insufficient_credits`, `service_unavailable`; nothing is stored then
 */
export type Submit = (submitter: Submitter, command: SubmitJob) => Promise<Submitted>;

export function createSubmit(parts: SubmitParts): Submit {
  const { db, catalog, limits, media, pool } = parts;
  return async (submitter, command) => {
    const quote = await catalog.quote(command.model, command.input);
    const roster = submitter.mode === 'live' ? await pool.roster() : [];
    const incoming = await storeIncoming(parts, submitter, command.reference);
    const { file: reference, uploadId } = incoming;
    try {
      const submitted = await db.transaction((tx) => accept(tx, { submitter, command, quote }));
      if (submitted.isReplay) await letGo();
      return submitted;
    } catch (thrown) {
      await letGo();
      throw thrown;
    }

    /** What cannot be discarded now is swept up later; it must not change the answer. */
    async function letGo(): Promise<void> {
      if (reference !== null) await media.discard(reference.id).catch(() => undefined);
    }

    async function accept(tx: Tx, accepting: Accepting): Promise<Submitted> {
      const once = command.idempotency && { ...command.idempotency, ...scopeOf(submitter) };
      const replay = once && (await parts.idempotency.find(tx, once));
      if (replay !== null) {
        assert(replay.resourceId !== null, 'a replayed submit has a job');
        return { jobId: replay.resourceId, status: replay.status, body: replay.body, isReplay: true };
      }
      if (incoming.refusal !== null) throw incoming.refusal;
      // Whatever refuses comes before whatever writes: what has written nothing needs no undoing.
      await limits.admitGeneration(tx, submitter.customerId, submitter.limits);
      const job = makeJob(tx, accepting, parts);
      await limits.requireFreePlace(tx, { ...job, limits: submitter.limits });
      parts.requireRoom();
      refuseWithoutCapacity(parts.router, command, { mode: submitter.mode, roster });
      await reserveAndInsert(tx, job, parts);
      const answer = command.answer(job);
      if (once !== null) await parts.idempotency.claim(tx, { ...once, resourceId: job.id, ...answer });
      if (reference !== null) await media.record(tx, { ...reference, jobId: job.id, createdAt: tx.now });
      if (uploadId !== null) await media.uploads.noteUse(tx, uploadId);
      return { jobId: job.id, ...answer, isReplay: false };
    }
  };
}

/** Keys belong to a customer in a mode, and to none of its API keys. */
function scopeOf({ customerId, mode }: Submitter): { scope: string; mode: Mode } {
  return { scope: customerId, mode };
}

type Accepting = { submitter: Submitter; command: SubmitJob; quote: Quote };

function makeJob(
  tx: Tx,
  { submitter, command, quote }: Accepting,
  { random, jumps }: Pick<SubmitParts, 'random' | 'jumps'>,
): Job {
  const { model, reference } = command;
  const dueAt = tx.now - jumps.pendingMs();
  const input: JobInput = { ...command.input };
  if (reference !== null) {
    const { source, strength } = reference;
    input.reference = source.kind === 'url' ? { strength, url: source.url } : { strength };
  }
  return {
    id: makeId('job', { now: tx.now, random }),
    customerId: submitter.customerId,
    mode: submitter.mode,
    keyId: submitter.keyId,
    type: model.type,
    model: model.id,
    input,
    metadata: command.metadata,
    state: 'queued',
    dueAt,
    deadlineAt: dueAt + model.deadlineSeconds * SECOND_MS,
    leaseOwner: null,
    leaseNo: 0,
    tries: 0,
    price: quote.credits,
    priceVersion: quote.priceVersion,
    refunded: 0,
    errorCode: null,
    errorMessage: null,
    requestId: command.requestId,
    createdAt: tx.now,
    startedAt: null,
    updatedAt: tx.now,
    endedAt: null,
  };
}

function refuseWithoutCapacity(
  router: Router,
  command: SubmitJob,
  { mode, roster }: { mode: Mode; roster: Roster },
): void {
  const { model } = command;
  const order = orderOf({ model: model.id, type: model.type, input: command.input });
  if (router.candidates(order, { model, mode, failed: [], roster }).length === 0) {
    throw new GatewayError('provider_unavailable', { retryAfterMs: CAPACITY_RETRY_MS });
  }
}

async function reserveAndInsert(tx: Tx, job: Job, { ledger, random }: SubmitParts): Promise<void> {
  const actor = `key:${job.keyId}`;
  await ledger.reserve(tx, {
    customerId: job.customerId,
    mode: job.mode,
    amount: credits(job.price),
    reservationId: job.id,
    actor,
    requestId: job.requestId,
  });
  await insertJob(tx, job);
  await recordAcceptance(tx, random, { job, actor });
  tx.publish('job-due', job.id);
}
