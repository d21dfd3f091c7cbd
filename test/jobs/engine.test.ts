// The engine's loop: how much it does at once, that nobody waits for somebody else's provider, and that one broken job
// breaks nothing but itself.
import { expect, test } from 'bun:test';
import { MAX_STEPS } from '../../src/jobs/engine.ts';
import type { AttemptOutcome } from '../../src/providers/index.ts';
import { completed, pending } from '../support/scripted-provider.ts';
import { eventually, turns } from '../support/turns.ts';
import { openStage, type Stage } from './stage.ts';

/** Enough for the loop to have come to rest. */
const MANY_TURNS = 200;

test('a slow provider does not keep another job waiting', async () => {
  const slow = Promise.withResolvers<AttemptOutcome>();
  const stage = await openStage([
    { submit: ({ prompt }, id) => (prompt === 'slow' ? slow.promise : completed(id)) },
  ]);
  const { scheduler } = stage.world.app;
  scheduler.start();
  const waiting = await stage.accept({ body: { prompt: 'slow' } });
  await eventually('the slow one is asked', () => stage.provider.calls.submits.length === 1);
  const other = await stage.accept();
  await eventually('the other is done', () => stage.job(other).state === 'completed');
  expect(stage.job(waiting).state).toBe('submitting');
  slow.resolve(completed('p1'));
  await eventually('the slow one is done', () => stage.job(waiting).state === 'completed');
  await scheduler.stop();
  await stage.close();
});

test('a job is taken up when it is accepted, not when the loop next looks', async () => {
  const stage = await openStage([{ submit: (_order, id) => completed(id) }]);
  const { scheduler } = stage.world.app;
  scheduler.start();
  await turns(MANY_TURNS);
  const before = stage.world.clock.now();
  const id = await stage.accept();
  await eventually('the job is done', () => stage.job(id).state === 'completed');
  expect(stage.world.clock.now()).toBe(before);
  await scheduler.stop();
  await stage.close();
});

test('no more steps are under way than there are slots, and a freed slot is used', async () => {
  const answers: ((outcome: AttemptOutcome) => void)[] = [];
  const stage = await openStage([
    {
      submit: () =>
        new Promise((resolve) => {
          answers.push(resolve);
        }),
    },
  ]);
  for (let count = 0; count < MAX_STEPS + 10; count++) await stage.accept();
  const { scheduler } = stage.world.app;
  scheduler.start();
  await eventually('every slot is taken', () => answers.length === MAX_STEPS);
  await turns(MANY_TURNS);
  expect(answers).toHaveLength(MAX_STEPS);
  const now = stage.world.clock.now();
  for (const answer of answers.slice(0, 4)) answer(pending('p', now + 3_600_000));
  await turns(MANY_TURNS);
  stage.world.clock.advance(100);
  await turns(MANY_TURNS);
  expect(answers).toHaveLength(MAX_STEPS + 4);
  for (const answer of answers.slice(4)) answer(pending('p', now + 3_600_000));
  await turns(MANY_TURNS);
  stage.world.clock.advance(100);
  await eventually('all are asked', () => answers.length === MAX_STEPS + 10);
  for (const answer of answers.slice(-6)) answer(pending('p', now + 3_600_000));
  await scheduler.stop();
  await stage.close();
});

test('the most overdue job comes first', async () => {
  const stage = await openStage();
  const ids: string[] = [];
  for (let count = 0; count < 100; count++) {
    ids.push(await stage.accept());
    stage.world.clock.advance(1);
  }
  await stage.world.settle();
  const first = stage.provider.calls.submits
    .slice(0, 64)
    .map(({ order }) => Number(order.prompt.split(' ').at(-1)));
  expect(Math.max(...first)).toBe(64);
  await stage.close();
});

test('a job that cannot be read breaks no other, and is looked at ever more rarely', async () => {
  const stage = await openStage();
  const broken = await stage.accept();
  const others = [await stage.accept(), await stage.accept()];
  stage.tamper("UPDATE jobs SET input = '{}' WHERE id = ?", broken);
  for (const id of others) expect((await stage.untilEnded(id)).state).toBe('completed');
  expect(stage.job(broken)).toMatchObject({ state: 'queued', ended_at: null });
  const failures = stage.world.log.filter(({ msg }) => msg === 'a step failed').length;
  await stage.world.advance(600_000);
  const more = stage.world.log.filter(({ msg }) => msg === 'a step failed').length - failures;
  expect(more).toBeGreaterThan(5);
  expect(more).toBeLessThan(25);
  await stage.close();
});

test('a step that meets a broken disk is done again when the disk works', async () => {
  let isBroken = false;
  const stage = await openStage([{}], {
    gateKeeper: (gate) => (isBroken && gate.endsWith('transaction') ? 'fail' : 'go'),
  });
  const id = await stage.accept();
  await stage.world.settle();
  stage.provider.calls.polls.length = 0;
  stage.world.clock.advance(2000);
  stage.world.app.scheduler.start();
  isBroken = true;
  await turns(MANY_TURNS);
  isBroken = false;
  await passUntilEnded(stage, id);
  expect(stage.job(id).state).toBe('completed');
  expect(stage.provider.calls.submits).toHaveLength(1);
  await stage.world.app.scheduler.stop();
  await stage.close();
});

test('an answer to a submit survives a moment without a disk', async () => {
  let isBroken = false;
  const stage = await openStage(
    [{ submit: (_order, id, { clock }) => ((isBroken = true), pending(id, clock.now() + 2000)) }],
    { gateKeeper: (gate) => (isBroken && gate.endsWith('transaction') ? 'fail' : 'go') },
  );
  const id = await stage.accept();
  stage.world.app.scheduler.start();
  await stage.world.clock.someoneSleeps(500);
  stage.world.clock.advance(500);
  await stage.world.clock.someoneSleeps(2000);
  isBroken = false;
  stage.world.clock.advance(2000);
  await eventually('the job runs', () => stage.job(id).state === 'running');
  expect(stage.timeline(id)).toEqual(['accepted', 'submitting', 'started']);
  await stage.world.app.scheduler.stop();
  await stage.close();
});

test('a store that is closed under its steps takes nothing down', async () => {
  const answer = Promise.withResolvers<AttemptOutcome>();
  const stage = await openStage([{ submit: () => answer.promise }]);
  const { world } = stage;
  const id = await stage.accept();
  const { app } = world;
  app.scheduler.start();
  await eventually('the order is on its way', () => stage.provider.calls.submits.length === 1);
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  await world.store.close();
  answer.resolve(completed('p1'));
  for (const ms of [500, 2000, 8000]) {
    await world.clock.someoneSleeps(ms);
    world.clock.advance(ms);
  }
  await eventually('the step gave up', () =>
    world.log.some(({ msg }) => msg === 'a job waits for the end of its lease'),
  );
  await app.scheduler.stop();
  await turns(MANY_TURNS);
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
  await world.reopen();
  await world.settle();
  expect(stage.job(id).state).toBe('unknown');
  await stage.close();
});

/** Lets time pass second by second while the loop runs. */
async function passUntilEnded({ world, job }: Stage, id: string): Promise<void> {
  for (let second = 0; second < 300 && job(id).ended_at === null; second++) {
    world.clock.advance(1000);
    await turns(30);
  }
}
