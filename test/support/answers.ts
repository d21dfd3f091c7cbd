// Holding an answer against what its route declares: a status that it names, a body of the declared schema, an error
// that is in the catalogue and in the route's list.
import { expect } from 'bun:test';
import { gunzipSync } from 'node:zlib';
import * as v from 'valibot';
import { ERROR_CATALOGUE, type ErrorCode } from '../../src/errors.ts';
import { errorSchema } from '../../src/http/error-body.ts';
import type { DeclaredRoute } from '../../src/http/index.ts';
import { refusalsOf } from '../../src/http/refusals.ts';

export type Answer = {
  status: number;
  headers: Headers;
  /** The body as JSON, also where it was sent compressed; empty when it is none. */
  json: Record<string, unknown>;
  bytes: Uint8Array;
  /** The type of the error; null for a success. */
  code: ErrorCode | null;
};

type Exchange = { method: string; path: string; response: Response };

export async function checkAnswer(routes: readonly DeclaredRoute[], exchange: Exchange): Promise<Answer> {
  const { method, path, response } = exchange;
  const bytes = await response.bytes();
  const isJson =
    response.headers.get('content-type')?.startsWith('application/json') === true && bytes.length > 0;
  const plain = response.headers.get('content-encoding') === 'gzip' ? gunzipSync(bytes) : bytes;
  const json = isJson ? (JSON.parse(new TextDecoder().decode(plain)) as Record<string, unknown>) : {};
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
  expect(faultsOf(errorSchema, json)).toEqual([]);
  expect([entry.status, entry.status === 422 ? 400 : entry.status]).toContain(status);
  expect(json['requestId']).toBe(headers.get('x-request-id'));
  expect(json['error']).toMatchObject({ code: entry.bse, type: code, retryable: entry.retryable });
  if (status === 429 || status === 503) expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

function checkDeclared(route: DeclaredRoute, { status, code, json }: Answer): void {
  const { declaration, method, path } = route;
  if (code !== null) {
    expect(refusalsOf(route), `${method} ${path} declares its errors`).toContain(code);
    return;
  }
  const declared = declaration.answers[status];
  expect(declared, `${method} ${path} declares the status ${status}`).toBeDefined();
  if (declared?.schema === undefined) return;
  expect(faultsOf(declared.schema, json)).toEqual([]);
}

/** What a schema says against a value; empty when it fits. */
export function faultsOf(schema: v.GenericSchema, value: unknown): string[] {
  const { issues = [] } = v.safeParse(schema, value);
  return issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`);
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = (path.split('?')[0] ?? '').split('/');
  return (
    wanted.length === given.length &&
    wanted.every((segment, at) => segment.startsWith(':') || segment === given[at])
  );
}
