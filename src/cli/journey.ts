// The journey that the demo tells: what an operator and then a customer do, request by request, the way clients do.
import { GatewayError } from '../errors.ts';
import { MINUTE_MS, SECOND_MS } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { send, type Json } from './request.ts';

export type Journey = {
  made: { kind: 'image' | 'video'; extension: string; content: Uint8Array; credits: number }[];
  /** The oldest first. */
  ledger: Entry[];
  balance: number;
};

type Entry = {
  type: string;
  amount: number;
  balanceAfter: number;
  reservedAfter: number;
  reason: string | null;
};

type JourneyParts = {
  url: string;
  operatorKey: string;
  runtime: Runtime;
  note: (line: string) => void;
};

type Call = (method: 'GET' | 'POST', path: string, options: CallOptions) => Promise<Json>;
type CallOptions = { key: string; body?: Json; idempotencyKey?: string };

const ORDERS = {
  image: { path: '/v1/images/generate', body: { prompt: 'A lighthouse at dawn', size: '16:9_SMALL' } },
  video: {
    path: '/v1/videos/generate',
    body: { prompt: 'Waves roll in below a lighthouse', size: '16:9_SMALL', duration: 4 },
  },
} as const;

const DOWNLOAD_LIMIT_MS = 30 * SECOND_MS;
const WAIT_SECONDS = 2;
/** A machine that needs longer for four seconds of film is out of order. */
const JOB_LIMIT_MS = 3 * MINUTE_MS;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

export async function tellJourney(parts: JourneyParts): Promise<Journey> {
  const { operatorKey, note } = parts;
  const call = callerOf(parts);
  const created = await call('POST', '/api/public/customers', {
    key: operatorKey,
    body: { name: 'Demo', plan: 'pro' },
  });
  const { customerId } = created['customer'] as { customerId: string };
  const customer = `/api/public/customers/${customerId}`;
  note(`The operator made the customer ${customerId}, with 100000 test credits`);
  const made = await call('POST', `${customer}/api-keys`, { key: operatorKey, body: { mode: 'test' } });
  const key = String(made['apiKey']);
  note(`and the key ${key.slice(0, 16)}….`);

  const [image, video] = [
    await order(call, note, { kind: 'image', key }),
    await order(call, note, { kind: 'video', key }),
  ];
  await repeat(call, note, { kind: 'image', key, first: image });
  const files = await Promise.all([
    follow(parts, call, { kind: 'image', key, job: image }),
    follow(parts, call, { kind: 'video', key, job: video }),
  ]);
  const books = await call('GET', `${customer}/credits?mode=test`, { key: operatorKey });
  return {
    made: files,
    ledger: (books['entries'] as Entry[]).toReversed(),
    balance: Number(books['creditsBalance']),
  };
}

type Kind = keyof typeof ORDERS;
type Accepted = { jobId: string; credits: number };

async function order(
  call: Call,
  note: (line: string) => void,
  { kind, key }: { kind: Kind; key: string },
): Promise<Accepted> {
  const { path, body } = ORDERS[kind];
  const answer = await call('POST', path, { key, body, idempotencyKey: `demo-${kind}` });
  const accepted = { jobId: String(answer['jobId']), credits: Number(answer['chargedCredits']) };
  note(`${kind}: accepted as ${accepted.jobId}, ${accepted.credits} credits reserved`);
  return accepted;
}

/** The same request with the same key, as a client sends it that has lost the answer. */
async function repeat(
  call: Call,
  note: (line: string) => void,
  { kind, key, first }: { kind: Kind; key: string; first: Accepted },
): Promise<void> {
  const before = await call('GET', '/v1/usage', { key });
  const { path, body } = ORDERS[kind];
  const replay = await call('POST', path, { key, body, idempotencyKey: `demo-${kind}` });
  const after = await call('GET', '/v1/usage', { key });
  const cost = Number(before['creditsAvailable']) - Number(after['creditsAvailable']);
  const isSame = replay['jobId'] === first.jobId && replay['idempotentReplay'] === true;
  if (!isSame || cost !== 0)
    throw new GatewayError('internal_error', { message: `The replay cost ${cost} credits.` });
  note(`${kind}: the same request sent again found the same job and cost 0 credits`);
}

async function follow(
  parts: JourneyParts,
  call: Call,
  { kind, key, job }: { kind: Kind; key: string; job: Accepted },
): Promise<Journey['made'][number]> {
  const { clock } = parts.runtime;
  const startedMs = clock.elapsedMs();
  const seconds = () => ((clock.elapsedMs() - startedMs) / SECOND_MS).toFixed(1);
  for (;;) {
    const answer = await call('GET', `/v1/jobs/${job.jobId}/result?wait=${WAIT_SECONDS}`, { key });
    if (answer['status'] === 'completed') {
      parts.note(`${kind}: completed after ${seconds()} s`);
      const content = await download(parts, String(answer['url']));
      return { kind, extension: kind === 'image' ? 'png' : 'mp4', content, credits: job.credits };
    }
    if (clock.elapsedMs() - startedMs > JOB_LIMIT_MS) {
      throw new GatewayError('provider_timeout', {
        message: `The ${kind} was not ready after ${seconds()} s.`,
      });
    }
    parts.note(`${kind}: in the works for ${seconds()} s`);
  }
}

async function download({ url, runtime }: JourneyParts, link: string): Promise<Uint8Array> {
  const outcome = await runtime.net.fetch({
    url: link,
    destination: { kind: 'operator', origin: url },
    deadlineMs: DOWNLOAD_LIMIT_MS,
    maxBytes: MAX_FILE_BYTES,
  });
  if (outcome.kind === 'response' && outcome.status === 200) return outcome.body;
  throw new GatewayError('internal_error', { message: 'The link to a finished file does not work.' });
}

function callerOf({ url, runtime }: JourneyParts): Call {
  return async (method, path, options) => {
    const outcome = await send(runtime.net, { url, method, path, ...options });
    if (outcome.kind !== 'answered' || outcome.json === null) {
      throw new GatewayError('internal_error', { message: `${method} ${path} got no answer.` });
    }
    if (outcome.status < 300) return outcome.json;
    const { message } = outcome.json['error'] as { message?: string };
    throw new GatewayError('internal_error', { message: `${method} ${path} was refused: ${message}` });
  };
}
