// Leases: a job has one worker at a time, a worker that lost its lease changes nothing any more, and what a dead or
// draining process leaves is taken up by the next one.
import { describe, expect, test } from 'bun:test';
import { LEASE_MS } from '../../src/jobs/engine.ts';
import type { AttemptOutcome, OutputContent } from '../../src/providers/index.ts';
import { okBytes } from '../support/fake-net.ts';
import type { Verdict } from '../support/mortal.ts';
import { completed, pending } from '../support/scripted-provider.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { eventually } from '../support/turns.ts';
import { FAILED, openStage, type Stage } from './stage.ts';

const RENEW_MS = 20_000;
const PICTURE_URL = 'https://pictures.example/cat.png';

/** A call that answers when the test says so; further ones answer by themselves. */
function held<Value>(byItself: () => Value) {
  const { promise, resolve } = Promise.withResolvers<Value>();
  let asked = 0;
  return { call: () => (asked++ === 0 ? promise : byItself()), answer: resolve, isAsked: () => asked > 0 };
}

/** Stops the first worker that comes to its next transaction after a gate, and lets time pass until its lease is over. */
function createPause(after: string) {
  let isNear = false;
  let isPaused = false;
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  return {
    gateKeeper(gate: string): Verdict | Promise<Verdict> {
      if (gate === after) isNear = true;
      if (!isNear || isPaused || gate !== 'before transaction') return 'go';
      isPaused = true;
      return promise;
    },
    /** Resolves with the way to let the worker go on. */
    async begin({ world }: Stage): Promise<{ end: (verdict?: Verdict) => Promise<void> }> {
      const settling = world.settle();
      await eventually('the worker is stopped', () => isPaused);
      world.clock.advance(LEASE_MS);
      return {
        async end(verdict = 'go') {
          resolve(verdict);
          await settling;
        },
      };
    },
  };
}

describe('a worker that was paused past its lease', () => {
  test('does not make a job run that another has found interrupted', async () => {
    const pause = createPause('after leonardo.submit');
    const stage = await openStage([{}, {}], pause);
    const id = await stage.accept();
    const paused = await pause.begin(stage);
    expect(stage.job(id).state).toBe('submitting');
    await stage.world.openNode().scheduler.runDue();
    expect(stage.job(id).state).toBe('unknown');
    const seen = [stage.job(id), stage.attempts(id), stage.timeline(id)];
    await paused.end();
    expect([stage.job(id), stage.attempts(id), stage.timeline(id)]).toEqual(seen);
    await stage.untilEnded(id);
    expect(stage.providers.map(({ calls }) => calls.submits.length)).toEqual([1, 0]);
    await stage.close();
  });

  test('does not fail a job that another has completed', async () => {
    const pause = createPause('after leonardo.poll');
    const poll = held<AttemptOutcome>(() => completed('p1'));
    poll.answer(FAILED);
    const stage = await openStage([{ poll: poll.call }], pause);
    const id = await stage.accept();
    await stage.world.settle();
    stage.world.clock.advance(2000);
    const paused = await pause.begin(stage);
    await stage.world.openNode().scheduler.runDue();
    expect(stage.job(id).state).toBe('completed');
    await paused.end();
    expect(stage.job(id)).toMatchObject({ state: 'completed', refunded: 0 });
    expect(stage.timeline(id).at(-1)).toBe('completed');
    await stage.close();
  });

  test('does not complete a job a second time', async () => {
    const pause = createPause('after media.write');
    const stage = await openStage([{}], pause);
    const id = await stage.accept();
    await stage.world.settle();
    stage.world.clock.advance(2000);
    const paused = await pause.begin(stage);
    await stage.world.openNode().scheduler.runDue();
    expect(stage.job(id).state).toBe('completed');
    await paused.end();
    expect(stage.timeline(id).filter((kind) => kind === 'completed')).toHaveLength(1);
    await stage.close();
  });

  test('does not hand over a job that another has handed over', async () => {
    const pause = createPause('after net.fetch');
    const stage = await openStage([{}], pause);
    stage.world.net.route(PICTURE_URL, okBytes(tinyPng(300, 300)));
    const id = await stage.accept({ body: { referenceImage: PICTURE_URL } });
    const paused = await pause.begin(stage);
    await stage.world.openNode().scheduler.runDue();
    await paused.end();
    expect(stage.provider.calls.submits).toHaveLength(1);
    expect(stage.files(id)).toHaveLength(1);
    await stage.close();
  });

  test('does not take a job back from another after a fault', async () => {
    const pause = createPause('after leonardo.poll');
    const stage = await openStage([{ poll: (id, { clock }) => pending(id, clock.now() + 50_000) }], pause);
    const id = await stage.accept();
    await stage.world.settle();
    stage.world.clock.advance(2000);
    const paused = await pause.begin(stage);
    await stage.world.openNode().scheduler.runDue();
    const seen = stage.job(id);
    await paused.end('fail');
    expect(stage.world.log.some(({ msg }) => msg === 'a step failed')).toBe(true);
    expect(stage.job(id)).toEqual(seen);
    await stage.close();
  });
});

