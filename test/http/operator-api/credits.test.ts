// Credits through the operator API: what comes in, corrections, and the ledger that tells it all.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import { openWorld, type Answer, type World } from '../../support/world.ts';
import { freshKey, makeJob, runScenarios, walk, type Scenario } from '../scenario.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld({ providers: [createScriptedProvider()] });
});
afterAll(() => world.close());

type Entry = {
  entryId: string;
  seq: number;
  type: string;
  amount: number;
  balanceAfter: number;
  reservedAfter: number;
};

async function openWallet(credits = 0) {
  const { id, liveKey } = await world.customer({ credits });
  const path = `/api/public/customers/${id}/credits`;
  return {
    path,
    liveKey,
    move: (body: object, idempotencyKey?: string): Promise<Answer> =>
      world.operator('POST', path, {
        body: { reason: 'test', ...body },
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      }),
    async read(query = ''): Promise<{ entries: Entry[]; nextCursor: string | null }> {
      return (await world.operator('GET', `${path}${query}`)).json as {
        entries: Entry[];
        nextCursor: string | null;
      };
    },
  };
}

describe('a top-up', () => {
  test('adds credits and is answered with balance and entry', async () => {
    const wallet = await openWallet(100);
    const { status, json } = await wallet.move({
      operation: 'top_up',
      amount: 50,
      reason: 'order 7',
      reference: 'pay_7',
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({ creditsBalance: 150, creditsReserved: 0, creditsAvailable: 150 });
    expect(json['entry']).toEqual({
      entryId: expect.stringMatching(/^led_[0-9a-z]{26}$/),
      seq: 2,
      type: 'top_up',
      amount: 50,
      balanceAfter: 150,
      reservedAfter: 0,
      jobId: null,
      reason: 'order 7',
      reference: 'pay_7',
      actor: 'operator:private-key',
      mode: 'live',
      createdAt: new Date(world.clock.now()).toISOString(),
    });
    expect((await world.call('GET', '/v1/usage', { key: wallet.liveKey })).json).toMatchObject({
      creditsBalance: 150,
    });
  });

  test('books a reference once, in each wallet', async () => {
    const wallet = await openWallet();
    const pay = { operation: 'top_up', amount: 5, reference: 'pay_1' };
    expect((await wallet.move(pay)).status).toBe(200);
    const again = await wallet.move({ ...pay, amount: 6 });
    expect(again).toMatchObject({
      status: 409,
      code: 'already_exists',
      json: { error: { param: 'reference' } },
    });
    expect((await wallet.move({ ...pay, mode: 'test' })).json).toMatchObject({ creditsBalance: 100_005 });
    expect((await (await openWallet()).move(pay)).status).toBe(200);
    expect((await wallet.read()).entries.length).toBe(1);
  });

  test('at the same time as others with its reference is booked once', async () => {
    const wallet = await openWallet();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => wallet.move({ operation: 'top_up', amount: 5, reference: 'pay_2' })),
    );
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
    expect(answers.filter(({ code }) => code === 'already_exists').length).toBe(19);
  });

  test('under an idempotency key is booked once, and answered alike', async () => {
    const wallet = await openWallet();
    const key = freshKey();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => wallet.move({ operation: 'top_up', amount: 5 }, key)),
    );
    expect(new Set(answers.map(({ json }) => JSON.stringify(json))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true').length).toBe(19);
    expect((await wallet.read()).entries.length).toBe(1);
  });
});

describe('an adjustment', () => {
  test('goes both ways, down to what is reserved', async () => {
    const wallet = await openWallet(100);
    await makeJob(world, wallet.liveKey);
    expect((await wallet.move({ operation: 'adjust', amount: 7 })).json).toMatchObject({
      creditsBalance: 107,
    });
    const below = await wallet.move({ operation: 'adjust', amount: -88 });
    expect(below).toMatchObject({ status: 409, code: 'balance_below_reservations' });
    expect(below.json).toMatchObject({ error: { details: { creditsReserved: 20, resultingBalance: 19 } } });
    expect((await wallet.move({ operation: 'adjust', amount: -87 })).json).toMatchObject({
      creditsBalance: 20,
      creditsReserved: 20,
      creditsAvailable: 0,
    });
    await world.advance(10_000);
    expect((await world.operator('GET', wallet.path)).json).toMatchObject({
      creditsBalance: 0,
      creditsReserved: 0,
    });
  });
});

