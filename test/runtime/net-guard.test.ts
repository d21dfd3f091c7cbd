// The guard at work, with canaries on the loopback that must never hear anything: refused forms, private and mixed
// answers, names that change their address, redirects into the own network, proxies of the environment.
import { beforeAll, describe, expect, test } from 'bun:test';
import { createSystemClock } from '../../src/runtime/clock.ts';
import { createNet, createNetWith } from '../../src/runtime/net.ts';
import { atPort, isAlive, leadTo, listen, ok, saying, type Peer } from './loopback.ts';
import { get, PUBLIC_ADDRESS, resolverOf } from './net-scene.ts';
import { REFUSED_URLS } from './refused-urls.ts';
import { makeSelfSigned } from './self-signed.ts';

const clock = createSystemClock();
const certificate = makeSelfSigned(['files.example']);

describe('what must never reach the own network', () => {
  let canaries: { host: string; peer: Peer }[] = [];

  beforeAll(async () => {
    const first = await listen();
    const second = await listen({ host: '::1', port: first.port }).catch(() => null);
    canaries = [{ host: '127.0.0.1', peer: first }];
    if (second !== null) canaries.push({ host: '::1', peer: second });
  });

  const port = () => canaries[0]?.peer.port ?? 0;

  test('every refused URL ends before a name is asked or a connection begun', async () => {
    const lead = atPort(port());
    // Whatever name were asked, the answer would be a canary.
    const names = resolverOf({});
    const resolve = async (host: string) => (names.asked.push(host), ['127.0.0.1', '::1']);
    const net = createNetWith({ clock, resolve, dial: lead.dial });
    for (const [url, reason] of REFUSED_URLS) {
      expect(await net.fetch(get(url))).toEqual({ kind: 'blocked', reason, detail: '' });
    }
    expect(names.asked).toEqual([]);
    expect(lead.addresses).toEqual([]);
  });

  test.each(['127.0.0.1', 'localhost', '[::1]', '[::ffff:7f00:1]', '2130706433'])(
    'the canary by its port: %s',
    async (host) => {
      const net = createNet({ clock });
      for (const url of [`https://${host}:${port()}/`, `http://${host}:${port()}/`]) {
        expect(await net.fetch(get(url))).toMatchObject({ kind: 'blocked' });
      }
    },
  );

  test.each([
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '10.0.0.5',
    '169.254.169.254',
    '93.184.216.34 127.0.0.1',
    '127.0.0.1 93.184.216.34',
    '2606:4700:4700::1111 ::1',
    '93.184.216.34 2606:4700:4700::1111 fd00::1',
    '127.1',
    '0x7f000001',
    'fe80::1%lo',
    'localhost',
    '',
  ])('a name that resolves to %j is refused as a whole', async (list) => {
    const addresses = list.split(' ');
    const lead = atPort(port());
    const { resolve } = resolverOf({ 'files.example': addresses });
    const net = createNetWith({ clock, resolve, dial: lead.dial });
    const outcome = await net.fetch(get('https://files.example/'));
    expect(outcome).toMatchObject({ kind: 'blocked', reason: 'private_address' });
    expect(lead.addresses).toEqual([]);
  });

  test('a name that turns private between two calls is refused at the second', async () => {
    const peer = await listen({ certificate, onRequest: saying(ok('hello')) });
    const lead = leadTo(peer, certificate);
    const answers = [[PUBLIC_ADDRESS], ['127.0.0.1'], ['1.1.1.1']];
    const net = createNetWith({ clock, resolve: async () => answers.shift() ?? [], dial: lead.dial });
    const kinds = [];
    for (let call = 0; call < 3; call++) kinds.push((await net.fetch(get('https://files.example/'))).kind);
    expect(kinds).toEqual(['response', 'blocked', 'response']);
    expect(lead.addresses).toEqual([PUBLIC_ADDRESS, '1.1.1.1']);
    peer.close();
  });

  test('under 50 calls at once, a rebinding name is asked once a call and only its public answer is used', async () => {
    const peer = await listen({ certificate, onRequest: saying(ok('hello')) });
    const lead = leadTo(peer, certificate);
    let asked = 0;
    const resolve = async () => [asked++ % 2 === 0 ? PUBLIC_ADDRESS : '127.0.0.1'];
    const net = createNetWith({ clock, resolve, dial: lead.dial });
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => net.fetch(get('https://files.example/'))),
    );
    const count = (kind: string) => outcomes.filter((outcome) => outcome.kind === kind).length;
    expect([count('response'), count('blocked')]).toEqual([25, 25]);
    expect(asked).toBe(50);
    expect(new Set(lead.addresses)).toEqual(new Set([PUBLIC_ADDRESS]));
    peer.close();
  });

  test.each([
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://2130706433/',
    'https://private.example/',
    'https://mixed.example/',
    'https://localhost/',
    'http://files.example/',
    'file:///etc/passwd',
    'https://user@files.example/',
    'https://files.example:8443/',
    '//127.0.0.1/',
    '\\\\127.0.0.1\\',
    'https:\\\\127.0.0.1\\',
  ])('a redirect to %s is not followed', async (location) => {
    const peer = await listen({
      certificate,
      onRequest: saying(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
    });
    const lead = leadTo(peer, certificate);
    const { resolve } = resolverOf({
      'files.example': [PUBLIC_ADDRESS],
      'private.example': ['127.0.0.1'],
      'mixed.example': [PUBLIC_ADDRESS, '10.0.0.1'],
    });
    const net = createNetWith({ clock, resolve, dial: lead.dial });
    const outcome = await net.fetch(get('https://files.example/', { maxRedirects: 3 }));
    expect(outcome.kind).toBe('blocked');
    expect(lead.addresses).toEqual([PUBLIC_ADDRESS]);
    peer.close();
  });

  test('proxies of the environment are not asked', async () => {
    const proxy = `http://127.0.0.1:${port()}`;
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = proxy;
    const plain = await listen({ onRequest: saying(ok('straight')) });
    const secure = await listen({ certificate, onRequest: saying(ok('straight')) });
    const { resolve } = resolverOf({ 'files.example': [PUBLIC_ADDRESS] });
    try {
      const origin = `http://127.0.0.1:${plain.port}`;
      const own = await createNet({ clock }).fetch(
        get(origin, { destination: { kind: 'operator', origin } }),
      );
      const net = createNetWith({ clock, resolve, dial: leadTo(secure, certificate).dial });
      const foreign = await net.fetch(get('https://files.example/'));
      expect([own.kind, foreign.kind]).toEqual(['response', 'response']);
    } finally {
      for (const [index, name] of names.entries()) {
        const value = before[index];
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      plain.close();
      secure.close();
    }
  });

  test('and the canaries lived all the while without hearing a thing', async () => {
    for (const { host, peer } of canaries) {
      expect(peer.connections()).toBe(0);
      expect(await isAlive(host, peer.port)).toBe(true);
      await peer.connected;
      expect(peer.connections()).toBe(1);
      peer.close();
    }
  });
});
