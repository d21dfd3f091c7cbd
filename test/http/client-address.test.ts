// Whose request it is: the socket's address, unless declared proxies stand in front. Seen through a key that may be
// used from one address only, and through the throttle.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { openWorld, type World, type WorldOptions } from '../support/world.ts';
import { callFrom } from './callers.ts';

const CLIENT = '198.51.100.7';
const PROXIES = ['10.0.0.0/8', '2001:db8:ffff::/48'];

/** A key that may be used from these addresses. */
async function openWithKey(ipAllowlist: string[] | null, options: WorldOptions = {}) {
  const world = await openWorld(options);
  const { id } = await world.customer();
  const made = await world.operator('POST', `/api/public/customers/${id}/api-keys`, {
    body: { mode: 'test', ipAllowlist },
  });
  expect(made.status).toBe(201);
  return { world, headers: { authorization: `Bearer ${String(made.json['apiKey'])}` } };
}

type Case = [name: string, from: { socket: string; forwardedFor?: string }, isClient: boolean];

function runCases(title: string, trustedProxies: readonly string[], cases: readonly Case[]): void {
  describe(title, () => {
    let opened: { world: World; headers: Record<string, string> };
    beforeAll(async () => {
      opened = await openWithKey([CLIENT], { trustedProxies });
    });
    afterAll(() => opened.world.close());
    for (const [name, from, isClient] of cases) {
      test(name, async () => {
        const answer = await callFrom(opened.world, '/v1/usage', { ...from, headers: opened.headers });
        expect(answer.code ?? answer.status).toBe(isClient ? 200 : 'ip_not_allowed');
      });
    }
  });
}

runCases(
  'without proxies the socket decides',
  [],
  [
    ['its address', { socket: CLIENT }, true],
    ['another', { socket: '198.51.100.8' }, false],
    ['IPv4 in IPv6', { socket: `::ffff:${CLIENT}` }, true],
    ['a header that claims it', { socket: '203.0.113.1', forwardedFor: CLIENT }, false],
    ['a header that claims another', { socket: CLIENT, forwardedFor: '203.0.113.1' }, true],
    ['an address that is not known', { socket: '' }, false],
  ],
);

runCases('with proxies the header is read from the right', PROXIES, [
  ['one hop', { socket: '10.0.0.1', forwardedFor: CLIENT }, true],
  ['a chain of proxies', { socket: '10.0.0.1', forwardedFor: `${CLIENT}, 10.1.2.3, 10.9.9.9` }, true],
  ['a claim further left', { socket: '10.0.0.1', forwardedFor: `${CLIENT}, 203.0.113.1` }, false],
  [
    'a claim further left by the client itself',
    { socket: '10.0.0.1', forwardedFor: `203.0.113.1, ${CLIENT}` },
    true,
  ],
  ['a proxy over IPv6', { socket: '2001:db8:ffff::1', forwardedFor: CLIENT }, true],
  ['a proxy as IPv4 in IPv6', { socket: '::ffff:10.0.0.1', forwardedFor: CLIENT }, true],
  ['a hop with a port', { socket: '10.0.0.1', forwardedFor: `${CLIENT}:52113` }, true],
  [
    'a hop as IPv4 in IPv6 with brackets',
    { socket: '10.0.0.1', forwardedFor: `[::ffff:${CLIENT}]:443` },
    true,
  ],
  ['a hop that is no address', { socket: '10.0.0.1', forwardedFor: `${CLIENT}, unknown` }, false],
  ['a hop in quotes', { socket: '10.0.0.1', forwardedFor: `"${CLIENT}"` }, false],
  ['an address in octal', { socket: '10.0.0.1', forwardedFor: '0306.063.0144.07' }, false],
  ['an empty header', { socket: '10.0.0.1', forwardedFor: '' }, false],
  ['no header', { socket: '10.0.0.1' }, false],
  ['nobody but proxies', { socket: '10.0.0.1', forwardedFor: '10.0.0.2, 10.0.0.3' }, false],
  ['a socket that is no proxy', { socket: '203.0.113.1', forwardedFor: CLIENT }, false],
  ['a zone', { socket: '10.0.0.1', forwardedFor: 'fe80::1%eth0' }, false],
]);

