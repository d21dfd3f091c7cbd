// API keys through the operator API: made, changed, revoked and deleted.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { HOUR_MS, MINUTE_MS } from '../../../src/runtime/clock.ts';
import { openWorld, type World } from '../../support/world.ts';
import { freshKey, makeJob, runScenarios, type Scenario } from '../scenario.ts';
import { inHours, keyIn, openKeys, worksWith } from './open-keys.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

describe('a key', () => {
  test('is shown whole once, with everything that there is to know about it', async () => {
    const { make, list } = await openKeys(world);
    const { secret, key } = await make({
      mode: 'live',
      name: 'backend',
      preset: 'generate_only',
      expiresAt: inHours(world, 48),
    });
    expect(secret).toMatch(/^ak_live_[0-9A-Za-z]{38}$/);
    expect(key).toEqual({
      keyId: expect.stringMatching(/^key_[0-9a-z]{26}$/),
      customerId: expect.any(String),
      mode: 'live',
      name: 'backend',
      prefix: secret.slice(0, 16),
      preset: 'generate_only',
      scopes: ['generation:write', 'generation:read', 'library:read'],
      ipAllowlist: null,
      status: 'active',
      createdAt: new Date(world.clock.now()).toISOString(),
      lastUsedAt: null,
      expiresAt: inHours(world, 48),
      rotatedAt: null,
      successorId: null,
      revokedAt: null,
    } as never);
    expect(await list()).toEqual([key]);
  });

  test('may do everything when nobody says what', async () => {
    const { make } = await openKeys(world);
    expect((await make()).key).toMatchObject({
      preset: 'full_access',
      name: null,
      ipAllowlist: null,
    });
    expect((await make({ scopes: ['account:read'] })).key).toMatchObject({
      preset: null,
      scopes: ['account:read'],
    });
  });

  test('is noted when it was used, within ten seconds', async () => {
    const { make, list } = await openKeys(world);
    const { secret } = await make();
    await worksWith(world, secret);
    const usedAt = new Date(world.clock.now()).toISOString();
    await world.advance(11_000);
    expect((await list())[0]?.lastUsedAt).toBe(usedAt);
  });

  test('stops at its expiry, to the millisecond', async () => {
    const { make, list } = await openKeys(world);
    const { secret, key } = await make({ expiresAt: inHours(world, 1) });
    world.clock.advance(Date.parse(key.expiresAt ?? '') - world.clock.now() - 2);
    expect(await worksWith(world, secret)).toBe(true);
    expect(await worksWith(world, secret)).toBe(false);
    expect((await list())[0]?.status).toBe('expired');
  });

  test('changes name, scopes and expiry, and with them at once what it may do', async () => {
    const { make } = await openKeys(world);
    const { secret, path } = await make({ expiresAt: inHours(world, 1) });
    const changed = await world.operator('PATCH', path, {
      body: { name: 'renamed', scopes: ['library:read'], expiresAt: null },
    });
    expect(keyIn(changed)).toMatchObject({
      name: 'renamed',
      scopes: ['library:read'],
      preset: null,
      expiresAt: null,
    });
    expect((await world.call('GET', '/v1/usage', { key: secret })).code).toBe('insufficient_permissions');
    world.clock.advance(2 * HOUR_MS);
    expect((await world.call('GET', '/v1/models', { key: secret })).status).toBe(200);
  });
});

describe('a revocation', () => {
  test('is in force at the next request, and may be repeated', async () => {
    const { make, list } = await openKeys(world);
    const { secret, path } = await make();
    expect(await worksWith(world, secret)).toBe(true);
    const first = await world.operator('DELETE', path);
    expect(keyIn(first).status).toBe('revoked');
    expect(await worksWith(world, secret)).toBe(false);
    world.clock.advance(1000);
    expect((await world.operator('DELETE', path)).json).toEqual(first.json);
    expect((await list()).map(({ status }) => status)).toEqual(['revoked']);
    const late = await world.operator('PATCH', path, { body: { name: 'x' } });
    expect(late).toMatchObject({ status: 409, code: 'invalid_state' });
  });

  test('lets jobs go on that the key has ordered', async () => {
    const { make } = await openKeys(world);
    const [{ secret, path }, other] = [await make(), await make()];
    const id = await makeJob(world, secret);
    await world.operator('DELETE', path);
    await world.advance(10_000);
    expect((await world.call('GET', `/v1/jobs/${id}`, { key: other.secret })).json).toMatchObject({
      status: 'completed',
    });
  });

  test('with purge takes the key out of the list', async () => {
    const { make, list } = await openKeys(world);
    const { secret, path } = await make();
    expect((await world.operator('DELETE', `${path}?purge=true`)).status).toBe(200);
    expect(await list()).toEqual([]);
    expect(await worksWith(world, secret)).toBe(false);
    expect(await world.operator('DELETE', path)).toMatchObject({ status: 404, code: 'not_found' });
  });

  test('under one idempotency key is not taken for a deletion', async () => {
    const { make, list } = await openKeys(world);
    const { path } = await make();
    const idempotencyKey = freshKey();
    await world.operator('DELETE', path, { idempotencyKey });
    const purge = await world.operator('DELETE', `${path}?purge=true`, { idempotencyKey });
    expect(purge).toMatchObject({ status: 409, code: 'idempotency_key_conflict' });
    expect((await list()).length).toBe(1);
  });

  test('while requests are under way lets none begin after it', async () => {
    const { make } = await openKeys(world);
    const { secret, path } = await make();
    const before = Array.from({ length: 50 }, () => world.call('GET', '/v1/usage', { key: secret }));
    const revoking = world.operator('DELETE', path);
    await revoking;
    world.clock.advance(MINUTE_MS);
    const after = await Promise.all(
      Array.from({ length: 5 }, () => world.call('GET', '/v1/usage', { key: secret })),
    );
    expect(after.map(({ status }) => status)).toEqual(Array<number>(5).fill(401));
    for (const answer of await Promise.all(before)) expect([200, 401]).toContain(answer.status);
    world.clock.advance(MINUTE_MS);
  });
});

