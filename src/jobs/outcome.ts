// What the outcome of an attempt means for its job, decided once for all providers: go on, try another, look into
// it, or end. Every ending runs through settle.
import { ERROR_CATALOGUE, unreachable, type ErrorCode } from '../errors.ts';
import type { AttemptOutcome } from '../providers/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Db } from '../store/db.ts';
import type { Attempt } from './attempt.ts';
import type { ClockJumps } from './clock-jumps.ts';
import type { Job } from './job.ts';
import { moveOn, retryAt, type Move } from './progress.ts';
import { updateAttempt } from './queries.ts';
import type { Candidates } from './route.ts';
import { GATEWAY, recordEvent, type Ending, type Settle } from './settle.ts';

export type OutcomeParts = {
  db: Db;
  runtime: Runtime;
  settle: Settle;
  candidates: Candidates;
  jumps: ClockJumps;
};

export type Fault = { code: ErrorCode; reason: string };

export type Outcomes = {
  apply(job: Job, attempt: Attempt, outcome: AttemptOutcome): Promise<void>;
  end(job: Job, ending: Ending, attempt?: Attempt): Promise<void>;
  /** Leaves the job for a later step in the state it is in. */
  wait(job: Job, move: Omit<Move, 'to'>): Promise<void>;
  /** Tries the same step again later, or fails the job when that was tried often enough. */
  retryOrFail(job: Job, fault: Fault): Promise<void>;
  /** Ends a job whose time is up. */
  expire(job: Job): Promise<void>;
};

/** A reference or an output that cannot be had that often is not worth another try. */
const MAX_TRIES = 6;
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

export function createOutcomes({ db, runtime, settle, candidates, jumps }: OutcomeParts): Outcomes {
  const { clock, random, log } = runtime;

  async function apply(job: Job, attempt: Attempt, outcome: AttemptOutcome): Promise<void> {
    const now = clock.now();
    const acceptedAt = attempt.acceptedAt ?? now;
    switch (outcome.kind) {
      case 'pending': {
        const dueAt = Math.max(outcome.pollAt, now + MIN_POLL_MS);
        if (job.state === 'running') return wait(job, { dueAt });
        const { providerJobId } = outcome;
        const accepted = { ...attempt, outcome: 'accepted', providerJobId, acceptedAt } as const;
        return advance(job, { to: 'running', dueAt }, accepted);
      }
      case 'completed': {
        const { providerJobId, outputs } = outcome;
        const done = {
          ...attempt,
          outcome: 'completed',
          providerJobId,
          outputs,
          acceptedAt,
          endedAt: now,
        } as const;
        return advance(job, { to: 'storing', dueAt: now }, done);
      }
      case 'rejected':
      case 'failed':
        return applyFailure(
          job,
          { ...attempt, outcome: outcome.kind, reason: outcome.reason, endedAt: now },
          outcome.code,
        );
      case 'unreachable':
        if (job.state !== 'running') return applyUnknown(job, attempt, outcome.reason);
        return wait(job, { dueAt: outcome.retryAt ?? retryAt(now, job.tries, random), isRetry: true });
      case 'unknown':
        // Whoever polls knows that the order was taken.
        if (job.state === 'running') return apply(job, attempt, { ...outcome, kind: 'unreachable' });
        return applyUnknown(job, attempt, outcome.reason);
      default:
        return unreachable(outcome);
    }
  }

  /**
   * Once a provider has worked on a job it has cost somebody money: only a refused submit goes to another. What
   * refuses to be asked again says nothing about the first time.
   */
  async function applyFailure(job: Job, attempt: Attempt, code: ErrorCode): Promise<void> {
    if (attempt.outcome === 'failed' && job.state === 'unknown') {
      return applyUnknown(job, { ...attempt, endedAt: null }, attempt.reason ?? code);
    }
    if (attempt.outcome === 'failed' && job.state === 'submitting') {
      const others = await candidates(job, { alsoFailed: attempt.provider });
      if (others.length > 0) return advance(job, { to: 'queued', dueAt: clock.now() }, attempt);
    }
    await end(job, failure(code), attempt);
  }

  /** Nothing is sent again. Whoever can learn the outcome may; else the deadline ends the job. */
  async function applyUnknown(job: Job, attempt: Attempt, reason: string): Promise<void> {
    log.warn({ jobId: job.id, provider: attempt.provider, reason }, 'the outcome of a submit is unknown');
    await advance(
      job,
      { to: 'unknown', dueAt: retryAt(clock.now(), job.tries, random), isRetry: true },
      { ...attempt, outcome: 'unknown', reason },
    );
  }

  async function advance(job: Job, move: Move, attempt: Attempt): Promise<void> {
    await db.transaction(async (tx) => {
      const moved = await moveOn(tx, job, beforeJump(move));
      if (moved === null) return;
      await updateAttempt(tx, attempt);
      if (move.to === job.state) return;
      const hasStarted = job.startedAt === null && moved.startedAt !== null;
      const kind = hasStarted ? 'job.started' : `job.${move.to}`;
      await recordEvent(tx, random, { job, kind, actor: GATEWAY, reason: attempt.reason });
    });
  }

  async function end(job: Job, ending: Ending, attempt?: Attempt): Promise<void> {
    const ended = await db.transaction(async (tx) => {
      const settled = await settle(tx, job, { ...ending, actor: GATEWAY });
      if (settled !== null && attempt !== undefined) await updateAttempt(tx, attempt);
      return settled;
    });
    if (ended !== null) log.info({ jobId: job.id, state: ended.state, code: ended.errorCode }, 'job ended');
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
    end,
    wait,
    async retryOrFail(job, { code, reason }) {
      log.warn({ jobId: job.id, code, reason, tries: job.tries }, 'a step got nowhere');
      if (job.tries >= MAX_TRIES) return end(job, failure(code));
      await wait(job, { dueAt: retryAt(clock.now(), job.tries, random), isRetry: true });
    },
    expire: (job) => end(job, failure(DEADLINE_CODES[job.state] ?? 'internal_error')),
  };
}

/** The customer reads the catalogue's sentence; what the provider said stays with the attempt. */
function failure(code: ErrorCode): Ending {
  return { state: 'failed', code, message: ERROR_CATALOGUE[code].meaning };
}