describe('the ledger', () => {
  test('tells each move of a job, the newest first, with what was left after it', async () => {
    const wallet = await openWallet(100);
    const id = await makeJob(world, wallet.liveKey);
    world.clock.advance(1);
    const canceled = await makeJob(world, wallet.liveKey);
    await world.call('POST', `/v1/jobs/${canceled}/cancel`, { key: wallet.liveKey });
    await world.advance(10_000);
    await world.operator('POST', `/api/jobs/${id}/refund`, { body: { reason: 'unusable' } });
    const { entries } = await wallet.read();
    expect(
      entries.map(({ type, amount, balanceAfter, reservedAfter }) => [
        type,
        amount,
        balanceAfter,
        reservedAfter,
      ]),
    ).toEqual([
      ['refund', 20, 100, 0],
      ['capture', -20, 80, 0],
      ['release', -20, 100, 20],
      ['reserve', 20, 100, 40],
      ['reserve', 20, 100, 20],
      ['top_up', 100, 100, 0],
    ]);
    expect(entries.map(({ seq }) => seq)).toEqual([6, 5, 4, 3, 2, 1]);
  });

  test('is filtered by type and mode, and walked page by page', async () => {
    const wallet = await openWallet(1);
    for (let amount = 1; amount <= 7; amount++) await wallet.move({ operation: 'adjust', amount });
    expect((await wallet.read('?type=top_up')).entries.length).toBe(1);
    expect((await wallet.read('?mode=test')).entries.map(({ amount }) => amount)).toEqual([100_000]);
    const adjusted = await walk<Entry>(world, [`${wallet.path}?type=adjust&limit=3`, 'entries']);
    const amounts = adjusted.map(({ amount }) => amount);
    expect(amounts).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });
});

function refused(body: object, [field, says]: readonly [string, string | RegExp]): Scenario {
  return {
    name: JSON.stringify(body).slice(0, 80),
    call: ({ customer }) => ({
      method: 'POST',
      path: `/api/public/customers/${customer.id}/credits`,
      as: 'operator',
      body,
    }),
    answer: { status: 400, code: 'invalid_input', field, says },
  };
}

const WHOLE = 'must be a whole number of credits up to 1000000000000';

runScenarios('bad input', [
  refused({}, ['operation', 'is required']),
  refused({ operation: 'gift', amount: 1, reason: 'x' }, ['operation', 'must be top_up or adjust']),
  refused({ operation: 'top_up', amount: 1 }, ['reason', 'is required']),
  refused({ operation: 'top_up', amount: 1, reason: ' ' }, ['reason', 'must have 1 to 500 characters']),
  refused({ operation: 'top_up', reason: 'x' }, ['amount', 'is required']),
  refused({ operation: 'top_up', amount: 0, reason: 'x' }, ['amount', 'must be above 0']),
  refused({ operation: 'top_up', amount: -5, reason: 'x' }, ['amount', 'must be above 0']),
  refused({ operation: 'adjust', amount: 0, reason: 'x' }, ['amount', 'must not be 0']),
  refused({ operation: 'adjust', amount: 1.5, reason: 'x' }, ['amount', WHOLE]),
  refused({ operation: 'adjust', amount: '5', reason: 'x' }, ['amount', WHOLE]),
  refused({ operation: 'top_up', amount: 1e15, reason: 'x' }, ['amount', WHOLE]),
  refused({ operation: 'adjust', amount: 5, reason: 'x', reference: 'y' }, [
    'reference',
    // A top-up has it, so there is nothing else that could be meant.
    /is not a field of this request\.$/,
  ]),
  refused({ operation: 'top_up', amount: 5, reason: 'x', mode: 'prod' }, ['mode', 'must be live or test']),
  refused({ operation: 'top_up', amount: 5, reason: 'x', ammount: 5 }, ['ammount', 'did you mean amount?']),
  {
    name: 'a list by an unknown type',
    call: ({ customer }) => ({
      method: 'GET',
      path: `/api/public/customers/${customer.id}/credits?type=gift`,
      as: 'operator',
    }),
    answer: {
      status: 400,
      code: 'invalid_input',
      field: 'type',
      says: 'must be top_up, adjust, reserve, capture, release or refund',
    },
  },
  {
    name: 'an unknown customer',
    call: {
      method: 'POST',
      path: '/api/public/customers/cus_x/credits',
      as: 'operator',
      body: { operation: 'top_up', amount: 5, reason: 'x' },
    },
    answer: { status: 404, code: 'account_not_found' },
  },
]);
