// The clients of the simulation find what the gateway answers wrongly: each of their checks is shown an answer that it
// has to object to, and one that it has to let pass.
import { beforeEach, describe, expect, test } from 'bun:test';
import { createSend, type SimAnswer } from './client.ts';
import { createDice } from './dice.ts';
import { createLimitWatch } from './limit-watch.ts';
import { createOrders, type Order, type Orders } from './orders.ts';
import type { SimCustomer } from './population.ts';

let said: string[];
let elapsedMs: number;
/** Sleeping is how a client lets time go by. */
const sleep = (ms: number) => {
  elapsedMs += ms;
  return Promise.resolve();
};
const say = (fault: string) => void said.push(fault);
const customer = (change: Partial<SimCustomer> = {}): SimCustomer => ({
  ...{ id: 'cus_1', isSuspended: false, bought: 0, adjusted: 0, generationsPerMinute: 10 },
  keys: (['live', 'test'] as const).map((mode) => ({ id: mode, secret: mode, mode, isRevoked: false })),
  ...change,
});
beforeEach(() => {
  said = [];
  elapsedMs = 1e6;
});

const answer = (json: Record<string, unknown>, change: Partial<SimAnswer> = {}): SimAnswer => ({
  ...{ status: 202, code: null, json, headers: new Headers(), bytes: 1, retryAfterMs: 0 },
  ...change,
});
const refusal = (code: SimAnswer['code'], details: Record<string, unknown> = {}): SimAnswer =>
  answer({ error: { details } }, { status: 400, code, retryAfterMs: 1000 });

describe('an answer', () => {
  const ask = async (response: Response) => {
    const send = createSend({ handle: () => Promise.resolve(response) }, say);
    await send('GET', '/x');
    return said.join();
  };
  const json = (body: unknown, status: number, headers: Record<string, string> = { 'x-request-id': 'r' }) =>
    Response.json(body, { status, headers });

  test('that is sound passes', async () => {
    expect(await ask(json({ ok: true }, 200))).toBe('');
    expect(await ask(json({ ok: false, code: 'not_found' }, 404))).toBe('');
  });

  const wrong: readonly (readonly [fault: string, response: () => Response])[] = [
    ['has no request id', () => json({ ok: true }, 200, {})],
    ['says ok true with 404', () => json({ ok: true }, 404)],
    ['answers 500 internal_error', () => json({ ok: false, code: 'internal_error' }, 500)],
    [
      'answers 404 without an error',
      () => new Response('', { status: 404, headers: { 'x-request-id': 'r' } }),
    ],
    ['says no time to wait', () => json({ ok: false, code: 'rate_limit_exceeded' }, 429)],
  ];
  for (const [fault, response] of wrong) {
    test(`that ${fault} is found`, async () => {
      expect(await ask(response())).toContain(fault);
    });
  }
});

