// Where a call may go beyond the first step, and what it may carry: redirects, the one origin that the operator allows,
// headers, and calls that must not be made at all.
import { describe, expect, test } from 'bun:test';
import { createSystemClock } from '../../src/runtime/clock.ts';
import { createNet, createNetWith } from '../../src/runtime/net.ts';
import { leadTo, listen, ok, saying } from './loopback.ts';
import { faultOf, get, PUBLIC_ADDRESS, resolverOf } from './net-scene.ts';
import { makeSelfSigned } from './self-signed.ts';

const clock = createSystemClock();
const certificate = makeSelfSigned(['files.example', 'cdn.example']);

describe('redirects', () => {
  test('are followed as often as asked, and the one after that is the answer', async () => {
    let count = 0;
    const peer = await listen({
      certificate,
      onRequest: (socket) =>
        void socket.end(`HTTP/1.1 307 Again\r\nLocation: /${++count}\r\nContent-Length: 0\r\n\r\n`),
    });
    const lead = leadTo(peer, certificate);
    const { resolve, asked } = resolverOf({ 'files.example': [PUBLIC_ADDRESS] });
    const net = createNetWith({ clock, resolve, dial: lead.dial });
    expect(await net.fetch(get('https://files.example/'))).toMatchObject({
      kind: 'response',
      status: 307,
      headers: { location: '/1' },
    });
    expect(await net.fetch(get('https://files.example/', { maxRedirects: 3 }))).toMatchObject({
      status: 307,
      headers: { location: '/5' },
    });
    // Judged anew each time, on a connection of its own.
    expect(asked.length).toBe(5);
    expect(peer.connections()).toBe(5);
    peer.close();
  });

  test('credentials stay with the origin they were meant for, also when it is come back to', async () => {
    const peer = await listen({
      certificate,
      onRequest: (socket, request) => {
        const isFirst = request.startsWith('GET /1 ');
        const target = isFirst ? 'https://cdn.example/2' : 'https://files.example/3';
        const isLast = request.startsWith('GET /3 ');
        socket.end(isLast ? ok('end') : `HTTP/1.1 302 F\r\nLocation: ${target}\r\nContent-Length: 0\r\n\r\n`);
      },
    });
    const lead = leadTo(peer, certificate);
    const names = { 'files.example': [PUBLIC_ADDRESS], 'cdn.example': ['1.1.1.1'] };
    const net = createNetWith({ clock, resolve: resolverOf(names).resolve, dial: lead.dial });
    const headers = { Authorization: 'Bearer x', Cookie: 'a=b', 'X-Api-Key': 'k', Accept: 'image/png' };
    const outcome = await net.fetch(get('https://files.example/1', { maxRedirects: 3, headers }));
    expect(outcome.kind).toBe('response');
    expect(peer.requests.map((request) => /bearer|a=b|x-api-key/i.test(request))).toEqual([
      true,
      false,
      false,
    ]);
    expect(peer.requests.every((request) => /accept: image\/png/i.test(request))).toBe(true);
    expect(lead.addresses).toEqual([PUBLIC_ADDRESS, '1.1.1.1', PUBLIC_ADDRESS]);
    peer.close();
  });

  test('a request that acts may not follow any', async () => {
    const net = createNet({ clock });
    const request = get('https://files.example/', { method: 'POST', body: '{}', maxRedirects: 1 });
    expect(await faultOf(net.fetch(request))).toContain('act twice');
  });
});

