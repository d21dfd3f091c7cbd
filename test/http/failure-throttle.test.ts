// Failed authentications are limited by address: twenty a minute, then 429, for the failing ones alone.
import { expect, test } from 'bun:test';
import { openWorld, OPERATOR_KEY, type World } from '../support/world.ts';
import { callFrom } from './callers.ts';

const BAD = { authorization: 'Bearer nothing' };

async function failFrom(world: World, socket: string, times: number) {
  const codes = [];
  for (let at = 0; at < times; at++)
    codes.push((await callFrom(world, '/v1/usage', { socket, headers: BAD })).code);
  return codes;
}

test('the twenty-first failure of a minute is told to wait, exactly until it may fail again', async () => {
  const world = await openWorld();
  world.clock.advance(1);
  expect(await failFrom(world, '203.0.113.1', 20)).toEqual(Array<string>(20).fill('authentication_failed'));
  world.clock.advance(17_000);
  const refused = await callFrom(world, '/v1/usage', { socket: '203.0.113.1', headers: BAD });
  expect({ status: refused.status, code: refused.code }).toEqual({ status: 429, code: 'auth_rate_limited' });
  expect(Object.fromEntries([...refused.headers].filter(([name]) => /^x-rate|^retry/.test(name)))).toEqual({
    'retry-after': '43',
    'x-ratelimit-limit': '20',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(Math.ceil((world.clock.now() + 43_000) / 1000)),
  });
  world.clock.advance(43_000);
  expect(await failFrom(world, '203.0.113.1', 1)).toEqual(['authentication_failed']);
  await world.close();
});

test('a good key is served from an address where others fail', async () => {
  const world = await openWorld();
  const { testKey } = await world.customer();
  await failFrom(world, '203.0.113.1', 30);
  const headers = { authorization: `Bearer ${testKey}` };
  expect((await callFrom(world, '/v1/usage', { socket: '203.0.113.1', headers })).status).toBe(200);
  const operator = { authorization: `Bearer ${OPERATOR_KEY}` };
  expect((await callFrom(world, '/api/overview', { socket: '203.0.113.1', headers: operator })).status).toBe(
    200,
  );
  await world.close();
});

test('good requests use nothing up', async () => {
  const world = await openWorld();
  const { testKey } = await world.customer();
  const headers = { authorization: `Bearer ${testKey}` };
  for (let at = 0; at < 25; at++) await callFrom(world, '/v1/usage', { socket: '203.0.113.1', headers });
  expect(await failFrom(world, '203.0.113.1', 1)).toEqual(['authentication_failed']);
  await world.close();
});

test('other addresses are other counts, but one IPv6 /64 is one', async () => {
  const world = await openWorld();
  await failFrom(world, '203.0.113.1', 20);
  expect(await failFrom(world, '203.0.113.2', 1)).toEqual(['authentication_failed']);
  for (let at = 0; at < 20; at++) await failFrom(world, `2001:db8:0:1::${at.toString(16)}`, 1);
  expect(await failFrom(world, '2001:db8:0:1:ffff:ffff:ffff:ffff', 1)).toEqual(['auth_rate_limited']);
  expect(await failFrom(world, '2001:db8:0:2::1', 1)).toEqual(['authentication_failed']);
  // The same address in two spellings is one.
  expect(await failFrom(world, '::ffff:203.0.113.1', 1)).toEqual(['auth_rate_limited']);
  await world.close();
});

test('failures on the customer and on the operator API count together', async () => {
  const world = await openWorld();
  for (let at = 0; at < 20; at++)
    await callFrom(world, '/api/overview', { socket: '203.0.113.1', headers: BAD });
  expect(await failFrom(world, '203.0.113.1', 1)).toEqual(['auth_rate_limited']);
  await world.close();
});
