// The gateway of a test on a real port, and bytes sent to it one by one: for what no client library would send.
import type { Socket } from 'bun';
import { MAX_IMAGE_BODY_BYTES } from '../../src/http/index.ts';
import type { World } from '../support/world.ts';

export type Port = {
  readonly url: string;
  /** Sends bytes on a connection of its own and reads the one answer; null when the server hangs up without any. */
  send(...pieces: (string | Uint8Array)[]): Promise<RawAnswer | null>;
  /** Sends bytes and hangs up when the gateway has begun to read them. */
  sendAndCut(text: string): Promise<void>;
  close(): Promise<void>;
};

export type RawAnswer = { status: number; headers: Headers; body: string; json: Record<string, unknown> };

export function openPort(world: World): Port {
  let tellStarted: () => void = () => undefined;
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    maxRequestBodySize: 2 * MAX_IMAGE_BODY_BYTES,
    fetch(request, socketServer) {
      tellStarted();
      return world.app.handle(request, socketServer);
    },
  });
  const { port = 0 } = server;

  async function connect(handlers: { data?(text: string): void; close(): void }, pieces: Uint8Array[]) {
    const write = (socket: Socket) => {
      for (let piece = pieces[0]; piece !== undefined; piece = pieces[0]) {
        const written = socket.write(piece);
        if (written < 0) return;
        if (written < piece.length) {
          pieces[0] = piece.subarray(written);
          return;
        }
        pieces.shift();
      }
    };
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        drain: write,
        data: (_socket, bytes) => handlers.data?.(bytes.toString('latin1')),
        close: () => handlers.close(),
        error: () => handlers.close(),
      },
    });
    write(socket);
    return socket;
  }

  return {
    url: `http://127.0.0.1:${port}`,
    async send(...pieces) {
      const answered = Promise.withResolvers<RawAnswer | null>();
      let text = '';
      const socket = await connect(
        {
          data(more) {
            text += more;
            const answer = readAnswer(text);
            if (answer !== null) answered.resolve(answer);
          },
          close: () => answered.resolve(null),
        },
        pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)),
      );
      const answer = await answered.promise;
      socket.end();
      return answer;
    },
    async sendAndCut(text) {
      const [started, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      tellStarted = () => started.resolve();
      const socket = await connect({ close: () => closed.resolve() }, [Buffer.from(text)]);
      await started.promise;
      socket.terminate();
      await closed.promise;
    },
    close: () => server.stop(true),
  };
}

/** The first whole answer in what has come so far; null when it is not whole yet. */
function readAnswer(text: string): RawAnswer | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  // An interim answer, before the real one.
  if (status === 100) return readAnswer(text.slice(headEnd + 4));
  const headers = new Headers(
    lines.map((line): [string, string] => [
      line.slice(0, line.indexOf(':')),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const length = Number(headers.get('content-length') ?? 0);
  const body = text.slice(headEnd + 4);
  if (body.length < length) return null;
  const isJson = headers.get('content-type')?.startsWith('application/json') === true;
  return { status, headers, body, json: isJson ? (JSON.parse(body) as Record<string, unknown>) : {} };
}