describe('while a step is under way', () => {
  test('its lease is renewed, for as long as it takes', async () => {
    const stage = await openStage();
    const open = held<OutputContent>(() => ({ pieces: [tinyPng(64, 64)] }));
    stage.provider.openOutput = async () => open.call();
    const id = await stage.accept();
    const { world } = stage;
    world.app.scheduler.start();
    await eventually('the job runs', () => stage.job(id).state === 'running');
    world.clock.advance(2000);
    await eventually('the output is being fetched', open.isAsked);
    for (let passed = 0; passed < 5 * LEASE_MS; passed += RENEW_MS) {
      world.clock.advance(RENEW_MS);
      const until = world.clock.now() + LEASE_MS;
      await eventually('the lease is renewed', () => stage.job(id).due_at === until);
      await world.openNode().scheduler.runDue();
    }
    expect(stage.job(id)).toMatchObject({ state: 'storing', lease_no: 3 });
    open.answer({ pieces: [tinyPng(64, 64)] });
    await eventually('the job completes', () => stage.job(id).state === 'completed');
    await world.app.scheduler.stop();
    await stage.close();
  });

  test('the lease of another step, which broke off, is not', async () => {
    let [isBroken, hasBroken] = [false, false];
    const open = held<OutputContent>(() => ({ pieces: [] }));
    const first = { submit: () => breakOff(), canTake: () => !hasBroken };
    const stage = await openStage([first, {}], {
      gateKeeper: (gate) => (isBroken && gate.endsWith('transaction') ? 'fail' : 'go'),
    });
    function breakOff(): AttemptOutcome {
      [isBroken, hasBroken] = [true, true];
      return pending('p1', 0);
    }
    const { world, providers } = stage;
    if (providers[1] !== undefined) providers[1].openOutput = async () => open.call();
    const id = await stage.accept();
    world.app.scheduler.start();
    await eventually('the database is broken', () => isBroken);
    // The answer of the submit is insisted on for a while, then the step gives up.
    for (const ms of [500, 2000, 8000]) {
      await world.clock.someoneSleeps(ms);
      world.clock.advance(ms);
    }
    await eventually('the step gave up', () => world.log.some(({ msg }) => msg === 'a step failed'));
    const { due_at } = stage.job(id);
    isBroken = false;
    const other = await stage.accept();
    await eventually('another job runs', () => stage.job(other).state === 'running');
    world.clock.advance(2000);
    await eventually('another step is under way', open.isAsked);
    while (world.clock.now() < due_at) {
      world.clock.advance(RENEW_MS);
      await eventually(
        'its lease is renewed',
        () => stage.job(other).due_at >= world.clock.now() + LEASE_MS - 1,
      );
    }
    await eventually('the job is taken up again', () => stage.job(id).state === 'unknown');
    open.answer({ pieces: [tinyPng(64, 64)] });
    await eventually('the other is done', () => stage.job(other).ended_at !== null);
    await world.app.scheduler.stop();
    await stage.close();
  });
});

