// Customers through the operator API: made, read, found, changed, and every way in which that is refused.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import { openWorld, type World } from '../../support/world.ts';
import { freshKey, makeJob, runScenarios, walk, type Scenario } from '../scenario.ts';

const PATH = '/api/public/customers';
const UNKNOWN = 'cus_01m7xyqn02e3fa7ae8dqfy7sce';

let world: World;

beforeAll(async () => {
  world = await openWorld({ providers: [createScriptedProvider()] });
});
afterAll(() => world.close());

type Customer = { customerId: string; plan: string; limits: Record<string, number>; name: string };

async function create(body: object): Promise<Customer> {
  const { status, json } = await world.operator('POST', PATH, { body });
  expect(status).toBe(201);
  return json['customer'] as Customer;
}

async function change(id: string, body: object): Promise<Customer> {
  const { status, json } = await world.operator('PATCH', `${PATH}/${id}`, { body });
  expect(status).toBe(200);
  return json['customer'] as Customer;
}

describe('a customer', () => {
  test('is made with two wallets and the limits of its plan, and reads the same ever after', async () => {
    const made = await create({
      name: '  Acme Studio ',
      email: 'dev@acme.example',
      externalId: 'crm_42',
      plan: 'pro',
      initialCredits: 500,
      metadata: { tier: 'gold' },
    });
    const now = new Date(world.clock.now()).toISOString();
    expect(made).toEqual({
      customerId: expect.stringMatching(/^cus_[0-9a-z]{26}$/),
      name: 'Acme Studio',
      email: 'dev@acme.example',
      externalId: 'crm_42',
      plan: 'pro',
      status: 'active',
      statusReason: null,
      limits: {
        generationsPerMinute: 50,
        requestsPerMinute: 150,
        concurrentImages: 20,
        concurrentVideos: 10,
      },
      limitOverrides: {},
      creditsBalance: 500,
      creditsReserved: 0,
      creditsAvailable: 500,
      test: { creditsBalance: 100_000, creditsReserved: 0, creditsAvailable: 100_000 },
      apiKeyCount: { live: 0, test: 0 },
      metadata: { tier: 'gold' },
      createdAt: now,
      updatedAt: now,
    } as never);
    expect((await world.operator('GET', `${PATH}/${made.customerId}`)).json).toEqual({
      ok: true,
      customer: made,
    });
  });

  test('needs no more than a name', async () => {
    expect(await create({ name: 'x' })).toMatchObject({
      plan: 'starter',
      email: null,
      creditsBalance: 0,
      metadata: {},
    });
  });

  test('changes field by field, and says when', async () => {
    const { customerId } = await create({ name: 'Before' });
    world.clock.advance(1000);
    const after = await change(customerId, { name: 'After', email: null, metadata: { a: 'b' } });
    expect(after).toMatchObject({ name: 'After', plan: 'starter', metadata: { a: 'b' } });
    expect(after).toMatchObject({ updatedAt: new Date(world.clock.now()).toISOString() });
  });

  test('counts the keys that work', async () => {
    const { id } = await world.customer();
    const base = `${PATH}/${id}/api-keys`;
    const { json } = await world.operator('GET', base);
    const [first] = json['keys'] as { keyId: string; mode: string }[];
    await world.operator('DELETE', `${base}/${first?.keyId}`);
    const { customer } = (await world.operator('GET', `${PATH}/${id}`)).json as { customer: object };
    expect(customer).toMatchObject({
      apiKeyCount: first?.mode === 'test' ? { live: 1, test: 0 } : { live: 0, test: 1 },
    });
  });
});

