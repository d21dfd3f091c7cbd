// Waiting for the end of a job, on generate (`Prefer: wait=N`) and on reads (`?wait=N`): woken by the end itself, up to
// a time, and never by asking the database again.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import {
  openWorld,
  type Answer,
  type CallOptions,
  type TestCustomer,
  type World,
} from '../../support/world.ts';
import { freshKey, makeJob } from '../scenario.ts';

let world: World;
let customer: TestCustomer;

beforeAll(async () => {
  world = await openWorld();
  customer = await world.customer();
});
afterEach(() => world.advance(120_000));
afterAll(() => world.close());

/** What the sandbox takes for an image. */
const LATENCY_MS = 2000;

function read(path: string): Promise<Answer> {
  return world.call('GET', path, { key: customer.testKey });
}

function generate(options: CallOptions = {}): Promise<Answer> {
  return world.call('POST', '/v1/images/generate', {
    key: customer.testKey,
    body: { prompt: 'a harbour' },
    idempotencyKey: freshKey(),
    ...options,
  });
}

/** The one who waits sleeps once for all of his time, so nobody looks at anything in between. */
async function expectOneSleeper(ms: number): Promise<void> {
  await world.clock.someoneSleeps(ms);
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect(world.clock.sleepers()).toBe(1);
}

async function finish(): Promise<void> {
  world.clock.advance(LATENCY_MS);
  await world.settle();
}

describe('a read that waits', () => {
  for (const [suffix, ended] of [
    ['', { status: 'completed', chargedCredits: 20 }],
    ['/result', { status: 'completed', contentType: 'image/png' }],
  ] as const) {
    test(`answers when the job ends and not later: ${suffix}`, async () => {
      const id = await makeJob(world, customer.testKey);
      await world.settle();
      const before = world.clock.now();
      const answer = read(`/v1/jobs/${id}${suffix}?wait=30`);
      await expectOneSleeper(30_000);
      await finish();
      expect(await answer).toMatchObject({ status: 200, json: ended });
      expect(world.clock.now() - before).toBe(LATENCY_MS);
      expect(world.clock.sleepers()).toBe(0);
    });
  }

  test('answers after its time when the job goes on', async () => {
    const id = await makeJob(world, customer.testKey, { prompt: '[test:slow]' });
    const [job, result] = [read(`/v1/jobs/${id}?wait=5`), read(`/v1/jobs/${id}/result?wait=5`)];
    await world.clock.someoneSleeps(5000);
    world.clock.advance(4999);
    expect(world.clock.sleepers()).toBe(2);
    world.clock.advance(1);
    expect(await job).toMatchObject({ status: 200, json: { status: 'processing' } });
    expect(await result).toMatchObject({ status: 202, json: { status: 'processing' } });
  });

  test('does not wait for a job that has ended, nor with a wait of 0', async () => {
    const ended = await makeJob(world, customer.testKey);
    await world.advance(10_000);
    expect((await read(`/v1/jobs/${ended}?wait=60`)).json).toMatchObject({ status: 'completed' });
    const open = await makeJob(world, customer.testKey);
    expect((await read(`/v1/jobs/${open}?wait=0`)).json).toMatchObject({ status: 'processing' });
  });

  test('is not woken by the end of another job', async () => {
    const [first, second] = [
      await makeJob(world, customer.testKey),
      await makeJob(world, customer.testKey, { prompt: '[test:slow]' }),
    ];
    await world.settle();
    const waits = [read(`/v1/jobs/${first}?wait=20`), read(`/v1/jobs/${second}?wait=20`)];
    await world.clock.someoneSleeps(20_000);
    await finish();
    expect(await waits[0]).toMatchObject({ json: { status: 'completed' } });
    expect(world.clock.sleepers()).toBe(1);
    world.clock.advance(20_000);
    expect(await waits[1]).toMatchObject({ json: { status: 'processing' } });
  });

  test('is woken by a cancel', async () => {
    const id = await makeJob(world, customer.testKey);
    const waiting = read(`/v1/jobs/${id}?wait=30`);
    await world.clock.someoneSleeps(30_000);
    await world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.testKey });
    expect(await waiting).toMatchObject({ json: { status: 'canceled', refundedCredits: 20 } });
  });

  test('keeps its connection open for longer than it waits', async () => {
    const id = await makeJob(world, customer.testKey, { prompt: '[test:slow]' });
    const timeouts: number[] = [];
    const request = new Request(`http://localhost/v1/jobs/${id}?wait=30`, {
      headers: { authorization: `Bearer ${customer.testKey}` },
    });
    const answer = world.app.handle(request, {
      requestIP: () => null,
      timeout: (_request, seconds) => void timeouts.push(seconds),
    });
    await world.clock.someoneSleeps(30_000);
    expect(timeouts).toEqual([40]);
    world.clock.advance(30_000);
    expect((await answer).status).toBe(200);
  });
});

