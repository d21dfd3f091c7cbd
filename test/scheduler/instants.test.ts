// When recurring work is due: by UTC wherever the gateway stands, and told in time when it is late.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createScheduler, createTaskWorker } from '../../src/scheduler/index.ts';
import { createLog } from '../../src/runtime/log.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { eventually } from '../support/turns.ts';

const log = createLog({ level: 'silent' });

describe('a cron line', () => {
  let database: TestDatabase;
  const zone = process.env['TZ'];
  beforeEach(() => {
    database = openDatabase();
    // Half an hour off, and with summer time.
    process.env['TZ'] = 'America/St_Johns';
  });
  afterEach(async () => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
    await database.close();
  });

  test.each([
    ['*/20 * * * * *', '08:00:20', '08:00:40'],
    ['*/1 * * * *', '08:01:00', '08:02:00'],
    ['7 * * * *', '08:07:00', '09:07:00'],
    ['17 4 * * *', '04:17:00', '04:17:00'],
  ])('%s is due at %s, then at %s, in UTC', async (cron, first, second) => {
    const { clock, store } = database;
    expect(new Date(clock.now()).toISOString()).toBe('2027-01-15T08:00:00.000Z');
    const task = { name: 'a', cron, isShared: false, run: async () => {} };
    const worker = createTaskWorker({ db: store, clock, log, tasks: [task] });
    for (const expected of [first, second]) {
      const { nextAt } = await worker.runDue();
      expect(new Date(nextAt ?? 0).toISOString()).toContain(`T${expected}.000Z`);
      clock.advance((nextAt ?? 0) - clock.now());
    }
  });

  test('that is none is found when the gateway starts', () => {
    const task = { name: 'a', cron: 'now and then', isShared: false, run: async () => {} };
    expect(() =>
      createTaskWorker({ db: database.store, clock: database.clock, log, tasks: [task] }),
    ).toThrow();
  });
});

describe('how late the loop is', () => {
  test('is nothing before it runs, and while it sleeps in time', async () => {
    const clock = createManualClock();
    const worker = { runDue: async () => ({ underway: Promise.resolve(), nextAt: clock.now() + 500 }) };
    const scheduler = createScheduler({ clock, log, workers: [worker] });
    expect(scheduler.lagMs()).toBe(0);
    scheduler.start();
    await clock.someoneSleeps(500);
    expect(scheduler.lagMs()).toBe(0);
    await scheduler.stop();
  });

  test('grows while a look hangs, and is over with it', async () => {
    const clock = createManualClock();
    const hanging = Promise.withResolvers<void>();
    let looks = 0;
    const scheduler = createScheduler({
      ...{ clock, log },
      workers: [
        {
          async runDue() {
            looks += 1;
            if (looks === 2) await hanging.promise;
            return { underway: Promise.resolve(), nextAt: clock.now() + 500 };
          },
        },
      ],
    });
    scheduler.start();
    await clock.someoneSleeps(500);
    clock.advance(500);
    await eventually('it looks', () => looks === 2);
    clock.advance(7000);
    expect(scheduler.lagMs()).toBe(7000);
    hanging.resolve();
    await clock.someoneSleeps(500);
    expect(scheduler.lagMs()).toBe(0);
    await scheduler.stop();
  });
});
