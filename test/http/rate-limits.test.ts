// Limits as a client sees them: exact headers, a Retry-After that is true, and windows that nobody gets around.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { openWorld, type Answer, type TestCustomer, type World } from '../support/world.ts';
import { createScriptedProvider } from '../support/scripted-provider.ts';
import { freshKey } from './scenario.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ providers: [createScriptedProvider()] });
});
afterEach(() => world.close());

function usage(key: string): Promise<Answer> {
  return world.call('GET', '/v1/usage', { key });
}

type Order = { type?: 'images' | 'videos'; idempotencyKey?: string; body?: object };

function order(
  key: string,
  { type = 'images', idempotencyKey = freshKey(), body = {} }: Order = {},
): Promise<Answer> {
  const path = `/v1/${type}/generate`;
  return world.call('POST', path, { key, idempotencyKey, body: { prompt: 'a harbour', ...body } });
}

function limited(limits: Record<string, number>, credits = 1_000_000): Promise<TestCustomer> {
  return world.customer({ limits, credits });
}

/** The headers in both spellings; `at` is the monotonic moment of the reset. */
function windowOf({ headers }: Answer) {
  const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((name) =>
    Number(headers.get(`ratelimit-${name}`)),
  );
  expect([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]).toEqual([
    String(limit),
    String(remaining),
  ]);
  const resetAt = Number(headers.get('x-ratelimit-reset'));
  expect(resetAt).toBe(Math.ceil(world.clock.now() / 1000) + Number(reset));
  return { limit, remaining, reset };
}

describe('the request window', () => {
  test('counts down to nothing, tells when it has room, and then has it', async () => {
    const { liveKey } = await limited({ requestsPerMinute: 3 });
    expect(windowOf(await usage(liveKey))).toEqual({ limit: 3, remaining: 2, reset: 60 });
    world.clock.advance(10_000);
    expect(windowOf(await usage(liveKey))).toEqual({ limit: 3, remaining: 1, reset: 50 });
    expect(windowOf(await usage(liveKey))).toEqual({ limit: 3, remaining: 0, reset: 50 });
    world.clock.advance(5000);
    const refused = await usage(liveKey);
    expect(refused.code).toBe('rate_limit_exceeded');
    expect(windowOf(refused)).toEqual({ limit: 3, remaining: 0, reset: 45 });
    expect(refused.headers.get('retry-after')).toBe('45');
    expect(refused.json).toMatchObject({
      error: {
        code: 'BSE1005',
        retryable: true,
        message: 'Requests are limited to 3 in 60 seconds.',
        details: { bucket: 'requests', limit: 3, retry_after_seconds: 45 },
      },
    });
    world.clock.advance(44_999);
    expect((await usage(liveKey)).status).toBe(429);
    world.clock.advance(1);
    expect((await usage(liveKey)).status).toBe(200);
    // It slides: the two of ten seconds later are still in it.
    expect((await usage(liveKey)).status).toBe(429);
  });

  test('is one for all keys, modes and routes of a customer, and none for the others', async () => {
    const customer = await limited({ requestsPerMinute: 3 });
    const other = await limited({ requestsPerMinute: 3 });
    await usage(customer.liveKey);
    await usage(customer.testKey);
    expect(windowOf(await world.call('GET', '/v1/models', { key: customer.liveKey })).remaining).toBe(0);
    for (const [method, path] of [
      ['GET', '/v1/jobs'],
      ['HEAD', '/v1/usage'],
      ['POST', '/v1/jobs/job_x/cancel'],
    ] as const) {
      expect((await world.call(method, path, { key: customer.testKey })).status).toBe(429);
    }
    expect((await usage(other.liveKey)).status).toBe(200);
  });

  test('is not used up by what it refuses', async () => {
    const { liveKey } = await limited({ requestsPerMinute: 2 });
    await usage(liveKey);
    await usage(liveKey);
    for (let at = 0; at < 50; at++) {
      world.clock.advance(1000);
      expect((await usage(liveKey)).status).toBe(429);
    }
    world.clock.advance(10_000);
    expect(windowOf(await usage(liveKey))).toEqual({ limit: 2, remaining: 1, reset: 60 });
  });

  test('counts what is refused later on, because it was a request', async () => {
    const { liveKey } = await limited({ requestsPerMinute: 5 });
    expect(windowOf(await world.call('GET', '/v1/jobs/job_x', { key: liveKey })).remaining).toBe(4);
    expect(windowOf(await world.call('GET', '/v1/jobs?limit=0', { key: liveKey })).remaining).toBe(3);
  });
});

