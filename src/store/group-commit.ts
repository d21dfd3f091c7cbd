// One writer for SQLite: transactions that arrive while another is being written share its COMMIT, and with it
// its fsync. One that throws undoes only itself, and no caller goes on before the shared COMMIT is on disk.
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
  /** How many rows were changed since the connection was opened. */
  changes(): number;
};

type Waiting = {
  work: (tx: Tx) => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (thrown: unknown) => void;
};
type Done = {
  waiting: Waiting;
  published: [Topic, string][];
  undo: (() => void)[];
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
  let done: Done[];
  try {
    done = (await writeTogether(batch, parts)) ?? (await writeApart(batch, parts));
  } catch (thrown) {
    tryRollback(parts.control);
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

/**
 * The batch without savepoints: with one open, SQLite keeps a copy of every page that is touched, which costs more than
 * the writes themselves. Whoever throws before it has written is simply left out. Null when one threw after that: all
 * is undone then, and they have to run apart.
 */
async function writeTogether(batch: Waiting[], parts: WriterParts): Promise<Done[] | null> {
  const { control } = parts;
  const done: Done[] = [];
  return keepingUndo(done, async () => {
    begin(control);
    for (const waiting of batch) {
      const changesBefore = control.changes();
      const result = await run(waiting, parts);
      done.push(result);
      if (!('thrown' in result.outcome)) continue;
      // When SQLite has already undone everything, the whole batch is lost and must hear of it.
      if (!control.isOpen()) throw result.outcome.thrown;
      if (control.changes() !== changesBefore) {
        control.rollback();
        undoAll(done);
        return null;
      }
      undo(result);
    }
    control.commit();
    return done;
  });
}

/** Each with a savepoint of its own, so that one that throws undoes only itself. */
async function writeApart(batch: Waiting[], parts: WriterParts): Promise<Done[]> {
  const { control } = parts;
  const done: Done[] = [];
  return keepingUndo(done, async () => {
    begin(control);
    for (const waiting of batch) {
      control.savepoint();
      const result = await run(waiting, parts);
      done.push(result);
      if ('thrown' in result.outcome) {
        if (!control.isOpen()) throw result.outcome.thrown;
        control.rollbackToSavepoint();
        undo(result);
      } else {
        control.release();
      }
    }
    control.commit();
    return done;
  });
}

/** When the whole batch comes to nothing, so must what its members did besides the database. */
async function keepingUndo<T>(done: Done[], write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (thrown) {
    undoAll(done);
    throw thrown;
  }
}

function undoAll(done: Done[]): void {
  for (const result of done) undo(result);
}

function undo(result: Done): void {
  for (const step of result.undo.splice(0).toReversed()) step();
}

function begin(control: WriteControl): void {
  // What could not be undone at the end of an earlier batch is undone here, or nothing is begun.
  if (control.isOpen()) control.rollback();
  control.begin();
}

/** A disk that fails may fail here too; those who wait must hear of the failure all the same. */
function tryRollback(control: WriteControl): void {
  try {
    if (control.isOpen()) control.rollback();
  } catch {
    // The next batch tries again.
  }
}

async function run(waiting: Waiting, { connection, clock }: WriterParts): Promise<Done> {
  const done: Omit<Done, 'outcome'> = { waiting, published: [], undo: [] };
  const tx: Tx = {
    ...connection,
    now: clock.now(),
    publish: (topic, subject) => void done.published.push([topic, subject]),
    onRollback: (step) => void done.undo.push(step),
  };
  let hasTurned = false;
  const stopWatching = onNextTurn(() => {
    hasTurned = true;
  });
  try {
    const value = await insideTransaction.run(true, () => waiting.work(tx));
    assert(!hasTurned, 'a transaction awaited something other than the database');
    return { ...done, outcome: { value } };
  } catch (thrown) {
    return { ...done, outcome: { thrown } };
  } finally {
    stopWatching();
  }
}