describe('the list of a key', () => {
  const cases: [entries: string[], address: string, isIn: boolean][] = [
    [['198.51.100.0/24'], '198.51.100.255', true],
    [['198.51.100.0/24'], '198.51.101.0', false],
    [['2001:DB8::/32'], '2001:db8:1::1', true],
    [['2001:db8:0:0:0:0:0:1'], '2001:db8::1', true],
    [['2001:db8::/32'], '2001:db9::1', false],
    [['0.0.0.0/0'], '203.0.113.9', true],
    [['::ffff:198.51.100.0/120'], '198.51.100.255', true],
    [['::ffff:198.51.100.0/120'], '198.51.101.0', false],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [[], '203.0.113.9', false],
  ];
  for (const [entries, address, isIn] of cases) {
    test(`${JSON.stringify(entries)} ${isIn ? 'admits' : 'refuses'} ${address}`, async () => {
      const { world, headers } = await openWithKey(entries);
      const answer = await callFrom(world, '/v1/usage', { socket: address, headers });
      expect(answer.code ?? answer.status).toBe(isIn ? 200 : 'ip_not_allowed');
      await world.close();
    });
  }

  test('refuses with the address that was seen, before scope and rate are looked at', async () => {
    const { world, headers } = await openWithKey([CLIENT]);
    const answer = await callFrom(world, '/v1/usage', { socket: '203.0.113.1', headers });
    expect(answer.status).toBe(403);
    expect(answer.json).toMatchObject({
      error: { code: 'BSE1007', message: 'The key may not be used from 203.0.113.1.' },
    });
    expect(answer.headers.get('x-ratelimit-limit')).toBeNull();
    await world.close();
  });

  test('moves with a rotation', async () => {
    const { world, headers } = await openWithKey(['203.0.113.0/24']);
    const list = await world.operator('GET', '/api/public/customers');
    const { customerId } = (list.json['customers'] as { customerId: string }[])[0] ?? { customerId: '' };
    const base = `/api/public/customers/${customerId}/api-keys`;
    const keys = (await world.operator('GET', base)).json['keys'] as {
      keyId: string;
      ipAllowlist: unknown;
    }[];
    const limited = keys.find((key) => key.ipAllowlist !== null);
    const rotated = await world.operator('POST', `${base}/${limited?.keyId}/rotate`, { body: {} });
    const successor = { authorization: `Bearer ${String(rotated.json['apiKey'])}` };
    for (const each of [headers, successor]) {
      expect((await callFrom(world, '/v1/usage', { socket: '203.0.113.9', headers: each })).status).toBe(200);
      expect((await callFrom(world, '/v1/usage', { socket: CLIENT, headers: each })).code).toBe(
        'ip_not_allowed',
      );
    }
    await world.close();
  });

  for (const [entry, says] of [
    ['198.51.100.7/33', 'must be an address or a CIDR range'],
    ['198.51.100', 'must be an address or a CIDR range'],
    ['198.51.100.7/-1', 'must be an address or a CIDR range'],
    ['localhost', 'must be an address or a CIDR range'],
    ['198.51.100.7/24/8', 'must be an address or a CIDR range'],
    ['2001:db8::/129', 'must be an address or a CIDR range'],
    // No length is not the length 0, which would admit everybody.
    ['198.51.100.7/', 'must be an address or a CIDR range'],
    ['198.51.100.7/ 8', 'must be an address or a CIDR range'],
    ['198.51.100.7:443', 'must be an address or a CIDR range'],
    ['[2001:db8::1]', 'must be an address or a CIDR range'],
    ['::ffff:198.51.100.7/24', 'must be an address or a CIDR range'],
  ] as const) {
    test(`does not take ${entry}`, async () => {
      const world = await openWorld();
      const { id } = await world.customer();
      const path = `/api/public/customers/${id}/api-keys`;
      const answer = await world.operator('POST', path, { body: { mode: 'test', ipAllowlist: [entry] } });
      expect(answer.code).toBe('invalid_input');
      expect(answer.json).toMatchObject({
        error: { param: 'ipAllowlist.0', message: `ipAllowlist.0 ${says}.` },
      });
      await world.close();
    });
  }
});