describe('limits of a customer’s own', () => {
  test('stand over the plan, one by one, and null gives the plan’s back', async () => {
    const { id, testKey: key } = await world.customer({ plan: 'free' });
    const limitOf = async () => {
      const { headers } = await world.call('GET', '/v1/usage', { key });
      return headers.get('x-ratelimit-limit');
    };
    expect(await limitOf()).toBe('30');
    const own = await change(id, { limits: { requestsPerMinute: 31 } });
    expect(own).toMatchObject({
      limits: { requestsPerMinute: 31, generationsPerMinute: 10 },
      limitOverrides: { requestsPerMinute: 31 },
    });
    expect(await limitOf()).toBe('31');
    expect((await change(id, { limits: { concurrentImages: 1 } })).limits).toMatchObject({
      requestsPerMinute: 30,
      concurrentImages: 1,
    });
    expect(await limitOf()).toBe('30');
    expect(await change(id, { limits: null })).toMatchObject({
      limitOverrides: {},
      limits: { concurrentImages: 4 },
    });
  });

  test('of nothing at all let nothing through', async () => {
    const { testKey: key } = await world.customer({ limits: { concurrentImages: 0 } });
    const answer = await world.call('POST', '/v1/images/generate', {
      key,
      idempotencyKey: freshKey(),
      body: { prompt: 'a' },
    });
    expect(answer).toMatchObject({ status: 429, code: 'concurrency_limit_exceeded' });
  });

  test('another plan is in force at the next request', async () => {
    const { id, testKey: key } = await world.customer({ plan: 'free' });
    await world.call('GET', '/v1/usage', { key });
    await change(id, { plan: 'scale' });
    const { headers } = await world.call('GET', '/v1/usage', { key });
    expect([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]).toEqual(['300', '298']);
  });
});

describe('a closed customer', () => {
  test('stays closed, keeps what it has, and its open jobs end as usual', async () => {
    const { id, liveKey } = await world.customer({ credits: 100 });
    const job = await makeJob(world, liveKey);
    await change(id, { status: 'closed', statusReason: 'left' });
    for (const body of [{ status: 'active' }, { name: 'x' }, { status: 'closed' }]) {
      const answer = await world.operator('PATCH', `${PATH}/${id}`, { body });
      expect(answer).toMatchObject({ status: 409, code: 'invalid_state' });
    }
    const newKey = await world.operator('POST', `${PATH}/${id}/api-keys`, { body: { mode: 'test' } });
    expect(newKey).toMatchObject({ status: 409, code: 'invalid_state' });
    await world.advance(10_000);
    expect((await world.operator('GET', `/api/jobs/${job}`)).json).toMatchObject({
      job: { state: 'completed' },
    });
    expect((await world.operator('GET', `${PATH}/${id}`)).json).toMatchObject({
      customer: { status: 'closed', statusReason: 'left', creditsBalance: 80, creditsReserved: 0 },
    });
  });
});

describe('a list of customers', () => {
  const names = (json: Record<string, unknown>) => (json['customers'] as Customer[]).map(({ name }) => name);

  test('is searched in name, e-mail and external id, and signs stand for themselves', async () => {
    await create({ name: 'Zebra 100%', email: 'z@zebra.example', externalId: 'zoo_1' });
    await create({ name: 'Zebra 1000', externalId: 'zooX1' });
    const search = async (q: string) =>
      names((await world.operator('GET', `${PATH}?q=${encodeURIComponent(q)}`)).json).sort();
    expect(await search('zebra')).toEqual(['Zebra 100%', 'Zebra 1000']);
    expect(await search('100%')).toEqual(['Zebra 100%']);
    expect(await search('zoo_1')).toEqual(['Zebra 100%']);
    expect(await search('zebra.example')).toEqual(['Zebra 100%']);
    expect(await search(String.raw`\ `)).toEqual([]);
    expect(await search("' OR 1=1 --")).toEqual([]);
  });

  test('is filtered by plan and status, and walked page by page', async () => {
    const { customerId } = await create({ name: 'Paged', plan: 'scale' });
    await change(customerId, { status: 'suspended' });
    const only = await world.operator('GET', `${PATH}?plan=scale&status=suspended`);
    expect(names(only.json)).toEqual(['Paged']);
    const all = (await walk<Customer>(world, [`${PATH}?limit=2`, 'customers'])).map(
      (each) => each.customerId,
    );
    const { q, t } = world.store.read;
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBe(await q.$count(t.customers));
  });
});

