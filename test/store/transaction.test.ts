// Transactions that share a commit: each undoes only itself, nobody goes on or sees anything before the commit, and
// nothing but the database is waited for inside.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { GatewayError } from '../../src/errors.ts';
import { createNet } from '../../src/runtime/net.ts';
import { createGroupCommit, isInTransaction, type WriteControl } from '../../src/store/group-commit.ts';
import { readMeta, writeMeta, type MetaName } from '../../src/store/meta.ts';
import type { Tx } from '../../src/store/db.ts';
import { faultOf, handleOf, openDatabase } from '../support/database.ts';

const database = openDatabase();
const { store, clock } = database;
afterAll(() => database.close());

const write = (value: string) => (tx: Tx) => writeMeta(tx, 'first-start', value);
const stored = () => readMeta(store.read, 'first-start');

beforeEach(() => store.transaction(write('before')));

describe('one transaction', () => {
  test('gives back what its work returned', async () => {
    expect(await store.transaction(async () => 42)).toBe(42);
  });

  test('carries the instant at which it began', async () => {
    expect(await store.transaction(async (tx) => tx.now)).toBe(clock.now());
  });

  test('sees its own rows, which the read connection does not before the commit', async () => {
    const seen = await store.transaction(async (tx) => {
      await write('after')(tx);
      return [await readMeta(tx, 'first-start'), await stored()];
    });
    expect(seen).toEqual(['after', 'before']);
    expect(await stored()).toBe('after');
  });

  test('that throws is undone, and its caller gets what was thrown', async () => {
    const refusal = new GatewayError('insufficient_credits');
    const promise = store.transaction(async (tx) => {
      await write('after')(tx);
      throw refusal;
    });
    expect(await promise.catch((thrown: unknown) => thrown)).toBe(refusal);
    expect(await stored()).toBe('before');
  });

  test('that throws before its first wait is undone as well', async () => {
    const work = (): Promise<never> => {
      throw new Error('at once');
    };
    expect(await faultOf(() => store.transaction(work))).toBe('at once');
    expect(await store.transaction(async () => 'still works')).toBe('still works');
  });
});

