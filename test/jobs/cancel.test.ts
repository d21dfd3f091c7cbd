// Canceling: at once while a job waits, with the provider's help while it runs, and not at all after that. Against the
// job's own end exactly one of the two wins.
import { describe, expect, test } from 'bun:test';
import { okBytes } from '../support/fake-net.ts';
import { completed, pending, type Script } from '../support/scripted-provider.ts';
import { tinyPng } from '../support/tiny-media.ts';
import type { Answer } from '../support/world.ts';
import { turns } from '../support/turns.ts';
import { openStage, UNKNOWN, type Stage } from './stage.ts';

const PICTURE_URL = 'https://pictures.example/cat.png';

function cancel({ world, customer }: Stage, id: string): Promise<Answer> {
  return world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.liveKey });
}

function expectCanceled(stage: Stage, id: string, answer: Answer): void {
  expect(answer).toMatchObject({ status: 200, json: { status: 'canceled', refundedCredits: 20 } });
  expect(stage.job(id)).toMatchObject({ state: 'canceled', refunded: 20, lease_owner: null });
  expect(stage.timeline(id).at(-1)).toBe('canceled');
}

describe('a job is canceled', () => {
  test('while it waits: no provider hears of it', async () => {
    const stage = await openStage();
    const id = await stage.accept();
    expectCanceled(stage, id, await cancel(stage, id));
    await stage.world.advance(60_000);
    expect(stage.provider.calls).toMatchObject({ submits: [], cancels: [] });
    await stage.close();
  });

  test('while its worker is still busy before the submit', async () => {
    const stage = await openStage();
    const asked = Promise.withResolvers<void>();
    const picture = Promise.withResolvers<ReturnType<typeof okBytes>>();
    stage.world.net.route(PICTURE_URL, () => (asked.resolve(), picture.promise));
    const id = await stage.accept({ body: { referenceImage: PICTURE_URL } });
    const settling = stage.world.settle();
    await asked.promise;
    expectCanceled(stage, id, await cancel(stage, id));
    picture.resolve(okBytes(tinyPng(300, 300)));
    await settling;
    expect(stage.job(id).state).toBe('canceled');
    expect(stage.provider.calls.submits).toEqual([]);
    await stage.close();
  });

  test('while it runs, when its provider can stop it', async () => {
    const stage = await openStage([{ cancel: () => true }]);
    const id = await stage.accept();
    await stage.world.settle();
    expectCanceled(stage, id, await cancel(stage, id));
    const [attempt] = stage.attempts(id);
    expect(attempt).toMatchObject({ outcome: 'canceled', ended_at: stage.world.clock.now() });
    expect(stage.provider.calls.cancels).toEqual([attempt?.provider_job_id ?? '']);
    await stage.world.advance(60_000);
    expect(stage.provider.calls.polls).toEqual([]);
    await stage.close();
  });

  test('between two attempts, and the first one stays as it ended', async () => {
    const refusal = { kind: 'failed', code: 'provider_error', reason: 'full' } as const;
    // Free when the order is accepted and when the first refuses it, busy when its turn comes.
    let asked = 0;
    const stage = await openStage([
      { submit: () => refusal, cancel: () => true },
      { canTake: () => asked++ < 3 },
    ]);
    const id = await stage.accept();
    await stage.world.settle();
    expect(stage.job(id).state).toBe('queued');
    const [before] = stage.attempts(id);
    stage.world.clock.advance(1000);
    expectCanceled(stage, id, await cancel(stage, id));
    expect(before).toMatchObject({ outcome: 'failed', reason: 'full' });
    expect(stage.attempts(id)).toEqual(before === undefined ? [] : [before]);
    expect(stage.provider.calls.cancels).toEqual([]);
    await stage.close();
  });

  test('in the sandbox before its time is over, and not after', async () => {
    const stage = await openStage();
    const { world, customer } = stage;
    const [early, late] = [await stage.accept({ mode: 'test' }), await stage.accept({ mode: 'test' })];
    await world.settle();
    const cancelTest = (id: string) => world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.testKey });
    expectCanceled(stage, early, await cancelTest(early));
    world.clock.advance(2000);
    expect((await cancelTest(late)).code).toBe('generation_not_cancelable');
    await world.settle();
    expect(stage.job(late).state).toBe('completed');
    await stage.close();
  });
});