describe('the generation window', () => {
  test('governs the generate routes, and no other', async () => {
    const { liveKey } = await limited({ generationsPerMinute: 2, requestsPerMinute: 50 });
    expect(windowOf(await order(liveKey))).toEqual({ limit: 2, remaining: 1, reset: 60 });
    expect(windowOf(await order(liveKey, { type: 'videos' }))).toEqual({ limit: 2, remaining: 0, reset: 60 });
    const refused = await order(liveKey);
    expect(refused.json).toMatchObject({
      error: { details: { bucket: 'generations', limit: 2, retry_after_seconds: 60 } },
    });
    expect(windowOf(refused)).toEqual({ limit: 2, remaining: 0, reset: 60 });
    expect(windowOf(await usage(liveKey))).toMatchObject({ limit: 50, remaining: 46 });
    world.clock.advance(Number(refused.headers.get('retry-after')) * 1000);
    expect((await order(liveKey)).status).toBe(202);
  });

  test('steps aside when it is the request window that refuses', async () => {
    const { liveKey } = await limited({ generationsPerMinute: 50, requestsPerMinute: 1 });
    await order(liveKey);
    expect(windowOf(await order(liveKey))).toEqual({ limit: 1, remaining: 0, reset: 60 });
  });

  test('is used by accepted jobs alone', async () => {
    const { liveKey } = await limited({ generationsPerMinute: 2 }, 40);
    const idempotencyKey = freshKey();
    await order(liveKey, { idempotencyKey });
    const refusals: [Order, string][] = [
      [{ type: 'videos' }, 'insufficient_credits'],
      [{ body: { size: 'huge' } }, 'invalid_input'],
      [{ idempotencyKey, body: { prompt: 'another' } }, 'idempotency_key_conflict'],
      [{ body: { referenceImage: 'https://127.0.0.1/x.png' } }, 'invalid_reference_image'],
    ];
    for (const [refused, code] of refusals) expect((await order(liveKey, refused)).code).toBe(code as never);
    expect(windowOf(await order(liveKey, { idempotencyKey }))).toMatchObject({ remaining: 1 });
    expect(windowOf(await order(liveKey))).toMatchObject({ remaining: 0 });
  });

  test('survives a crash, as the accepted jobs do', async () => {
    const { liveKey } = await limited({ generationsPerMinute: 2 });
    await order(liveKey);
    world.clock.advance(20_000);
    await order(liveKey);
    await world.crash();
    const refused = await order(liveKey);
    expect(windowOf(refused)).toEqual({ limit: 2, remaining: 0, reset: 40 });
    world.clock.advance(40_000);
    expect((await order(liveKey)).status).toBe(202);
    expect((await order(liveKey)).status).toBe(429);
  });

  test('is rebuilt from the newest jobs when there are more than the limit now allows', async () => {
    const { id, liveKey } = await limited({ generationsPerMinute: 5 });
    for (let at = 0; at < 5; at++) {
      expect((await order(liveKey)).status).toBe(202);
      world.clock.advance(10_000);
    }
    await world.crash();
    await world.operator('PATCH', `/api/public/customers/${id}`, {
      body: { limits: { generationsPerMinute: 2 } },
    });
    // Of the jobs at 0, 10, 20, 30 and 40 s all but one have to leave before another fits.
    expect(windowOf(await order(liveKey))).toEqual({ limit: 2, remaining: 0, reset: 40 });
    world.clock.advance(40_000);
    expect((await order(liveKey)).status).toBe(202);
  });
});

describe('jobs at once', () => {
  test('are capped by type, and an end makes room', async () => {
    const { liveKey } = await limited({ concurrentImages: 2, concurrentVideos: 1 });
    await order(liveKey);
    await order(liveKey);
    const refused = await order(liveKey);
    expect(refused.code).toBe('concurrency_limit_exceeded');
    expect(refused.json).toMatchObject({
      error: { message: 'Open image jobs are limited to 2.', details: { limit: 2, type: 'image' } },
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(refused.headers.get('x-ratelimit-limit')).toBe('200');
    expect((await order(liveKey, { type: 'videos' })).status).toBe(202);
    expect((await order(liveKey, { type: 'videos' })).code).toBe('concurrency_limit_exceeded');
    await world.advance(10_000);
    expect((await order(liveKey)).status).toBe(202);
    expect((await order(liveKey, { type: 'videos' })).status).toBe(202);
  });

  test('a cancel makes room, and a crash does not', async () => {
    const { testKey } = await limited({ concurrentImages: 1 });
    const first = await order(testKey);
    await world.crash();
    expect((await order(testKey)).code).toBe('concurrency_limit_exceeded');
    await world.call('POST', `/v1/jobs/${String(first.json['jobId'])}/cancel`, { key: testKey });
    expect((await order(testKey)).status).toBe(202);
  });
});

describe('a replay', () => {
  test('is answered whatever is used up: credits, generations and jobs at once', async () => {
    const { liveKey } = await limited({ generationsPerMinute: 1, concurrentImages: 1 }, 20);
    const idempotencyKey = freshKey();
    const first = await order(liveKey, { idempotencyKey });
    expect(first.status).toBe(202);
    for (let at = 0; at < 3; at++) {
      const replay = await order(liveKey, { idempotencyKey });
      expect(replay.json).toEqual({ ...first.json, idempotentReplay: true });
      expect({ status: replay.status, header: replay.headers.get('idempotency-replayed') }).toEqual({
        status: 202,
        header: 'true',
      });
    }
    // What is refused for want of any of them has bound nothing.
    const key = freshKey();
    expect((await order(liveKey, { idempotencyKey: key })).code).toBe('rate_limit_exceeded');
    world.clock.advance(60_000);
    expect((await order(liveKey, { idempotencyKey: key })).code).toBe('concurrency_limit_exceeded');
    await world.advance(10_000);
    expect((await order(liveKey, { idempotencyKey: key })).code).toBe('insufficient_credits');
  });

  test('counts as a request', async () => {
    const { liveKey } = await limited({ requestsPerMinute: 2 });
    const idempotencyKey = freshKey();
    await order(liveKey, { idempotencyKey });
    await order(liveKey, { idempotencyKey });
    expect((await order(liveKey, { idempotencyKey })).code).toBe('rate_limit_exceeded');
  });
});
