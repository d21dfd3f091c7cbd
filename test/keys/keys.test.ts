// Keys in the database: what they are made with, how they are changed, rotated, revoked and deleted, how many there can
// be, and that the key itself is nowhere.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCustomers } from '../../src/customers/index.ts';
import {
  createKeys,
  hashPresented,
  MAX_KEYS_A_CUSTOMER,
  PRESETS,
  statusOf,
  type ApiKey,
  type Keys,
  type NewKey,
} from '../../src/keys/index.ts';
import type { Tx } from '../../src/store/db.ts';
import { openDatabase } from '../support/database.ts';

const database = openDatabase();
const { store, clock, random } = database;
const keys = createKeys({ random });
afterAll(() => database.close());

const HOUR_MS = 3_600_000;
let customerId: string;

beforeEach(async () => {
  const blank = { name: 'Test', email: null, externalId: null, plan: 'free', metadata: {} };
  customerId = await store.transaction(
    async (tx) => (await createCustomers({ random }).create(tx, blank)).id,
  );
});

const write = <T>(work: (tx: Tx) => Promise<T>) => store.transaction(work);
const create = (key: Partial<NewKey> = {}) =>
  write((tx) =>
    keys.create(tx, { customerId, mode: 'live', name: null, ipAllowlist: null, expiresAt: null, ...key }),
  );
const rotate = (id: string, graceHours = 24) =>
  write((tx) => keys.rotate(tx, { customerId, id, graceHours }));
const revoke = (id: string) => write((tx) => keys.revoke(tx, { customerId, id }));
const change = (id: string, to: Parameters<Keys['change']>[2]) =>
  write((tx) => keys.change(tx, { customerId, id }, to));
const get = (id: string) => keys.get(store.read, customerId, id);
const stateOf = async (id: string) => statusOf(await get(id), clock.now());
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was refused',
    (thrown: { code: string }) => thrown.code,
  );

describe('a new key', () => {
  test('is found by its hash, and listed without it', async () => {
    const { key, secret } = await create({ name: 'mine', ipAllowlist: ['192.0.2.0/24'] });
    const hash = hashPresented(secret) ?? '';
    expect(await keys.findByHash(store.read, hash)).toEqual(key);
    expect(await keys.list(store.read, customerId)).toEqual([key]);
    expect(await get(key.id)).toEqual(key);
    expect(key).toEqual({
      ...{ id: key.id, customerId, mode: 'live', name: 'mine', prefix: secret.slice(0, 16) },
      ...{ preset: 'full_access', scopes: [...PRESETS.full_access], ipAllowlist: ['192.0.2.0/24'] },
      ...{ createdAt: clock.now(), expiresAt: null, lastUsedAt: null, rotatedAt: null },
      ...{ successorId: null, revokedAt: null },
    });
    expect(JSON.stringify(key)).not.toContain(hash);
  });

  test.each<[Partial<NewKey>, Pick<ApiKey, 'preset' | 'scopes'>]>([
    [{ preset: 'read_only' }, { preset: 'read_only', scopes: [...PRESETS.read_only] }],
    [{ scopes: ['library:read'] }, { preset: null, scopes: ['library:read'] }],
    [{ scopes: ['library:read', 'library:read'] }, { preset: null, scopes: ['library:read'] }],
    [{ scopes: [] }, { preset: null, scopes: [] }],
  ])('with %j may do %j', async (grant, granted) => {
    const { key } = await create(grant);
    expect(await get(key.id)).toMatchObject(granted);
  });

  test('has a preset or scopes, not both', async () => {
    expect(await codeOf(create({ preset: 'read_only', scopes: [] }))).toBe('invalid_input');
  });

  test('expires a minute from now at the earliest', async () => {
    expect(await codeOf(create({ expiresAt: clock.now() + 59_999 }))).toBe('invalid_input');
    expect((await create({ expiresAt: clock.now() + 60_000 })).key.expiresAt).toBe(clock.now() + 60_000);
  });

  test('of no customer is not made', async () => {
    expect(await codeOf(create({ customerId: 'cus_none' }))).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
  });

  test("is nobody else's", async () => {
    const { key } = await create();
    expect(await codeOf(keys.get(store.read, 'cus_other', key.id))).toBe('not_found');
    const target = { customerId: 'cus_other', id: key.id };
    expect(await codeOf(write((tx) => keys.revoke(tx, target)))).toBe('not_found');
    expect(await codeOf(write((tx) => keys.purge(tx, target)))).toBe('not_found');
    expect(await codeOf(write((tx) => keys.change(tx, target, { name: 'x' })))).toBe('not_found');
    expect(await codeOf(write((tx) => keys.rotate(tx, { ...target, graceHours: 1 })))).toBe('not_found');
    expect(await stateOf(key.id)).toBe('active');
  });
});

