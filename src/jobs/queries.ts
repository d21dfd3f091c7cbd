// The rows of jobs, attempts and events. Every change of a job's state names the state it expects.
import { and, asc, desc, eq, gt, gte, inArray, isNotNull, isNull, lt, lte, min, ne, sql } from 'drizzle-orm';
import type { JobType, Mode } from '../words.ts';
import {
  command,
  fixedLimit,
  insertion,
  statement,
  type Connection,
  type JobState,
  type Tables,
} from '../store/db.ts';
import { afterCursor, type PageRequest } from '../store/page.ts';

export const insertJob = insertion('jobs');
export const insertAttempt = insertion('attempts');

export const findJob = statement(({ q, t }, p: { id: string }) =>
  q.select().from(t.jobs).where(eq(t.jobs.id, p.id)),
);

/** A job as its customer sees it: never another's, never of the other mode. */
export const findOwnJob = statement(({ q, t }, p: { id: string; customerId: string; mode: Mode }) =>
  q
    .select()
    .from(t.jobs)
    .where(and(eq(t.jobs.id, p.id), eq(t.jobs.customerId, p.customerId), eq(t.jobs.mode, p.mode))),
);

/**
 * Leases jobs whose time has come, the most overdue first. While a lease is held, `due_at` is its expiry, so that
 * one index finds both the jobs that wait and those whose worker died.
 */
export const claimDueJobs = statement(
  ({ q, t }, p: { now: number; owner: string; leaseUntil: number; limit: number }) =>
    q
      .update(t.jobs)
      .set({
        leaseOwner: p.owner,
        leaseNo: sql`${t.jobs.leaseNo} + 1`,
        tries: sql`${t.jobs.tries} + 1`,
        dueAt: p.leaseUntil,
      })
      .where(
        sql`${t.jobs.id} IN (${q
          .select({ id: t.jobs.id })
          .from(t.jobs)
          .where(and(isNull(t.jobs.endedAt), lte(t.jobs.dueAt, p.now)))
          .orderBy(asc(t.jobs.dueAt))
          .limit(p.limit)})`,
      )
      .returning(),
);

export const findNextDue = statement(({ q, t }, _: Record<string, never>) =>
  q
    .select({ dueAt: min(t.jobs.dueAt) })
    .from(t.jobs)
    .where(isNull(t.jobs.endedAt)),
);

/** Makes a lease last longer, while it is still the one under which the job was claimed. */
export const renewLease = command(
  ({ q, t }, p: { id: string; owner: string; leaseNo: number; leaseUntil: number }) =>
    q
      .update(t.jobs)
      .set({ dueAt: p.leaseUntil })
      .where(and(eq(t.jobs.id, p.id), eq(t.jobs.leaseOwner, p.owner), eq(t.jobs.leaseNo, p.leaseNo))),
);

/** Gives a leased job up for a later step, in whatever state its step has left it. */
export const leaveJob = command(
  ({ q, t }, p: { id: string; owner: string; leaseNo: number; dueAt: number }) =>
    q
      .update(t.jobs)
      .set({ leaseOwner: null, dueAt: p.dueAt })
      .where(and(eq(t.jobs.id, p.id), eq(t.jobs.leaseOwner, p.owner), eq(t.jobs.leaseNo, p.leaseNo))),
);

/** What a worker that died has lost that often is tried again ever later, in case it is what kills the worker. */
export const releaseLeases = statement(({ q, t }, p: { now: number; freeTries: number; pauseMs: number }) =>
  q
    .update(t.jobs)
    .set({
      leaseOwner: null,
      dueAt: sql`min(${t.jobs.deadlineAt}, ${p.now} + ${p.pauseMs} * max(0, ${t.jobs.tries} - ${p.freeTries}))`,
    })
    .where(and(isNull(t.jobs.endedAt), isNotNull(t.jobs.leaseOwner)))
    .returning({ id: t.jobs.id }),
);

/** Gives back the leases of one owner, at the end of a drain. */
export const handBackLeases = statement(({ q, t }, p: { now: number; owner: string }) =>
  q
    .update(t.jobs)
    .set({ leaseOwner: null, dueAt: p.now, tries: 0 })
    .where(and(isNull(t.jobs.endedAt), eq(t.jobs.leaseOwner, p.owner))),
);

/** Moves the instants of all open jobs, as the clock was moved. */
export const shiftOpenJobs = statement(({ q, t }, p: { byMs: number }) =>
  q
    .update(t.jobs)
    .set({
      dueAt: sql`${t.jobs.dueAt} + ${p.byMs}`,
      deadlineAt: sql`${t.jobs.deadlineAt} + ${p.byMs}`,
    })
    .where(isNull(t.jobs.endedAt)),
);

export type JobMove = {
  id: string;
  from: JobState;
  leaseNo: number;
  to: JobState;
  dueAt: number;
  tries: number;
  leaseOwner: string | null;
  startedAt: number | null;
  now: number;
};

