// The rotation of an API key: a successor with the same rights, and a grace for the old one that ends when it should.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { HOUR_MS } from '../../../src/runtime/clock.ts';
import { openWorld, type CallOptions, type World } from '../../support/world.ts';
import { inHours, keyIn, openKeys, worksWith } from './open-keys.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

describe('a rotation', () => {
  test('makes a successor with the same rights; both work until the grace ends, to the millisecond', async () => {
    const { make, list } = await openKeys(world);
    const { secret, key, path } = await make({
      mode: 'test',
      name: 'backend',
      scopes: ['account:read'],
      ipAllowlist: null,
    });
    const rotated = await world.operator('POST', `${path}/rotate`, { body: { graceHours: 2 } });
    expect(rotated.status).toBe(201);
    const successor = String(rotated.json['apiKey']);
    expect(keyIn(rotated)).toMatchObject({
      mode: 'test',
      name: 'backend',
      scopes: ['account:read'],
      status: 'active',
      expiresAt: null,
    });
    expect(keyIn(rotated, 'previous')).toMatchObject({
      keyId: key.keyId,
      status: 'rotated',
      successorId: keyIn(rotated).keyId,
      expiresAt: inHours(world, 2),
    });
    expect(keyIn(rotated, 'previous')).not.toHaveProperty('apiKey');
    expect([await worksWith(world, secret), await worksWith(world, successor)]).toEqual([true, true]);
    world.clock.advance(2 * HOUR_MS - 4);
    expect(await worksWith(world, secret)).toBe(true);
    expect(await worksWith(world, secret)).toBe(false);
    expect(await worksWith(world, successor)).toBe(true);
    expect((await list()).map(({ status }) => status).sort()).toEqual(['active', 'expired']);
  });

  test('takes no body for an empty one, and nothing else for it', async () => {
    const { make } = await openKeys(world);
    const { path } = await make();
    const rotate = (options: CallOptions) => world.operator('POST', `${path}/rotate`, options);
    expect((await rotate({ text: '{}', headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await rotate({ text: ' ' })).code).toBe('invalid_json');
    const [bare, again] = [
      await rotate({ idempotencyKey: 'k' }),
      await rotate({ idempotencyKey: 'k', body: {} }),
    ];
    expect(keyIn(bare, 'previous').expiresAt).toBe(inHours(world, 24));
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
  });

  test('takes a day of grace when nobody says, and never makes a key live longer', async () => {
    const { make } = await openKeys(world);
    const day = await world.operator('POST', `${(await make()).path}/rotate`, { body: {} });
    expect(keyIn(day, 'previous').expiresAt).toBe(inHours(world, 24));
    const { path } = await make({ expiresAt: inHours(world, 3) });
    const short = await world.operator('POST', `${path}/rotate`, { body: { graceHours: 168 } });
    expect([keyIn(short, 'previous').expiresAt, keyIn(short).expiresAt]).toEqual([
      inHours(world, 3),
      inHours(world, 3),
    ]);
  });

  test('is possible once, and for an active key only', async () => {
    const { make } = await openKeys(world);
    const { path } = await make();
    const rotate = () => world.operator('POST', `${path}/rotate`, { body: {} });
    const both = await Promise.all([rotate(), rotate()]);
    expect(both.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409]);
    expect((await rotate()).code).toBe('key_not_rotatable');
    const revoked = await make();
    await world.operator('DELETE', revoked.path);
    expect((await world.operator('POST', `${revoked.path}/rotate`, { body: {} })).code).toBe(
      'key_not_rotatable',
    );
  });

  test('of a rotated key ends with its revocation, whatever the grace', async () => {
    const { make } = await openKeys(world);
    const { secret, path } = await make();
    await world.operator('POST', `${path}/rotate`, { body: {} });
    await world.operator('DELETE', path);
    expect(await worksWith(world, secret)).toBe(false);
  });
});
