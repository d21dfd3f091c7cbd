// What the outcome of an attempt means for its job, decided once for all providers: go on, try another, look into
// it, or end. Every ending runs through settle.
import { parseDecimal, type Pool } from '../accounts/index.ts';
import { ERROR_CATALOGUE, unreachable, type ErrorCode } from '../errors.ts';
import type { StoredFile } from '../media/index.ts';
import type { AttemptOutcome, Cost } from '../providers/index.ts';
import { MINUTE_MS } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Db, type Tx } from '../store/db.ts';
import type { Attempt } from './attempt.ts';
import type { Breakers } from './breaker.ts';
import type { Capacity } from './capacity.ts';
import type { ClockJumps } from './clock-jumps.ts';
import type { Job } from './job.ts';
import { moveOn, retryAt, type Move } from './progress.ts';
import { findRivalOf, updateAttempt } from './queries.ts';
import { breakerOf, type Candidates } from './route.ts';
import { GATEWAY, recordEvent, type Ending, type Settle } from './settle.ts';

export type OutcomeParts = {
  db: Db;
  runtime: Runtime;
  settle: Settle;
  candidates: Candidates;
  pool: Pick<Pool, 'noteFault' | 'noteAccepted'>;
  breakers: Pick<Breakers, 'succeed' | 'fail'>;
  capacity: Pick<Capacity, 'noteFree'>;
  jumps: ClockJumps;
};

type Failure = Extract<AttemptOutcome, { kind: 'failed' }>;
/** What an outcome says about the account; in the transaction that writes the outcome. */
type Note = (tx: Tx) => Promise<void>;

export type Fault = { code: ErrorCode; reason: string };

export type Outcomes = {
  apply(job: Job, attempt: Attempt, outcome: AttemptOutcome): Promise<void>;
  end(job: Job, ending: Ending): Promise<void>;
  /** Ends a job that has its output; false when another worker, or another ending, came first. */
  complete(job: Job, files: StoredFile[]): Promise<boolean>;
  /** Ends a job of unknown outcome that its provider has certainly never taken. */
  endUntaken(job: Job, attempt: Attempt, outcome: Failure): Promise<void>;
  /** Leaves the job for a later step in the state it is in. */
  wait(job: Job, move: Omit<Move, 'to'>): Promise<void>;
  /** Tries the same step again later, or fails the job when that was tried often enough. */
  retryOrFail(job: Job, fault: Fault): Promise<void>;
  /** Ends a job whose time is up. */
  expire(job: Job): Promise<void>;
};

/** A reference or an output that cannot be had that often is not worth another try. */
const MAX_TRIES = 6;
/** An order that was made longer before a submit cannot be what came of it. */
const RIVALS_SINCE_MS = 30 * MINUTE_MS;
/** A provider that says "at once" for ever must not keep us busy. */
const MIN_POLL_MS = 250;
/** What it says about a job that its deadline found it in this state. */
const DEADLINE_CODES: Partial<Record<Job['state'], ErrorCode>> = {
  queued: 'provider_unavailable',
  submitting: 'outcome_unknown',
  unknown: 'outcome_unknown',
  running: 'provider_timeout',
  storing: 'storage_error',
};

