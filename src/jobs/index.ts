// Jobs: accepted, carried through a provider, ended once. The one feature that combines the others.
import type { Accounts } from '../accounts/index.ts';
import type { Catalog } from '../catalog/index.ts';
import type { Customers } from '../customers/index.ts';
import { GatewayError } from '../errors.ts';
import type { Idempotency } from '../idempotency/index.ts';
import { credits } from '../credits.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Limits } from '../limits/index.ts';
import type { Media, StoredFile } from '../media/index.ts';
import type { Provider } from '../providers/index.ts';
import { HOUR_MS } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Connection, type Db, type JobState, type Tx } from '../store/db.ts';
import { toPage, type Page, type PageRequest } from '../store/page.ts';
import { readAttempt, type Attempt } from './attempt.ts';
import { createBegin } from './begin.ts';
import { createBreakers } from './breaker.ts';
import { createCaller } from './call.ts';
import { createCapacity } from './capacity.ts';
import { createKeep } from './output.ts';
import { createCancel, type Cancel } from './cancel.ts';
import { createClockJumps } from './clock-jumps.ts';
import { createEndings, type Endings } from './endings.ts';
import { createEngine, type Engine } from './engine.ts';
import { isEnded, readJob, type Job } from './job.ts';
import { createOutcomes } from './outcome.ts';
import {
  countByState,
  findJob,
  findOldestQueued,
  findOwnJob,
  listAttempts,
  listEvents,
  listJobs,
  setRefunded,
  type JobFilter,
} from './queries.ts';
import { createRecentJobs, ownedJob, type Owner, type RecentJobs } from './recent.ts';
import { createResolve, type Resolve } from './resolve.ts';
import { createRetryBudget } from './retry-budget.ts';
import { createCandidates, createRouter } from './route.ts';
import { createSettle, recordEvent } from './settle.ts';
import { createStep } from './steps.ts';
import { createSubmit, type Submit } from './submit.ts';

export type { Attempt } from './attempt.ts';
export { MAX_WAIT_MS } from './endings.ts';
export { isEnded, type EndState, type Job, type JobInput } from './job.ts';
export type { JobFilter } from './queries.ts';
export type { Owner } from './recent.ts';
export type { SubmitJob, Submitted, Submitter } from './submit.ts';

export type JobEvent = { kind: string; reason: string | null; actor: string; createdAt: number };

export type Jobs = RecentJobs &
  Resolve & {
    submit: Submit;
    /** A customer's own job. @throws GatewayError `generation_not_found`, for another's or the other mode's as well */
    getOwn(owner: Owner, id: string): Promise<Job>;
    /** Any job; for operators. @throws GatewayError `generation_not_found` */
    get(on: Connection, id: string): Promise<Job>;
    list(filter: JobFilter, page: PageRequest): Promise<Page<Job>>;
    /** What a completed job has delivered, the output first. @throws GatewayError `result_unavailable` (deleted) */
    outputsOf(job: Job): Promise<{ output: StoredFile; poster: StoredFile | null }>;
    attemptsOf(jobId: string): Promise<Attempt[]>;
    eventsOf(jobId: string): Promise<JobEvent[]>;
    cancel: Cancel;
    /** Resolves when the job ends, after `ms` at the latest; with the job as it is then. */
    waitForEnd(owner: Owner, id: string, ms: number): Promise<Job>;
    /** Gives back what a completed job cost. @throws GatewayError `generation_not_found`, `invalid_state` */
    refund(
      tx: Tx,
      id: string,
      cause: { actor: string; reason: string },
    ): Promise<{ before: Job; after: Job }>;
    /** Jobs by state: open ones, and those accepted since an instant. */
    countByState(since: number): Promise<Partial<Record<JobState, number>>>;
    oldestQueued(): Promise<{ id: string; createdAt: number } | null>;
    engine: Engine;
    endings: Endings;
  };

