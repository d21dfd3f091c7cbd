// What each answer of a provider means for a job, in each state in which a provider is asked.
import { describe, expect, test } from 'bun:test';
import type { AttemptOutcome } from '../../src/providers/index.ts';
import { completed, pending, type Script } from '../support/scripted-provider.ts';
import { FAILED, openStage, REJECTED, UNKNOWN, UNREACHABLE, type Stage } from './stage.ts';

const CALL_TIMEOUT_MS = 30_000;

/** A call that never comes back. */
const hang = () => new Promise<never>(() => undefined);
const explode = () => {
  throw new Error('a fault in the adapter');
};

/** Does what is due while somebody keeps us waiting, until the call is given up. */
async function settleHanging({ world }: Stage): Promise<void> {
  const settling = world.settle();
  await world.clock.someoneSleeps(CALL_TIMEOUT_MS);
  world.clock.advance(CALL_TIMEOUT_MS);
  await settling;
}

describe('what a submit answers', () => {
  const other: Script = {};

  async function submitWith(submit: NonNullable<Script['submit']>): Promise<[Stage, string]> {
    const stage = await openStage([{ submit }, other]);
    const id = await stage.accept();
    await stage.world.settle();
    return [stage, id];
  }

  test('pending: the job runs, and is looked at when the provider said', async () => {
    const [stage, id] = await submitWith((_order, _id, { clock }) => pending('p1', clock.now() + 7000));
    expect(stage.job(id)).toMatchObject({
      state: 'running',
      due_at: stage.world.clock.now() + 7000,
      tries: 0,
    });
    expect(stage.attempts(id)).toMatchObject([
      { outcome: 'accepted', provider_job_id: 'p1', ended_at: null },
    ]);
    await stage.close();
  });

  test('completed: the output is fetched without a poll', async () => {
    const [stage, id] = await submitWith(() => completed('p1'));
    expect(stage.job(id)).toMatchObject({ state: 'completed', refunded: 0 });
    expect(stage.provider.calls).toMatchObject({ polls: [], opens: 1 });
    await stage.close();
  });

  test('rejected: the job fails, and nobody else is asked', async () => {
    const [stage, id] = await submitWith(() => REJECTED);
    expect(stage.job(id)).toMatchObject({
      state: 'failed',
      error_code: 'content_policy_violation',
      refunded: 20,
    });
    expect(stage.attempts(id)).toMatchObject([{ outcome: 'rejected', reason: 'not nice' }]);
    expect(stage.providers[1]?.calls.submits).toEqual([]);
    await stage.close();
  });

  for (const [word, answer] of [
    ['unknown', () => UNKNOWN],
    ['unreachable', () => UNREACHABLE],
    ['an error', explode],
  ] as const) {
    test(`${word}: the outcome is unknown, and nobody else is asked`, async () => {
      const [stage, id] = await submitWith(answer);
      expect(stage.job(id)).toMatchObject({ state: 'unknown', ended_at: null });
      expect(stage.attempts(id)).toMatchObject([{ outcome: 'unknown', ended_at: null }]);
      expect(stage.providers[1]?.calls.submits).toEqual([]);
      await stage.close();
    });
  }

  test('nothing for half a minute: the outcome is unknown, and the call is called off', async () => {
    let signal: AbortSignal | undefined;
    const stage = await openStage([
      { submit: (_order, _id, context) => ((signal = context.signal), hang()) },
    ]);
    const id = await stage.accept();
    await settleHanging(stage);
    expect(stage.job(id).state).toBe('unknown');
    expect(signal?.aborted).toBe(true);
    await stage.close();
  });
});