test('two customers do not share an external id', async () => {
  await create({ name: 'First', externalId: 'same' });
  const answer = await world.operator('POST', PATH, { body: { name: 'Second', externalId: 'same' } });
  expect(answer).toMatchObject({
    status: 409,
    code: 'already_exists',
    json: { error: { param: 'externalId' } },
  });
});

const PLANS = 'must be one of free, starter, pro, scale, enterprise';

function refused(
  method: string,
  path: string,
  body: object,
  [field, says]: readonly [string, string],
): Scenario {
  return {
    name: `${method} with ${JSON.stringify(body).slice(0, 70)}`,
    call: ({ customer }) => ({ method, path: path.replace(':id', customer.id), as: 'operator', body }),
    answer: { status: 400, code: 'invalid_input', field, says },
  };
}

runScenarios('bad input', [
  ...(
    [
      [{}, ['name', 'is required']],
      [{ name: '' }, ['name', 'must have 1 to 120 characters']],
      [{ name: 'x'.repeat(121) }, ['name', 'must have 1 to 120 characters']],
      [{ name: 'a\u202eb' }, ['name', 'contains a control character']],
      [{ name: 1 }, ['name', 'must be a string']],
      [{ name: 'x', email: 'nobody' }, ['email', 'must be an e-mail address']],
      [{ name: 'x', plan: 'gold' }, ['plan', PLANS]],
      [{ name: 'x', initialCredits: -1 }, ['initialCredits', 'must not be negative']],
      [{ name: 'x', initialCredits: 1.5 }, ['initialCredits', 'must be a whole number of credits up to']],
      [{ name: 'x', initialCredits: '5' }, ['initialCredits', 'must be a whole number of credits up to']],
      [{ name: 'x', initialCredits: 1e13 }, ['initialCredits', 'must be a whole number of credits up to']],
      [{ name: 'x', metadata: [] }, ['metadata', 'must be an object']],
      [{ name: 'x', metadata: { a: 1 } }, ['metadata.a', 'must be a string']],
      [{ name: 'x', extenalId: 'y' }, ['extenalId', 'did you mean externalId?']],
      [{ name: 'x', creditsBalance: 5 }, ['creditsBalance', 'is not a field of this request']],
    ] as const
  ).map(([body, fault]) => refused('POST', PATH, body, fault)),
  ...(
    [
      [{}, ['', 'has nothing to change']],
      [{ plan: 'gold' }, ['plan', PLANS]],
      [{ status: 'gone' }, ['status', 'must be active, suspended or closed']],
      [{ limits: [] }, ['limits', 'must be an object']],
      [{ limits: { requestsPerMinute: -1 } }, ['limits.requestsPerMinute', 'must be at least 0']],
      [{ limits: { requestsPerMinute: 1.5 } }, ['limits.requestsPerMinute', 'must be a whole number']],
      [{ limits: { requestPerMinute: 1 } }, ['limits.requestPerMinute', 'did you mean requestsPerMinute?']],
      [{ externalId: 'x' }, ['externalId', 'is not a field of this request']],
    ] as const
  ).map(([body, fault]) => refused('PATCH', `${PATH}/:id`, body, fault)),
  ...['', '/api-keys', '/credits', '/jobs'].map((suffix): Scenario => ({
    name: `an unknown customer at ${suffix}`,
    call: { method: 'GET', path: `${PATH}/${UNKNOWN}${suffix}`, as: 'operator' },
    answer: { status: 404, code: 'account_not_found' },
  })),
  {
    name: 'a change of an unknown customer',
    call: { method: 'PATCH', path: `${PATH}/${UNKNOWN}`, as: 'operator', body: { name: 'x' } },
    answer: { status: 404, code: 'account_not_found' },
  },
]);
