// A client of the simulated gateway: it sends a request, holds the answer against what every answer must be, and learns
// nothing when the process dies meanwhile.
import type { ErrorCode } from '../../src/errors.ts';
import { SIM_URL, type SimGateway } from './sim-gateway.ts';

export type SimAnswer = {
  status: number;
  /** The type of the error; null for a success. */
  code: ErrorCode | null;
  json: Record<string, unknown>;
  headers: Headers;
  bytes: number;
  /** How long it says to wait before the next try; 0 when it does not. */
  retryAfterMs: number;
};

export type SimRequest = {
  key?: string;
  body?: unknown;
  idempotencyKey?: string;
  headers?: Record<string, string>;
};

/** Null when there was no answer: what was asked may have been done, or not. */
export type Send = (method: string, path: string, request?: SimRequest) => Promise<SimAnswer | null>;

export function createSend(gateway: Pick<SimGateway, 'handle'>, say: (fault: string) => void): Send {
  return async (method, path, request = {}) => {
    const response = await gateway.handle(makeRequest(method, path, request));
    if (response === null) return null;
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    const body = await response.bytes();
    const json = isJson ? (JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>) : {};
    const code = json['ok'] === false ? (json['code'] as ErrorCode) : null;
    const { status, headers } = response;
    const retryAfterMs = Number(headers.get('retry-after') ?? 0) * 1000;
    const answer = { status, code, json, headers, bytes: body.length, retryAfterMs };
    for (const fault of judge(answer, isJson)) say(`${method} ${path}: ${fault}`);
    return answer;
  };
}

function makeRequest(
  method: string,
  path: string,
  { key, body, idempotencyKey, headers }: SimRequest,
): Request {
  return new Request(SIM_URL + path, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function judge({ status, code, json, headers, retryAfterMs }: SimAnswer, isJson: boolean): string[] {
  const faults: string[] = [];
  if (!headers.has('x-request-id')) faults.push('has no request id');
  if (isJson && json['ok'] !== status < 400) faults.push(`says ok ${String(json['ok'])} with ${status}`);
  if (status >= 500 && status !== 503) faults.push(`answers ${status} ${code ?? ''}`);
  if (code === null) return status < 400 ? faults : [...faults, `answers ${status} without an error`];
  const isToWait = status === 429 || status === 503;
  if (isToWait && !(retryAfterMs >= 1000)) faults.push('says no time to wait');
  return faults;
}
