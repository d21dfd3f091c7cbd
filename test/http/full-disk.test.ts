// A disk with no room at all for the database: requests that write are refused and may be sent again, nothing is half
// done, and everything works again when there is room.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  openWorld,
  type Answer,
  type TestCustomer,
  type World,
  type WorldOptions,
} from '../support/world.ts';
import { countEverything, freshKey, makeJob } from './scenario.ts';

/** Enough for the schema and a few hundred rows. */
const PAGES = 140;

const options: WorldOptions = { maxPages: PAGES };
let world: World;
let customer: TestCustomer;
/** Accepted before the disk was full. */
const accepted: string[] = [];
let refused: Answer;
const lastOrder = { idempotencyKey: freshKey(), body: { prompt: 'x'.repeat(4000) } };

function order(body: object, idempotencyKey = freshKey()): Promise<Answer> {
  return world.call('POST', '/v1/images/generate', { key: customer.testKey, idempotencyKey, body });
}

beforeAll(async () => {
  world = await openWorld(options);
  customer = await world.customer({
    limits: { concurrentImages: 100_000, generationsPerMinute: 100_000, requestsPerMinute: 100_000 },
  });
  for (;;) {
    refused = await order(lastOrder.body, lastOrder.idempotencyKey);
    if (refused.status !== 202) break;
    accepted.push(String(refused.json['jobId']));
    lastOrder.idempotencyKey = freshKey();
  }
});
afterAll(() => world.close());

describe('while there is no room', () => {
  test('the first order that does not fit is refused, and says that it may come again', () => {
    expect(accepted.length).toBeGreaterThan(3);
    expect({ status: refused.status, code: refused.code }).toEqual({
      status: 503,
      code: 'service_unavailable',
    });
    expect(refused.json).toMatchObject({ error: { retryable: true } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    // The sentence for the caller tells nothing of the disk; the log does.
    expect(JSON.stringify(refused.json)).not.toMatch(/disk|sqlite/i);
    expect(JSON.stringify(world.log.filter(({ level }) => level === 'error'))).toContain('the disk is full');
  });

  test('a refused order leaves nothing behind, and no credits reserved', async () => {
    const before = await countEverything(world);
    for (let at = 0; at < 20; at++) expect((await order(lastOrder.body)).status).toBe(503);
    expect(await countEverything(world)).toEqual(before);
    expect(before).toMatchObject({
      jobs: accepted.length,
      inFlight: accepted.length,
      idempotencyKeys: accepted.length,
    });
    const usage = await world.call('GET', '/v1/usage', { key: customer.testKey });
    expect(usage.json).toMatchObject({ creditsReserved: 20 * accepted.length });
  });

  test('of many at once each is refused or whole', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => order(lastOrder.body)));
    const fitted = answers.filter(({ status }) => status === 202);
    for (const { json } of fitted) accepted.push(String(json['jobId']));
    expect(await countEverything(world)).toMatchObject({ jobs: accepted.length, inFlight: accepted.length });
    expect((await world.operator('GET', '/api/audit/verify')).json).toMatchObject({ books: { faults: [] } });
  });

  test('reading goes on', async () => {
    for (const id of accepted.slice(0, 3)) {
      const job = await world.call('GET', `/v1/jobs/${id}`, { key: customer.testKey });
      expect(job.json).toMatchObject({ status: 'processing' });
    }
  });

  test('an operator’s change is refused as a whole', async () => {
    const path = '/api/public/customers';
    const metadata = Object.fromEntries(
      Array.from({ length: 50 }, (_, at) => [`name${at}`, 'x'.repeat(500)]),
    );
    const before = await countEverything(world);
    const answer = await world.operator('POST', path, {
      body: { name: 'y', metadata, initialCredits: 5 },
      idempotencyKey: freshKey(),
    });
    expect({ status: answer.status, code: answer.code }).toEqual({
      status: 503,
      code: 'service_unavailable',
    });
    expect(await countEverything(world)).toEqual(before);
  });
});

test('with room again everything works, and what was accepted is done', async () => {
  delete options.maxPages;
  await world.crash();
  const again = await order(lastOrder.body, lastOrder.idempotencyKey);
  expect(again.json).toMatchObject({ idempotentReplay: false });
  const fresh = await makeJob(world, customer.testKey);
  await world.advance(120_000);
  for (const id of [...accepted, String(again.json['jobId']), fresh]) {
    const job = await world.call('GET', `/v1/jobs/${id}`, { key: customer.testKey });
    expect(job.json).toMatchObject({ status: 'completed' });
  }
  const charged = 20 * (accepted.length + 2);
  const usage = await world.call('GET', '/v1/usage', { key: customer.testKey });
  expect(usage.json).toMatchObject({ creditsReserved: 0, creditsBalance: 100_000 - charged });
  expect((await world.operator('GET', '/api/audit/verify')).json).toMatchObject({
    audit: { fault: null },
    books: { faults: [] },
  });
});
