// Whether a failure says truly if the request had left: on this rests that nothing is submitted twice.
import { describe, expect, test } from 'bun:test';
import { createNet, createNetWith } from '../../src/runtime/net.ts';
import { leadTo, listen, ok, saying, type PeerOptions } from './loopback.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { get, outcomeOf, PUBLIC_ADDRESS, scene } from './net-scene.ts';
import { makeSelfSigned } from './self-signed.ts';

const certificate = makeSelfSigned(['files.example', '127.0.0.1']);

describe('what may have been acted upon', () => {
  test.each([
    ['reset', (socket) => void socket.destroy()],
    ['reset', (socket) => void socket.end()],
    ['reset', saying('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n')],
    ['reset', saying('HTTP/1.1 200 OK\r\nX: y')],
    ['malformed', saying('NOPE\r\n\r\n')],
    ['malformed', saying('HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n')],
    ['malformed', saying('HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n')],
    ['malformed', saying(ok('', `X: ${'y'.repeat(17_000)}\r\n`))],
    ['malformed', saying('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc')],
    [
      'malformed',
      saying('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    ],
  ] as [string, NonNullable<PeerOptions['onRequest']>][])(
    'after the request came, %s %#',
    async (reason, onRequest) => {
      const stage = await scene({ onRequest }, { method: 'POST', body: '{}' });
      expect(await outcomeOf(stage)).toMatchObject({ kind: 'ambiguous', reason });
      // Sent once: a failure is never tried again by itself.
      expect(stage.peer.connections()).toBe(1);
    },
  );

  test('silence, up to the limit for the first byte; then the connection is dropped', async () => {
    const { net, clock, peer, request } = await scene({}, { method: 'POST', body: '{}' });
    const pending = net.fetch(request);
    await peer.requested;
    await clock.someoneSleeps(5000);
    clock.advance(5000);
    expect(await pending).toMatchObject({ kind: 'ambiguous', reason: 'slow' });
    await peer.gone;
    peer.close();
  });

  test('a head that never ends, up to the limit that the caller set', async () => {
    const onRequest: PeerOptions['onRequest'] = (socket) => void socket.write('HTTP/1.1 200 OK\r\nX-Slow: a');
    const stage = await scene({ onRequest }, { firstByteMs: 9000 });
    const pending = outcomeOf(stage);
    await stage.peer.requested;
    stage.clock.advance(8999);
    await stage.clock.someoneSleeps(9000);
    stage.clock.advance(1);
    expect(await pending).toMatchObject({ kind: 'ambiguous', reason: 'slow' });
  });

  test('a request at the deadline of the whole call', async () => {
    const stage = await scene({}, { firstByteMs: 60_000 });
    const pending = outcomeOf(stage);
    await stage.peer.requested;
    stage.clock.advance(15_000);
    expect(await pending).toMatchObject({ kind: 'ambiguous', reason: 'deadline' });
  });

  test('a request that the caller gave up', async () => {
    const giveUp = new AbortController();
    const stage = await scene({}, { signal: giveUp.signal });
    const pending = outcomeOf(stage);
    await stage.peer.requested;
    giveUp.abort();
    expect(await pending).toMatchObject({ kind: 'ambiguous', reason: 'aborted' });
  });
});

describe('what certainly did not leave', () => {
  test('a name without an address, and one that cannot be resolved', async () => {
    const clock = createManualClock();
    const request = get('https://files.example/');
    const empty = createNet({ clock, resolve: async () => [] });
    expect(await empty.fetch(request)).toMatchObject({ kind: 'unsent', reason: 'dns_failed' });
    const failing = createNet({ clock, resolve: () => Promise.reject(new Error('ENOTFOUND')) });
    expect(await failing.fetch(request)).toEqual({
      kind: 'unsent',
      reason: 'dns_failed',
      detail: 'ENOTFOUND',
    });
    const silent = createNet({ clock, resolve: () => new Promise(() => {}) });
    const pending = silent.fetch(request);
    await clock.someoneSleeps(2000);
    clock.advance(2000);
    expect(await pending).toMatchObject({ kind: 'unsent', reason: 'dns_slow' });
    expect(clock.sleepers()).toBe(0);
  });

  test('a connection that is refused', async () => {
    const stage = await scene({});
    stage.peer.close();
    const outcome = await outcomeOf(stage);
    expect(outcome).toEqual({ kind: 'unsent', reason: 'connect_failed', detail: 'ECONNREFUSED' });
  });

  test('a call that was given up before it began', async () => {
    const stage = await scene({}, { signal: AbortSignal.abort() });
    expect(await outcomeOf(stage)).toMatchObject({ kind: 'unsent', reason: 'aborted' });
    expect(stage.peer.requests).toEqual([]);
  });

  test('the first address refuses, the second is taken, and the request is sent once', async () => {
    const peer = await listen({ onRequest: saying(ok('')) });
    const net = createNet({ clock: createManualClock(), resolve: async () => ['127.0.0.77', '127.0.0.1'] });
    const origin = `http://provider.test:${peer.port}`;
    const destination = { kind: 'operator', origin } as const;
    const outcome = await net.fetch(get(origin, { destination, method: 'POST', body: '{}' }));
    expect(outcome.kind).toBe('response');
    expect(peer.requests.length).toBe(1);
    peer.close();
  });
});

describe('TLS', () => {
  const asked = get('https://files.example/path', { method: 'POST', body: '{}' });
  const resolve = async () => [PUBLIC_ADDRESS];

  test('a certificate for the name is accepted, and the name is what is asked for', async () => {
    const peer = await listen({ certificate, onRequest: saying(ok('secret')) });
    const net = createNetWith({ clock: createManualClock(), resolve, dial: leadTo(peer, certificate).dial });
    expect(await net.fetch(asked)).toMatchObject({ kind: 'response', status: 200 });
    expect(peer.requests.length).toBe(1);
    peer.close();
  });

  test('one for another name is refused, and nothing was sent', async () => {
    const peer = await listen({ certificate, onRequest: saying(ok('secret')) });
    const net = createNetWith({ clock: createManualClock(), resolve, dial: leadTo(peer, certificate).dial });
    expect(await net.fetch({ ...asked, url: 'https://other.example/' })).toEqual({
      kind: 'unsent',
      reason: 'tls_failed',
      detail: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect([peer.connections(), peer.requests.length]).toEqual([1, 0]);
    peer.close();
  });

  test.each([undefined, '0'])(
    'one that nobody vouches for is refused (environment: %p)',
    async (environment) => {
      const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      if (environment !== undefined) process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = environment;
      try {
        const peer = await listen({ certificate, onRequest: saying(ok('secret')) });
        const origin = `https://127.0.0.1:${peer.port}`;
        const net = createNet({ clock: createManualClock() });
        const outcome = await net.fetch({ ...asked, url: origin, destination: { kind: 'operator', origin } });
        expect(outcome).toMatchObject({ kind: 'unsent', reason: 'tls_failed' });
        expect(peer.requests.length).toBe(0);
        peer.close();
      } finally {
        if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
        else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
      }
    },
  );

  test('a peer that speaks no TLS has not been sent anything', async () => {
    const peer = await listen({ onConnection: (socket) => void socket.end('HTTP/1.1 400 No\r\n\r\n') });
    const net = createNetWith({ clock: createManualClock(), resolve, dial: leadTo(peer, certificate).dial });
    expect(await net.fetch(asked)).toMatchObject({ kind: 'unsent', reason: 'tls_failed' });
    peer.close();
  });

  test('a handshake that hangs is cut with the time for connecting', async () => {
    const peer = await listen();
    const clock = createManualClock();
    const net = createNetWith({ clock, resolve, dial: leadTo(peer, certificate).dial });
    const pending = net.fetch(asked);
    await peer.connected;
    await clock.someoneSleeps(3000);
    clock.advance(3000);
    expect(await pending).toEqual({ kind: 'unsent', reason: 'connect_slow', detail: PUBLIC_ADDRESS });
    expect(clock.sleepers()).toBe(0);
    peer.close();
  });
});
