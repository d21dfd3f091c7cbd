// Reading: a job as its customer sees it, lists that can be walked to their end, models and estimates.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { png } from '../../media/image-bytes.ts';
import { openWorld, type Answer, type TestCustomer, type World } from '../../support/world.ts';
import { freshKey, makeJob, runScenarios, walk, type Scenario } from '../scenario.ts';

let world: World;
let customer: TestCustomer;

beforeAll(async () => {
  world = await openWorld();
  customer = await world.customer({ limits: { generationsPerMinute: 1000 } });
});
afterAll(() => world.close());

function get(path: string): Promise<Answer> {
  return world.call('GET', path, { key: customer.testKey });
}

type Listed = { jobId: string; status: string; type: string; createdAt: string };

async function list(query: string): Promise<{ jobs: Listed[]; nextCursor: string | null }> {
  const { status, json } = await get(`/v1/jobs?${query}`);
  expect(status).toBe(200);
  return json as { jobs: Listed[]; nextCursor: string | null };
}

describe('a job', () => {
  test('shows what was asked for, with defaults, and nothing of how it is made', async () => {
    const createdAt = new Date(world.clock.now()).toISOString();
    const answer = await world.call('POST', '/v1/videos/generate', {
      key: customer.testKey,
      idempotencyKey: freshKey(),
      body: {
        prompt: '  Waves  ',
        seed: 7,
        metadata: { order: '17', ü: '🌊' },
        referenceImage: { imageBase64: png(512, 512).toBase64(), strength: 'LOW' },
      },
    });
    const jobId = String(answer.json['jobId']);
    expect((await get(`/v1/jobs/${jobId}`)).json).toEqual({
      ok: true,
      jobId,
      type: 'video',
      model: 'seedance-2.0-fast',
      mode: 'test',
      status: 'processing',
      chargedCredits: 4800,
      refundedCredits: 0,
      request: {
        prompt: 'Waves',
        size: '16:9_SMALL',
        duration: 8,
        motionHasAudio: true,
        seed: 7,
        hasReferenceImage: true,
      },
      metadata: { order: '17', ü: '🌊' },
      error: null,
      createdAt,
      updatedAt: createdAt,
      completedAt: null,
      queuePosition: 0,
    });
    await world.settle();
    const running = (await get(`/v1/jobs/${jobId}`)).json;
    expect(running).toMatchObject({ status: 'processing' });
    expect(running).not.toHaveProperty('queuePosition');
    await world.advance(10_000);
    const { json } = await get(`/v1/jobs/${jobId}`);
    expect(json).toMatchObject({ status: 'completed', error: null });
    expect(Date.parse(String(json['completedAt']))).toBe(Date.parse(createdAt) + 5000);
    expect(JSON.stringify(json)).not.toMatch(/sandbox|lease|attempt|provider|customerId|keyId/i);
  });

  test('tells how many wait before it', async () => {
    const ids = [];
    for (let at = 0; at < 3; at++) {
      ids.push(await makeJob(world, customer.testKey));
      world.clock.advance(10);
    }
    const positions = [];
    for (const id of ids) positions.push((await get(`/v1/jobs/${id}`)).json['queuePosition']);
    expect(positions).toEqual([0, 1, 2]);
    await world.advance(10_000);
  });
});