describe('transactions that arrive together', () => {
  test('run in order and share one commit, before which no caller goes on', async () => {
    const order: string[] = [];
    const run = (name: string) =>
      store
        .transaction(async (tx) => {
          order.push(`work ${name}`);
          await write(name)(tx);
          expect(await stored()).toBe('before');
        })
        .then(() => order.push(`caller ${name}`));
    await Promise.all(['a', 'b', 'c'].map(run));
    expect(order).toEqual(['work a', 'work b', 'work c', 'caller a', 'caller b', 'caller c']);
    expect(await stored()).toBe('c');
  });

  test('do not undo each other', async () => {
    const outcomes = await Promise.allSettled([
      store.transaction((tx) => writeMeta(tx, 'first-start', 'kept')),
      store.transaction(async (tx) => {
        await writeMeta(tx, 'first-start', 'undone');
        await writeMeta(tx, 'master-key-check', 'undone');
        throw new Error('refused');
      }),
      store.transaction((tx) => readMeta(tx, 'first-start')),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[2]).toMatchObject({ value: 'kept' });
    expect([await stored(), await readMeta(store.read, 'master-key-check')]).toEqual(['kept', null]);
  });

  test('are committed at most 256 at a time', async () => {
    let [committed, worked] = [0, 0];
    const seen: number[] = [];
    const run = async () => {
      await store.transaction(async () => {
        worked += 1;
        if (worked === 256 || worked === 257) seen.push(committed);
      });
      committed += 1;
    };
    await Promise.all(Array.from({ length: 300 }, run));
    expect(seen).toEqual([0, 256]);
  });

  test('wait in a queue with an end, past which the next is refused', async () => {
    const accepted = Array.from({ length: 20_000 }, (_, index) => store.transaction(async () => index));
    const refused = store.transaction(async () => -1).catch((thrown: unknown) => thrown);
    expect(await refused).toMatchObject({ code: 'service_unavailable', retryAfterMs: 1000 });
    expect(await Promise.all(accepted)).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
    expect(await store.transaction(async () => 'room again')).toBe('room again');
  });
});

describe('inside a transaction', () => {
  test('another one is refused, and the first undone', async () => {
    const nested = store.transaction(async (tx) => {
      await write('outer')(tx);
      await store.transaction(write('inner'));
    });
    expect(await faultOf(() => nested)).toBe('a transaction must not be opened inside another');
    expect(await stored()).toBe('before');
  });

  test('waiting for anything else is a bug, and undoes it', async () => {
    const slow = store.transaction(async (tx) => {
      await write('after')(tx);
      await new Promise<void>((resolve) => void setImmediate(resolve));
    });
    expect(await faultOf(() => slow)).toBe('a transaction awaited something other than the database');
    expect(await stored()).toBe('before');
  });

  test('the network is refused, and nothing is asked', async () => {
    const asked: string[] = [];
    const resolve = async (host: string) => [(asked.push(host), '93.184.216.34')];
    const net = createNet({ clock, isInTransaction, resolve });
    const request = { url: 'https://example.com/', destination: { kind: 'public' }, maxBytes: 1 } as const;
    const calling = store.transaction(async (tx) => {
      await write('after')(tx);
      await net.fetch({ ...request, deadlineMs: 1000 });
    });
    expect(await faultOf(() => calling)).toBe('a network call must not be made inside a transaction');
    expect([asked, await stored()]).toEqual([[], 'before']);
  });

  test('is only where the work is', async () => {
    expect(isInTransaction()).toBe(false);
    const inside = store.transaction(async () => isInTransaction());
    expect(isInTransaction()).toBe(false);
    expect(await inside).toBe(true);
    expect(isInTransaction()).toBe(false);
  });
});

describe('what a transaction publishes', () => {
  const heard: string[] = [];
  const listen = (topic: 'access' | 'prices' = 'access') =>
    store.subscribe(topic, (subject) => void heard.push(subject));
  beforeEach(() => void heard.splice(0));

  test('is heard after the commit and before the caller goes on', async () => {
    const seen: unknown[] = [];
    const stop = store.subscribe('access', () => {
      seen.push(
        handleOf(store.read).prepare("SELECT value FROM meta WHERE name = 'first-start'").pluck().get(),
      );
    });
    const publishing = store
      .transaction(async (tx) => {
        tx.publish('access', 'cus_1');
        await write('after')(tx);
        expect(seen).toEqual([]);
      })
      .then(() => [...seen]);
    expect(await publishing).toEqual(['after']);
    stop();
  });

  test('is not heard when it is undone, nor on another topic, nor after the listener has left', async () => {
    const stop = listen();
    const other = listen('prices');
    const undone = store.transaction(async (tx) => {
      tx.publish('access', 'undone');
      throw new Error('no');
    });
    await undone.catch(() => undefined);
    await store.transaction(async (tx) => tx.publish('access', 'done'));
    stop();
    other();
    await store.transaction(async (tx) => tx.publish('access', 'too late'));
    expect(heard).toEqual(['done']);
  });

  test('reaches everybody, also past a listener that fails, and the writer never hears of that', async () => {
    const stops = [
      store.subscribe('access', () => {
        throw new Error('deaf');
      }),
      listen(),
    ];
    expect(await store.transaction(async (tx) => tx.publish('access', 'cus_2'))).toBeUndefined();
    expect(heard).toEqual(['cus_2']);
    expect(database.log.at(-1)).toMatchObject({ level: 'error', topic: 'access', err: { message: 'deaf' } });
    for (const stop of stops) stop();
  });
});

describe('when one of several in a commit throws', () => {
  const meanwhile = (effects: string[], name: MetaName, thrown?: Error) => async (tx: Tx) => {
    effects.push(`${name} began`);
    tx.onRollback(() => void effects.push(`${name} undone`));
    if (thrown === undefined) return writeMeta(tx, name, 'kept');
    throw thrown;
  };

  test('before it has written, it alone is undone and the others run once', async () => {
    const other = openDatabase();
    const effects: string[] = [];
    const refused = other.store.transaction(meanwhile(effects, 'first-start', new Error('refused')));
    const kept = other.store.transaction(meanwhile(effects, 'master-key-check'));
    expect(refused).rejects.toThrow('refused');
    await kept;
    expect(effects).toEqual(['first-start began', 'first-start undone', 'master-key-check began']);
    await other.close();
  });

  test('after it has written, the others run a second time, what they did the first time undone', async () => {
    const other = openDatabase();
    const effects: string[] = [];
    const kept = other.store.transaction(meanwhile(effects, 'master-key-check'));
    const torn = other.store.transaction(async (tx) => {
      tx.onRollback(() => void effects.push('torn undone'));
      await writeMeta(tx, 'first-start', 'torn');
      throw new Error('torn');
    });
    expect(torn).rejects.toThrow('torn');
    await kept;
    expect(effects).toEqual([
      ...['master-key-check began', 'master-key-check undone', 'torn undone'],
      ...['master-key-check began', 'torn undone'],
    ]);
    expect(await readMeta(other.store.read, 'master-key-check')).toBe('kept');
    expect(await readMeta(other.store.read, 'first-start')).toBeNull();
    await other.close();
  });
});

test('a rollback that fails is told to those who wait, and made up for', async () => {
  const other = openDatabase();
  const connection = await other.store.transaction(async ({ q, t, prepare }) => ({ q, t, prepare }));
  const handle = handleOf(connection);
  const failing = new Set<string>();
  const run = (sql: string) => () => {
    if (failing.delete(sql)) throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' });
    handle.exec(sql);
  };
  const control: WriteControl = {
    begin: run('BEGIN IMMEDIATE'),
    commit: run('COMMIT'),
    rollback: run('ROLLBACK'),
    savepoint: run('SAVEPOINT work'),
    release: run('RELEASE work'),
    rollbackToSavepoint: run('ROLLBACK TO work; RELEASE work'),
    isOpen: () => handle.inTransaction,
    changes: () => handle.prepare<[], number>('SELECT total_changes()').pluck().get() ?? 0,
  };
  const group = createGroupCommit({ connection, control, clock, publish: () => undefined });
  failing.add('COMMIT').add('ROLLBACK');
  const lost = await Promise.allSettled([group.transaction(write('one')), group.transaction(write('two'))]);
  const refused = { status: 'rejected', reason: { code: 'service_unavailable' } };
  expect(lost).toMatchObject([refused, refused]);
  expect(await group.transaction((tx) => readMeta(tx, 'first-start'))).toBeNull();
  await group.idle();
  await other.close();
});

test('closing waits for what is under way', async () => {
  const other = openDatabase();
  const late = other.store.transaction(write('late'));
  await other.reopen();
  await late;
  expect(await readMeta(other.store.read, 'first-start')).toBe('late');
  await other.close();
});