describe('a process that died', () => {
  test('leaves leases that the next start frees at once', async () => {
    const stage = await openStage([{}], {
      gateKeeper: (gate) => (gate === 'before leonardo.poll' && !hasDied ? 'die' : 'go'),
    });
    let hasDied = false;
    const id = await stage.accept();
    await stage.world.advance(2000);
    expect(stage.job(id).lease_owner).not.toBeNull();
    hasDied = true;
    await stage.world.crash();
    expect(stage.job(id)).toMatchObject({ lease_owner: null, due_at: stage.world.clock.now() });
    await stage.world.settle();
    expect(stage.job(id).state).toBe('completed');
    await stage.close();
  });

  test('over the same job again and again comes to it ever later, and never after its deadline', async () => {
    const stage = await openStage([{}], {
      gateKeeper: (gate) => (gate === 'before leonardo.poll' ? 'die' : 'go'),
    });
    const id = await stage.accept();
    const { world } = stage;
    await world.settle();
    const pauses: number[] = [];
    for (let death = 1; death <= 7; death++) {
      await world.advance(stage.job(id).due_at - world.clock.now());
      expect(world.isDead()).toBe(true);
      await world.crash();
      pauses.push((stage.job(id).due_at - world.clock.now()) / 1000);
    }
    expect(pauses).toEqual([0, 0, 0, 15, 30, 45, 60]);
    for (let death = 8; stage.job(id).ended_at === null && death < 20; death++) {
      await world.advance(stage.job(id).due_at - world.clock.now());
      if (world.isDead()) await world.crash();
    }
    expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'provider_timeout' });
    expect(stage.job(id).ended_at).toBe(stage.job(id).deadline_at);
    await stage.close();
  });
});

describe('a drain', () => {
  test('lets steps end and starts no more', async () => {
    const poll = held<AttemptOutcome>(() => completed('p1'));
    const stage = await openStage([{ poll: poll.call }]);
    const { world } = stage;
    const id = await stage.accept();
    world.app.scheduler.start();
    await eventually('the job runs', () => stage.job(id).state === 'running');
    world.clock.advance(2000);
    await eventually('it is being looked at', poll.isAsked);
    const draining = world.app.drain(25_000);
    poll.answer(completed('p1'));
    await draining;
    expect(stage.job(id)).toMatchObject({ state: 'storing', lease_owner: null });
    await world.crash();
    await world.settle();
    expect(stage.job(id)).toMatchObject({ state: 'completed', lease_no: 4 });
    await stage.close();
  });

  test('hands back what does not end in time, for others to take up at once', async () => {
    const poll = held<AttemptOutcome>(() => completed('p1'));
    const stage = await openStage([{ poll: poll.call }]);
    const { world } = stage;
    const id = await stage.accept();
    world.app.scheduler.start();
    await eventually('the job runs', () => stage.job(id).state === 'running');
    world.clock.advance(2000);
    await eventually('it is being looked at', poll.isAsked);
    const draining = world.app.drain(25_000);
    await world.clock.someoneSleeps(25_000);
    world.clock.advance(25_000);
    await draining;
    expect(stage.job(id)).toMatchObject({
      state: 'running',
      lease_owner: null,
      tries: 0,
      due_at: world.clock.now(),
    });
    await world.openNode().scheduler.runDue();
    expect(stage.job(id).state).toBe('completed');
    poll.answer(FAILED);
    await world.app.scheduler.stop();
    expect(stage.job(id).state).toBe('completed');
    await stage.close();
  });
});

test('two processes share the work, and no order is sent twice', async () => {
  const stage = await openStage();
  const ids: string[] = [];
  for (let count = 0; count < 150; count++) ids.push(await stage.accept());
  const nodes = [stage.world.app, stage.world.openNode()];
  await Promise.all(nodes.map((node) => node.scheduler.runDue()));
  stage.world.clock.advance(2000);
  await Promise.all(nodes.map((node) => node.scheduler.runDue()));
  expect(new Set(ids.map((id) => stage.job(id).state))).toEqual(new Set(['completed']));
  const attempts = stage.provider.calls.submits.map(({ attemptId }) => attemptId);
  expect([attempts.length, new Set(attempts).size]).toEqual([150, 150]);
  await stage.close();
});
