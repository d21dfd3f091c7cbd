// Plans and prices through the operator API: in force at once for what comes, and never for what was accepted.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import { openWorld, type World } from '../../support/world.ts';
import { freshKey, makeJob, runScenarios, type Scenario } from '../scenario.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ providers: [createScriptedProvider()] });
});
afterEach(() => world.close());

const IMAGE = 'openai/gpt-image-2';
const VIDEO = 'bytedance/seedance-2.0-fast';

describe('a plan', () => {
  test('is in force at the next request of all its customers', async () => {
    const [one, two] = [await world.customer({ plan: 'free' }), await world.customer({ plan: 'free' })];
    const other = await world.customer({ plan: 'pro' });
    const limitOf = async (key: string) =>
      (await world.call('GET', '/v1/usage', { key })).headers.get('x-ratelimit-limit');
    expect([await limitOf(one.liveKey), await limitOf(other.liveKey)]).toEqual(['30', '150']);
    const { json } = await world.operator('PATCH', '/api/plans/free', { body: { requestsPerMinute: 31 } });
    expect(json['plan']).toEqual({
      plan: 'free',
      generationsPerMinute: 10,
      requestsPerMinute: 31,
      concurrentImages: 4,
      concurrentVideos: 2,
      outputRetentionHours: 1,
    });
    expect([await limitOf(one.liveKey), await limitOf(two.testKey), await limitOf(other.liveKey)]).toEqual([
      '31',
      '31',
      '150',
    ]);
    await world.crash();
    expect(await limitOf(one.liveKey)).toBe('31');
  });

  test('keeps both of two changes that are made at once', async () => {
    await Promise.all([
      world.operator('PATCH', '/api/plans/pro', { body: { requestsPerMinute: 1 } }),
      world.operator('PATCH', '/api/plans/pro', { body: { concurrentImages: 2 } }),
      world.operator('PATCH', '/api/plans/pro', { body: { outputRetentionHours: 3 } }),
    ]);
    const { json } = await world.operator('GET', '/api/plans');
    expect((json['plans'] as { plan: string }[]).find(({ plan }) => plan === 'pro')).toEqual({
      plan: 'pro',
      generationsPerMinute: 50,
      requestsPerMinute: 1,
      concurrentImages: 2,
      concurrentVideos: 10,
      outputRetentionHours: 3,
    } as never);
  });

  test('decides at the end of a job how long its output is kept', async () => {
    const { testKey: key } = await world.customer({ plan: 'free' });
    const id = await makeJob(world, key);
    await world.operator('PATCH', '/api/plans/free', { body: { outputRetentionHours: 2 } });
    await world.advance(10_000);
    const { json } = await world.call('GET', `/v1/jobs/${id}/result`, { key });
    const job = await world.call('GET', `/v1/jobs/${id}`, { key });
    expect(Date.parse(String(json['expiresAt'])) - Date.parse(String(job.json['completedAt']))).toBe(
      2 * 3_600_000,
    );
  });
});

describe('a price', () => {
  const setPrice = (model: string, rule: object, idempotencyKey = freshKey()) =>
    world.operator('PUT', '/api/pricing', { body: { prices: [{ model, rule }] }, idempotencyKey });

  test('counts for new jobs at once; accepted ones keep theirs', async () => {
    const { liveKey: key } = await world.customer({ credits: 1000 });
    const old = await makeJob(world, key);
    const { json } = await setPrice(IMAGE, {
      per: 'job',
      rates: [{ when: { quality: 'LOW' }, credits: 25 }, { credits: 99.1 }],
    });
    expect(json['prices']).toMatchObject([{ model: IMAGE, version: 1 }]);
    const order = async (quality: string) =>
      (
        await world.call('POST', '/v1/images/generate', {
          key,
          idempotencyKey: freshKey(),
          body: { prompt: 'a', quality },
        })
      ).json;
    expect((await order('LOW'))['chargedCredits']).toBe(25);
    // A fraction is rounded up.
    expect((await order('MEDIUM'))['chargedCredits']).toBe(100);
    const estimate = await world.call('POST', '/v1/estimate', { key, body: { type: 'image' } });
    expect(estimate.json['credits']).toBe(25);
    await setPrice(IMAGE, { per: 'job', rates: [{ credits: 1 }] });
    await world.advance(10_000);
    expect((await world.call('GET', '/v1/usage', { key })).json).toMatchObject({
      creditsBalance: 1000 - 20 - 25 - 100,
    });
    const story = (await world.operator('GET', `/api/jobs/${old}`)).json['job'];
    expect(story).toMatchObject({ chargedCredits: 20, priceVersion: 0 });
    const listed = (await world.operator('GET', '/api/pricing')).json['prices'] as object[];
    expect(listed).toContainEqual({
      ...{ model: IMAGE, version: 2 },
      rule: { per: 'job', rates: [{ credits: 1 }] },
    });
    expect(listed).toContainEqual(expect.objectContaining({ model: VIDEO, version: 0 }));
  });

  test('is shown by the models as the customer pays it', async () => {
    const { testKey: key } = await world.customer();
    await setPrice(VIDEO, {
      per: 'second',
      rates: [{ when: { hasAudio: true }, credits: 700 }, { credits: 500 }],
    });
    const { json } = await world.call('GET', '/v1/models', { key });
    const [, video] = json['models'] as object[];
    expect(video).toMatchObject({
      pricing: {
        per: 'second',
        rates: [
          { when: { motionHasAudio: true }, credits: 700 },
          { when: {}, credits: 500 },
        ],
      },
    });
    const silent = await world.call('POST', '/v1/estimate', {
      key,
      body: { type: 'video', duration: 4, motionHasAudio: false },
    });
    expect(silent.json['credits']).toBe(2000);
  });

  test('of several models is set for all or none', async () => {
    const rule = { per: 'job', rates: [{ credits: 1 }] };
    const body = {
      prices: [
        { model: IMAGE, rule },
        { model: 'openai/nothing', rule },
      ],
    };
    expect((await world.operator('PUT', '/api/pricing', { body })).status).toBe(400);
    const { prices } = (await world.operator('GET', '/api/pricing')).json as {
      prices: { version: number }[];
    };
    expect(prices.length).toBeGreaterThan(1);
    expect(prices.filter(({ version }) => version !== 0)).toEqual([]);
  });
});

