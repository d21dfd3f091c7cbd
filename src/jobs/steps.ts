// One step of a job at a time: hand it to a provider, ask how it goes, fetch what is ready.
import type { Pool } from '../accounts/index.ts';
import { assert, GatewayError, messageOf, unreachable } from '../errors.ts';
import type { Media } from '../media/index.ts';
import type { AccountAccess, AttemptOutcome, Order, Provider } from '../providers/index.ts';
import { MINUTE_MS, SECOND_MS, type Instant } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Db } from '../store/db.ts';
import { readAttempt, type Attempt } from './attempt.ts';
import type { Begin } from './begin.ts';
import type { Caller } from './call.ts';
import type { Job } from './job.ts';
import type { Outcomes } from './outcome.ts';
import { discardKept, storeOutputs } from './output.ts';
import { retryAt } from './progress.ts';
import { findJob, findNewestAttempt, listOrdersOfOthers } from './queries.ts';
import { loadReference, type LoadedReference } from './reference.ts';
import { orderOf, type Router } from './route.ts';

export type StepParts = {
  db: Db;
  media: Media;
  router: Router;
  pool: Pick<Pool, 'accessOf'>;
  runtime: Runtime;
  outcomes: Outcomes;
  begin: Begin;
  caller: Caller;
  /** When an output that is stored now is to be deleted. */
  deleteAt: (customerId: string, now: Instant) => Promise<Instant>;
};

/** Does what is due for a leased job. */
export type Step = (job: Job) => Promise<void>;

const NO_PROVIDER_RETRY_MS = 5 * SECOND_MS;
/** A provider's list may be behind; sooner than this after a submit, what is not in it may still come. */
const CERTAIN_AFTER_MS = MINUTE_MS;
/** An order that was made longer before a submit cannot be what came of it, whatever the clocks say. */
const TAKEN_SINCE_MS = 30 * MINUTE_MS;
/** How close to each other an account is asked about lost orders. */
const SEARCH_PACE_MS = 250;
const CALL_TIMEOUT_MS = 30 * SECOND_MS;
const STORE_TIMEOUT_MS = 10 * MINUTE_MS;

