// Waiting for the end of a job: woken by the end itself, by the clock, or by a gateway that stops; never too late.
import { describe, expect, test } from 'bun:test';
import { createEndings } from '../../src/jobs/endings.ts';
import { faultOf } from '../support/fault-of.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openStage } from './stage.ts';
import { eventually } from '../support/turns.ts';
import type { Db, Listener } from '../../src/store/db.ts';

function openEndings() {
  const clock = createManualClock();
  let tell: Listener = () => undefined;
  const db = { subscribe: (_topic: string, listener: Listener) => ((tell = listener), () => undefined) };
  const endings = createEndings({ db: db as unknown as Db, clock });
  return { clock, endings, end: (id: string) => tell(id) };
}

const open = () => Promise.resolve(false);

describe('a wait', () => {
  test('ends with the job, and with no other', async () => {
    const { endings, end, clock } = openEndings();
    let isOver = false;
    const waiting = endings.wait('job_1', 5000, open).then(() => (isOver = true));
    await clock.someoneSleeps(5000);
    end('job_2');
    await Promise.resolve();
    expect(isOver).toBe(false);
    end('job_1');
    await waiting;
    expect(clock.sleepers()).toBe(0);
  });

  test('ends when its time is over, after a minute at most', async () => {
    const { endings, clock } = openEndings();
    const waiting = endings.wait('job_1', 3_600_000, open);
    await clock.someoneSleeps(60_000);
    clock.advance(60_000);
    await waiting;
  });

  test('does not begin for a job that has ended', async () => {
    const { endings, clock } = openEndings();
    await endings.wait('job_1', 5000, () => Promise.resolve(true));
    expect(clock.sleepers()).toBe(0);
  });

  test('hears of an end that comes while it looks', async () => {
    const { endings, end, clock } = openEndings();
    await endings.wait('job_1', 5000, () => {
      end('job_1');
      return Promise.resolve(false);
    });
    expect(clock.sleepers()).toBe(0);
  });

  test('ends for all who wait for one job', async () => {
    const { endings, end } = openEndings();
    const waiting = Array.from({ length: 20 }, () => endings.wait('job_1', 5000, open));
    end('job_1');
    await Promise.all(waiting);
  });

  test('ends when the gateway stops, and none begins after that', async () => {
    const { endings, clock } = openEndings();
    const waiting = endings.wait('job_1', 5000, open);
    endings.releaseAll();
    await waiting;
    await endings.wait('job_2', 5000, open);
    expect(clock.sleepers()).toBe(0);
  });

  test('frees its place even when the look fails', async () => {
    const { endings, clock } = openEndings();
    const broken = endings.wait('job_1', 5000, () => Promise.reject(new Error('no database')));
    expect(await faultOf(broken)).toBe('no database');
    expect(clock.sleepers()).toBe(0);
  });

  test('is not granted to more than ten thousand at once', async () => {
    const { endings, clock } = openEndings();
    const waiting = Array.from({ length: 10_001 }, (_, index) => endings.wait(`job_${index}`, 5000, open));
    await waiting.at(-1);
    expect(clock.sleepers()).toBe(10_000);
    endings.releaseAll();
    await Promise.all(waiting);
  });
});

test('a reader with ?wait is answered at the instant of the end', async () => {
  const stage = await openStage();
  const { world, customer } = stage;
  world.app.scheduler.start();
  const id = await stage.accept();
  const reading = world.call('GET', `/v1/jobs/${id}?wait=30`, { key: customer.liveKey });
  await world.clock.someoneSleeps(30_000);
  await eventually('the job runs', () => stage.job(id).state === 'running');
  world.clock.advance(2000);
  const answer = await reading;
  expect(answer.json).toMatchObject({ status: 'completed' });
  expect(world.clock.now()).toBe(stage.job(id).created_at + 2000);
  await world.app.scheduler.stop();
  await stage.close();
});
