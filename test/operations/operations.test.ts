// What operators do: each change, its line in the audit and its answer to a retry are one transaction, and nothing of
// them is left when the change is refused.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { credits } from '../../src/credits.ts';
import type { Action, Once, Operations, Operator } from '../../src/operations/index.ts';
import { TEST_CREDITS } from '../../src/operations/index.ts';
import { handleOf } from '../support/database.ts';
import { openWorld, type World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const OPERATOR: Operator = { actor: 'operator:test', addressHash: 'hash', requestId: 'req_1' };
const NEW_CUSTOMER = {
  ...{ name: 'One', email: null, externalId: null, plan: 'free', metadata: {}, initialCredits: credits(0) },
};
const operations = (): Operations => world.app.operations;

async function make<Result>(action: Action<Result>): Promise<Result> {
  const performed = await operations().perform(OPERATOR, action, null);
  if (performed.kind !== 'done') throw new Error('nothing is replayed without a key');
  return performed.result;
}
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was refused',
    (thrown: { code: string }) => thrown.code,
  );
const rows = (sql: string) => handleOf(world.store.read).prepare(sql).all() as Record<string, unknown>[];
const count = (table: string) => rows(`SELECT count(*) AS count FROM ${table}`)[0]?.['count'];
const lastEvent = () => {
  const event = rows('SELECT * FROM audit_events ORDER BY seq DESC LIMIT 1')[0] ?? {};
  const parse = (value: unknown) => (typeof value === 'string' ? (JSON.parse(value) as unknown) : null);
  return { ...event, before: parse(event['before']), after: parse(event['after']) };
};
const createKey = (customerId: string) =>
  make(operations().createKey({ customerId, mode: 'live', name: null, ipAllowlist: null, expiresAt: null }));
const once = (key: string, fingerprint = 'f'): Once<{ id: string }> => ({
  ...{ key, fingerprint },
  answer: async (result) => ({ status: 201, body: JSON.stringify({ id: result.id }) }),
});

describe('a change', () => {
  test('is audited with who, what and from where', async () => {
    const customer = await make(operations().createCustomer(NEW_CUSTOMER));
    expect(lastEvent()).toMatchObject({
      ...{ actor: 'operator:test', address_hash: 'hash', request_id: 'req_1' },
      ...{ action: 'customer.create', target: customer.id, summary: 'created the customer "One"' },
      ...{ before: null, after: customer },
    });
  });

  test('that is refused leaves nothing: no row, no line, no answer', async () => {
    const tables = ['customers', 'wallets', 'ledger_entries', 'audit_events', 'idempotency_keys'];
    const before = tables.map(count);
    const wrong = operations().createCustomer({ ...NEW_CUSTOMER, plan: 'gold' });
    expect(await codeOf(operations().perform(OPERATOR, wrong, once('k')))).toBe('invalid_input');
    const late: Action<{ id: string }> = async (tx, operator) => {
      await operations().createCustomer(NEW_CUSTOMER)(tx, operator);
      throw new Error('refused at the end');
    };
    await operations()
      .perform(OPERATOR, late, once('k'))
      .catch(() => undefined);
    expect(tables.map(count)).toEqual(before);
  });

  test('of which the answer cannot be made is undone', async () => {
    const before = count('customers');
    const broken = { ...once('k'), answer: () => Promise.reject(new Error('no answer')) };
    await operations()
      .perform(OPERATOR, operations().createCustomer(NEW_CUSTOMER), broken)
      .catch(() => undefined);
    expect([count('customers'), count('idempotency_keys')]).toEqual([before, 0]);
  });
});

describe('an idempotency key', () => {
  const create = (key: string, fingerprint?: string) =>
    operations().perform(OPERATOR, operations().createCustomer(NEW_CUSTOMER), once(key, fingerprint));

  test('makes one change of two, with one answer and one line', async () => {
    const first = await create('k');
    expect(first.kind).toBe('done');
    const second = await create('k');
    expect(second).toMatchObject({
      kind: 'replay',
      status: 201,
      body: expect.stringContaining('cus_') as unknown,
    });
    expect([count('customers'), count('audit_events')]).toEqual([1, 1]);
    expect(await codeOf(create('k', 'other'))).toBe('idempotency_key_conflict');
  });

  test('makes one change of fifty at once', async () => {
    const performed = await Promise.all(Array.from({ length: 50 }, () => create('k')));
    expect(performed.filter(({ kind }) => kind === 'done')).toHaveLength(1);
    expect([count('customers'), count('audit_events')]).toEqual([1, 1]);
  });

  test('of an operator is none of a customer', async () => {
    await create('k');
    expect(rows('SELECT scope, mode FROM idempotency_keys')).toEqual([{ scope: 'operator', mode: '' }]);
  });
});