describe('a list', () => {
  const made: string[] = [];
  let from: number;

  beforeAll(async () => {
    world.clock.advance(60_000);
    from = world.clock.now();
    for (let at = 0; at < 25; at++) {
      // Three at one instant each, so that a page may end among equals.
      if (at % 3 === 0) world.clock.advance(1000);
      const prompt = at % 5 === 0 ? '[test:fail]' : 'a';
      made.push(await makeJob(world, customer.testKey, { prompt }));
    }
    await world.advance(10_000);
  });

  const since = () => `createdAfter=${new Date(from).toISOString()}`;

  for (const limit of [1, 2, 7, 24, 25, 26, 100]) {
    test(`in pages of ${limit} shows each job once, the newest first`, async () => {
      const seen = await walk<Listed>(
        world,
        [`/v1/jobs?${since()}&limit=${limit}`, 'jobs'],
        customer.testKey,
      );
      expect(seen.map(({ jobId }) => jobId).sort()).toEqual([...made].sort());
      const ages = seen.map(({ createdAt }) => createdAt);
      expect(ages).toEqual([...ages].sort().toReversed());
    });
  }

  test('keeps its pages while new jobs come', async () => {
    const first = await list(`${since()}&limit=10`);
    const late = await makeJob(world, customer.testKey);
    const second = await list(`${since()}&limit=100&cursor=${first.nextCursor}`);
    const ids = [...first.jobs, ...second.jobs].map(({ jobId }) => jobId);
    expect(ids.sort()).toEqual([...made].sort());
    expect(ids).not.toContain(late);
    await world.call('POST', `/v1/jobs/${late}/cancel`, { key: customer.testKey });
  });

  test('filters by status, type and age', async () => {
    const failed = await list(`${since()}&limit=100&status=failed`);
    expect(failed.jobs.length).toBe(5);
    expect(new Set(failed.jobs.map(({ status }) => status))).toEqual(new Set(['failed']));
    expect((await list(`${since()}&status=processing`)).jobs).toEqual([]);
    expect((await list(`${since()}&status=canceled`)).jobs.length).toBe(1);
    expect((await list('type=video&limit=100')).jobs.length).toBe(1);
    expect((await list(`createdAfter=${new Date(world.clock.now()).toISOString()}`)).jobs).toEqual([]);
    const offset = encodeURIComponent('2030-01-01T00:00:00+02:00');
    expect((await list(`createdAfter=${offset}`)).jobs).toEqual([]);
  });

  test('shows 20 when nobody says how many', async () => {
    expect((await list(since())).jobs.length).toBe(20);
  });

  test('does not take the cursor of another list, or one that was changed', async () => {
    const { nextCursor } = await list(`${since()}&limit=1`);
    for (const cursor of [`${nextCursor}x`, 'MTIz', '%00', 'AAAA']) {
      const answer = await get(`/v1/jobs?cursor=${cursor}`);
      expect(answer).toMatchObject({
        status: 400,
        code: 'invalid_input',
        json: { error: { param: 'cursor' } },
      });
    }
  });
});

runScenarios('an estimate', [
  ...(
    [
      [{ type: 'image' }, 20],
      [{ type: 'image', quality: 'MEDIUM' }, 165],
      [{ type: 'video' }, 4800],
      [{ type: 'video', duration: 15, prompt: 'a', motionHasAudio: false, metadata: {} }, 9000],
      [{ type: 'image', prompt: 'a', referenceImage: { imageBase64: 'x'.repeat(2_000_000) } }, 20],
    ] as const
  ).map(([body, credits]): Scenario => ({
    name: `${JSON.stringify(body).slice(0, 70)} is ${credits}`,
    call: { method: 'POST', path: '/v1/estimate', body },
    answer: { status: 200, body: { ok: true, credits } },
  })),
  ...(
    [
      [{}, 'type', 'is required'],
      [{ type: 'gif' }, 'type', 'must be image or video'],
      [{ type: 1 }, 'type', 'must be image or video'],
      [{ type: 'image', duration: 5 }, 'duration', 'is not a field of this request'],
      [{ type: 'video', quality: 'LOW' }, 'quality', 'is not a field of this request'],
      [{ type: 'video', duration: 16 }, 'duration', 'from 4 to 15'],
      [{ type: 'video', duratoin: 5 }, 'duratoin', 'did you mean duration?'],
      [{ type: 'image', prompt: '' }, 'prompt', 'must have 1 to 5000 characters'],
    ] as const
  ).map(([body, field, says]): Scenario => ({
    name: `of ${JSON.stringify(body)}`,
    call: { method: 'POST', path: '/v1/estimate', body },
    answer: { status: 400, code: 'invalid_input', field, says },
  })),
]);

test('an estimate is what the order then costs', async () => {
  const fields = { duration: 11, size: '1:1_SMALL' };
  const estimate = await world.call('POST', '/v1/estimate', {
    key: customer.testKey,
    body: { type: 'video', ...fields },
  });
  const order = await world.call('POST', '/v1/videos/generate', {
    key: customer.testKey,
    idempotencyKey: freshKey(),
    body: { prompt: 'a', ...fields },
  });
  expect(order.json['chargedCredits']).toBe(estimate.json['credits']);
});

test('the models are listed with what they take and cost', async () => {
  const { json } = await get('/v1/models');
  expect(json).toMatchObject({
    models: [
      {
        id: 'gpt-image-2',
        type: 'image',
        sizes: { '16:9_SMALL': { width: 1376, height: 768 } },
        qualities: ['LOW', 'MEDIUM'],
        durations: null,
        pricing: { per: 'job', rates: [{ when: { quality: 'LOW' }, credits: 20 }, { credits: 165 }] },
      },
      {
        id: 'seedance-2.0-fast',
        type: 'video',
        qualities: null,
        durations: { min: 4, max: 15, default: 8 },
        pricing: { per: 'second', rates: [{ when: {}, credits: 600 }] },
      },
    ],
  });
});
