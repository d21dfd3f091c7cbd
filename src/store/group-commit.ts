// One writer for SQLite: transactions that arrive while another is being written share its COMMIT, and with it
// its fsync. Each has a savepoint of its own, so that one that throws undoes only itself, and no caller goes on
// before the shared COMMIT is on disk.
import { AsyncLocalStorage } from 'node:async_hooks';
import { assert, GatewayError } from '../errors.ts';
import { onNextTurn, SECOND_MS, type Clock } from '../runtime/clock.ts';
import type { Connection, Db, Topic, Tx } from './db.ts';
import { refusalOf } from './fault.ts';

/** The control statements of the write connection. */
export type WriteControl = {
  begin(): void;
  commit(): void;
  rollback(): void;
  savepoint(): void;
  release(): void;
  rollbackToSavepoint(): void;
  /** False once SQLite itself has given the transaction up, as it does when the disk is full. */
  isOpen(): boolean;
};

type Waiting = {
  work: (tx: Tx) => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (thrown: unknown) => void;
};
type Done = {
  waiting: Waiting;
  published: [Topic, string][];
  outcome: { value: unknown } | { thrown: unknown };
};

/** More than this in one COMMIT makes the first wait longer than the saved fsync is worth. */
const MAX_BATCH = 256;
/** Past this queue the disk is hopelessly behind; refusing beats growing. */
const MAX_WAITING = 20_000;

const insideTransaction = new AsyncLocalStorage<true>();

/** Whether the caller runs inside a transaction; the network refuses to be used then. */
export function isInTransaction(): boolean {
  return insideTransaction.getStore() === true;
}

export type GroupCommit = Pick<Db, 'transaction'> & {
  /** Resolves when nothing waits and nothing is being written. */
  idle(): Promise<void>;
};

type WriterParts = {
  connection: Connection;
  control: WriteControl;
  clock: Clock;
  publish: (topic: Topic, subject: string) => void;
};

export function createGroupCommit(parts: WriterParts): GroupCommit {
  let waiting: Waiting[] = [];
  let isBusy = false;
  const idleWaiters: (() => void)[] = [];

  function wake(): void {
    if (isBusy || waiting.length === 0) return;
    isBusy = true;
    // The next turn, not a microtask: requests that arrive in this turn join the batch.
    onNextTurn(() => void flush());
  }

  async function flush(): Promise<void> {
    const batch = waiting.slice(0, MAX_BATCH);
    waiting = waiting.slice(MAX_BATCH);
    await writeBatch(batch, parts);
    isBusy = false;
    wake();
    if (!isBusy) for (const resolve of idleWaiters.splice(0)) resolve();
  }

  return {
    transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
      assert(!isInTransaction(), 'a transaction must not be opened inside another');
      if (waiting.length >= MAX_WAITING) {
        return Promise.reject(new GatewayError('service_unavailable', { retryAfterMs: SECOND_MS }));
      }
      return new Promise<T>((resolve, reject) => {
        waiting.push({ work, resolve: (value) => resolve(value as T), reject });
        wake();
      });
    },
    idle: () =>
      isBusy || waiting.length > 0 ? new Promise((resolve) => idleWaiters.push(resolve)) : Promise.resolve(),
  };
}

async function writeBatch(batch: Waiting[], parts: WriterParts): Promise<void> {
  const { control } = parts;
  const done: Done[] = [];
  try {
    // What could not be undone at the end of an earlier batch is undone here, or nothing is begun.
    if (control.isOpen()) control.rollback();
    control.begin();
    for (const waiting of batch) done.push(await runInSavepoint(waiting, parts));
    control.commit();
  } catch (thrown) {
    tryRollback(control);
    for (const waiting of batch) waiting.reject(refusalOf(thrown));
    return;
  }
  for (const { waiting, published, outcome } of done) {
    if ('thrown' in outcome) {
      waiting.reject(refusalOf(outcome.thrown));
      continue;
    }
    for (const [topic, subject] of published) parts.publish(topic, subject);
    waiting.resolve(outcome.value);
  }
}

/** A disk that fails may fail here too; those who wait must hear of the failure all the same. */
function tryRollback(control: WriteControl): void {
  try {
    if (control.isOpen()) control.rollback();
  } catch {
    // The next batch tries again.
  }
}

async function runInSavepoint(waiting: Waiting, parts: WriterParts): Promise<Done> {
  const { connection, control, clock } = parts;
  const published: [Topic, string][] = [];
  const tx: Tx = {
    ...connection,
    now: clock.now(),
    publish: (topic, subject) => void published.push([topic, subject]),
  };
  let hasTurned = false;
  const stopWatching = onNextTurn(() => {
    hasTurned = true;
  });
  control.savepoint();
  try {
    const value = await insideTransaction.run(true, () => waiting.work(tx));
    assert(!hasTurned, 'a transaction awaited something other than the database');
    control.release();
    return { waiting, published, outcome: { value } };
  } catch (thrown) {
    // When SQLite has already undone everything, the whole batch is lost and must hear of it.
    if (!control.isOpen()) throw thrown;
    control.rollbackToSavepoint();
    return { waiting, published, outcome: { thrown } };
  } finally {
    stopWatching();
  }
}
