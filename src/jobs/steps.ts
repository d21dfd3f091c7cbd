// One step of a job at a time: hand it to a provider, ask how it goes, fetch what is ready.
import { assert, GatewayError, messageOf, unreachable } from '../errors.ts';
import { makeId } from '../ids.ts';
import type { Media } from '../media/index.ts';
import type { AttemptOutcome, Order, Provider } from '../providers/index.ts';
import { MINUTE_MS, SECOND_MS, type Instant } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Db } from '../store/db.ts';
import { readAttempt, type Attempt } from './attempt.ts';
import type { Caller } from './call.ts';
import type { Job } from './job.ts';
import type { Outcomes } from './outcome.ts';
import { discardKept, storeOutputs } from './output.ts';
import { moveOn } from './progress.ts';
import { findNewestAttempt, insertAttempt, listAttempts } from './queries.ts';
import { loadReference, type LoadedReference } from './reference.ts';
import { orderOf, type Candidates, type Router } from './route.ts';
import { GATEWAY, recordEvent } from './settle.ts';

export type StepParts = {
  db: Db;
  media: Media;
  router: Router;
  runtime: Runtime;
  outcomes: Outcomes;
  candidates: Candidates;
  caller: Caller;
  /** When an output that is stored now is to be deleted. */
  deleteAt: (customerId: string, now: Instant) => Promise<Instant>;
};

/** Does what is due for a leased job. */
export type Step = (job: Job) => Promise<void>;

const NO_PROVIDER_RETRY_MS = 5 * SECOND_MS;
const CALL_TIMEOUT_MS = 30 * SECOND_MS;
const STORE_TIMEOUT_MS = 10 * MINUTE_MS;