export function createOutcomes(parts: OutcomeParts): Outcomes {
  const { db, runtime, settle, candidates, pool, breakers, capacity, jumps } = parts;
  const { clock, random, log } = runtime;

  async function apply(job: Job, attempt: Attempt, outcome: AttemptOutcome): Promise<void> {
    if (job.state === 'submitting') judge(job, attempt, outcome);
    const now = clock.now();
    const acceptedAt = attempt.acceptedAt ?? now;
    switch (outcome.kind) {
      case 'pending': {
        const dueAt = Math.max(outcome.pollAt, now + MIN_POLL_MS);
        if (job.state === 'running') return wait(job, { dueAt });
        const { providerJobId } = outcome;
        const told = {
          ...costOf(outcome.cost),
          outcome: 'accepted',
          providerJobId,
          acceptedAt,
        } as const;
        return advance(job, { to: 'running', dueAt }, { ...attempt, ...told }, trusting(attempt));
      }
      case 'completed': {
        const { providerJobId, outputs } = outcome;
        const told = {
          outcome: 'completed',
          providerJobId,
          outputs,
          acceptedAt,
          endedAt: now,
        } as const;
        const done = { ...attempt, ...costOf(outcome.cost), ...told };
        return advance(job, { to: 'storing', dueAt: now }, done, trusting(attempt));
      }
      case 'rejected':
        return applyFailure(job, ended(attempt, outcome), outcome.code);
      case 'failed':
        return applyFailed(job, attempt, outcome);
      case 'unreachable':
        if (job.state !== 'running') return applyUnknown(job, attempt, outcome.reason);
        return wait(job, {
          dueAt: outcome.retryAt ?? retryAt(now, job.tries, random),
          isRetry: true,
        });
      case 'unknown':
        // Whoever polls knows that the order was taken.
        if (job.state === 'running') return apply(job, attempt, { ...outcome, kind: 'unreachable' });
        return applyUnknown(job, attempt, outcome.reason);
      default:
        return unreachable(outcome);
    }
  }

  /** What the answer to a submit says about whoever gave it. */
  function judge({ id, model }: Job, { provider, accountId }: Attempt, outcome: AttemptOutcome): void {
    const keys = [breakerOf({ id: provider }, { model }), ...(accountId === null ? [] : [accountId])];
    const isAtFault =
      outcome.kind === 'failed'
        ? (outcome.fault ?? 'provider') === 'provider'
        : outcome.kind === 'unknown' || outcome.kind === 'unreachable';
    for (const key of keys) {
      if (!isAtFault) breakers.succeed(key);
      else if (breakers.fail(key)) log.error({ jobId: id, provider, model, key }, 'a breaker has opened');
    }
  }

  async function applyFailed(job: Job, attempt: Attempt, outcome: Failure): Promise<void> {
    const { fault = 'provider', reason } = outcome;
    const note = blaming(attempt, job, outcome);
    // Who may not ask, or not now, has learned nothing about the job.
    if (job.state === 'running' && (fault === 'credential' || fault === 'rate')) {
      const dueAt = outcome.retryAt ?? retryAt(clock.now(), job.tries, random);
      await db.transaction(async (tx) => {
        if ((await moveOn(tx, job, beforeJump({ to: 'running', dueAt, isRetry: true }))) !== null)
          await note(tx);
      });
      return log.warn({ jobId: job.id, fault, reason }, 'a poll was refused');
    }
    await applyFailure(job, { ...ended(attempt, outcome), fault }, outcome.code, note);
  }

  function ended(
    attempt: Attempt,
    { kind, reason }: { kind: 'failed' | 'rejected'; reason: string },
  ): Attempt {
    return { ...attempt, outcome: kind, reason, endedAt: clock.now() };
  }

  function blaming({ accountId }: Attempt, { model }: Job, outcome: Failure): Note {
    return async (tx) => {
      if (accountId === null) return;
      const { fault = 'provider', reason, retryAt: until } = outcome;
      const report = { fault, reason, model, ...(until === undefined ? {} : { retryAt: until }) };
      await pool.noteFault(tx, accountId, report);
    };
  }

  function trusting({ accountId }: Attempt): Note {
    return async (tx) => {
      if (accountId !== null) await pool.noteAccepted(tx, accountId);
    };
  }

  /**
   * Once a provider has worked on a job it has cost somebody money: only a refused submit goes to another. What
   * refuses to be asked again says nothing about the first time.
   */
  async function applyFailure(
    job: Job,
    attempt: Attempt,
    code: ErrorCode,
    note: Note = nothing,
  ): Promise<void> {
    if (attempt.outcome === 'failed' && job.state === 'unknown') {
      return applyUnknown(job, { ...attempt, endedAt: null, fault: null }, attempt.reason ?? code, note);
    }
    if (attempt.outcome === 'failed' && job.state === 'submitting') {
      const others = await candidates(job, { alsoFailed: attempt });
      if (others.length > 0) return advance(job, { to: 'queued', dueAt: clock.now() }, attempt, note);
    }
    await close(job, { ...failure(code), attempt }, note);
  }

  /** Nothing is sent again. Whoever can learn the outcome may; else the deadline ends the job. */
  async function applyUnknown(
    job: Job,
    attempt: Attempt,
    reason: string,
    note: Note = nothing,
  ): Promise<void> {
    log.warn({ jobId: job.id, provider: attempt.provider, reason }, 'the outcome of a submit is unknown');
    await advance(
      job,
      { to: 'unknown', dueAt: retryAt(clock.now(), job.tries, random), isRetry: true },
      { ...attempt, outcome: 'unknown', reason },
      note,
    );
  }

  async function advance(job: Job, move: Move, attempt: Attempt, note: Note): Promise<void> {
    await db.transaction(async (tx) => {
      if (await isOfAnother(tx, job, attempt)) {
        const dueAt = retryAt(clock.now(), job.tries, random);
        return void (await moveOn(tx, job, beforeJump({ to: 'unknown', dueAt, isRetry: true })));
      }
      const moved = await moveOn(tx, job, beforeJump(move));
      if (moved === null) return;
      await updateAttempt(tx, attempt);
      await note(tx);
      if (attempt.endedAt !== null && attempt.accountId !== null) await capacity.noteFree(tx);
      if (move.to === job.state) return;
      const hasStarted = job.startedAt === null && moved.startedAt !== null;
      const kind = hasStarted ? 'job.started' : `job.${move.to}`;
      await recordEvent(tx, random, { job, kind, actor: GATEWAY, reason: attempt.reason });
    });
  }

  /** Whether what was found of a lost order may be what another job has ordered, as known at this moment. */
  async function isOfAnother(tx: Tx, job: Job, attempt: Attempt): Promise<boolean> {
    const { id, jobId, accountId, providerJobId, sentAt } = attempt;
    if (job.state !== 'unknown' || accountId === null || providerJobId === null) return false;
    const found = { id, jobId, accountId, providerJobId, since: sentAt - RIVALS_SINCE_MS };
    return first(await findRivalOf(tx, { ...found, model: job.model, prompt: job.input.prompt })) !== null;
  }

  async function close(job: Job, ending: Ending & { attempt?: Attempt }, note?: Note): Promise<void> {
    await tryClose(job, ending, note);
  }

  /** @returns false when another worker, or another ending, came first */
  async function tryClose(
    job: Job,
    ending: Ending & { attempt?: Attempt },
    note: Note = nothing,
  ): Promise<boolean> {
    const settled = await db.transaction(async (tx) => {
      const row = await settle(tx, job, { ...ending, actor: GATEWAY });
      if (row === null) return null;
      await note(tx);
      await capacity.noteFree(tx);
      return row;
    });
    if (settled === null) return false;
    log.info({ jobId: job.id, state: settled.state, code: settled.errorCode }, 'job ended');
    return true;
  }

  async function wait(job: Job, move: Omit<Move, 'to'>): Promise<void> {
    await db.transaction((tx) => moveOn(tx, job, beforeJump({ ...move, to: job.state })));
  }

  /** A clock that was set during the step moves the job when the loop next looks, and must not move it twice. */
  function beforeJump(move: Move): Move {
    return { ...move, dueAt: move.dueAt - jumps.pendingMs() };
  }

  return {
    apply,
    end: (job, ending) => close(job, ending),
    complete: (job, files) => tryClose(job, { state: 'completed', files }),
    endUntaken: (job, attempt, outcome) =>
      close(job, {
        ...failure(outcome.code),
        attempt: { ...ended(attempt, outcome), fault: 'provider' },
      }),
    wait,
    async retryOrFail(job, { code, reason }) {
      log.warn({ jobId: job.id, code, reason, tries: job.tries }, 'a step got nowhere');
      if (job.tries >= MAX_TRIES) return close(job, failure(code));
      await wait(job, { dueAt: retryAt(clock.now(), job.tries, random), isRetry: true });
    },
    expire: (job) => close(job, failure(DEADLINE_CODES[job.state] ?? 'internal_error')),
  };
}

/** The customer reads the catalogue's sentence; what the provider said stays with the attempt. */
function failure(code: ErrorCode): Ending {
  return { state: 'failed', code, message: ERROR_CATALOGUE[code].meaning };
}

const nothing: Note = () => Promise.resolve();

/** What a provider says that it has charged; nothing where it says nothing. */
function costOf(cost: Cost | undefined): Partial<Pick<Attempt, 'cost' | 'costUnit'>> {
  const micros = cost === undefined ? null : parseDecimal(cost.amount);
  return cost === undefined || micros === null ? {} : { cost: micros, costUnit: cost.unit };
}