describe(`of ${MAX_KEYS_A_CUSTOMER} keys`, () => {
  const fill = async () => {
    const made = [];
    for (let index = 0; index < MAX_KEYS_A_CUSTOMER; index++) made.push((await create()).key.id);
    return made;
  };

  test('one more is refused, until one is revoked, expired or deleted', async () => {
    const [first = '', second = ''] = await fill();
    expect(await codeOf(create())).toBe('invalid_state');
    await revoke(first);
    await create({ expiresAt: clock.now() + 60_000 });
    expect(await codeOf(create())).toBe('invalid_state');
    clock.advance(60_000);
    await create();
    await write((tx) => keys.purge(tx, { customerId, id: second }));
    await create();
    expect(await codeOf(create())).toBe('invalid_state');
  });

  test('each can still be rotated', async () => {
    const [first = ''] = await fill();
    await rotate(first, 1);
    expect(await codeOf(create())).toBe('invalid_state');
  });

  test('made at the same time the cap holds as well', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => create()));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(MAX_KEYS_A_CUSTOMER);
  });
});

describe('a rotation', () => {
  test('keeps name, scopes, list, mode and expiry, and makes another key', async () => {
    const wanted = {
      ...({ mode: 'test', name: 'mine', scopes: ['library:read'], ipAllowlist: [] } as const),
      expiresAt: clock.now() + 1000 * HOUR_MS,
    };
    const old = await create({ ...wanted, scopes: [...wanted.scopes], ipAllowlist: [] });
    clock.advance(5);
    const made = await rotate(old.key.id, 24);
    expect(made.key).toEqual({
      ...old.key,
      id: made.key.id,
      prefix: made.key.prefix,
      createdAt: clock.now(),
    });
    expect(made.secret).not.toBe(old.secret);
    const previous = {
      ...old.key,
      rotatedAt: clock.now(),
      successorId: made.key.id,
      expiresAt: clock.now() + 24 * HOUR_MS,
    };
    expect(made.previous).toEqual(previous);
    expect(await get(old.key.id)).toEqual(previous);
    expect(await get(made.key.id)).toEqual(made.key);
  });

  test('lets the old key work to the last millisecond of its grace', async () => {
    const { key } = await create();
    await rotate(key.id, 1);
    clock.advance(HOUR_MS - 1);
    expect(await stateOf(key.id)).toBe('rotated');
    clock.advance(1);
    expect(await stateOf(key.id)).toBe('expired');
  });

  test('never lets the old key live longer than it would have', async () => {
    const { key } = await create({ expiresAt: clock.now() + 60_000 });
    const { previous, key: successor } = await rotate(key.id, 168);
    expect([previous.expiresAt, successor.expiresAt]).toEqual([key.expiresAt, key.expiresAt]);
  });

  test.each<[string, (id: string) => Promise<unknown>]>([
    ['rotated', (id) => rotate(id)],
    ['revoked', (id) => revoke(id)],
    ['expired', async () => clock.advance(60_000)],
  ])('of a key that is %s is refused', async (_, end) => {
    const { key } = await create({ expiresAt: clock.now() + 60_000 });
    await end(key.id);
    expect(await codeOf(rotate(key.id))).toBe('key_not_rotatable');
    expect(await codeOf(change(key.id, { expiresAt: null }))).toBe('invalid_state');
  });

  test('at the same time as another makes one successor', async () => {
    const { key } = await create();
    const outcomes = await Promise.allSettled([rotate(key.id), rotate(key.id)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await keys.list(store.read, customerId)).toHaveLength(2);
  });

  test('of a successor ends the grace of the key before it: two of a chain work at most', async () => {
    const { key: first } = await create();
    const { key: second } = await rotate(first.id, 168);
    clock.advance(1000);
    const { key: third } = await rotate(second.id, 168);
    const states = [await stateOf(first.id), await stateOf(second.id), await stateOf(third.id)];
    expect(states).toEqual(['expired', 'rotated', 'active']);
  });

  test('does not bring back a predecessor that has ended', async () => {
    const { key: first } = await create();
    const { key: second } = await rotate(first.id, 1);
    await revoke(first.id);
    clock.advance(2 * HOUR_MS);
    const before = await get(first.id);
    await rotate(second.id, 1);
    expect(await get(first.id)).toEqual(before);
  });
});

describe('a change', () => {
  test('changes what it names and nothing else', async () => {
    const { key } = await create({ name: 'old', preset: 'read_only' });
    const { before, after } = await change(key.id, { name: 'new' });
    expect([before, after]).toEqual([key, { ...key, name: 'new' }]);
    await change(key.id, { preset: 'monitor_only' });
    expect(await get(key.id)).toEqual({
      ...after,
      preset: 'monitor_only',
      scopes: [...PRESETS.monitor_only],
    });
    await change(key.id, { name: null, expiresAt: clock.now() + 60_000 });
    expect(await get(key.id)).toMatchObject({
      name: null,
      expiresAt: clock.now() + 60_000,
      preset: 'monitor_only',
    });
    expect(await codeOf(change(key.id, { expiresAt: clock.now() + 1 }))).toBe('invalid_input');
  });

  test('is told to those who listen, as is every end', async () => {
    const { key } = await create();
    const heard: string[] = [];
    const stop = store.subscribe('access', (subject) => void heard.push(subject));
    await change(key.id, { name: 'x' });
    await rotate(key.id);
    await revoke(key.id);
    await write((tx) => keys.purge(tx, { customerId, id: key.id }));
    stop();
    expect(heard).toEqual([key.id, key.id, key.id, key.id]);
  });
});

describe('an end', () => {
  test('by revocation is at once and for good, grace or not, and the first time counts', async () => {
    const { key } = await create();
    await rotate(key.id, 168);
    const revoked = await revoke(key.id);
    expect([revoked.revokedAt, await stateOf(key.id)]).toEqual([clock.now(), 'revoked']);
    clock.advance(1000);
    expect(await revoke(key.id)).toMatchObject({ revokedAt: revoked.revokedAt });
    expect(await get(key.id)).toMatchObject({ revokedAt: revoked.revokedAt });
  });

  test('by deletion leaves no row', async () => {
    const { key, secret } = await create();
    expect(await write((tx) => keys.purge(tx, { customerId, id: key.id }))).toEqual(key);
    expect(await codeOf(get(key.id))).toBe('not_found');
    expect(await keys.findByHash(store.read, hashPresented(secret) ?? '')).toBeNull();
  });
});

test('when a key was last used only moves forward', async () => {
  const { key } = await create();
  const touch = (at: number) => write((tx) => keys.touch(tx, new Map([[key.id, at]])));
  await touch(200);
  await touch(100);
  expect((await get(key.id)).lastUsedAt).toBe(200);
  await touch(300);
  expect((await get(key.id)).lastUsedAt).toBe(300);
});

test('the key itself is in no file, and its hash is', async () => {
  const { key, secret } = await create();
  const { secret: successor } = await rotate(key.id);
  await write((tx) => keys.purge(tx, { customerId, id: key.id }));
  const contents = readdirSync(database.dir).map((name) => readFileSync(join(database.dir, name), 'latin1'));
  for (const text of [secret, successor, secret.slice(20), successor.slice(20)])
    expect(contents.some((content) => content.includes(text))).toBe(false);
  expect(contents.some((content) => content.includes(hashPresented(successor) ?? '-'))).toBe(true);
});
