// A wall clock that is set while jobs are open: none ends before its time, none waits for longer, none ends before it
// began.
import { describe, expect, test } from 'bun:test';
import { LEASE_MS } from '../../src/jobs/engine.ts';
import type { AttemptOutcome } from '../../src/providers/index.ts';
import { okBytes } from '../support/fake-net.ts';
import { faultOf } from '../support/fault-of.ts';
import type { Verdict } from '../support/mortal.ts';
import { completed, pending } from '../support/scripted-provider.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { eventually } from '../support/turns.ts';
import { openStage, type Stage } from './stage.ts';

const HOUR_MS = 3_600_000;
const PICTURE_URL = 'https://pictures.example/cat.png';
const JUMPS = [
  ['an hour forward', HOUR_MS],
  ['an hour back', -HOUR_MS],
  ['a day forward', 24 * HOUR_MS],
  ['a day back', -24 * HOUR_MS],
] as const;

/** How long the job has been open, by the clock that nobody can set. */
async function livesFor({ world, job }: Stage, id: string): Promise<number> {
  const begun = world.clock.elapsedMs();
  for (let second = 0; second < 4000 && job(id).ended_at === null; second++) await world.advance(1000);
  return world.clock.elapsedMs() - begun;
}

for (const [name, jumpMs] of JUMPS) {
  describe(`a clock that is set ${name}`, () => {
    for (const mode of ['live', 'test'] as const) {
      test(`lets a ${mode} job complete in its time`, async () => {
        const stage = await openStage([
          { poll: (id) => ({ kind: 'completed', providerJobId: id, outputs: [OUTPUT] }) },
        ]);
        const id = await stage.accept({ mode });
        await stage.world.settle();
        stage.world.clock.jump(jumpMs);
        expect(await livesFor(stage, id)).toBeLessThanOrEqual(3000);
        expect(stage.job(id).state).toBe('completed');
        await stage.close();
      });
    }

    test('leaves a job the deadline that it had', async () => {
      const stage = await openStage([{ poll: (id, { clock }) => pending(id, clock.now() + 2000) }]);
      const id = await stage.accept();
      await stage.world.advance(100_000);
      stage.world.clock.jump(jumpMs);
      expect(await livesFor(stage, id)).toBe(200_000);
      expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'provider_timeout' });
      await stage.close();
    });

    test('gives a job its whole time that is accepted before the gateway has looked', async () => {
      const stage = await openStage([{ poll: (id, { clock }) => pending(id, clock.now() + 2000) }]);
      await stage.world.settle();
      stage.world.clock.jump(jumpMs);
      const id = await stage.accept();
      expect(await livesFor(stage, id)).toBe(300_000);
      await stage.close();
    });

    test('while a job is being asked for does not keep it waiting', async () => {
      let asked = 0;
      const stage = await openStage([
        {
          poll(id, { clock }) {
            asked += 1;
            if (asked === 1) stage.world.clock.jump(jumpMs);
            return asked < 3
              ? pending(id, clock.now() + 2000)
              : { kind: 'completed', providerJobId: id, outputs: [OUTPUT] };
          },
        },
      ]);
      const id = await stage.accept();
      expect(await livesFor(stage, id)).toBeLessThanOrEqual(8000);
      expect(stage.job(id).state).toBe('completed');
      await stage.close();
    });

    test('right after a job was taken up leaves it its time', async () => {
      let jumpsIn = Infinity;
      const stage = await openStage([{ poll: (id, { clock }) => pending(id, clock.now() + 2000) }], {
        gateKeeper(gate) {
          // The next transaction is the one that takes the job up.
          if (gate === 'after transaction' && --jumpsIn === 0) stage.world.clock.jump(jumpMs);
          return 'go';
        },
      });
      const id = await stage.accept();
      await stage.world.advance(1000);
      jumpsIn = 1;
      expect(await livesFor(stage, id)).toBeGreaterThanOrEqual(298_000);
      expect(jumpsIn).toBeLessThanOrEqual(0);
      await stage.close();
    });

    test('is told to the operator', async () => {
      const stage = await openStage();
      await stage.world.settle();
      stage.world.clock.jump(jumpMs);
      await stage.world.settle();
      expect(stage.world.log).toContainEqual(
        expect.objectContaining({ jumpedMs: jumpMs, msg: 'the clock was set; open jobs move with it' }),
      );
      await stage.close();
    });
  });
}

test('a jump that cannot be followed at once is followed when the database works again', async () => {
  let isBroken = false;
  const stage = await openStage([{ poll: (id, { clock }) => pending(id, clock.now() + 2000) }], {
    gateKeeper: (gate) => (isBroken && gate === 'before transaction' ? 'fail' : 'go'),
  });
  const id = await stage.accept();
  await stage.world.settle();
  const { deadline_at } = stage.job(id);
  stage.world.clock.jump(HOUR_MS);
  isBroken = true;
  expect(await faultOf(stage.world.settle())).toContain('out of disk space');
  isBroken = false;
  await stage.world.settle();
  expect(stage.job(id)).toMatchObject({ state: 'running', deadline_at: deadline_at + HOUR_MS });
  await stage.close();
});

test('a clock that drifts moves no job', async () => {
  const stage = await openStage([{ poll: (id, { clock }) => pending(id, clock.now() + 2000) }]);
  const id = await stage.accept();
  const { deadline_at } = stage.job(id);
  for (let second = 0; second < 60; second++) {
    stage.world.clock.jump(30);
    await stage.world.advance(1000);
  }
  expect(stage.job(id).deadline_at).toBe(deadline_at);
  await stage.close();
});

const OUTPUT = { role: 'output', url: 'test:1' } as const;

test('a lease that moved with the clock while the reference was fetched outlasts the submit', async () => {
  const fetched = Promise.withResolvers<Verdict>();
  let isFetching = false;
  let isSent = false;
  const answered = Promise.withResolvers<AttemptOutcome>();
  const submit = () => ((isSent = true), answered.promise);
  const stage = await openStage([{ submit, poll: (id) => completed(id) }], {
    gateKeeper(gate) {
      if (gate !== 'before net.fetch') return 'go';
      isFetching = true;
      return fetched.promise;
    },
  });
  stage.world.net.route(PICTURE_URL, okBytes(tinyPng(300, 300)));
  const id = await stage.accept({ body: { referenceImage: PICTURE_URL } });
  const steps = [stage.world.settle()];
  await eventually('the reference is asked for', () => isFetching);
  const { lease_no: leaseNo, due_at: before } = stage.job(id);
  stage.world.clock.jump(3_600_000);
  steps.push(stage.world.settle());
  await eventually('the job has moved', () => stage.job(id).due_at > before);
  fetched.resolve('go');
  await eventually('the order is sent', () => isSent);
  expect(stage.job(id)).toMatchObject({ state: 'submitting', lease_no: leaseNo });
  expect(stage.job(id).due_at).toBe(stage.world.clock.now() + LEASE_MS);
  answered.resolve(pending('p1', stage.world.clock.now() + 1000));
  await Promise.all(steps);
  expect((await stage.untilEnded(id)).state).toBe('completed');
  await stage.close();
});