/** One move of a leased job; no row comes back when the lease was lost or the state is another. */
export const moveJob = statement(({ q, t }, p: JobMove) =>
  q
    .update(t.jobs)
    .set({
      state: p.to,
      // A lease that is kept is as long as it was made meanwhile, by a renewal or with the clock.
      dueAt: sql`CASE WHEN ${p.leaseOwner} IS NULL THEN min(${p.dueAt}, ${t.jobs.deadlineAt}) ELSE ${t.jobs.dueAt} END`,
      tries: p.tries,
      leaseOwner: p.leaseOwner,
      startedAt: p.startedAt,
      updatedAt: p.now,
    })
    .where(and(eq(t.jobs.id, p.id), eq(t.jobs.state, p.from), eq(t.jobs.leaseNo, p.leaseNo)))
    .returning({ id: t.jobs.id }),
);

/** Takes the job away from whoever works on it, if it is still open: the first of two enders gets a row. */
export const fenceOpenJob = statement(({ q, t }, p: { id: string; leaseNo: number }) =>
  q
    .update(t.jobs)
    .set({ leaseNo: sql`${t.jobs.leaseNo} + 1` })
    .where(and(eq(t.jobs.id, p.id), eq(t.jobs.leaseNo, p.leaseNo), isNull(t.jobs.endedAt)))
    .returning(),
);

export const endJob = statement(
  (
    { q, t },
    p: {
      id: string;
      state: JobState;
      refunded: number;
      errorCode: string | null;
      errorMessage: string | null;
      now: number;
    },
  ) =>
    q
      .update(t.jobs)
      .set({
        state: p.state,
        leaseOwner: null,
        tries: 0,
        refunded: p.refunded,
        errorCode: p.errorCode,
        errorMessage: p.errorMessage,
        updatedAt: p.now,
        // A clock that was set back must not make a job end before it began.
        endedAt: sql`max(${p.now}, ${t.jobs.createdAt})`,
      })
      .where(and(eq(t.jobs.id, p.id), isNull(t.jobs.endedAt)))
      .returning(),
);

export const setRefunded = command(({ q, t }, p: { id: string; refunded: number; now: number }) =>
  q.update(t.jobs).set({ refunded: p.refunded, updatedAt: p.now }).where(eq(t.jobs.id, p.id)),
);

export type JobFilter = {
  customerId?: string | undefined;
  mode?: Mode | undefined;
  states?: readonly JobState[] | undefined;
  type?: JobType | undefined;
  model?: string | undefined;
  createdAfter?: number | undefined;
};

export function listJobs({ q, t }: Connection, filter: JobFilter, page: PageRequest) {
  return q
    .select()
    .from(t.jobs)
    .where(and(...filterConditions(t, filter), afterCursor(t.jobs.id, page.cursor)))
    .orderBy(desc(t.jobs.id))
    .limit(page.limit + 1);
}

function filterConditions({ jobs }: Tables, filter: JobFilter) {
  return [
    filter.customerId === undefined ? undefined : eq(jobs.customerId, filter.customerId),
    filter.mode === undefined ? undefined : eq(jobs.mode, filter.mode),
    filter.states === undefined ? undefined : inArray(jobs.state, [...filter.states]),
    filter.type === undefined ? undefined : eq(jobs.type, filter.type),
    filter.model === undefined ? undefined : eq(jobs.model, filter.model),
    filter.createdAfter === undefined ? undefined : gt(jobs.createdAt, filter.createdAfter),
  ];
}

/** How many jobs are in each state, among the open ones and those that ended since an instant. */
export function countByState({ q, t }: Connection, endedSince: number) {
  return q
    .select({ state: t.jobs.state, count: sql<number>`count(*)` })
    .from(t.jobs)
    .where(sql`${t.jobs.endedAt} IS NULL OR ${t.jobs.createdAt} >= ${endedSince}`)
    .groupBy(t.jobs.state);
}

export const findOldestQueued = statement(({ q, t }, _: Record<string, never>) =>
  q
    .select({ id: t.jobs.id, createdAt: t.jobs.createdAt })
    .from(t.jobs)
    .where(eq(t.jobs.state, sql`'queued'`))
    .orderBy(asc(t.jobs.createdAt))
    .limit(fixedLimit(1)),
);

/** Further back nobody cares for the exact number, and counting would cost. */
const MAX_QUEUE_POSITION = 1000;

/** The jobs that were accepted before an instant and also wait for their first step, a thousand at most. */
export const countQueuedBefore = statement(({ q, t }, p: { createdAt: number }) =>
  q.select({ count: sql<number>`count(*)` }).from(
    q
      .select({ id: t.jobs.id })
      .from(t.jobs)
      .where(and(eq(t.jobs.state, sql`'queued'`), lt(t.jobs.createdAt, p.createdAt)))
      .limit(fixedLimit(MAX_QUEUE_POSITION))
      .as('ahead'),
  ),
);

export const listAttempts = statement(({ q, t }, p: { jobId: string }) =>
  q.select().from(t.attempts).where(eq(t.attempts.jobId, p.jobId)).orderBy(asc(t.attempts.number)),
);

export const findNewestAttempt = statement(({ q, t }, p: { jobId: string }) =>
  q
    .select()
    .from(t.attempts)
    .where(eq(t.attempts.jobId, p.jobId))
    .orderBy(desc(t.attempts.number))
    .limit(fixedLimit(1)),
);

