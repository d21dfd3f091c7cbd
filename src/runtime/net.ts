// The network, and the only way out of the process. Every call states where it may go and how long and how large it
// may become; it is judged, pinned to the address that was judged, and never made inside a database transaction.
import { lookup } from 'node:dns/promises';
import type { Clock } from './clock.ts';
import { exchange, systemDial, type Dial } from './net-exchange.ts';
import { admit, judgeHeaders, type Resolve } from './net-guard.ts';
import { createWatch, type Watch } from './net-limits.ts';
import type { NetDownload, NetFailure, NetRequest, NetResponse, Sink } from './net-outcome.ts';
import { assert } from '../errors.ts';

export type Net = {
  /** For answers that fit into memory: the body of every status, up to `maxBytes`. */
  fetch(request: NetRequest): Promise<NetResponse | NetFailure>;
  /**
   * For large answers: hands the body of a 2xx to `sink` piece by piece, at the sink's pace; any other status comes
   * without its body. Has ended with the sink when it resolves; rejects with what the sink threw.
   */
  download(request: NetRequest, sink: Sink): Promise<NetDownload | NetFailure>;
};

export type NetOptions = {
  clock: Clock;
  /** Defaults to the system's resolver, which reads the hosts file too. */
  resolve?: Resolve;
  /** A call while this is true is a bug: the transaction would wait for somebody else's server. */
  isInTransaction?: () => boolean;
};

/** Long enough for a busy server, short enough that one that never answers holds nobody up. */
const FIRST_BYTE_LIMIT_MS = 5000;
const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What may follow a redirect to another origin; credentials and everything unknown stay behind. */
const HARMLESS_HEADERS = new Set(['accept', 'user-agent']);

export function createNet(options: NetOptions): Net {
  return createNetWith({ ...options, dial: systemDial });
}

/** `createNet` with the last step, connecting, exchanged: for tests of the guard. The product has no use for it. */
export function createNetWith(options: NetOptions & { dial: Dial }): Net {
  const isInTransaction = options.isInTransaction ?? (() => false);
  const call = async (request: NetRequest, sinkFor: SinkFor) => {
    assert(!isInTransaction(), 'a network call must not be made inside a transaction');
    assertBounded(request);
    const watch = createWatch(options.clock, request);
    try {
      return await follow(request, sinkFor, { ...options, watch });
    } finally {
      watch.end();
    }
  };
  return {
    async fetch(request) {
      const pieces: Uint8Array[] = [];
      const outcome = await call(request, () => (piece) => void pieces.push(piece));
      if (outcome.kind !== 'response') return outcome;
      const { sizeBytes: _, ...response } = outcome;
      return { ...response, body: new Uint8Array(Buffer.concat(pieces)) };
    },
    download: (request, sink) => call(request, (status) => (status < 300 ? sink : null)),
  };
}

/** A missing number must not become a missing limit: nothing is larger than NaN. */
function assertBounded(request: NetRequest): void {
  const redirects = request.maxRedirects ?? 0;
  assert(request.deadlineMs > 0 && Number.isFinite(request.deadlineMs), 'a call needs a deadline');
  assert(request.maxBytes >= 0 && Number.isFinite(request.maxBytes), 'a call needs a size limit');
  assert(redirects >= 0 && redirects <= MAX_REDIRECTS, `a call follows 0 to ${MAX_REDIRECTS} redirects`);
  assert(
    redirects === 0 || isRepeatable(request),
    'only GET and HEAD follow redirects: the rest would act twice',
  );
}

type SinkFor = (status: number) => Sink | null;
type Means = { resolve?: Resolve; dial: Dial; watch: Watch };

/** One exchange, and one more for each redirect that the request allows. */
async function follow(
  request: NetRequest,
  sinkFor: SinkFor,
  means: Means,
): Promise<NetDownload | NetFailure> {
  let url = request.url;
  let destination = request.destination;
  let headers: Record<string, string> = { 'user-agent': 'sluice', ...lowerCased(request.headers ?? {}) };
  const refusal = judgeHeaders(headers);
  if (refusal !== null) return refusal;
  for (let left = request.maxRedirects ?? 0; ; left--) {
    const admission = await admit(url, destination, {
      resolve: means.resolve ?? systemResolve,
      watch: means.watch,
    });
    if (admission.kind !== 'admitted') return admission;
    const mayFollow = (status: number) => left > 0 && REDIRECTS.has(status);
    const outcome = await exchange(
      {
        url: admission.url,
        addresses: admission.addresses,
        method: request.method ?? 'GET',
        headers,
        body: request.body,
        firstByteMs: request.firstByteMs ?? FIRST_BYTE_LIMIT_MS,
        maxBytes: request.maxBytes,
      },
      { ...means, sinkFor: (status) => (mayFollow(status) ? null : sinkFor(status)) },
    );
    if (outcome.kind !== 'response' || !mayFollow(outcome.status)) return outcome;
    const next = nextUrl(outcome, admission.url);
    if (next === null) return outcome;
    if (next.origin !== admission.url.origin) {
      headers = harmless(headers);
      // Who was led away from the operator's origin is not led back into it with its privilege.
      destination = { kind: 'public' };
    }
    url = next.href;
  }
}

function nextUrl(answer: NetDownload, from: URL): URL | null {
  const location = answer.headers['location'];
  return location === undefined ? null : URL.parse(location, from.href);
}

function harmless(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS_HEADERS.has(name)));
}

function isRepeatable(request: NetRequest): boolean {
  return request.body === undefined && ['GET', 'HEAD'].includes(request.method ?? 'GET');
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

async function systemResolve(host: string): Promise<string[]> {
  const answers = await lookup(host, { all: true });
  return answers.map((answer) => answer.address);
}
