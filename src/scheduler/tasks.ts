// Recurring tasks: a name, a cron line in UTC and what to do. croner computes the instants, the scheduler runs them.
import { Cron } from 'croner';
import { messageOf } from '../errors.ts';
import type { Clock, Instant } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { first, type Db } from '../store/db.ts';
import { claimTask, findTask, insertTask, noteTaskError } from './queries.ts';
import type { Worker } from './scheduler.ts';

export type Task = {
  name: string;
  /** Five or six fields (with seconds), in UTC. */
  cron: string;
  /**
   * True for work on shared data: one node runs it, and a run that was missed while the gateway was down is made up
   * for. False for what each process does for itself.
   */
  isShared: boolean;
  run(): Promise<void>;
};

export function createTaskWorker(parts: { db: Db; clock: Clock; log: Log; tasks: readonly Task[] }): Worker {
  const { db, clock, log } = parts;
  const plans = parts.tasks.map((task) => ({
    task,
    cron: new Cron(task.cron, { paused: true, timezone: 'UTC' }),
  }));
  const nextRuns = new Map<string, Instant>();
  const running = new Set<string>();

  function after(cron: Cron, instant: Instant): Instant {
    return cron.nextRun(new Date(instant))?.getTime() ?? Infinity;
  }

  /** When a task is next due, as far as this process knows; the first look reads what an earlier one planned. */
  async function nextRunOf({ task, cron }: (typeof plans)[number]): Promise<Instant> {
    const known = nextRuns.get(task.name);
    if (known !== undefined) return known;
    let nextRunAt = after(cron, clock.now());
    if (task.isShared) {
      const row = first(await findTask(db.read, { name: task.name }));
      if (row === null) await db.transaction((tx) => insertTask(tx, { name: task.name, nextRunAt }));
      else nextRunAt = row.nextRunAt;
    }
    nextRuns.set(task.name, nextRunAt);
    return nextRunAt;
  }

  async function run({ task, cron }: (typeof plans)[number]): Promise<void> {
    const now = clock.now();
    const nextRunAt = after(cron, now);
    nextRuns.set(task.name, nextRunAt);
    running.add(task.name);
    try {
      const isOurs =
        !task.isShared ||
        (await db.transaction((tx) => claimTask(tx, { name: task.name, now, nextRunAt }))).length > 0;
      if (isOurs) await task.run();
    } catch (thrown) {
      log.error({ err: thrown, task: task.name }, 'a task failed');
      if (task.isShared) await noteError(task.name, messageOf(thrown));
    } finally {
      running.delete(task.name);
    }
  }

  async function noteError(name: string, lastError: string): Promise<void> {
    await db.transaction((tx) => noteTaskError(tx, { name, lastError })).catch(() => undefined);
  }

  let lookedAt: Instant = -Infinity;

  /** After the clock was set back, what is next is not what it was. Shared tasks wait, as other nodes may not have been set. */
  function noteTime(now: Instant): void {
    if (now < lookedAt) for (const { task } of plans) if (!task.isShared) nextRuns.delete(task.name);
    lookedAt = now;
  }

  return {
    async runDue() {
      const now = clock.now();
      noteTime(now);
      const started: Promise<void>[] = [];
      let nextAt: Instant | null = null;
      for (const plan of plans) {
        if (running.has(plan.task.name)) continue;
        if ((await nextRunOf(plan)) <= now) started.push(run(plan));
        nextAt = Math.min(nextAt ?? Infinity, nextRuns.get(plan.task.name) ?? Infinity);
      }
      return { underway: Promise.all(started).then(() => undefined), nextAt };
    },
  };
}