export function createStep(parts: StepParts): Step {
  const { db, media, router, pool, runtime, outcomes, begin } = parts;
  const { clock, random } = runtime;
  const { caller } = parts;
  const referenceParts = { db, media, net: runtime.net, clock, random };
  /** When each account was last asked about a lost order, in monotonic time. */
  const searchedMs = new Map<string, number>();

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
    const order = withReference(job, loaded);
    const begun = await begin(job, order);
    switch (begun.kind) {
      case 'begun':
        return handOver(begun.job, begun.attempt, { ...begun, order });
      case 'busy':
        return outcomes.wait(job, { dueAt: clock.now() + NO_PROVIDER_RETRY_MS });
      case 'lost':
        return undefined;
      default:
        return unreachable(begun);
    }
  }

  async function handOver(
    job: Job,
    attempt: Attempt,
    to: { provider: Provider; order: Order; access: AccountAccess | null },
  ): Promise<void> {
    const outcome = await caller.ask((context) => to.provider.submit(to.order, attempt.id, context), {
      timeoutMs: to.provider.submitTimeoutMs ?? CALL_TIMEOUT_MS,
      account: to.access,
      otherwise: 'unknown',
    });
    // An answer that gets lost here leaves a job whose outcome is unknown, and an order that nobody collects.
    await caller.insist(() => outcomes.apply(job, attempt, outcome));
  }

  /** A submit that nobody saw end. Only a provider that recognises the repetition is asked again. */
  async function reconcile(job: Job): Promise<void> {
    const { attempt, provider, access } = await current(job);
    const unknown = (reason: string) => outcomes.apply(job, attempt, { kind: 'unknown', reason });
    if (job.state === 'submitting') return unknown('the submit was interrupted');
    if (!provider.submitIsRepeatable) return search(job, attempt, { provider, access });
    const loaded = await loadReference(referenceParts, job);
    if (loaded.kind !== 'ready') return unknown('the reference image is missing for a repetition');
    // An operator may have ended the job while its reference was on the way.
    const seen = first(await findJob(db.read, { id: job.id }));
    if (seen?.leaseNo !== job.leaseNo) return;
    await handOver(job, attempt, { provider, access, order: withReference(job, loaded) });
  }

  /** Looks at the provider for what a submit of unknown outcome may have made. */
  async function search(
    job: Job,
    attempt: Attempt,
    { provider, access }: { provider: Provider; access: AccountAccess | null },
  ): Promise<void> {
    const { upstream } = provider;
    if (upstream?.findSubmitted === undefined || access === null) {
      return outcomes.wait(job, { dueAt: job.deadlineAt });
    }
    const now = clock.now();
    if (clock.elapsedMs() < (searchedMs.get(access.id) ?? -Infinity) + SEARCH_PACE_MS) {
      // Ever later, so that thousands of lost orders do not keep us busy with waiting.
      return outcomes.wait(job, { dueAt: retryAt(now, job.tries, random), isRetry: true });
    }
    searchedMs.set(access.id, clock.elapsedMs());
    const taken = await takenByOthers(attempt);
    const sent = { attemptId: attempt.id, sentAt: attempt.sentAt, taken };
    const nowhere: AttemptOutcome = { kind: 'unknown', reason: 'there is nothing to look in' };
    const outcome = await caller.ask(
      async (context) => (await upstream.findSubmitted?.(orderOf(job), sent, context)) ?? nowhere,
      { timeoutMs: CALL_TIMEOUT_MS, account: access, otherwise: 'unknown' },
    );
    // Two jobs that ask for the same look the same in a provider's list.
    if ('providerJobId' in outcome && taken.has(outcome.providerJobId)) {
      return outcomes.apply(job, attempt, { kind: 'unknown', reason: 'what was found is of another job' });
    }
    const isCertain = now - attempt.sentAt >= CERTAIN_AFTER_MS;
    if (outcome.kind === 'failed' && isCertain && (outcome.fault ?? 'provider') === 'provider') {
      return outcomes.endUntaken(job, attempt, outcome);
    }
    await outcomes.apply(job, attempt, outcome);
  }

  async function takenByOthers({ id, accountId, sentAt }: Attempt): Promise<ReadonlySet<string>> {
    if (accountId === null) return new Set();
    const others = { accountId, since: sentAt - TAKEN_SINCE_MS, otherThan: id };
    const rows = await listOrdersOfOthers(db.read, others);
    return new Set(rows.flatMap(({ providerJobId }) => providerJobId ?? []));
  }

  async function poll(job: Job): Promise<void> {
    const { attempt, provider, access } = await current(job);
    const { providerJobId } = attempt;
    assert(providerJobId !== null, 'a running job has an accepted attempt');
    const outcome: AttemptOutcome = await caller.ask((context) => provider.poll(providerJobId, context), {
      timeoutMs: CALL_TIMEOUT_MS,
      account: access,
      otherwise: 'unreachable',
    });
    await outcomes.apply(job, attempt, outcome);
  }

  async function store(job: Job): Promise<void> {
    const { attempt, provider, access } = await current(job);
    // What is made already is not lost because of what it was made from.
    const order = withReference(job, await loadReference(referenceParts, job));
    const now = clock.now();
    const times = { now, deleteAt: await parts.deleteAt(job.customerId, now) };
    const stored = await caller
      .within({ timeoutMs: STORE_TIMEOUT_MS, account: access }, (context) =>
        storeOutputs(media, { job, order, attempt, provider, context }, times),
      )
      .catch(whyNotStored);
    switch (stored.kind) {
      case 'stored':
        // Who came too late leaves it to whoever works on the job now.
        if (await outcomes.complete(job, stored.files)) await discardKept(media, attempt);
        return undefined;
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

  async function current(
    job: Job,
  ): Promise<{ attempt: Attempt; provider: Provider; access: AccountAccess | null }> {
    const row = first(await findNewestAttempt(db.read, { jobId: job.id }));
    const provider = row === null ? null : router.find(row.provider);
    assert(row !== null && provider !== null, `job ${job.id} has no attempt at a known provider`);
    const access = row.accountId === null ? null : await pool.accessOf(db.read, row.accountId);
    return { attempt: readAttempt(row), provider, access };
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
