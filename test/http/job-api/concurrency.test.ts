// Many requests at once: one key makes one job, a balance is spent once, and of two that want the same thing one wins.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { credits } from '../../../src/credits.ts';
import { createLedger } from '../../../src/ledger/index.ts';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { openWorld, type Answer, type TestCustomer, type World } from '../../support/world.ts';
import { freshKey } from '../scenario.ts';

const UNLIMITED = {
  generationsPerMinute: 1_000_000,
  requestsPerMinute: 1_000_000,
  concurrentImages: 1_000_000,
  concurrentVideos: 1_000_000,
};

let world: World;

beforeAll(async () => {
  world = await openWorld({ providers: [createScriptedProvider()] });
});
afterAll(() => world.close());

type Order = { idempotencyKey?: string; prompt?: string };

function order({ liveKey }: TestCustomer, { idempotencyKey = freshKey(), prompt = 'a harbour' }: Order = {}) {
  return world.call('POST', '/v1/images/generate', { key: liveKey, idempotencyKey, body: { prompt } });
}

function count(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, code } of answers) counts[code ?? status] = (counts[code ?? status] ?? 0) + 1;
  return counts;
}

/** What the customer has on the books, and how many reservations there are. */
async function booksOf(customer: TestCustomer) {
  const { json } = await world.operator(
    'GET',
    `/api/public/customers/${customer.id}/credits?type=reserve&limit=200`,
  );
  const jobs = await world.operator('GET', `/api/public/customers/${customer.id}/jobs?limit=200`);
  return {
    balance: json['creditsBalance'],
    reserved: json['creditsReserved'],
    reservations: (json['entries'] as unknown[]).length,
    jobs: (jobs.json['jobs'] as unknown[]).length,
  };
}

function times<T>(number: number, make: (at: number) => T): T[] {
  return Array.from({ length: number }, (_, at) => make(at));
}

describe('200 requests with one key at once', () => {
  for (const round of [1, 2, 3, 4, 5]) {
    test(`make one job, one reservation and equal bodies: round ${round}`, async () => {
      const customer = await world.customer({ credits: 10_000, limits: UNLIMITED });
      const idempotencyKey = freshKey();
      const answers = await Promise.all(times(200, () => order(customer, { idempotencyKey })));
      expect(count(answers)).toEqual({ 202: 200 });
      const first = answers.filter(({ json }) => json['idempotentReplay'] === false);
      expect(first.length).toBe(1);
      const bodies = answers.map(({ json }) => JSON.stringify({ ...json, idempotentReplay: true }));
      expect(new Set(bodies).size).toBe(1);
      for (const { json, headers } of answers) {
        expect(headers.get('idempotency-replayed')).toBe(json['idempotentReplay'] === true ? 'true' : null);
      }
      expect(await booksOf(customer)).toEqual({ balance: 10_000, reserved: 20, reservations: 1, jobs: 1 });
    });
  }
});

test('of two payloads under one key exactly one wins, 100 times over', async () => {
  const customer = await world.customer({ credits: 100_000, limits: UNLIMITED });
  for (let round = 0; round < 100; round++) {
    const idempotencyKey = freshKey();
    const answers = await Promise.all(
      times(6, (at) =>
        order(customer, { idempotencyKey, prompt: at % 2 === 0 ? 'a harbour' : 'a lighthouse' }),
      ),
    );
    expect(count(answers)).toEqual({ 202: 3, idempotency_key_conflict: 3 });
    const winners = answers.flatMap(({ status }, at) => (status === 202 ? [at % 2] : []));
    expect(new Set(winners).size).toBe(1);
  }
  expect(await booksOf(customer)).toMatchObject({ reserved: 2000, reservations: 100, jobs: 100 });
});

test('50 orders with credits for 3: three are accepted', async () => {
  const customer = await world.customer({ credits: 79, limits: UNLIMITED });
  const answers = await Promise.all(times(50, () => order(customer)));
  expect(count(answers)).toEqual({ 202: 3, insufficient_credits: 47 });
  expect(await booksOf(customer)).toEqual({ balance: 79, reserved: 60, reservations: 3, jobs: 3 });
});

describe('1,000 reservations of 1 on a balance of 100', () => {
  test('through the API: exactly 100', async () => {
    const customer = await world.customer({ credits: 100, limits: UNLIMITED });
    const setPrice = (rates: object[]) =>
      world.operator('PUT', '/api/pricing', {
        body: { prices: [{ model: 'openai/gpt-image-2', rule: { per: 'job', rates } }] },
      });
    expect((await setPrice([{ credits: 1 }])).status).toBe(200);
    const answers = await Promise.all(times(1000, () => order(customer)));
    expect(count(answers)).toEqual({ 202: 100, insufficient_credits: 900 });
    expect(await booksOf(customer)).toEqual({ balance: 100, reserved: 100, reservations: 100, jobs: 100 });
    await setPrice([{ credits: 20 }]);
  });

  test('on the ledger alone: exactly 100', async () => {
    const customer = await world.customer({ credits: 100 });
    const ledger = createLedger({ random: createSeededRandom(9) });
    const reserve = (at: number) =>
      world.store.transaction((tx) =>
        ledger.reserve(tx, {
          customerId: customer.id,
          mode: 'live',
          amount: credits(1),
          reservationId: `job_of_the_test_${at}`,
          actor: 'test',
        }),
      );
    const outcomes = await Promise.allSettled(times(1000, reserve));
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(100);
    expect(await ledger.balanceOf(world.store.read, { customerId: customer.id, mode: 'live' })).toEqual({
      balance: credits(100),
      reserved: credits(100),
      available: credits(0),
    });
    expect(await ledger.audit(world.store.read)).toMatchObject({ faults: [] });
  });
});

test('a concurrency cap holds under a burst, and what is refused by it leaves its place', async () => {
  const customer = await world.customer({ credits: 100_000, limits: { ...UNLIMITED, concurrentImages: 7 } });
  const answers = await Promise.all(times(100, () => order(customer)));
  expect(count(answers)).toEqual({ 202: 7, concurrency_limit_exceeded: 93 });
  expect(await booksOf(customer)).toMatchObject({ reserved: 140, jobs: 7 });
  await world.advance(10_000);
  expect(count(await Promise.all(times(10, () => order(customer))))).toEqual({
    202: 7,
    concurrency_limit_exceeded: 3,
  });
});

test('what is refused in a burst leaves its place in the window to the next', async () => {
  const customer = await world.customer({ credits: 79, limits: { ...UNLIMITED, generationsPerMinute: 5 } });
  const answers = await Promise.all(times(50, () => order(customer)));
  expect(count(answers)).toEqual({ 202: 3, insufficient_credits: 47 });
});

test('a generation limit holds under a burst', async () => {
  const customer = await world.customer({
    credits: 100_000,
    limits: { ...UNLIMITED, generationsPerMinute: 10 },
  });
  const answers = await Promise.all(times(300, () => order(customer)));
  expect(count(answers)).toEqual({ 202: 10, rate_limit_exceeded: 290 });
  expect(await booksOf(customer)).toMatchObject({ reserved: 200, jobs: 10 });
});
