// One request over one connection of its own, to an address that was judged before. Built on node:https because
// fetch ignores a pinned look-up, inflates answers without limit, obeys proxies of the environment and reads files.
// Follows no redirect and judges no address.
import http from 'node:http';
import https from 'node:https';
import { hostOf } from './net-guard.ts';
import type { Cut, Watch } from './net-limits.ts';
import type { Ambiguous, NetDownload, NetHead, PartialAnswer, Sink, Unsent } from './net-outcome.ts';
import { messageOf } from '../errors.ts';

/** Opens a connection to exactly this address. A test hands in its own to lead judged addresses to the loopback. */
export type Dial = (address: string, url: URL, options: https.RequestOptions) => http.ClientRequest;

export type Hop = {
  url: URL;
  addresses: readonly string[];
  method: string;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array | string | undefined;
  firstByteMs: number;
  maxBytes: number;
};

export type HopMeans = {
  dial: Dial;
  watch: Watch;
  /** Where the body of an answer with this status goes; null leaves it unread. */
  sinkFor: (status: number) => Sink | null;
};

/** Connecting and the TLS handshake, for one address. */
const CONNECT_LIMIT_MS = 3000;
/** A name with more addresses than this has its first ones tried. */
const MAX_ADDRESSES = 3;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 128;

export const systemDial: Dial = (_address, url, options) =>
  url.protocol === 'https:' ? https.request(options) : http.request(options);

/** @returns the answer with its body handed to the sink, or how far it came. Rejects only with what the sink threw. */
export async function exchange(
  hop: Hop,
  means: HopMeans,
): Promise<NetDownload | Unsent | Ambiguous | PartialAnswer> {
  const line = await connect(hop, means);
  if (line.kind !== 'open') return line;
  try {
    // The first byte is written here, after the connection stands: what failed before is certainly unsent.
    line.request.end(hop.body);
    const answer = await means.watch.race(line.answered, hop.firstByteMs);
    if (answer.kind === 'cut') return { kind: 'ambiguous', reason: answer.reason, detail: hop.url.host };
    if (answer.kind === 'ambiguous') return answer;
    return await receive(answer.message, hop, means);
  } finally {
    line.request.destroy();
  }
}

type Line = {
  request: http.ClientRequest;
  opened: Promise<{ kind: 'open' } | Unsent>;
  answered: Promise<{ kind: 'answered'; message: http.IncomingMessage } | Ambiguous>;
};

/** Tries the addresses in turn until a connection stands. */
async function connect(hop: Hop, means: HopMeans): Promise<(Line & { kind: 'open' }) | Unsent> {
  let last: Unsent = { kind: 'unsent', reason: 'connect_failed', detail: 'no address' };
  for (const address of hop.addresses.slice(0, MAX_ADDRESSES)) {
    const line = open(address, hop, means.dial);
    const opened = await means.watch.race(line.opened, CONNECT_LIMIT_MS);
    if (opened.kind === 'open') return { kind: 'open', ...line };
    line.request.destroy();
    last = opened.kind === 'cut' ? tooSlow(opened, address) : opened;
    if (last.reason === 'deadline' || last.reason === 'aborted') return last;
  }
  return last;
}

function tooSlow(cut: Cut, address: string): Unsent {
  return { kind: 'unsent', reason: cut.reason === 'slow' ? 'connect_slow' : cut.reason, detail: address };
}