describe('a job is not canceled', () => {
  const CASES: [string, Script][] = [
    ['when its provider has no such call', {}],
    ['when its provider says that it is too late', { cancel: () => false }],
    ['when its provider breaks off', { cancel: () => Promise.reject(new Error('down')) }],
    ['when it may be running', { submit: () => UNKNOWN, cancel: () => true }],
  ];
  for (const [when, script] of CASES) {
    test(`${when}, and goes on`, async () => {
      const stage = await openStage([{ ...script, poll: (id, { clock }) => later(id, clock.now()) }]);
      const id = await stage.accept();
      await stage.world.settle();
      const { state } = stage.job(id);
      expect(await cancel(stage, id)).toMatchObject({ status: 409, code: 'generation_not_cancelable' });
      expect(stage.job(id)).toMatchObject({ state, ended_at: null });
      expect(stage.attempts(id)[0]?.ended_at).toBeNull();
      await stage.close();
    });
  }

  test('when its provider does not answer within ten seconds', async () => {
    const stage = await openStage([{ cancel: () => new Promise<never>(() => undefined) }]);
    const id = await stage.accept();
    await stage.world.settle();
    const canceling = cancel(stage, id);
    await stage.world.clock.someoneSleeps(10_000);
    stage.world.clock.advance(10_000);
    expect((await canceling).code).toBe('generation_not_cancelable');
    expect((await stage.untilEnded(id)).state).toBe('completed');
    await stage.close();
  });

  test('while its output is being stored', async () => {
    let faults = 1;
    const stage = await openStage([{ cancel: () => true }], {
      gateKeeper: (gate) => (gate === 'before media.write' && faults-- > 0 ? 'fail' : 'go'),
    });
    const id = await stage.accept();
    await stage.world.advance(2000);
    expect(stage.job(id).state).toBe('storing');
    expect((await cancel(stage, id)).code).toBe('generation_not_cancelable');
    expect(stage.provider.calls.cancels).toEqual([]);
    expect((await stage.untilEnded(id)).state).toBe('completed');
    await stage.close();
  });

  test('a second time, nor after it has ended', async () => {
    const stage = await openStage();
    const [canceled, done] = [await stage.accept(), await stage.accept()];
    await cancel(stage, canceled);
    await stage.untilEnded(done);
    for (const id of [canceled, done]) {
      const seen = stage.job(id);
      expect((await cancel(stage, id)).code).toBe('generation_not_cancelable');
      expect(stage.job(id)).toEqual(seen);
    }
    await stage.close();
  });
});

test('cancel against completion: a thousand races, and each has one winner', async () => {
  const stage = await openStage([
    { cancel: () => true, submit: (_order, id) => pending(id, 0), poll: completed },
  ]);
  const wins = { canceled: 0, completed: 0 };
  for (let round = 0; round < 20; round++) {
    const ids: string[] = [];
    for (let count = 0; count < 50; count++) ids.push(await stage.accept());
    await stage.world.settle();
    stage.world.clock.advance(250);
    // Who comes first is a matter of turns: each cancel starts at another one, the step after some of them.
    const canceling = ids.map(async (id, index) => (await turns(index % 7), cancel(stage, id)));
    await turns(round % 7);
    await stage.world.settle();
    const answers = await Promise.all(canceling);
    for (const [index, id] of ids.entries()) {
      const { state } = stage.job(id);
      expect(answers[index]?.status).toBe(state === 'canceled' ? 200 : 409);
      wins[state === 'canceled' ? 'canceled' : 'completed'] += 1;
    }
  }
  expect(wins.canceled + wins.completed).toBe(1000);
  expect(Math.min(wins.canceled, wins.completed)).toBeGreaterThan(100);
  await stage.close();
});

function later(jobId: string, now: number) {
  return pending(jobId, now + 60_000);
}
