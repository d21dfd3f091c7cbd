// The load: one process, so many connections, each with one request at a time. It speaks just enough HTTP/1.1 to keep
// the servers busy, and measures from the first byte sent to the last one received. The same for every case.
import { assert } from '../../src/errors.ts';

export type Shot = { /** The whole request, as bytes on the wire. */ request: string; status: number };

export type LoadPlan = {
  port: number;
  connections: number;
  warmUpMs: number;
  measureMs: number;
  /** The n-th request; called once for each. */
  shot: (index: number) => Shot;
};

export type LoadResult = { requests: number; perSecond: number; p50Ms: number; p99Ms: number; wrong: number };

export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const latencies: number[] = [];
  let [index, wrong, measured] = [0, 0, 0];
  const startMs = performance.now();
  const measureFromMs = startMs + plan.warmUpMs;
  const endMs = measureFromMs + plan.measureMs;

  function connection(): Promise<void> {
    return new Promise((resolve, reject) => {
      let [sentMs, wanted, received] = [0, 0, ''];
      const send = (socket: Bun.Socket) => {
        const shot = plan.shot(index++);
        wanted = shot.status;
        received = '';
        sentMs = performance.now();
        socket.write(shot.request);
      };
      void Bun.connect({
        hostname: '127.0.0.1',
        port: plan.port,
        socket: {
          open: send,
          data(socket, bytes) {
            received += bytes.toString('latin1');
            const status = completeStatus(received);
            if (status === null) return;
            const nowMs = performance.now();
            if (status !== wanted) wrong += 1;
            if (sentMs >= measureFromMs && nowMs <= endMs) {
              measured += 1;
              latencies.push(nowMs - sentMs);
            }
            if (nowMs < endMs) return send(socket);
            resolve();
            socket.end();
          },
          error: (_socket, error) => reject(error),
          close: () => reject(new Error('the server closed a connection')),
        },
      }).catch(reject);
    });
  }

  await Promise.all(Array.from({ length: plan.connections }, connection));
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return {
    requests: measured,
    perSecond: (measured / plan.measureMs) * 1000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    wrong,
  };
}

/** The status once the whole answer is there; null before. */
function completeStatus(received: string): number | null {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const length = /\r\ncontent-length: *(\d+)/i.exec(received.slice(0, headEnd))?.[1];
  assert(length !== undefined, 'every answer says how long it is');
  return received.length >= headEnd + 4 + Number(length) ? Number(received.slice(9, 12)) : null;
}
