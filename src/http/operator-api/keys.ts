// A customer's API keys. A key is shown in the answer that makes it and never again, not even to a retry.
import { Elysia } from 'elysia';
import type { MadeKey } from '../../keys/index.ts';
import { keyAnswer, keyList, madeKeyAnswer, rotatedKeyAnswer } from './answers.ts';
import { keyExample, madeKeyExample } from './examples.ts';
import type { RouteDeclaration } from '../route.ts';
import { change, OPERATOR, type OperatorApiParts } from './parts.ts';
import { renderKey } from './render.ts';
import {
  customerParams,
  keyChangeSchema,
  keyDeleteQuery,
  keyParams,
  newKeySchema,
  noQuery,
  rotationSchema,
} from './schemas.ts';

const TAG = 'API keys';
const PATH = '/api/public/customers/:customerId/api-keys';
const ONCE_NOTE =
  '`apiKey` is in this answer only; a retry with the same `Idempotency-Key` finds the key again with `apiKey: null`.';

const LIST_KEYS: RouteDeclaration = {
  operationId: 'listKeys',
  tag: TAG,
  summary: 'List API keys',
  access: OPERATOR,
  answers: {
    200: {
      description: 'All keys, also those that stopped working.',
      schema: keyList,
      example: { ok: true, keys: [keyExample] },
    },
  },
  errors: ['account_not_found'],
};

const CREATE_KEY: RouteDeclaration = {
  operationId: 'createKey',
  tag: TAG,
  summary: 'Create an API key',
  description: `Without \`preset\` or \`scopes\` the key gets full access. ${ONCE_NOTE}`,
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { mode: 'live', name: 'backend', preset: 'generate_only' },
  answers: { 201: { description: 'The key.', schema: madeKeyAnswer, example: madeKeyExample } },
  errors: ['invalid_input', 'account_not_found', 'invalid_state', 'idempotency_key_conflict'],
};

const CHANGE_KEY: RouteDeclaration = {
  operationId: 'changeKey',
  tag: TAG,
  summary: 'Change an API key',
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { name: 'backend (old)' },
  answers: { 200: { description: 'The key.', schema: keyAnswer, example: { ok: true, key: keyExample } } },
  errors: ['invalid_input', 'not_found', 'invalid_state', 'idempotency_key_conflict'],
};

const ROTATE_KEY: RouteDeclaration = {
  operationId: 'rotateKey',
  tag: TAG,
  summary: 'Rotate an API key',
  description: `Makes a successor with the same rights; the old key works for \`graceHours\` longer. ${ONCE_NOTE}`,
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { graceHours: 24 },
  isBodyOptional: true,
  answers: {
    201: {
      description: 'The new key and the old one.',
      schema: rotatedKeyAnswer,
      example: { ...madeKeyExample, previous: keyExample },
    },
  },
  errors: [
    'invalid_input',
    'account_not_found',
    'not_found',
    'key_not_rotatable',
    'idempotency_key_conflict',
  ],
};

const REVOKE_KEY: RouteDeclaration = {
  operationId: 'revokeKey',
  tag: TAG,
  summary: 'Revoke or delete an API key',
  description: 'In force at the next request. The key stays listed; with `?purge=true` it is deleted.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  answers: {
    200: {
      description: 'The key.',
      schema: keyAnswer,
      example: { ok: true, key: { ...keyExample, status: 'revoked' } },
    },
  },
  errors: ['invalid_input', 'not_found', 'idempotency_key_conflict'],
};

export function keyRoutes(parts: OperatorApiParts) {
  const { route, keys, customers, operations, db, clock } = parts;
  const target = (params: { customerId: string; keyId: string }) => ({
    customerId: params.customerId,
    id: params.keyId,
  });
  return new Elysia()
    .get(
      PATH,
      async ({ params }) => {
        await customers.get(db.read, params.customerId);
        const rows = await keys.list(db.read, params.customerId);
        return { ok: true as const, keys: rows.map((key) => renderKey(key, clock.now())) };
      },
      {
        ...route.plain(LIST_KEYS),
        params: customerParams,
        query: noQuery,
      },
    )
    .post(
      PATH,
      ({ request, params, body }) => {
        const { mode, name = null, preset, scopes, ipAllowlist = null, expiresAt = null } = body;
        const key = { customerId: params.customerId, mode, name, preset, scopes, ipAllowlist, expiresAt };
        return change(parts, request, operations.createKey(key), renderMade);
      },
      {
        ...route.withBody(CREATE_KEY),
        params: customerParams,
        body: newKeySchema,
        query: noQuery,
      },
    )
    .patch(
      `${PATH}/:keyId`,
      ({ request, params, body }) =>
        change(parts, request, operations.changeKey(target(params), body), (key) => ({
          body: { ok: true, key: renderKey(key, clock.now()) },
        })),
      {
        ...route.withBody(CHANGE_KEY),
        params: keyParams,
        body: keyChangeSchema,
        query: noQuery,
      },
    )
    .post(
      `${PATH}/:keyId/rotate`,
      ({ request, params, body }) =>
        change(parts, request, operations.rotateKey({ ...target(params), ...body }), (made) => {
          const { status, body: shown, stored } = renderMade(made);
          const previous = renderKey(made.previous, clock.now());
          return { status, body: { ...shown, previous }, stored: { ...stored, previous } };
        }),
      {
        ...route.withBody(ROTATE_KEY),
        params: keyParams,
        body: rotationSchema,
        query: noQuery,
      },
    )
    .delete(
      `${PATH}/:keyId`,
      ({ request, params, query }) => {
        const action =
          query.purge === 'true' ? operations.purgeKey(target(params)) : operations.revokeKey(target(params));
        return change(parts, request, action, (key) => ({
          body: { ok: true, key: renderKey(key, clock.now()) },
        }));
      },
      {
        ...route.plain(REVOKE_KEY),
        params: keyParams,
        query: keyDeleteQuery,
      },
    );

  function renderMade({ key, secret }: MadeKey) {
    const shown = { ok: true, apiKey: secret, key: renderKey(key, clock.now()) };
    return { status: 201, body: shown, stored: { ...shown, apiKey: null } };
  }
}