describe('an order', () => {
  let answers: (SimAnswer | null)[];
  let orders: Orders;
  let order: Order;
  const accepted = (isReplay: boolean, more: Record<string, unknown> = {}) =>
    answer(
      { jobId: 'job_1', idempotentReplay: isReplay, ...more },
      { headers: new Headers(isReplay ? { 'idempotency-replayed': 'true' } : {}) },
    );
  const sendAll = async (...given: (SimAnswer | null)[]) => {
    answers = given;
    while (answers.length > 0) await orders.send(order);
    return said.join();
  };
  beforeEach(() => {
    const watch = createLimitWatch({ elapsedMs: () => elapsedMs, calmSinceMs: () => 0, say });
    const send = () => Promise.resolve(answers.shift() ?? null);
    orders = createOrders({ send, dice: createDice(1), say, sleep, watch });
    order = orders.make(customer());
  });

  test('that is accepted, lost and accepted again is one job', async () => {
    expect(await sendAll(null, accepted(false), accepted(true))).toBe('');
    expect([...orders.acknowledged]).toEqual(['job_1']);
    expect(orders.lost.size).toBe(0);
  });

  test('is lost until it is known what became of it', async () => {
    await sendAll(null, refusal('service_unavailable'));
    expect(orders.lost.has(order)).toBe(true);
    await sendAll(refusal('rate_limit_exceeded', { bucket: 'requests', limit: 0 }));
    expect(orders.lost.has(order)).toBe(true);
    answers = [null, refusal('service_unavailable'), refusal('insufficient_credits'), accepted(false)];
    await orders.findOut(order, 10);
    expect([orders.lost.size, order.state, answers.length]).toEqual([0, 'refused', 1]);
  });

  test('is not taken for refused while another request for it is under way', async () => {
    const first = Promise.withResolvers<SimAnswer | null>();
    const replies = [first.promise, Promise.resolve(refusal('insufficient_credits'))];
    const send = () => replies.shift() ?? Promise.resolve(null);
    const watch = createLimitWatch({ elapsedMs: () => elapsedMs, calmSinceMs: () => 0, say });
    const busy = createOrders({ send, dice: createDice(1), say, sleep, watch });
    const twin = busy.make(customer());
    const [one, other] = [busy.send(twin), busy.send(twin)];
    await other;
    expect(twin.state).toBe('lost');
    first.resolve(null);
    await one;
    expect(busy.lost.has(twin)).toBe(true);
  });

  const wrong: readonly (readonly [fault: string, ...answers: (() => SimAnswer)[]])[] = [
    ['two answers say that they are the first', () => accepted(false), () => accepted(false)],
    ['is not', () => accepted(false), () => accepted(true, { chargedCredits: 1 })],
    ['is accepted with 201', () => ({ ...accepted(false), status: 201 })],
    ['contradicts its header', () => ({ ...accepted(true), headers: new Headers() })],
    ['is refused with not_found', () => refusal('not_found')],
    ['after it was accepted', () => accepted(false), () => refusal('insufficient_credits')],
    [
      'after it was accepted',
      () => accepted(false),
      () => refusal('rate_limit_exceeded', { bucket: 'generations', limit: 0 }),
    ],
    ['a good key is refused', () => refusal('authentication_failed')],
  ];
  for (const [fault, ...given] of wrong) {
    test(`of which an answer ${fault} is found`, async () => {
      expect(await sendAll(...given.map((make) => make()))).toContain(fault);
    });
  }

  test('of which a job is also another order is found', async () => {
    await sendAll(accepted(false));
    order = orders.make(customer());
    expect(await sendAll(accepted(false))).toContain("is another order's as well");
  });

  test('by a key that was taken away is found', async () => {
    order = orders.make(customer({ isSuspended: true }));
    expect(await sendAll(accepted(false))).toContain('a key that was taken away still works');
  });

  test('that ends twice, or ends and is not given back, is found', async () => {
    await sendAll(accepted(false));
    const money = { chargedCredits: 5, refundedCredits: 5 };
    answers = [answer({ status: 'failed', ...money }), answer({ status: 'completed', ...money })];
    await orders.read(order, 0);
    expect(said).toEqual([]);
    await orders.read(order, 0);
    expect(said).toEqual(['job job_1: is completed after it was failed']);
    order.ended = null;
    answers = [answer({ status: 'canceled', ...money, refundedCredits: 0 })];
    await orders.read(order, 0);
    expect(said.at(-1)).toBe('job job_1: is canceled and not given back');
  });

  test('that somebody else reads is found', async () => {
    await sendAll(accepted(false));
    answers = [refusal('generation_not_found'), answer({ status: 'processing' }, { status: 200 })];
    await orders.readForeign(order, customer());
    expect(said).toEqual([]);
    await orders.readForeign(order, customer());
    expect(said).toEqual(['job job_1: somebody else reads 200']);
  });
});

describe('a limit', () => {
  const who = customer({ generationsPerMinute: 2 });
  const refused = (bucket: string) => refusal('rate_limit_exceeded', { bucket, limit: 2 });
  const isNew = answer({ idempotentReplay: false });
  const watchOf = (calmSinceMs = 0) =>
    createLimitWatch({ elapsedMs: () => elapsedMs, calmSinceMs: () => calmSinceMs, say });

  test('that refuses what is below it is found, and one that is reached is none', () => {
    const watch = watchOf();
    for (let count = 0; count < 2; count++) watch.asks(who)(answer({}));
    watch.asks(who)(refused('requests'));
    expect(said).toEqual([]);
    elapsedMs += 60_000;
    watch.asks(who)(answer({}));
    watch.asks(who)(refused('requests'));
    expect(said).toEqual(['customer cus_1: 1 requests in a minute are refused, 2 are allowed']);
  });

  test('of generations counts what was accepted or lost, and no replays', () => {
    const watch = watchOf();
    watch.orders(who)(isNew);
    watch.orders(who)(null);
    elapsedMs += 1;
    watch.orders(who)(refused('generations'));
    expect(said).toEqual([]);
    elapsedMs += 60_000;
    watch.orders(who)(isNew);
    watch.orders(who)(answer({ idempotentReplay: true }));
    elapsedMs += 1;
    watch.orders(who)(refused('generations'));
    expect(said).toEqual(['customer cus_1: 1 generations in a minute are refused, 2 are allowed']);
  });

  test('may be reached by what came to nothing at the same time', () => {
    const watch = watchOf();
    const ends = [watch.orders(who), watch.orders(who), watch.orders(who)];
    ends[0]?.(refusal('insufficient_credits'));
    ends[1]?.(refusal('insufficient_credits'));
    ends[2]?.(refused('generations'));
    expect(said).toEqual([]);
  });

  test('that lets too many pass is found, unless a process or its clock is new', () => {
    for (const watch of [watchOf(elapsedMs), watchOf(elapsedMs - 60_001)]) {
      for (let count = 0; count < 3; count++) watch.orders(who)(isNew);
    }
    expect(said).toEqual(['customer cus_1: 3 generations in a minute are accepted']);
  });
});