describe('what a repeated submit answers', () => {
  /** The first answer gets lost; the job then stands in `unknown` until `repeat` is asked. */
  async function repeatWith(repeat: NonNullable<Script['submit']>): Promise<[Stage, string]> {
    let asked = 0;
    const stage = await openStage([
      {
        submitIsRepeatable: true,
        submit: (order, id, context) => (asked++ === 0 ? UNKNOWN : repeat(order, id, context)),
      },
      {},
    ]);
    const id = await stage.accept();
    await stage.world.settle();
    await stage.world.advance(5000);
    return [stage, id];
  }

  test('carries the attempt id of the first', async () => {
    const [stage, id] = await repeatWith(() => UNKNOWN);
    const ids = stage.provider.calls.submits.map(({ attemptId }) => attemptId);
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids)).toEqual(new Set([stage.attempts(id)[0]?.id ?? '']));
    await stage.close();
  });

  test('pending: the job runs', async () => {
    const [stage, id] = await repeatWith((_order, _id, { clock }) => pending('p1', clock.now() + 60_000));
    expect(stage.job(id).state).toBe('running');
    expect(stage.attempts(id)).toMatchObject([{ outcome: 'accepted', provider_job_id: 'p1' }]);
    await stage.close();
  });

  test('completed: the job completes', async () => {
    const [stage, id] = await repeatWith(() => completed('p1'));
    expect(stage.job(id).state).toBe('completed');
    await stage.close();
  });

  test('rejected: the job fails', async () => {
    const [stage, id] = await repeatWith(() => REJECTED);
    expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'content_policy_violation' });
    await stage.close();
  });

  for (const [word, answer] of [
    ['failed', () => FAILED],
    ['unknown', () => UNKNOWN],
    ['unreachable', () => UNREACHABLE],
    ['an error', explode],
  ] as const) {
    test(`${word}: says nothing about the first; the same provider is asked until the deadline`, async () => {
      const [stage, id] = await repeatWith(answer);
      expect(stage.job(id).state).toBe('unknown');
      await stage.untilEnded(id);
      expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'outcome_unknown', refunded: 20 });
      expect(stage.job(id).ended_at).toBe(stage.job(id).deadline_at);
      expect(stage.provider.calls.submits.length).toBeGreaterThan(6);
      expect(stage.providers[1]?.calls.submits).toEqual([]);
      await stage.close();
    });
  }
});

describe('what a poll answers', () => {
  async function pollWith(poll: NonNullable<Script['poll']>): Promise<[Stage, string]> {
    const stage = await openStage([{ poll }, {}]);
    const id = await stage.accept();
    await stage.world.advance(2000);
    return [stage, id];
  }

  test('pending: it is asked again when the provider said', async () => {
    const [stage, id] = await pollWith((jobId, { clock }) => pending(jobId, clock.now() + 9000));
    expect(stage.job(id)).toMatchObject({ state: 'running', due_at: stage.world.clock.now() + 9000 });
    await stage.close();
  });

  test('pending for ever at once: it is asked four times a second at most', async () => {
    const [stage] = await pollWith((jobId) => pending(jobId, 0));
    await stage.world.advance(10_000);
    expect(stage.provider.calls.polls.length).toBeLessThanOrEqual(41);
    await stage.close();
  });

  for (const [word, answer, code] of [
    ['failed', FAILED, 'provider_error'],
    ['rejected', REJECTED, 'content_policy_violation'],
  ] as const) {
    test(`${word}: the job fails, and is given to nobody else: somebody has worked on it`, async () => {
      const [stage, id] = await pollWith(() => answer);
      expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: code, refunded: 20 });
      expect(stage.attempts(id)).toMatchObject([{ outcome: word }]);
      expect(stage.providers[1]?.calls.submits).toEqual([]);
      await stage.close();
    });
  }

  for (const [word, answer] of [
    ['unreachable', () => UNREACHABLE],
    ['unknown', () => UNKNOWN],
    ['an error', explode],
  ] as const) {
    test(`${word}: it is asked again, ever later, and the job completes when an answer comes`, async () => {
      let misses = 0;
      const [stage, id] = await pollWith((jobId) => (misses++ < 5 ? answer() : completed(jobId)));
      expect(stage.job(id)).toMatchObject({ state: 'running', tries: 1 });
      const ended = await stage.untilEnded(id);
      expect(ended.state).toBe('completed');
      expect((ended.ended_at ?? 0) - ended.created_at).toBeGreaterThan(30_000);
      expect(stage.provider.calls.submits).toHaveLength(1);
      await stage.close();
    });
  }

  test('unreachable until an instant: it is asked then', async () => {
    const busyUntil = (retryAt: number): AttemptOutcome => ({ kind: 'unreachable', reason: 'busy', retryAt });
    const [stage, id] = await pollWith((_jobId, { clock }) => busyUntil(clock.now() + 33_000));
    expect(stage.job(id).due_at).toBe(stage.world.clock.now() + 33_000);
    await stage.close();
  });

  test('nothing for half a minute: it is asked again', async () => {
    let asked = 0;
    const stage = await openStage([{ poll: (id) => (asked++ === 0 ? hang() : completed(id)) }]);
    const id = await stage.accept();
    await stage.world.settle();
    stage.world.clock.advance(2000);
    await settleHanging(stage);
    expect(stage.job(id)).toMatchObject({ state: 'running', tries: 1 });
    expect((await stage.untilEnded(id)).state).toBe('completed');
    await stage.close();
  });
});
