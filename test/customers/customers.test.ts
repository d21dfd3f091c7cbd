// Customers: made, found, changed and listed; closed for good.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  createCustomers,
  type CustomerChange,
  type CustomerFilter,
  type Customers,
  type NewCustomer,
} from '../../src/customers/index.ts';
import { faultOf, openDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let customers: Customers;
beforeEach(() => {
  database = openDatabase();
  customers = createCustomers({ random: database.random });
});
afterEach(() => database.close());

const create = (customer: Partial<NewCustomer> = {}) =>
  database.store.transaction((tx) =>
    customers.create(tx, {
      name: 'One',
      email: null,
      externalId: null,
      plan: 'free',
      metadata: {},
      ...customer,
    }),
  );
const change = (id: string, to: CustomerChange) =>
  database.store.transaction((tx) => customers.change(tx, id, to));
const list = async (filter: CustomerFilter = {}, limit = 50) =>
  (await customers.list(database.store.read, filter, { limit, cursor: null })).rows.map(({ name }) => name);
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was refused',
    (thrown: { code: string }) => thrown.code,
  );

describe('a customer', () => {
  test('is found as it was made', async () => {
    const made = await create({ email: 'a@example.com', externalId: 'x-1', metadata: { team: 'red' } });
    expect(made).toEqual({
      ...{ id: made.id, name: 'One', email: 'a@example.com', externalId: 'x-1', plan: 'free' },
      ...{ status: 'active', statusReason: null, limits: {}, metadata: { team: 'red' } },
      ...{ createdAt: database.clock.now(), updatedAt: database.clock.now() },
    });
    expect(await customers.get(database.store.read, made.id)).toEqual(made);
    expect(await customers.find(database.store.read, made.id)).toEqual(made);
  });

  test('that there is not is not found', async () => {
    expect(await customers.find(database.store.read, 'cus_none')).toBeNull();
    expect(await codeOf(customers.get(database.store.read, 'cus_none'))).toBe('account_not_found');
    expect(await codeOf(change('cus_none', { name: 'x' }))).toBe('account_not_found');
  });

  test('has an external id of its own', async () => {
    await create({ externalId: 'x-1' });
    expect(await codeOf(create({ externalId: 'x-1' }))).toBe('already_exists');
    await create({ externalId: 'X-1' });
    await Promise.all([create(), create()]);
    const both = await Promise.allSettled([create({ externalId: 'x-2' }), create({ externalId: 'x-2' })]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });
});

describe('a change', () => {
  test('changes what it names, tells of both states, and publishes', async () => {
    const made = await create();
    const heard: string[] = [];
    const stop = database.store.subscribe('access', (subject) => void heard.push(subject));
    database.clock.advance(5);
    const to: CustomerChange = {
      ...{ name: 'Two', email: 'b@example.com', plan: 'pro', status: 'suspended', statusReason: 'late' },
      ...{ limits: { generationsPerMinute: 3 }, metadata: { a: 'b' } },
    };
    const { before, after } = await change(made.id, to);
    stop();
    expect([before, heard]).toEqual([made, [made.id]]);
    expect(after).toEqual({ ...made, ...to, updatedAt: database.clock.now() });
    expect(await customers.get(database.store.read, made.id)).toEqual(after);
    await change(made.id, { limits: {} });
    expect(await customers.get(database.store.read, made.id)).toMatchObject({ name: 'Two', limits: {} });
  });

  test('that is undone is not heard of', async () => {
    const { id } = await create();
    const heard: string[] = [];
    database.store.subscribe('access', (subject) => void heard.push(subject));
    const undone = database.store.transaction(async (tx) => {
      await customers.change(tx, id, { name: 'Two' });
      throw new Error('undone');
    });
    expect(await faultOf(() => undone)).toBe('undone');
    expect([heard, (await customers.get(database.store.read, id)).name]).toEqual([[], 'One']);
  });

  test('to closed is the last', async () => {
    const { id } = await create();
    await change(id, { status: 'suspended' });
    await change(id, { status: 'active' });
    await change(id, { status: 'closed' });
    for (const to of [{ status: 'active' }, { name: 'x' }] as const)
      expect(await codeOf(change(id, to))).toBe('invalid_state');
  });

  test('of two things at once keeps both', async () => {
    const { id } = await create();
    await Promise.all([change(id, { name: 'Two' }), change(id, { plan: 'pro' })]);
    expect(await customers.get(database.store.read, id)).toMatchObject({ name: 'Two', plan: 'pro' });
  });
});

describe('the list', () => {
  test('is newest first, page by page', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await create({ name });
      database.clock.advance(1);
    }
    const names: string[][] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Customers['list']>> = await customers.list(
        database.store.read,
        {},
        { limit: 2, cursor },
      );
      names.push(page.rows.map(({ name }) => name));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(names).toEqual([['e', 'd'], ['c', 'b'], ['a']]);
  });

  test('is filtered by status, plan and what is searched', async () => {
    const [a, b] = [await create({ name: 'a' }), await create({ name: 'b', plan: 'pro' })];
    await change(a.id, { status: 'suspended' });
    expect(await list({ status: 'suspended' })).toEqual(['a']);
    expect(await list({ plan: 'pro' })).toEqual(['b']);
    expect(await list({ plan: 'pro', status: 'suspended' })).toEqual([]);
    expect(b.status).toBe('active');
    expect(await customers.countActive(database.store.read)).toBe(1);
  });

  test.each([
    ['harbour', ['Harbour Films']],
    ['FILMS', ['Harbour Films']],
    ['info@', ['Mail']],
    ['ext_1', ['Outside']],
    ['100%', ['100% Cotton']],
    ['%', ['100% Cotton']],
    ['_', ['Outside']],
    ['\\', ['Back\\slash']],
    ["'", ["O'Hara"]],
    ['nobody', []],
  ])('finds %j in name, email and external id, taken literally', async (search, found) => {
    await create({ name: 'Harbour Films' });
    await create({ name: 'Mail', email: 'info@example.com' });
    await create({ name: 'Outside', externalId: 'ext_1' });
    await create({ name: '100% Cotton' });
    await create({ name: 'Back\\slash' });
    await create({ name: "O'Hara" });
    expect(await list({ search })).toEqual(found);
  });
});