describe('a generate request that waits', () => {
  const forms: [prefer: string, seconds: number][] = [
    ['wait=30', 30],
    ['respond-async, wait=30', 30],
    ['wait="30"', 30],
    ['WAIT=30; x=y', 30],
    ['handling=lenient; wait = 30', 30],
    ['wait=60', 60],
    ['wait=61', 60],
    ['wait=999999', 60],
  ];
  for (const [prefer, seconds] of forms) {
    test(`answers with the result: ${prefer}`, async () => {
      const pending = generate({ headers: { prefer } });
      await expectOneSleeper(seconds * 1000);
      await world.settle();
      await finish();
      const answer = await pending;
      expect(answer.status).toBe(200);
      expect(answer.headers.get('preference-applied')).toBe(`wait=${seconds}`);
      expect(answer.json).toMatchObject({
        status: 'completed',
        idempotentReplay: false,
        error: null,
        result: { contentType: 'image/png', width: 1024 },
      });
      expect(answer.json['jobId']).toBe((answer.json['result'] as { jobId: string }).jobId);
    });
  }

  for (const prefer of [
    'wait',
    'wait=',
    'wait=0',
    'wait=-5',
    'wait=soon',
    'wait=1.5',
    'waiting=5',
    'no-wait=5',
    'return=minimal',
  ]) {
    test(`does not wait: ${prefer}`, async () => {
      const answer = await generate({ headers: { prefer } });
      expect(answer).toMatchObject({ status: 202, json: { status: 'processing' } });
      expect(answer.headers.get('preference-applied')).toBeNull();
    });
  }

  test('answers as accepted when the time is over first', async () => {
    const pending = generate({ headers: { prefer: 'wait=10' } });
    await world.clock.someoneSleeps(10_000);
    world.clock.advance(10_000);
    const answer = await pending;
    expect(answer).toMatchObject({ status: 202, json: { status: 'processing', chargedCredits: 20 } });
    expect(answer.json).not.toHaveProperty('result');
  });

  for (const [directive, code] of [
    ['[test:fail]', 'provider_error'],
    ['[test:reject]', 'content_policy_violation'],
  ] as const) {
    test(`tells why a job failed: ${directive}`, async () => {
      const pending = generate({ headers: { prefer: 'wait=30' }, body: { prompt: directive } });
      await world.clock.someoneSleeps(30_000);
      await world.settle();
      await finish();
      expect(await pending).toMatchObject({
        status: 200,
        json: { status: 'failed', result: null, error: { code } },
      });
    });
  }

  test('tells that a job was canceled', async () => {
    const pending = generate({ headers: { prefer: 'wait=30' } });
    await world.clock.someoneSleeps(30_000);
    const list = await read('/v1/jobs?limit=1');
    const { jobId } = (list.json['jobs'] as { jobId: string }[])[0] ?? { jobId: '' };
    await world.call('POST', `/v1/jobs/${jobId}/cancel`, { key: customer.testKey });
    expect(await pending).toMatchObject({
      status: 200,
      json: { status: 'canceled', result: null, error: null },
    });
  });

  test('waits as a replay as well, and finds what has ended', async () => {
    const options = { idempotencyKey: freshKey(), headers: { prefer: 'wait=30' } };
    const [first, replay] = [generate(options), generate(options)];
    await world.clock.someoneSleeps(30_000);
    await world.settle();
    await finish();
    const answers = [await first, await replay];
    expect(answers.map(({ json }) => String(json['idempotentReplay'])).sort()).toEqual(['false', 'true']);
    expect(new Set(answers.map(({ json }) => json['jobId'])).size).toBe(1);
    const later = await generate(options);
    expect(later).toMatchObject({ status: 200, json: { status: 'completed', idempotentReplay: true } });
    expect(later.headers.get('idempotency-replayed')).toBe('true');
  });
});

test('a retry that waits is answered also when the result is past its retention', async () => {
  const keeping = await openWorld();
  const { testKey } = await keeping.customer({ plan: 'free' });
  const options = {
    key: testKey,
    idempotencyKey: freshKey(),
    body: { prompt: 'a' },
    headers: { prefer: 'wait=30' },
  };
  await keeping.call('POST', '/v1/images/generate', { ...options, headers: {} });
  await keeping.advance(10_000);
  keeping.clock.advance(3_600_000);
  const retry = await keeping.call('POST', '/v1/images/generate', options);
  expect(retry).toMatchObject({ status: 200, json: { status: 'completed', result: null, error: null } });
  await keeping.close();
});

test('those who wait are let go when the gateway stops', async () => {
  const stopping = await openWorld();
  const { testKey } = await stopping.customer();
  const id = await makeJob(stopping, testKey);
  const waits = [60, 50].map((seconds) =>
    stopping.call('GET', `/v1/jobs/${id}?wait=${seconds}`, { key: testKey }),
  );
  await stopping.clock.someoneSleeps(50_000);
  await stopping.app.drain(25_000);
  for (const wait of waits) expect(await wait).toMatchObject({ status: 200, json: { status: 'processing' } });
  // Whoever comes now is answered at once.
  const late = await stopping.call('GET', `/v1/jobs/${id}?wait=60`, { key: testKey });
  expect(late.json).toMatchObject({ status: 'processing' });
  await stopping.close();
});