/** Starts a connection. All listeners are set before anything can happen, so that no event is missed. */
function open(address: string, hop: Hop, dial: Dial): Line {
  const isTls = hop.url.protocol === 'https:';
  const request = dial(address, hop.url, {
    host: hostOf(hop.url),
    port: hop.url.port === '' ? (isTls ? 443 : 80) : Number(hop.url.port),
    path: hop.url.pathname + hop.url.search,
    method: hop.method,
    headers: { ...hop.headers, ...framing(hop) },
    // Both are needed: a connection that is used again skips the look-up, and with it the judgement.
    agent: false,
    lookup: (_host, _options, answer) => answer(null, [{ address, family: address.includes(':') ? 6 : 4 }]),
    // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED of the environment counts only where nothing is said.
    rejectUnauthorized: true,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  let isConnected = false;
  const opened = new Promise<{ kind: 'open' } | Unsent>((resolve) => {
    const fail = (detail: string) =>
      resolve({ kind: 'unsent', reason: isConnected ? 'tls_failed' : 'connect_failed', detail });
    request.once('socket', (socket) => {
      socket.once('connect', () => (isConnected = true));
      socket.once(isTls ? 'secureConnect' : 'connect', () => resolve({ kind: 'open' }));
    });
    request.on('error', (error) => fail(codeOf(error)));
    request.once('close', () => fail('closed'));
  });
  return { request, opened, answered: answerOf(request) };
}

/** Without these two a server keeps waiting for a body, or misreads where it ends. */
function framing(hop: Hop): Record<string, string> {
  const hasBody = hop.body !== undefined || !['GET', 'HEAD', 'DELETE'].includes(hop.method);
  const length = hasBody ? { 'Content-Length': String(Buffer.byteLength(hop.body ?? '')) } : {};
  return { 'Accept-Encoding': 'identity', ...length };
}

function answerOf(request: http.ClientRequest): Line['answered'] {
  return new Promise((resolve) => {
    const lose = (reason: Ambiguous['reason'], detail: string) =>
      resolve({ kind: 'ambiguous', reason, detail });
    request.once('response', (message) => {
      // A stream that is destroyed reports it once more; nobody is left to hear it.
      message.on('error', () => {});
      const status = message.statusCode ?? 0;
      if (status < 200 || status > 599) return lose('malformed', `status ${status}`);
      resolve({ kind: 'answered', message });
    });
    request.on('error', (error) =>
      // HPE_ is the prefix of everything the HTTP parser refuses.
      lose(codeOf(error).startsWith('HPE_') ? 'malformed' : 'reset', codeOf(error)),
    );
    request.once('close', () => lose('reset', 'closed without an answer'));
  });
}

/** Reads the body into its sink and lets the peer wait while the sink is busy. */
async function receive(
  message: http.IncomingMessage,
  hop: Hop,
  means: HopMeans,
): Promise<NetDownload | PartialAnswer> {
  const head: NetHead = { status: message.statusCode ?? 0, headers: headersOf(message) };
  const partial = (reason: PartialAnswer['reason']): PartialAnswer => ({ kind: 'partial', reason, ...head });
  if (message.rawHeaders.length > 2 * MAX_HEADERS) return partial('too_many_headers');
  const sink = hop.method === 'HEAD' ? null : means.sinkFor(head.status);
  if (sink === null) return { kind: 'response', ...head, sizeBytes: 0 };
  if (isEncoded(head)) return partial('encoded');
  if (Number(head.headers['content-length'] ?? 0) > hop.maxBytes) return partial('too_large');
  const draining = drain(message, hop.maxBytes, sink);
  let drained = await means.watch.race(draining);
  if (drained.kind === 'cut') {
    // The sink is never left at work behind the caller's back.
    message.destroy();
    const end = await draining;
    if (end.kind !== 'sink_failed') return partial(drained.reason === 'slow' ? 'deadline' : drained.reason);
    drained = end;
  }
  if (drained.kind === 'sink_failed') throw drained.thrown;
  if (drained.kind === 'drained') return { kind: 'response', ...head, sizeBytes: drained.sizeBytes };
  return partial(drained.kind);
}

type Drained =
  | { kind: 'drained'; sizeBytes: number }
  | { kind: 'too_large' }
  | { kind: 'cut_short' }
  | { kind: 'sink_failed'; thrown: unknown };

async function drain(message: http.IncomingMessage, maxBytes: number, sink: Sink): Promise<Drained> {
  let sizeBytes = 0;
  try {
    for await (const piece of message as AsyncIterable<Uint8Array>) {
      sizeBytes += piece.byteLength;
      if (sizeBytes > maxBytes) return { kind: 'too_large' };
      try {
        await sink(piece);
      } catch (thrown) {
        return { kind: 'sink_failed', thrown };
      }
    }
  } catch {
    return { kind: 'cut_short' };
  }
  return { kind: 'drained', sizeBytes };
}

/** Inflating is refused altogether: 200 kB on the wire become 200 MB in memory. */
function isEncoded({ headers }: NetHead): boolean {
  const content = headers['content-encoding']?.trim().toLowerCase() ?? '';
  const transfer = headers['transfer-encoding']?.trim().toLowerCase() ?? '';
  return (content !== '' && content !== 'identity') || (transfer !== '' && transfer !== 'chunked');
}

function headersOf(message: http.IncomingMessage): Record<string, string> {
  const joined = new Map<string, string>();
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    const name = (message.rawHeaders[index] ?? '').toLowerCase();
    const value = message.rawHeaders[index + 1] ?? '';
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  // fromEntries makes `__proto__` a field like any other.
  return Object.fromEntries(joined);
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : messageOf(error);
}