export function createStep(parts: StepParts): Step {
  const { db, media, router, runtime, outcomes, candidates } = parts;
  const { clock, random } = runtime;
  const { caller } = parts;
  const referenceParts = { db, media, net: runtime.net, clock, random };

  return async function step(job) {
    if (clock.now() >= job.deadlineAt) return outcomes.expire(job);
    switch (job.state) {
      case 'queued':
        return submit(job);
      case 'submitting':
      case 'unknown':
        return reconcile(job);
      case 'running':
        return poll(job);
      case 'storing':
        return store(job);
      case 'completed':
      case 'failed':
      case 'canceled':
        return undefined;
      default:
        return unreachable(job.state);
    }
  };

  async function submit(job: Job): Promise<void> {
    const loaded = await loadReference(referenceParts, job);
    switch (loaded.kind) {
      case 'ready':
        break;
      case 'refused':
        return outcomes.end(job, { state: 'failed', code: loaded.code, message: loaded.message });
      case 'unreachable':
        return outcomes.retryOrFail(job, { code: 'file_download_error', reason: loaded.reason });
      default:
        return unreachable(loaded);
    }
    const [provider] = await candidates(job, { alsoFailed: null });
    if (provider === undefined) return outcomes.wait(job, { dueAt: clock.now() + NO_PROVIDER_RETRY_MS });
    const begun = await beginAttempt(job, provider);
    if (begun === null) return;
    await handOver(begun.job, begun.attempt, { provider, order: withReference(job, loaded) });
  }

  /** The attempt is on disk before the provider hears of it. */
  async function beginAttempt(job: Job, provider: Provider): Promise<{ job: Job; attempt: Attempt } | null> {
    return db.transaction(async (tx) => {
      const moved = await moveOn(tx, job, { to: 'submitting', dueAt: job.dueAt, keepLease: true });
      if (moved === null) return null;
      const attempt: Attempt = {
        id: makeId('attempt', { now: tx.now, random }),
        jobId: job.id,
        number: (await listAttempts(tx, { jobId: job.id })).length + 1,
        provider: provider.id,
        providerJobId: null,
        outcome: 'sent',
        reason: null,
        outputs: [],
        sentAt: tx.now,
        acceptedAt: null,
        endedAt: null,
      };
      await insertAttempt(tx, attempt);
      await recordEvent(tx, random, { job, kind: 'job.submitting', actor: GATEWAY });
      return { job: moved, attempt };
    });
  }

  async function handOver(
    job: Job,
    attempt: Attempt,
    to: { provider: Provider; order: Order },
  ): Promise<void> {
    const outcome = await caller.ask((context) => to.provider.submit(to.order, attempt.id, context), {
      timeoutMs: to.provider.submitTimeoutMs ?? CALL_TIMEOUT_MS,
      otherwise: 'unknown',
    });
    // An answer that gets lost here leaves a job whose outcome is unknown, and an order that nobody collects.
    await caller.insist(() => outcomes.apply(job, attempt, outcome));
  }

  /** A submit that nobody saw end. Only a provider that recognises the repetition is asked again. */
  async function reconcile(job: Job): Promise<void> {
    const { attempt, provider } = await current(job);
    const unknown = (reason: string) => outcomes.apply(job, attempt, { kind: 'unknown', reason });
    if (job.state === 'submitting') return unknown('the submit was interrupted');
    if (!provider.submitIsRepeatable) return outcomes.wait(job, { dueAt: job.deadlineAt });
    const loaded = await loadReference(referenceParts, job);
    if (loaded.kind !== 'ready') return unknown('the reference image is missing for a repetition');
    await handOver(job, attempt, { provider, order: withReference(job, loaded) });
  }

  async function poll(job: Job): Promise<void> {
    const { attempt, provider } = await current(job);
    const { providerJobId } = attempt;
    assert(providerJobId !== null, 'a running job has an accepted attempt');
    const outcome: AttemptOutcome = await caller.ask((context) => provider.poll(providerJobId, context), {
      timeoutMs: CALL_TIMEOUT_MS,
      otherwise: 'unreachable',
    });
    await outcomes.apply(job, attempt, outcome);
  }

  async function store(job: Job): Promise<void> {
    const { attempt, provider } = await current(job);
    // What is made already is not lost because of what it was made from.
    const order = withReference(job, await loadReference(referenceParts, job));
    const now = clock.now();
    const times = { now, deleteAt: await parts.deleteAt(job.customerId, now) };
    const stored = await caller
      .within(STORE_TIMEOUT_MS, (context) =>
        storeOutputs(media, { job, order, attempt, provider, context }, times),
      )
      .catch(whyNotStored);
    switch (stored.kind) {
      case 'stored':
        await outcomes.end(job, { state: 'completed', files: stored.files });
        return discardKept(media, attempt);
      case 'invalid':
        return outcomes.retryOrFail(job, { code: 'provider_error', reason: stored.reason });
      case 'unreadable':
        return outcomes.end(job, { state: 'failed', code: 'file_load_error', message: stored.reason });
      case 'broken':
        return outcomes.retryOrFail(job, { code: 'storage_error', reason: stored.reason });
      default:
        return unreachable(stored);
    }
  }

  async function current(job: Job): Promise<{ attempt: Attempt; provider: Provider }> {
    const row = first(await findNewestAttempt(db.read, { jobId: job.id }));
    const provider = row === null ? null : router.find(row.provider);
    assert(row !== null && provider !== null, `job ${job.id} has no attempt at a known provider`);
    return { attempt: readAttempt(row), provider };
  }
}

/** A reference image that could not be decoded cannot be at the next try either. */
function whyNotStored(thrown: unknown): { kind: 'unreadable' | 'broken'; reason: string } {
  const isUnreadable = thrown instanceof GatewayError && thrown.code === 'file_load_error';
  return { kind: isUnreadable ? 'unreadable' : 'broken', reason: messageOf(thrown) };
}

function withReference(job: Job, loaded: LoadedReference): Order {
  const reference = loaded.kind === 'ready' ? loaded.reference : null;
  return { ...orderOf(job), ...(reference === null ? {} : { reference }) };
}
