// The loop of all background work: it does what is due, sleeps until more is, is woken by a nudge, and outlives faults.
import { describe, expect, test } from 'bun:test';
import { createScheduler, type Worker } from '../../src/scheduler/index.ts';
import { createLog } from '../../src/runtime/log.ts';
import { faultOf } from '../support/fault-of.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { eventually, turns } from '../support/turns.ts';

const IDLE = { underway: Promise.resolve(), nextAt: null };

function open(...workers: Worker[]) {
  const clock = createManualClock();
  const lines: string[] = [];
  const log = createLog({ level: 'debug', write: (line) => void lines.push(line) });
  return { clock, lines, scheduler: createScheduler({ clock, log, workers }) };
}

/** A worker that counts its looks and says when it wants to be asked again. */
function counting(nextAt: () => number | null) {
  const worker = { looks: 0, runDue: async () => ((worker.looks += 1), { ...IDLE, nextAt: nextAt() }) };
  return worker;
}

describe('runDue', () => {
  test('waits for what it has started, and looks again for what that has made due', async () => {
    const order: string[] = [];
    let left = 3;
    const { scheduler } = open({
      async runDue() {
        if (left-- <= 0) return IDLE;
        order.push(`start ${left}`);
        return { underway: turns(3).then(() => void order.push(`end ${left}`)), nextAt: null };
      },
    });
    expect(await scheduler.runDue()).toBeNull();
    expect(order).toEqual(['start 2', 'end 2', 'start 1', 'end 1', 'start 0', 'end 0']);
  });

  test('says when the first of all workers wants to be called again', async () => {
    const { scheduler, clock } = open(
      counting(() => clock.now() + 900),
      counting(() => null),
      counting(() => clock.now() + 300),
    );
    expect(await scheduler.runDue()).toBe(clock.now() + 300);
  });

  test('passes a fault on, without losing sight of what others have started', async () => {
    const work = Promise.withResolvers<void>();
    const { scheduler } = open(
      { runDue: async () => ({ ...IDLE, underway: work.promise }) },
      { runDue: () => Promise.reject(new Error('no database')) },
    );
    expect(await faultOf(scheduler.runDue())).toBe('no database');
    let hasStopped = false;
    const stopping = scheduler.stop().then(() => (hasStopped = true));
    await turns(10);
    expect(hasStopped).toBe(false);
    work.resolve();
    await stopping;
  });
});

describe('the loop', () => {
  test('sleeps until the next work is due', async () => {
    const { clock, scheduler } = open({ runDue: () => worker.runDue() });
    const worker = counting(() => (worker.looks < 3 ? clock.now() + 700 : null));
    scheduler.start();
    for (let look = 1; look <= 2; look++) {
      await clock.someoneSleeps(700);
      expect(worker.looks).toBe(look);
      clock.advance(700);
    }
    await clock.someoneSleeps(30_000);
    expect(worker.looks).toBe(3);
    await scheduler.stop();
  });

  test('looks twice a minute when nothing is planned', async () => {
    const worker = counting(() => null);
    const { clock, scheduler } = open(worker);
    scheduler.start();
    for (let look = 1; look <= 4; look++) {
      await clock.someoneSleeps(30_000);
      expect(worker.looks).toBe(look);
      clock.advance(30_000);
    }
    await scheduler.stop();
  });

  test('is woken by a nudge, also by one that comes while it looks', async () => {
    const { clock, scheduler } = open({ runDue: () => worker.runDue() });
    const worker = counting(() => {
      if (worker.looks === 1) scheduler.nudge();
      return null;
    });
    scheduler.start();
    await clock.someoneSleeps(30_000);
    expect(worker.looks).toBe(2);
    scheduler.nudge();
    await eventually('it looks again', () => worker.looks === 3);
    await scheduler.stop();
  });

  test('does not wait for slow work before it does more', async () => {
    const slow = Promise.withResolvers<void>();
    let looks = 0;
    const { scheduler } = open({
      runDue: async () => (looks++ === 0 ? { underway: slow.promise, nextAt: null } : IDLE),
    });
    scheduler.start();
    await eventually('it has started', () => looks === 1);
    scheduler.nudge();
    await eventually('it looks again', () => looks === 2);
    slow.resolve();
    await scheduler.stop();
  });

  test('logs a fault and comes back after a second', async () => {
    let looks = 0;
    const { clock, lines, scheduler } = open({
      runDue: async () => {
        if (looks++ === 0) throw new Error('no database');
        return IDLE;
      },
    });
    scheduler.start();
    await clock.someoneSleeps(1000);
    expect(lines.join('')).toContain('no database');
    clock.advance(1000);
    await clock.someoneSleeps(30_000);
    expect(looks).toBe(2);
    await scheduler.stop();
  });

  test('stops when what is under way has ended, and not before', async () => {
    const work = Promise.withResolvers<void>();
    let looks = 0;
    const { scheduler } = open({
      runDue: async () => (looks++ === 0 ? { underway: work.promise, nextAt: null } : IDLE),
    });
    scheduler.start();
    await eventually('it has started', () => looks === 1);
    let hasStopped = false;
    const stopping = scheduler.stop().then(() => (hasStopped = true));
    await turns(10);
    expect(hasStopped).toBe(false);
    work.resolve();
    await stopping;
    const before = looks;
    scheduler.nudge();
    await turns(10);
    expect(looks).toBe(before);
  });
});
