// Large answers: piece by piece, at the pace of who takes them, and never behind the caller's back.
import { describe, expect, test } from 'bun:test';
import { ok, saying, type PeerOptions } from './loopback.ts';
import { faultOf, scene } from './net-scene.ts';

describe('a download', () => {
  test('hands over piece by piece and counts', async () => {
    const stage = await scene({ onRequest: saying(ok('abcdef')) });
    const pieces: Uint8Array[] = [];
    const outcome = await stage.net.download(stage.request, (piece) => void pieces.push(piece));
    expect(outcome).toMatchObject({ kind: 'response', status: 200, sizeBytes: 6 });
    expect(Buffer.concat(pieces).toString()).toBe('abcdef');
    stage.peer.close();
  });

  test('of a failure brings the status and no body', async () => {
    const stage = await scene({ onRequest: saying('HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nno access') });
    let calls = 0;
    const outcome = await stage.net.download(stage.request, () => void calls++);
    expect(outcome).toMatchObject({ kind: 'response', status: 403, sizeBytes: 0 });
    expect(calls).toBe(0);
    stage.peer.close();
  });

  test('lets the peer wait while the sink is busy', async () => {
    const total = 256 * 1024 * 1024;
    let written = 0;
    const blocked = Promise.withResolvers<void>();
    const onRequest: PeerOptions['onRequest'] = (socket) => {
      const piece = Buffer.alloc(1024 * 1024);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      const pour = () => {
        let isTaken = true;
        while (written < total && isTaken && !socket.destroyed) {
          isTaken = socket.write(piece);
          written += piece.length;
        }
        blocked.resolve();
      };
      socket.on('drain', pour);
      pour();
    };
    const stage = await scene({ onRequest }, { maxBytes: total });
    const release = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    const pending = stage.net.download(stage.request, async () => {
      first.resolve();
      await release.promise;
    });
    await first.promise;
    await blocked.promise;
    // The sink holds its first piece, so the peer comes to stand after what the buffers between them take.
    expect(written).toBeLessThan(total / 4);
    release.resolve();
    expect(await pending).toMatchObject({ kind: 'response', sizeBytes: total });
    stage.peer.close();
  });

  test('ends with what the sink threw, and lets go of the connection', async () => {
    const onRequest: PeerOptions['onRequest'] = (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\nabc');
    const stage = await scene({ onRequest });
    const pending = stage.net.download(stage.request, () => Promise.reject(new Error('disk full')));
    expect(await faultOf(pending)).toContain('disk full');
    await stage.peer.gone;
    expect(stage.clock.sleepers()).toBe(0);
    stage.peer.close();
  });

  test('does not end while the sink still works', async () => {
    const onRequest: PeerOptions['onRequest'] = (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\nabc');
    const stage = await scene({ onRequest });
    const release = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    const order: string[] = [];
    const pending = stage.net.download(stage.request, async () => {
      first.resolve();
      await release.promise;
      order.push('sink');
    });
    const ended = pending.then(() => order.push('call'));
    await first.promise;
    stage.clock.advance(15_000);
    await stage.peer.gone;
    release.resolve();
    expect(await pending).toMatchObject({ kind: 'partial', reason: 'deadline' });
    await ended;
    expect(order).toEqual(['sink', 'call']);
    stage.peer.close();
  });

  test('that announces too much is not begun', async () => {
    const stage = await scene({ onRequest: saying('HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nabc') });
    let calls = 0;
    const outcome = await stage.net.download(stage.request, () => void calls++);
    expect(outcome).toMatchObject({ kind: 'partial', reason: 'too_large' });
    expect(calls).toBe(0);
    stage.peer.close();
  });
});
