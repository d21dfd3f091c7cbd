// One request from a command to a gateway of the same operator.
import { SECOND_MS } from '../runtime/clock.ts';
import type { Net } from '../runtime/index.ts';
import type { NetFailure } from '../runtime/net-outcome.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
export type Json = Record<string, unknown>;

export type GatewayRequest = {
  /** Where the gateway listens, such as `http://127.0.0.1:8080`. */
  url: string;
  method: Method;
  path: string;
  /** The bearer key. */
  key: string;
  body?: Json | undefined;
  idempotencyKey?: string | undefined;
};

/** `json` is null where the answer is none. */
export type Answered = { kind: 'answered'; status: number; json: Json | null };

/** Long enough for an audit of a large database, and for a request that waits for a job. */
const LIMIT_MS = 60 * SECOND_MS;
/** What a list of a few thousand rows can come to. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export async function send(net: Net, request: GatewayRequest): Promise<Answered | NetFailure> {
  const { url, method, path } = request;
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const outcome = await net.fetch({
    url: url + path,
    destination: { kind: 'operator', origin: url },
    method,
    headers: headersOf(request),
    ...(body === undefined ? {} : { body }),
    deadlineMs: LIMIT_MS,
    firstByteMs: LIMIT_MS,
    maxBytes: MAX_ANSWER_BYTES,
  });
  if (outcome.kind !== 'response') return outcome;
  const text = new TextDecoder().decode(outcome.body);
  return { kind: 'answered', status: outcome.status, json: parseAnswer(text) };
}

export function headersOf({ key, body, idempotencyKey }: Omit<GatewayRequest, 'url' | 'path' | 'method'>) {
  return {
    authorization: `Bearer ${key}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  };
}

export function parseAnswer(text: string): Json | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Json) : null;
  } catch {
    return null;
  }
}
