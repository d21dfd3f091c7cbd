// One exchange over real sockets: how a request is framed, what of an answer comes back, and what of it is refused.
import { describe, expect, test } from 'bun:test';
import { ok, saying, type PeerOptions } from './loopback.ts';
import { outcomeOf, scene } from './net-scene.ts';

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('an answer', () => {
  test('comes with status, headers and body', async () => {
    const answer = 'HTTP/1.1 404 No\r\nX-A: 1\r\nx-a: 2\r\n__proto__: x\r\nContent-Length: 3\r\n\r\nabc';
    expect(await outcomeOf(await scene({ onRequest: saying(answer) }))).toEqual({
      kind: 'response',
      status: 404,
      headers: { 'x-a': '1, 2', ['__proto__']: 'x', 'content-length': '3' },
      body: new TextEncoder().encode('abc'),
    });
  });

  test.each([
    ['in chunks', `${chunked}3\r\nabc\r\n0\r\n\r\n`, 'abc'],
    ['to the end of the connection', 'HTTP/1.1 200 OK\r\n\r\nabc', 'abc'],
    ['after information', `HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${ok('abc')}`, 'abc'],
    ['with nothing', 'HTTP/1.1 204 None\r\n\r\n', ''],
    ['as large as allowed', ok('a'.repeat(1000)), 'a'.repeat(1000)],
    ['that says identity', ok('abc', 'Content-Encoding: identity\r\n'), 'abc'],
    ['that says more than it should', `${ok('abc')}HTTP/1.1 500 X\r\n\r\n`, 'abc'],
  ])('%s is read', async (_, answer, body) => {
    const outcome = await outcomeOf(await scene({ onRequest: saying(answer) }));
    expect(outcome.kind === 'response' ? Buffer.from(outcome.body).toString() : outcome).toBe(body);
  });

  test('to HEAD has no body to wait for', async () => {
    const silent = await scene({ onRequest: (socket) => void socket.write(ok('').replace(': 0', ': 5000')) });
    const outcome = await outcomeOf({ ...silent, request: { ...silent.request, method: 'HEAD' } });
    expect(outcome).toMatchObject({ kind: 'response', headers: { 'content-length': '5000' } });
  });
});

describe('a request', () => {
  test.each([
    ['POST', 'grüße', 7],
    ['POST', new Uint8Array([1, 2, 3]), 3],
    ['POST', undefined, 0],
    ['PUT', '', 0],
    ['DELETE', 'x', 1],
  ] as const)('%s %p is framed by its length', async (method, body, length) => {
    const stage = await scene(
      { onRequest: saying(ok('')) },
      { method, ...(body === undefined ? {} : { body }) },
    );
    expect((await outcomeOf(stage)).kind).toBe('response');
    const [head = '', sent = ''] = (stage.peer.requests[0] ?? '').split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^${method} /path HTTP/1.1\r\n`));
    expect(head.match(/^content-length:.*$/gim)).toEqual([`Content-Length: ${length}`]);
    expect(sent.length).toBe(length);
  });

  test('asks for an answer that is not encoded, and says that the connection ends', async () => {
    const stage = await scene({ onRequest: saying(ok('')) });
    await outcomeOf(stage);
    expect(stage.peer.requests[0]).toMatch(/^accept-encoding: identity\r$/im);
    expect(stage.peer.requests[0]).toMatch(/^connection: close\r$/im);
    expect(stage.peer.requests[0]).not.toMatch(/^content-length/im);
  });

  test('has a connection of its own, however willing the peer', async () => {
    const stage = await scene({
      onRequest: (socket) => void socket.write(ok('a', 'Connection: keep-alive\r\n')),
    });
    for (let call = 0; call < 3; call++) expect((await stage.net.fetch(stage.request)).kind).toBe('response');
    expect(stage.peer.connections()).toBe(3);
    stage.peer.close();
  });
});

describe('an answer that is not to be had', () => {
  test.each([
    ['gzip', ok('abc', 'Content-Encoding: gzip\r\n'), 'encoded'],
    ['br', ok('abc', 'Content-Encoding: identity, br\r\n'), 'encoded'],
    ['gzip in transfer', `${chunked.replace('chunked', 'gzip, chunked')}0\r\n\r\n`, 'encoded'],
    ['too long by its length', ok('a'.repeat(1001)), 'too_large'],
    ['too long in chunks', `${chunked}3e9\r\n${'a'.repeat(1001)}\r\n0\r\n\r\n`, 'too_large'],
    ['cut short of its length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'cut_short'],
    ['cut between chunks', `${chunked}3\r\nabc\r\n`, 'cut_short'],
    ['too many headers', ok('', 'X: y\r\n'.repeat(200)), 'too_many_headers'],
  ])('%s keeps its status', async (_, answer, reason) => {
    const outcome = await outcomeOf(await scene({ onRequest: saying(answer) }));
    expect(outcome).toMatchObject({ kind: 'partial', status: 200, reason });
  });

  test('an endless body is cut at the limit', async () => {
    let sent = 0;
    const onRequest: PeerOptions['onRequest'] = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const pour = () => {
        while (!socket.destroyed && socket.write('a'.repeat(1000))) sent += 1000;
      };
      socket.on('drain', pour);
      pour();
    };
    const outcome = await outcomeOf(await scene({ onRequest }, { maxBytes: 100_000 }));
    expect(outcome).toMatchObject({ kind: 'partial', reason: 'too_large' });
    // What the sockets' buffers took, and no more.
    expect(sent).toBeLessThan(50_000_000);
  });

  test('a body that stops is cut at the deadline', async () => {
    const stage = await scene({
      onRequest: (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
    });
    const arrived = Promise.withResolvers<void>();
    const pending = stage.net.download(stage.request, () => arrived.resolve());
    await arrived.promise;
    stage.clock.advance(15_000);
    expect(await pending).toMatchObject({ kind: 'partial', status: 200, reason: 'deadline' });
    expect(stage.clock.sleepers()).toBe(0);
    stage.peer.close();
  });
});
