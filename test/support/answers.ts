// Holding an answer against what its route declares: a status that it names, a body of the declared schema, an error
// that is in the catalogue and in the route's list.
import { expect } from 'bun:test';
import * as v from 'valibot';
import { ERROR_CATALOGUE, type ErrorCode } from '../../src/errors.ts';
import type { DeclaredRoute } from '../../src/http/index.ts';

export type Answer = {
  status: number;
  headers: Headers;
  /** The body as JSON; empty when it is none. */
  json: Record<string, unknown>;
  bytes: Uint8Array;
  /** The type of the error; null for a success. */
  code: ErrorCode | null;
};

/** What any route can refuse with, besides what it declares itself. */
const COMMON: readonly ErrorCode[] = [
  'authentication_required',
  'authentication_failed',
  'auth_rate_limited',
  'insufficient_permissions',
  'rate_limit_exceeded',
  'invalid_input',
  'invalid_json',
  'invalid_idempotency_key',
  'idempotency_key_required',
  'unsupported_media_type',
  'payload_too_large',
  'method_not_allowed',
  'service_unavailable',
];

type Exchange = { method: string; path: string; response: Response };

export async function checkAnswer(routes: readonly DeclaredRoute[], exchange: Exchange): Promise<Answer> {
  const { method, path, response } = exchange;
  const bytes = await response.bytes();
  const isJson =
    response.headers.get('content-type')?.startsWith('application/json') === true && bytes.length > 0;
  const json = isJson ? (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>) : {};
  const code = json['ok'] === false && 'code' in json ? (json['code'] as ErrorCode) : null;
  const answer: Answer = { status: response.status, headers: response.headers, json, bytes, code };
  expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/);
  if (code !== null) checkError(answer, code);
  const route = routes.find((known) => known.method === method && matches(known.path, path));
  if (route !== undefined) checkDeclared(route, answer);
  return answer;
}

function checkError({ status, headers, json }: Answer, code: ErrorCode): void {
  const entry = ERROR_CATALOGUE[code];
  expect(entry).toBeDefined();
  expect([entry.status, entry.status === 422 ? 400 : entry.status]).toContain(status);
  expect(json['requestId']).toBe(headers.get('x-request-id'));
  expect(json['error']).toMatchObject({ code: entry.bse, type: code, retryable: entry.retryable });
  if (status === 429 || status === 503) expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

function checkDeclared({ declaration, method, path }: DeclaredRoute, answer: Answer): void {
  const { status, code, json } = answer;
  if (code !== null) {
    expect([...declaration.errors, ...COMMON], `${method} ${path} declares its errors`).toContain(code);
    return;
  }
  const declared = declaration.answers[status];
  expect(declared, `${method} ${path} declares the status ${status}`).toBeDefined();
  if (declared?.schema === undefined) return;
  const result = v.safeParse(declared.schema, json);
  expect(result.issues?.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`) ?? []).toEqual([]);
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = (path.split('?')[0] ?? '').split('/');
  return (
    wanted.length === given.length &&
    wanted.every((segment, at) => segment.startsWith(':') || segment === given[at])
  );
}