describe("the operator's origin", () => {
  test('may be plain http on the loopback, by name and by address', async () => {
    const peer = await listen({ onRequest: saying(ok('mine')) });
    const net = createNet({ clock, resolve: resolverOf({ 'provider.test': ['127.0.0.1'] }).resolve });
    for (const host of ['127.0.0.1', 'provider.test']) {
      const origin = `http://${host}:${peer.port}`;
      // The whole base URL serves as well: only its origin counts.
      const destination = { kind: 'operator', origin: `${origin}/api/v1` } as const;
      const outcome = await net.fetch(get(`${origin}/jobs?x=1`, { destination }));
      expect(outcome).toMatchObject({ kind: 'response', status: 200 });
    }
    expect(peer.requests[0]).toStartWith('GET /jobs?x=1 HTTP/1.1\r\n');
    expect(peer.requests[0]).toContain(`\r\nHost: 127.0.0.1:${peer.port}\r\n`);
    expect(peer.requests[1]).toContain(`\r\nHost: provider.test:${peer.port}\r\n`);
    peer.close();
  });

  test('is resolved by the system unless told otherwise', async () => {
    const peer = await listen({ onRequest: saying(ok('mine')) });
    const origin = `http://localhost:${peer.port}`;
    const outcome = await createNet({ clock }).fetch(
      get(origin, { destination: { kind: 'operator', origin } }),
    );
    expect(outcome.kind).toBe('response');
    peer.close();
  });

  test('is scheme, host and port together', async () => {
    const peer = await listen({ onRequest: saying(ok('mine')) });
    const net = createNet({ clock });
    const destination = { kind: 'operator', origin: `http://127.0.0.1:${peer.port}` } as const;
    const others = [
      `https://127.0.0.1:${peer.port}/`,
      `http://127.0.0.2:${peer.port}/`,
      `http://localhost:${peer.port}/`,
      `http://127.0.0.1:${peer.port + 1}/`,
      'http://127.0.0.1/',
      `http://user@127.0.0.1:${peer.port}/`,
    ];
    for (const url of others) expect((await net.fetch(get(url, { destination }))).kind).toBe('blocked');
    expect(peer.connections()).toBe(0);
    peer.close();
  });

  test('a redirect out of it is judged as public', async () => {
    const canary = await listen();
    const peer = await listen({
      onRequest: saying(`HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:${canary.port}/\r\n\r\n`),
    });
    const origin = `http://127.0.0.1:${peer.port}`;
    const outcome = await createNet({ clock }).fetch(
      get(origin, { destination: { kind: 'operator', origin }, maxRedirects: 3 }),
    );
    expect(outcome).toEqual({ kind: 'blocked', reason: 'scheme', detail: '' });
    expect(canary.connections()).toBe(0);
    canary.close();
    peer.close();
  });

  test('a public site cannot lead into it', async () => {
    const own = await listen();
    const origin = `http://127.0.0.1:${own.port}`;
    const peer = await listen({
      certificate,
      onRequest: saying(`HTTP/1.1 302 F\r\nLocation: ${origin}/secret\r\n\r\n`),
    });
    const { resolve } = resolverOf({ 'files.example': [PUBLIC_ADDRESS] });
    const net = createNetWith({ clock, resolve, dial: leadTo(peer, certificate).dial });
    const destination = { kind: 'operator', origin } as const;
    const outcome = await net.fetch(get('https://files.example/', { destination, maxRedirects: 3 }));
    expect(outcome.kind).toBe('blocked');
    expect(own.connections()).toBe(0);
    own.close();
    peer.close();
  });

  test('the address of the answer is the one connected to, even when the name has moved on', async () => {
    const peer = await listen({ onRequest: saying(ok('mine')) });
    const answers = [['127.0.0.1'], ['192.0.2.1']];
    let asked = 0;
    const net = createNet({ clock, resolve: async () => answers[asked++] ?? [] });
    const origin = `http://provider.test:${peer.port}`;
    const outcome = await net.fetch(get(origin, { destination: { kind: 'operator', origin } }));
    expect(outcome.kind).toBe('response');
    expect(asked).toBe(1);
    peer.close();
  });

  test('an origin that is none is a bug', async () => {
    const destination = { kind: 'operator', origin: 'file:///etc' } as const;
    expect(await faultOf(createNet({ clock }).fetch(get('file:///etc/passwd', { destination })))).toContain(
      'origin',
    );
  });
});

describe('headers', () => {
  test.each([
    ['X-A', 'a\r\nX-B: b'],
    ['X-A', 'a\nb'],
    ['X-A', 'a\0b'],
    ['X-A', 'bücher'],
    ['X-A\r\nX-B', 'b'],
    ['X A', 'b'],
    ['X:A', 'b'],
    ['', 'b'],
    ['Host', '127.0.0.1'],
    ['HOST', '127.0.0.1'],
    ['Content-Length', '0'],
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'keep-alive'],
    ['Upgrade', 'websocket'],
    ['Expect', '100-continue'],
    ['Accept-Encoding', 'gzip'],
  ])('%j: %j is refused before anything is asked', async (name, value) => {
    const { resolve, asked } = resolverOf({ 'files.example': [PUBLIC_ADDRESS] });
    const net = createNet({ clock, resolve });
    const outcome = await net.fetch(get('https://files.example/', { headers: { [name]: value } }));
    expect(outcome).toMatchObject({ kind: 'blocked', reason: 'header' });
    expect(asked).toEqual([]);
  });
});

describe('a call that must not be', () => {
  test('one inside a transaction is a bug, and asks nothing', async () => {
    const { resolve, asked } = resolverOf({});
    const net = createNet({ clock, resolve, isInTransaction: () => true });
    expect(await faultOf(net.fetch(get('https://files.example/')))).toContain('inside a transaction');
    expect(await faultOf(net.download(get('https://files.example/'), () => {}))).toContain(
      'inside a transaction',
    );
    expect(asked).toEqual([]);
  });

  test.each([
    { deadlineMs: Number.NaN },
    { deadlineMs: Infinity },
    { maxBytes: Number.NaN },
    { maxBytes: -1 },
  ])('one without limits is a bug: %j', async (limits) => {
    const net = createNet({ clock });
    expect(await faultOf(net.fetch(get('https://files.example/', limits)))).toContain('a call needs');
  });
});