export type JobsParts = {
  db: Db;
  runtime: Runtime;
  accounts: Accounts;
  catalog: Catalog;
  customers: Customers;
  idempotency: Idempotency;
  ledger: Ledger;
  limits: Limits;
  media: Media;
  providers: readonly Provider[];
  /** @throws GatewayError `service_unavailable` when the disk has no room for new work */
  requireRoom: () => void;
  /** Names this process in leases. */
  owner: string;
};

export function createJobs(parts: JobsParts): Jobs {
  const { db, runtime, catalog, customers, ledger, media, accounts: pool } = parts;
  const { clock, random } = runtime;
  const breakers = createBreakers({ clock });
  const router = createRouter({ providers: parts.providers, pool, breakers });
  const candidates = createCandidates({ db, catalog, router, pool });
  const settle = createSettle({ ...parts, random });
  const jumps = createClockJumps({ db, clock });
  const capacity = createCapacity({ clock, jumps });
  const outcomes = createOutcomes({ db, runtime, settle, candidates, pool, breakers, capacity, jumps });
  const endings = createEndings({ db, clock });
  const caller = createCaller({ net: runtime.net, clock, keep: createKeep({ media, clock, random }) });
  const budget = createRetryBudget({ clock });
  const begin = createBegin({ db, random, pool, candidates, breakers, budget, capacity });
  const step = createStep({ db, media, router, pool, runtime, outcomes, begin, caller, deleteAt });

  async function deleteAt(customerId: string, now: number): Promise<number> {
    const { plan } = await customers.get(db.read, customerId);
    return now + (await catalog.getPlan(plan)).settings.outputRetentionHours * HOUR_MS;
  }

  async function getOwn(owner: Owner, id: string): Promise<Job> {
    return ownedJob(first(await findOwnJob(db.read, { id, ...owner })));
  }

  async function get(on: Connection, id: string): Promise<Job> {
    return ownedJob(first(await findJob(on, { id })));
  }

  return {
    ...createRecentJobs({ db, clock }),
    submit: createSubmit({ ...parts, router, pool, jumps, clock, random }),
    getOwn,
    get,
    list: async (filter, page) =>
      toPage((await listJobs(db.read, filter, page)).map(readJob), page.limit, (job) => job.id),
    async outputsOf(job) {
      // Past its retention a file may still be there for a minute, and its link would be expired from the start.
      const isKept = (file: StoredFile) => file.deletedAt === null && file.deleteAt > clock.now();
      const files = (await media.filesOf(db.read, job.id)).filter(isKept);
      const output = files.find((file) => file.role === 'output');
      if (output === undefined) throw new GatewayError('result_unavailable');
      return { output, poster: files.find((file) => file.role === 'poster') ?? null };
    },
    attemptsOf: async (jobId) => (await listAttempts(db.read, { jobId })).map(readAttempt),
    eventsOf: (jobId) => listEvents(db.read, { jobId }),
    cancel: createCancel({ db, router, pool, caller, settle }),
    async waitForEnd(owner, id, ms) {
      await endings.wait(id, ms, async () => isEnded((await getOwn(owner, id)).state));
      return getOwn(owner, id);
    },
    ...createResolve({ random, settle, get }),
    async refund(tx, id, { actor, reason }) {
      const before = await get(tx, id);
      if (before.state !== 'completed' || before.price === 0) {
        throw new GatewayError('invalid_state', { message: 'Only a charged job can be refunded.' });
      }
      const { customerId, mode } = before;
      const movement = { customerId, mode, amount: credits(before.price), actor, reason };
      await ledger.refund(tx, { ...movement, reservationId: id });
      await setRefunded(tx, { id, refunded: before.price, now: tx.now });
      tx.publish('job-changed', id);
      await recordEvent(tx, random, { job: before, kind: 'job.refunded', actor, reason });
      return { before, after: { ...before, refunded: before.price, updatedAt: tx.now } };
    },
    async countByState(since) {
      return Object.fromEntries(
        (await countByState(db.read, since)).map((row) => [row.state, Number(row.count)]),
      );
    },
    oldestQueued: async () => first(await findOldestQueued(db.read, {})),
    engine: createEngine({ db, runtime, step, jumps, owner: parts.owner }),
    endings,
  };
}