export type AttemptUpdate = {
  id: string;
  outcome: Tables['attempts']['$inferSelect']['outcome'];
  providerJobId: string | null;
  reason: string | null;
  outputs: unknown;
  acceptedAt: number | null;
  endedAt: number | null;
  cost: number | null;
  costUnit: Tables['attempts']['$inferSelect']['costUnit'];
  fault: Tables['attempts']['$inferSelect']['fault'];
};

export const updateAttempt = command(({ q, t }, p: AttemptUpdate) =>
  q
    .update(t.attempts)
    .set({
      outcome: p.outcome,
      providerJobId: p.providerJobId,
      reason: p.reason,
      outputs: p.outputs,
      acceptedAt: p.acceptedAt,
      endedAt: p.endedAt,
      cost: p.cost,
      costUnit: p.costUnit,
      fault: p.fault,
    })
    .where(eq(t.attempts.id, p.id)),
);

/** What an account's other attempts have at its provider. */
export const listOrdersOfOthers = statement(
  ({ q, t }, p: { accountId: string; since: number; otherThan: string }) =>
    q
      .select({ providerJobId: t.attempts.providerJobId })
      .from(t.attempts)
      .where(
        and(
          eq(t.attempts.accountId, p.accountId),
          gte(t.attempts.sentAt, p.since),
          ne(t.attempts.id, p.otherThan),
          isNotNull(t.attempts.providerJobId),
        ),
      ),
);

export type Found = {
  id: string;
  jobId: string;
  accountId: string;
  providerJobId: string;
  since: number;
};

/**
 * Another attempt with an account that an order found at its provider may be of: it has the order already, or may have
 * asked for what looks the same and has none yet. Two lost ones of the very same words may be taken for each other.
 */
export const findRivalOf = statement(({ q, t }, p: Found & { model: string; prompt: string }) =>
  q
    .select({ id: t.attempts.id })
    .from(t.attempts)
    .innerJoin(t.jobs, eq(t.jobs.id, t.attempts.jobId))
    .where(
      and(
        eq(t.attempts.accountId, p.accountId),
        gte(t.attempts.sentAt, p.since),
        ne(t.attempts.id, p.id),
        sql`CASE WHEN ${t.attempts.providerJobId} IS NOT NULL THEN ${t.attempts.providerJobId} = ${p.providerJobId}
            ELSE ${t.attempts.endedAt} IS NULL AND ${t.jobs.model} = ${p.model}
              AND json_extract(${t.jobs.input}, '$.prompt') = ${p.prompt}
              AND (${t.attempts.outcome} = 'sent' OR json_extract(${t.jobs.input}, '$.reference') IS NOT NULL
                OR ${t.jobs.input} <> (SELECT input FROM jobs AS own WHERE own.id = ${p.jobId})) END`,
      ),
    )
    .limit(fixedLimit(1)),
);

/** Lets the job that has waited longest for a free account look again; not those whose reference cannot be had. */
export const wakeOldestWaiting = statement(({ q, t }, p: { now: number }) =>
  q
    .update(t.jobs)
    .set({ dueAt: p.now })
    .where(
      sql`${t.jobs.id} = (${q
        .select({ id: t.jobs.id })
        .from(t.jobs)
        .where(
          and(
            eq(t.jobs.state, sql`'queued'`),
            isNull(t.jobs.leaseOwner),
            eq(t.jobs.tries, sql`0`),
            gt(t.jobs.dueAt, p.now),
          ),
        )
        .orderBy(asc(t.jobs.createdAt))
        .limit(fixedLimit(1))})`,
    )
    .returning({ id: t.jobs.id }),
);

/** Ends what is still open of a job's attempts, for the end of the job. */
export const closeAttempts = command(({ q, t }, p: { jobId: string; isCanceled: number; now: number }) =>
  q
    .update(t.attempts)
    .set({
      outcome: sql`CASE WHEN ${p.isCanceled} = 1 THEN 'canceled' ELSE ${t.attempts.outcome} END`,
      endedAt: p.now,
    })
    .where(and(eq(t.attempts.jobId, p.jobId), isNull(t.attempts.endedAt))),
);

type NewEvent = Omit<Tables['events']['$inferSelect'], 'number'>;

/** The first event of a job's timeline, whose number is no question; a third of the price of the next one. */
export const insertFirstEvent = insertion('events');

/** Adds the next event of a job's timeline. */
export const insertEvent = command(({ q, t }, p: NewEvent) =>
  q.insert(t.events).values({
    ...{ id: p.id, jobId: p.jobId, customerId: p.customerId },
    number: sql`(SELECT coalesce(max(number), 0) + 1 FROM events WHERE job_id = ${p.jobId})`,
    ...{ kind: p.kind, reason: p.reason, actor: p.actor, createdAt: p.createdAt },
  }),
);

export const listEvents = statement(({ q, t }, p: { jobId: string }) =>
  q.select().from(t.events).where(eq(t.events.jobId, p.jobId)).orderBy(asc(t.events.number)),
);