describe('a new customer', () => {
  test('has a live wallet with what was given, and a test wallet that is full', async () => {
    const { id } = await make(operations().createCustomer({ ...NEW_CUSTOMER, initialCredits: credits(500) }));
    const wallets = rows(
      `SELECT mode, balance, reserved FROM wallets WHERE customer_id = '${id}' ORDER BY mode`,
    );
    expect(wallets).toEqual([
      { mode: 'live', balance: 500, reserved: 0 },
      { mode: 'test', balance: Number(TEST_CREDITS), reserved: 0 },
    ]);
    const entries = rows(`SELECT actor, reason, request_id FROM ledger_entries WHERE customer_id = '${id}'`);
    expect(entries).toEqual(
      Array.from({ length: 2 }, () => ({
        actor: 'operator:test',
        reason: 'initial credits',
        request_id: 'req_1',
      })),
    );
  });

  test('without credits has no entry for them', async () => {
    const { id } = await make(operations().createCustomer(NEW_CUSTOMER));
    expect(rows(`SELECT mode FROM ledger_entries WHERE customer_id = '${id}'`)).toEqual([{ mode: 'test' }]);
  });
});

describe('keys', () => {
  test('are audited without the key, the hash or anything to use it by', async () => {
    const { id: customerId } = await make(operations().createCustomer(NEW_CUSTOMER));
    const { key, secret } = await createKey(customerId);
    const target = { customerId, id: key.id };
    await make(operations().changeKey(target, { name: 'new' }));
    const rotated = await make(operations().rotateKey({ ...target, graceHours: 5 }));
    await make(operations().revokeKey(target));
    await make(operations().purgeKey(target));
    const events = rows("SELECT action, summary FROM audit_events WHERE action LIKE 'key.%' ORDER BY seq");
    expect(events.map(({ action }) => action)).toEqual([
      ...['key.create', 'key.change', 'key.rotate', 'key.revoke', 'key.delete'],
    ]);
    expect(events[2]?.['summary']).toContain('grace 5 h');
    const text = JSON.stringify(rows('SELECT * FROM audit_events'));
    expect(text).toContain(key.prefix);
    for (const hidden of [secret.slice(16), rotated.secret.slice(16)]) expect(text).not.toContain(hidden);
    expect(text).not.toContain('"hash\\"');
  });

  test('are not made or rotated for a closed customer, but can be revoked and deleted', async () => {
    const { id: customerId } = await make(operations().createCustomer(NEW_CUSTOMER));
    const { key } = await createKey(customerId);
    await make(operations().changeCustomer(customerId, { status: 'closed' }));
    expect(await codeOf(createKey(customerId))).toBe('invalid_state');
    const target = { customerId, id: key.id };
    expect(await codeOf(make(operations().rotateKey({ ...target, graceHours: 1 })))).toBe('invalid_state');
    expect((await make(operations().revokeKey(target))).revokedAt).not.toBeNull();
    await make(operations().purgeKey(target));
  });

  test('of a customer that there is not are not made', async () => {
    expect(await codeOf(createKey('cus_none'))).toBe('account_not_found');
  });
});

