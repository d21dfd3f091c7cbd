// Recurring tasks: at the instants of their cron lines, one node for what is shared, missed runs made up for, and no
// fault of one that stops another.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createTaskWorker, type Task } from '../../src/scheduler/index.ts';
import { createLog } from '../../src/runtime/log.ts';
import { openReader } from '../sim/reader.ts';
import { openWorld, type World } from '../support/world.ts';

const MINUTE_MS = 60_000;

let world: World;
let runs: string[];

beforeEach(async () => {
  world = await openWorld();
  runs = [];
});
afterEach(async () => {
  await world.close();
});

function task(name: string, more: Partial<Task> = {}): Task {
  return { name, cron: '* * * * *', isShared: false, run: async () => void runs.push(name), ...more };
}

function open(...tasks: Task[]) {
  const log = createLog({ level: 'debug', write: (line) => void lines.push(line) });
  const lines: string[] = [];
  const worker = createTaskWorker({ db: world.store, clock: world.clock, log, tasks });
  const run = async () => {
    const { underway, nextAt } = await worker.runDue();
    await underway;
    return nextAt;
  };
  return { run, lines };
}

describe('a task', () => {
  test('runs at the instants of its cron line, and says when it is next due', async () => {
    const { run } = open(task('a', { cron: '*/20 * * * * *' }));
    const start = world.clock.now();
    expect(await run()).toBe(start + 20_000);
    expect(runs).toEqual([]);
    for (let count = 1; count <= 6; count++) {
      world.clock.advance(20_000);
      expect(await run()).toBe(start + (count + 1) * 20_000);
      expect(runs).toHaveLength(count);
    }
  });

  test('that was late runs once, and then in time again', async () => {
    const { run } = open(task('a'));
    await run();
    world.clock.advance(10 * MINUTE_MS + 1000);
    const nextAt = await run();
    expect(runs).toEqual(['a']);
    expect(nextAt).toBe(world.clock.now() + MINUTE_MS - 1000);
  });

  test('that fails is logged, stops no other, and runs again', async () => {
    const broken = task('broken', { run: () => Promise.reject(new Error('out of paper')) });
    const { run, lines } = open(broken, task('a'));
    for (let count = 0; count < 3; count++) {
      await run();
      world.clock.advance(MINUTE_MS);
    }
    await run();
    expect(runs).toEqual(['a', 'a', 'a']);
    expect(lines.filter((line) => line.includes('out of paper'))).toHaveLength(3);
  });

  test('that is still running is not started a second time', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let started = 0;
    const worker = createTaskWorker({
      ...{ db: world.store, clock: world.clock, log: createLog({ level: 'silent' }) },
      tasks: [task('slow', { run: () => ((started += 1), promise) })],
    });
    await worker.runDue();
    const looks = [];
    for (let count = 0; count < 3; count++) {
      world.clock.advance(MINUTE_MS);
      looks.push(await worker.runDue());
    }
    expect(started).toBe(1);
    resolve();
    await Promise.all(looks.map(({ underway }) => underway));
    world.clock.advance(MINUTE_MS);
    await (
      await worker.runDue()
    ).underway;
    expect(started).toBe(2);
  });

  test('of a process comes back in time when the clock was set back', async () => {
    const { run } = open(task('a', { cron: '*/20 * * * * *' }));
    await run();
    world.clock.jump(-3_600_000);
    await run();
    world.clock.advance(20_000);
    await run();
    expect(runs).toEqual(['a']);
  });
});

describe('a shared task', () => {
  const shared = (name: string, more: Partial<Task> = {}) => task(name, { isShared: true, ...more });

  test('is run by one of two nodes each time', async () => {
    const nodes = [open(shared('a')), open(shared('a'))];
    for (let count = 0; count < 5; count++) {
      await Promise.all(nodes.map((node) => node.run()));
      world.clock.advance(MINUTE_MS);
    }
    await Promise.all(nodes.map((node) => node.run()));
    expect(runs).toHaveLength(5);
  });

  test('that was missed while the gateway was down is made up for, once', async () => {
    await open(shared('a')).run();
    world.clock.advance(7 * MINUTE_MS);
    await open(shared('a')).run();
    expect(runs).toEqual(['a']);
  });

  test('that fails leaves its error for the operator, until it works again', async () => {
    let isBroken = true;
    const { run } = open(
      shared('a', { run: () => (isBroken ? Promise.reject(new Error('out of paper')) : Promise.resolve()) }),
    );
    const reader = openReader(world.dir);
    const lastError = () =>
      reader
        .prepare<[], { last_error: string | null }>("SELECT last_error FROM tasks WHERE name = 'a'")
        .get();
    await run();
    world.clock.advance(MINUTE_MS);
    await run();
    expect(lastError()).toEqual({ last_error: 'out of paper' });
    isBroken = false;
    world.clock.advance(MINUTE_MS);
    await run();
    expect(lastError()).toEqual({ last_error: null });
    reader.close();
  });
});