test('a customer has at most 20 keys that work; a full set can still be rotated, and a revoked one makes room', async () => {
  const { base, make } = await openKeys(world);
  const made = [];
  for (let at = 0; at < 20; at++) made.push(await make());
  const full = await world.operator('POST', base, { body: { mode: 'live' } });
  expect(full).toMatchObject({ status: 409, code: 'invalid_state' });
  expect(full.json).toMatchObject({ error: { message: 'A customer has at most 20 active keys.' } });
  expect((await world.operator('POST', `${made[0]?.path}/rotate`, { body: {} })).status).toBe(201);
  expect((await world.operator('POST', base, { body: { mode: 'live' } })).status).toBe(409);
  await world.operator('DELETE', String(made[1]?.path));
  await world.operator('DELETE', String(made[2]?.path));
  expect((await world.operator('POST', base, { body: { mode: 'live' } })).status).toBe(201);
});

test('a key is found with its own customer only', async () => {
  const [mine, theirs] = [await openKeys(world), await openKeys(world)];
  const { key } = await mine.make();
  for (const [method, suffix, body] of [
    ['PATCH', '', { name: 'x' }],
    ['POST', '/rotate', {}],
    ['DELETE', '', undefined],
    ['DELETE', '?purge=true', undefined],
  ] as const) {
    const answer = await world.operator(method, `${theirs.base}/${key.keyId}${suffix}`, { body });
    expect(answer).toMatchObject({ status: 404, code: 'not_found' });
  }
});

function refused(body: object, [field, says]: readonly [string, string]): Scenario {
  return {
    name: `a key with ${JSON.stringify(body).slice(0, 70)}`,
    call: ({ customer }) => ({
      method: 'POST',
      path: `/api/public/customers/${customer.id}/api-keys`,
      as: 'operator',
      body,
    }),
    answer: { status: 400, code: 'invalid_input', field, says },
  };
}

runScenarios('bad input', [
  refused({}, ['mode', 'is required']),
  refused({ mode: 'prod' }, ['mode', 'must be live or test']),
  refused({ mode: 'test', preset: 'admin' }, [
    'preset',
    'must be full_access, generate_only, read_only or monitor_only',
  ]),
  refused({ mode: 'test', scopes: [] }, ['scopes', 'must name at least one scope']),
  refused({ mode: 'test', scopes: ['admin'] }, ['scopes.0', 'must be generation:write']),
  refused({ mode: 'test', scopes: 'library:read' }, ['scopes', 'must be a list']),
  refused({ mode: 'test', preset: 'read_only', scopes: ['library:read'] }, [
    'scopes',
    'cannot be given together with a preset',
  ]),
  refused({ mode: 'test', expiresAt: 'tomorrow' }, ['expiresAt', 'must be an instant such as']),
  refused({ mode: 'test', expiresAt: '2020-01-01T00:00:00Z' }, [
    'expiresAt',
    'must be at least a minute from now',
  ]),
  refused({ mode: 'test', ipAllowlist: Array<string>(51).fill('10.0.0.1') }, [
    'ipAllowlist',
    'must have at most 50 entries',
  ]),
  refused({ mode: 'test', ipAllowlist: '10.0.0.1' }, ['ipAllowlist', 'must be a list']),
  refused({ mode: 'test', name: '' }, ['name', 'must have 1 to 100 characters']),
  refused({ mode: 'test', scope: ['library:read'] }, ['scope', 'did you mean scopes?']),
  refused({ mode: 'test', apiKey: 'ak_test_x' }, ['apiKey', 'is not a field of this request']),
  ...[0, 169, 1.5, '24', null].map((graceHours): Scenario => ({
    name: `a rotation with a grace of ${JSON.stringify(graceHours)}`,
    call: {
      method: 'POST',
      path: '/api/public/customers/cus_x/api-keys/key_x/rotate',
      as: 'operator',
      body: { graceHours },
    },
    answer: {
      status: 400,
      code: 'invalid_input',
      field: 'graceHours',
      says: 'must be a whole number of hours from 1 to 168',
    },
  })),
]);
