// What a route can refuse with: what it declares itself, and what its access, its body and its idempotency key bring
// with them. The reference lists these, and the tests accept no others.
import type { ErrorCode } from '../errors.ts';
import type { Access, KeyRule } from './admission.ts';
import type { DeclaredRoute } from './route.ts';

const OF_ACCESS: Readonly<Record<Access['kind'], readonly ErrorCode[]>> = {
  customer: [
    'authentication_required',
    'authentication_failed',
    'auth_rate_limited',
    'ip_not_allowed',
    'insufficient_permissions',
    'rate_limit_exceeded',
    'service_unavailable',
  ],
  operator: ['authentication_required', 'authentication_failed', 'auth_rate_limited', 'service_unavailable'],
  public: [],
};

const OF_BODY: readonly ErrorCode[] = ['payload_too_large', 'unsupported_media_type', 'invalid_json'];

const OF_KEY: Readonly<Record<KeyRule, readonly ErrorCode[]>> = {
  required: ['idempotency_key_required', 'invalid_idempotency_key'],
  optional: ['invalid_idempotency_key'],
  unused: [],
};

/** Every code that a route may answer with, but `internal_error`, which no route is meant to. */
export function refusalsOf({ declaration, input }: DeclaredRoute): ErrorCode[] {
  const { access, idempotencyKey = 'unused', errors } = declaration;
  return [
    ...new Set<ErrorCode>([
      // The request line and the query are checked everywhere.
      'invalid_input',
      ...OF_ACCESS[access.kind],
      ...(input.body === undefined && declaration.fileBody === undefined ? [] : OF_BODY),
      ...OF_KEY[idempotencyKey],
      ...errors,
    ]),
  ];
}
