// What the fake providers share: a real HTTP server on the loopback whose handler answers with a Response, cuts the
// connection or never answers; and the bad answers that any provider may give.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** `reset` cuts the connection without an answer; `hang` leaves it open without one. */
export type FakeAnswer = Response | 'reset' | 'hang';

export type FakeRequest = {
  method: string;
  url: URL;
  headers: Headers;
  body: Uint8Array;
  text: string;
  /** Undefined when the body is none. */
  json: unknown;
};

export type FakeServer = {
  origin: string;
  /** Resolves when the first answer has come to a halt: then the other side can be told to give up. */
  stalled: Promise<void>;
  close(): void;
};

/** What any provider may answer with instead of what it should; `enormous` never ends and `slow` stops in its midst. */
export const BAD_ANSWERS = ['reset', 'hang', 'html', 'empty', 'enormous', 'not_json', 'slow'] as const;
/** A header of ours. */
const STALLS = 'x-fake-stalls';
const PADDING = new Uint8Array(256 * 1024).fill(0x20);
export type BadAnswer = (typeof BAD_ANSWERS)[number];

export async function startFake(
  handler: (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>,
): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  const stalled = Promise.withResolvers<void>();
  const server = createServer((message, response) => {
    answer(message, response).catch((thrown: unknown) => {
      if (response.headersSent) return void message.socket.destroy();
      response.statusCode = 599;
      response.end(`the fake has a fault: ${String(thrown)}`);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = await handler(await read(message));
    if (given === 'hang') return stalled.resolve();
    if (given === 'reset') return void message.socket.destroy();
    response.writeHead(given.status, Object.fromEntries(given.headers));
    for await (const piece of given.body ?? []) {
      if (response.destroyed) return;
      if (!response.write(piece)) await drained(response);
      if (given.headers.has(STALLS)) stalled.resolve();
    }
    response.end();
  }
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    stalled: stalled.promise,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

async function read(message: IncomingMessage): Promise<FakeRequest> {
  const pieces: Uint8Array[] = [];
  for await (const piece of message as AsyncIterable<Uint8Array>) pieces.push(piece);
  const body = new Uint8Array(Buffer.concat(pieces));
  const text = new TextDecoder().decode(body);
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, [value].flat().join(', '));
  const url = new URL(message.url ?? '/', `http://${message.headers.host ?? 'localhost'}`);
  return { method: message.method ?? 'GET', url, headers, body, text, json: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type FormPart = { name: string; text: string } | { name: string; file: File };

/** The parts of a `multipart/form-data` request, in their order. */
export async function formOf({ headers, body }: FakeRequest): Promise<FormPart[]> {
  const contentType = headers.get('content-type') ?? '';
  const form = await new Response(body, { headers: { 'content-type': contentType } }).formData();
  const entries = Array.from<[string, unknown]>(form.entries());
  return entries.map(([name, value]) =>
    value instanceof File ? { name, file: value } : { name, text: String(value) },
  );
}

export function badAnswer(name: BadAnswer, status = 200): FakeAnswer {
  switch (name) {
    case 'reset':
    case 'hang':
      return name;
    case 'html':
      return new Response('<html><body><h1>Bad gateway</h1></body></html>', {
        status,
        headers: { 'content-type': 'text/html' },
      });
    case 'empty':
      return new Response('', { status });
    case 'enormous':
      return new Response(new ReadableStream({ pull: (stream) => stream.enqueue(PADDING) }), { status });
    case 'not_json':
      return new Response('{"id": "cut', { status, headers: { 'content-type': 'application/json' } });
    case 'slow':
      return new Response(
        new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('{"id":')) }),
        { status, headers: { 'content-type': 'application/json', [STALLS]: 'yes' } },
      );
  }
}

/** Media, as every provider serves it. */
export function mediaAnswer(bytes: Uint8Array, contentType: string): Response {
  return new Response(bytes, {
    headers: { 'content-type': contentType, 'content-length': String(bytes.length) },
  });
}