function refusedPrice(model: string, rule: unknown, [field, says]: readonly [string, string]): Scenario {
  return {
    name: `a price ${JSON.stringify(rule)}`.slice(0, 110),
    call: { method: 'PUT', path: '/api/pricing', as: 'operator', body: { prices: [{ model, rule }] } },
    answer: { status: 400, code: 'invalid_input', field, says },
  };
}

function refusedPlan(body: object, [field, says]: readonly [string, string]): Scenario {
  return {
    name: `a plan with ${JSON.stringify(body)}`,
    call: { method: 'PATCH', path: '/api/plans/pro', as: 'operator', body },
    answer: { status: 400, code: 'invalid_input', field, says },
  };
}

const one = (rate: object) => ({ per: 'job', rates: [rate] });
const RULE = 'prices.0.rule';

runScenarios('bad input', [
  refusedPrice('openai/nothing', one({ credits: 1 }), ['prices.0.model', 'is no model of the catalogue']),
  refusedPrice('openai/gpt_image_2', one({ credits: 1 }), ['prices.0.model', `did you mean ${IMAGE}?`]),
  refusedPrice(IMAGE, one({ credits: 0 }), [`${RULE}.rates.0.credits`, 'must be more than 0']),
  refusedPrice(IMAGE, one({ credits: -1 }), [`${RULE}.rates.0.credits`, 'must be more than 0']),
  refusedPrice(IMAGE, one({ credits: '5' }), [`${RULE}.rates.0.credits`, 'must be a number']),
  refusedPrice(IMAGE, one({ credits: 5, when: [] }), [`${RULE}.rates.0.when`, 'must be an object']),
  refusedPrice(IMAGE, one({ credits: 5, when: { qualty: 'LOW' } }), [
    `${RULE}.rates.0.when.qualty`,
    'did you mean quality?',
  ]),
  refusedPrice(IMAGE, one({ credits: 5, when: { quality: 'HIGH' } }), [
    `${RULE}.rates.0.when.quality`,
    'must be one of LOW, MEDIUM',
  ]),
  refusedPrice(IMAGE, one({ credits: 5, when: { size: '4:3' } }), [
    `${RULE}.rates.0.when.size`,
    'must be one of 16:9_SMALL',
  ]),
  refusedPrice(VIDEO, one({ credits: 5, when: { quality: 'LOW' } }), [
    `${RULE}.rates.0.when.quality`,
    'is nothing that the model has',
  ]),
  refusedPrice(IMAGE, one({ credits: 5, when: { quality: 'LOW' } }), [
    `${RULE}.rates`,
    'leaves a request without a price (16:9_SMALL, MEDIUM)',
  ]),
  refusedPrice(VIDEO, one({ credits: 5, when: { hasAudio: true } }), [
    `${RULE}.rates`,
    'leaves a request without a price (16:9_SMALL, hasAudio false)',
  ]),
  refusedPrice(IMAGE, { per: 'second', rates: [{ credits: 1 }] }, [
    `${RULE}.per`,
    `must be job, because ${IMAGE} has no duration`,
  ]),
  refusedPrice(IMAGE, { per: 'job', rates: [] }, [`${RULE}.rates`, 'must have a length of at least 1']),
  refusedPrice(IMAGE, { per: 'minute', rates: [{ credits: 1 }] }, [`${RULE}.per`, 'must be job or second']),
  {
    name: 'two prices of one model',
    call: {
      method: 'PUT',
      path: '/api/pricing',
      as: 'operator',
      body: {
        prices: [
          { model: IMAGE, rule: one({ credits: 1 }) },
          { model: IMAGE, rule: one({ credits: 2 }) },
        ],
      },
    },
    answer: { status: 400, code: 'invalid_input', field: 'prices.1.model', says: 'stands in the list twice' },
  },
  {
    name: 'no prices at all',
    call: { method: 'PUT', path: '/api/pricing', as: 'operator', body: { prices: [] } },
    answer: { status: 400, code: 'invalid_input', field: 'prices', says: 'must name at least one model' },
  },
  refusedPlan({}, ['', 'has nothing to change']),
  refusedPlan({ requestsPerMinute: -1 }, ['requestsPerMinute', 'must be at least 0']),
  refusedPlan({ requestsPerMinute: 1e9 }, ['requestsPerMinute', 'must be at most 1000000']),
  refusedPlan({ outputRetentionHours: 0 }, ['outputRetentionHours', 'must be at least 1']),
  refusedPlan({ outputRetentionHours: 2.5 }, ['outputRetentionHours', 'must be a whole number']),
  refusedPlan({ requests: 5 }, ['requests', 'did you mean requestsPerMinute?']),
  {
    name: 'a plan that there is not',
    call: { method: 'PATCH', path: '/api/plans/gold', as: 'operator', body: { requestsPerMinute: 5 } },
    answer: { status: 404, code: 'not_found', says: 'There is no plan "gold".' },
  },
]);