describe('credits', () => {
  test('that are moved are booked and audited together', async () => {
    const { id: customerId } = await make(operations().createCustomer(NEW_CUSTOMER));
    const move = { customerId, mode: 'live', reason: 'invoice', reference: 'i-1' } as const;
    const entry = await make(
      operations().moveCredits({ ...move, operation: 'top_up', amount: credits(100) }),
    );
    expect(entry).toMatchObject({
      kind: 'top_up',
      balanceAfter: 100,
      reference: 'i-1',
      actor: 'operator:test',
    });
    expect(lastEvent()).toMatchObject({
      ...{ action: 'credits.top_up', target: customerId, summary: 'topped up live credits by 100: invoice' },
    });
    const adjust = { ...move, operation: 'adjust', reference: null } as const;
    await make(operations().moveCredits({ ...adjust, amount: credits(-30) }));
    expect(lastEvent()).toMatchObject({
      action: 'credits.adjust',
      summary: 'adjusted live credits by -30: invoice',
    });
    const events = count('audit_events');
    expect(await codeOf(make(operations().moveCredits({ ...adjust, amount: credits(-71) })))).toBe(
      'balance_below_reservations',
    );
    const again = { ...move, operation: 'top_up', amount: credits(1) } as const;
    expect(await codeOf(make(operations().moveCredits(again)))).toBe('already_exists');
    expect(await codeOf(make(operations().moveCredits({ ...again, customerId: 'cus_none' })))).toBe(
      'account_not_found',
    );
    expect(count('audit_events')).toBe(events);
  });

  test('are never more than can be counted exactly', async () => {
    const { id } = await make(operations().createCustomer(NEW_CUSTOMER));
    const move = { customerId: id, mode: 'live', reason: 'r', reference: null } as const;
    const add = (operation: 'top_up' | 'adjust', amount: number) =>
      codeOf(make(operations().moveCredits({ ...move, operation, amount: credits(amount) })));
    await add('top_up', Number.MAX_SAFE_INTEGER - 1);
    expect([await add('top_up', 2), await add('adjust', 2)]).toEqual(['invalid_input', 'invalid_input']);
    expect(await add('top_up', 1)).toBe('nothing was refused');
  });
});

describe('plans and prices', () => {
  test('that are changed twice at once keep both changes', async () => {
    await Promise.all([
      make(operations().changePlan('pro', { generationsPerMinute: 1 })),
      make(operations().changePlan('pro', { requestsPerMinute: 2 })),
    ]);
    const events = rows("SELECT before, after FROM audit_events WHERE action = 'plan.change' ORDER BY seq");
    const settings = events.map(({ after }) => (JSON.parse(String(after)) as { settings: object }).settings);
    expect(settings.at(-1)).toMatchObject({
      generationsPerMinute: 1,
      requestsPerMinute: 2,
      concurrentImages: 20,
    });
    expect(JSON.parse(String(events[1]?.['before']))).toEqual(JSON.parse(String(events[0]?.['after'])));
  });

  test('are set together or not at all', async () => {
    const rule = { per: 'job', rates: [{ credits: 5 }] } as const;
    const good = { model: 'openai/gpt-image-2', rule: { ...rule, rates: [...rule.rates] } };
    const [price] = await make(operations().setPrices([good]));
    expect(price).toMatchObject({ model: 'openai/gpt-image-2', version: 1 });
    expect(lastEvent()).toMatchObject({ action: 'price.set', target: 'openai/gpt-image-2' });
    const events = count('audit_events');
    const wrong = { model: 'openai/none', rule: good.rule };
    expect(await codeOf(make(operations().setPrices([good, wrong])))).toBe('invalid_input');
    expect([count('price_versions'), count('audit_events')]).toEqual([1, events]);
  });

  test('of what there is not are refused', async () => {
    expect(await codeOf(make(operations().changePlan('gold', { requestsPerMinute: 1 })))).toBe('not_found');
    const customer = await make(operations().createCustomer(NEW_CUSTOMER));
    expect(await codeOf(make(operations().changeCustomer(customer.id, { plan: 'gold' })))).toBe(
      'invalid_input',
    );
  });
});

describe('jobs', () => {
  test('are refunded once, with the line that says why', async () => {
    const { testKey: key } = await world.customer();
    const accepted = await world.call('POST', '/v1/images/generate', {
      ...{ key, idempotencyKey: 'a', body: { prompt: 'a harbour' } },
    });
    const id = String(accepted.json['jobId']);
    expect(await codeOf(make(operations().refundJob(id, 'early')))).toBe('invalid_state');
    await world.advance(10_000);
    expect(await make(operations().refundJob(id, 'too dark'))).toMatchObject({
      refunded: 20,
      state: 'completed',
    });
    expect(lastEvent()).toMatchObject({
      ...{ action: 'job.refund', target: id, summary: 'refunded 20 credits: too dark' },
      ...{ before: { refunded: 0 }, after: { refunded: 20 } },
    });
    expect(await codeOf(make(operations().refundJob(id, 'again')))).toBe('invalid_state');
    expect(await codeOf(make(operations().failUnknownJob(id)))).toBe('invalid_state');
    expect(await codeOf(make(operations().failUnknownJob('job_none')))).toBe('generation_not_found');
    expect(rows(`SELECT kind FROM ledger_entries WHERE reservation_id = '${id}' ORDER BY seq`)).toEqual([
      ...['reserve', 'capture', 'refund'].map((kind) => ({ kind })),
    ]);
  });
});
