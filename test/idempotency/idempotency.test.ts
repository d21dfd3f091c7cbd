// Claims in the database: the first request takes the key, the same one gets its answer again, another one is told of
// the conflict, and after thirty days the key is free.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createIdempotency, IDEMPOTENCY_RETENTION_MS } from '../../src/idempotency/index.ts';
import { faultOf, handleOf, openDatabase, type TestDatabase } from '../support/database.ts';

const idempotency = createIdempotency();
const DAY_MS = 86_400_000;

let database: TestDatabase;
beforeEach(() => {
  database = openDatabase();
});
afterEach(() => database.close());

type Claim = Parameters<typeof idempotency.claim>[1];
const CLAIM: Claim = {
  ...{ scope: 'cus_1', mode: 'live', key: 'k', fingerprint: 'f', resourceId: 'job_1' },
  ...{ status: 202, body: '{"ok":true}' },
};
const REPLAY = { kind: 'replay', resourceId: 'job_1', status: 202, body: '{"ok":true}' };
const CONFLICT = 'idempotency_key_conflict';

const claim = (change: Partial<Claim> = {}) =>
  database.store.transaction((tx) => idempotency.claim(tx, { ...CLAIM, ...change }));
const find = (change: Partial<Claim> = {}) =>
  database.store.transaction((tx) => idempotency.find(tx, { ...CLAIM, ...change }));
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was refused',
    (thrown: { code: string }) => thrown.code,
  );
const count = () =>
  handleOf(database.store.read).prepare('SELECT count(*) FROM idempotency_keys').pluck().get();

describe('a key', () => {
  test('is taken by its first request, and answers the same request as it did then', async () => {
    expect(await find()).toBeNull();
    expect(await claim()).toEqual({ kind: 'fresh' });
    const retry = { resourceId: 'job_2', status: 500, body: 'other' };
    expect(await claim(retry)).toEqual(REPLAY as never);
    expect(await find(retry)).toEqual(REPLAY as never);
    expect(await count()).toBe(1);
  });

  test('of another request is a conflict, and stays what it was', async () => {
    await claim();
    expect(await codeOf(claim({ fingerprint: 'other' }))).toBe(CONFLICT);
    expect(await codeOf(find({ fingerprint: 'other' }))).toBe(CONFLICT);
    expect(await claim()).toEqual(REPLAY as never);
  });

  test('belongs to its scope and mode', async () => {
    await claim();
    const others = [{ scope: 'cus_2' }, { mode: 'test' }, { key: 'K' }];
    for (const other of others)
      expect(await claim({ ...other, fingerprint: 'other' })).toEqual({ kind: 'fresh' });
    expect(await count()).toBe(4);
  });

  test('can be about no resource', async () => {
    await claim({ resourceId: null });
    expect(await claim()).toMatchObject({ kind: 'replay', resourceId: null });
  });

  test('of a request that is undone is free again', async () => {
    const refused = database.store.transaction(async (tx) => {
      await idempotency.claim(tx, CLAIM);
      throw new Error('refused further on');
    });
    expect(await faultOf(() => refused)).toBe('refused further on');
    expect(await claim({ fingerprint: 'other' })).toEqual({ kind: 'fresh' });
  });

  test('outlives the process', async () => {
    await claim();
    await database.reopen();
    expect(await claim()).toEqual(REPLAY as never);
  });
});

describe('at the same time', () => {
  test('200 equal requests are one, and 199 get its answer', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, index) => claim({ resourceId: `job_${index}` })),
    );
    expect(outcomes.filter(({ kind }) => kind === 'fresh')).toHaveLength(1);
    for (const replay of outcomes.slice(1))
      expect(replay).toMatchObject({ kind: 'replay', resourceId: 'job_0' });
  });

  test('100 requests of two kinds are one, its replays, and conflicts', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => claim({ fingerprint: index % 2 === 0 ? 'even' : 'odd' })),
    );
    const kinds = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value.kind : (outcome.reason as { code: string }).code,
    );
    expect(kinds[0]).toBe('fresh');
    expect(kinds.slice(1).every((kind, index) => kind === (index % 2 === 0 ? CONFLICT : 'replay'))).toBe(
      true,
    );
  });
});

describe('after thirty days', () => {
  test('a key is remembered to the last millisecond, and then new', async () => {
    expect(IDEMPOTENCY_RETENTION_MS).toBe(30 * DAY_MS);
    await claim();
    database.clock.advance(30 * DAY_MS - 1);
    expect(await claim()).toEqual(REPLAY as never);
    database.clock.advance(1);
    expect(await find({ fingerprint: 'other' })).toBeNull();
    expect(await claim({ fingerprint: 'other', resourceId: 'job_2' })).toEqual({ kind: 'fresh' });
    expect(await claim({ fingerprint: 'other' })).toMatchObject({ kind: 'replay', resourceId: 'job_2' });
    // Its time begins anew.
    database.clock.advance(30 * DAY_MS - 1);
    expect(await claim({ fingerprint: 'other' })).toMatchObject({ kind: 'replay' });
  });

  test('what has expired is deleted, so many at a time, and nothing else', async () => {
    for (let index = 0; index < 5; index++) await claim({ key: `old-${index}` });
    database.clock.advance(DAY_MS);
    await claim({ key: 'young' });
    const prune = (limit: number) => database.store.transaction((tx) => idempotency.prune(tx, limit));
    expect(await prune(10)).toBe(0);
    database.clock.advance(29 * DAY_MS);
    expect([await prune(3), await prune(3), await prune(3)]).toEqual([3, 2, 0]);
    expect(await claim({ key: 'young' })).toMatchObject({ kind: 'replay' });
    expect(await count()).toBe(1);
  });

  test('a retry that races the pruning is new, not lost', async () => {
    await claim();
    database.clock.advance(30 * DAY_MS);
    const [pruned, retried] = await Promise.all([
      database.store.transaction((tx) => idempotency.prune(tx, 10)),
      claim({ resourceId: 'job_2' }),
    ]);
    expect([pruned, retried.kind]).toEqual([1, 'fresh']);
    expect(await claim()).toMatchObject({ kind: 'replay', resourceId: 'job_2' });
  });
});
