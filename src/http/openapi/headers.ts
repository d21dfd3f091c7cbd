// Headers in the OpenAPI file: the ones that answers of a kind all have, as components, and those of single routes.
import type { RouteDeclaration } from '../route.ts';

const whole = { type: 'integer', minimum: 0 } as const;

export const HEADER_COMPONENTS = {
  'X-Request-Id': {
    description: 'Names this request in the log of the gateway.',
    schema: { type: 'string', examples: ['req_01m7xyqn02e3fa7ae8dqfy7sce'] },
  },
  'X-RateLimit-Limit': {
    description: 'What may pass in any 60 seconds: generations on a generate route, else requests.',
    schema: whole,
  },
  'X-RateLimit-Remaining': { description: 'How many of them are left now.', schema: whole },
  'X-RateLimit-Reset': {
    description: 'When one more becomes free, in seconds since 1970.',
    schema: whole,
  },
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
  'Idempotency-Replayed': {
    description: 'Sent when the answer is that of an earlier request with the same key.',
    schema: { type: 'string', const: 'true' },
  },
  'WWW-Authenticate': { description: 'How to authenticate.', schema: { type: 'string', const: 'Bearer' } },
} as const;

type HeaderName = keyof typeof HEADER_COMPONENTS;

const RATE: readonly HeaderName[] = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'];

function references(names: readonly HeaderName[]) {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

/** Those of a success, with what the route says of its own. */
export function answerHeaders(
  { access, idempotencyKey = 'unused' }: RouteDeclaration,
  own: Readonly<Record<string, string>> = {},
) {
  const described = Object.entries(own).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  return {
    ...references([
      'X-Request-Id',
      ...(access.kind === 'customer' ? RATE : []),
      ...(idempotencyKey === 'unused' ? [] : (['Idempotency-Replayed'] as const)),
    ]),
    ...Object.fromEntries(described),
  };
}

/** Those of a refusal with this status. Before a key is known to be good nothing is said about its limits. */
export function refusalHeaders({ access }: RouteDeclaration, status: number) {
  return references([
    'X-Request-Id',
    ...(access.kind === 'customer' && status === 429 ? RATE : []),
    ...(status === 429 || status === 503 ? (['Retry-After'] as const) : []),
    ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
  ]);
}
