// Idempotency keys and content types that are wrong.
import { expect, test } from 'bun:test';
import { GENERATE, GOOD, onBoth } from './generate-calls.ts';
import { freshKey, openScene, runScenarios, type Scenario } from './scenario.ts';

runScenarios('the idempotency key', [
  ...GENERATE.map((path): Scenario => ({
    name: `none on ${path}`,
    call: { method: 'POST', path, text: GOOD },
    answer: { status: 400, code: 'idempotency_key_required', field: 'Idempotency-Key' },
  })),
  ...[
    '',
    ' ',
    '""',
    'a'.repeat(256),
    'a b',
    'a, b',
    'a,b',
    '"a',
    'a"',
    String.raw`a\b`,
    'ä',
    'a\tb',
    'a\u007f',
  ].flatMap((key) =>
    onBoth(
      `${JSON.stringify(key).slice(0, 20)} of ${key.length}`,
      { idempotencyKey: key },
      {
        status: 400,
        code: 'invalid_idempotency_key',
        field: 'Idempotency-Key',
      },
    ),
  ),
  ...['a'.repeat(255), '!~{}|#$%&', ' padded ', '"quoted"'].flatMap((key, at) =>
    GENERATE.slice(at % 2, (at % 2) + 1).map((path): Scenario => ({
      name: `${key.slice(0, 20)} is taken`,
      call: { method: 'POST', path, text: GOOD, idempotencyKey: key },
      answer: { status: 202 },
    })),
  ),
  {
    name: 'one that is bad where it is optional',
    call: {
      method: 'POST',
      path: '/api/public/customers',
      as: 'operator',
      body: { name: 'x' },
      idempotencyKey: 'a b',
    },
    answer: { status: 400, code: 'invalid_idempotency_key', field: 'Idempotency-Key' },
  },
]);

const WRONG_TYPES = [
  'text/plain',
  'application/jsonp',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/problem+json',
  'application/json; charset=latin1',
  'application/json; charset=utf-16',
  'application/json; charset=utf-8; x=y',
];

runScenarios('the content type', [
  ...WRONG_TYPES.flatMap((type) =>
    onBoth(
      type,
      { headers: { 'content-type': type } },
      {
        status: 415,
        code: 'unsupported_media_type',
        says: '`Content-Type: application/json`, in UTF-8',
      },
    ),
  ),
  ...['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'].map(
    (type): Scenario => ({
      name: `${type} is taken`,
      call: {
        method: 'POST',
        path: '/v1/estimate',
        text: '{"type":"image"}',
        headers: { 'content-type': type },
      },
      answer: { status: 200 },
    }),
  ),
  ...['gzip', 'br', 'deflate', 'gzip, identity'].flatMap((encoding) =>
    onBoth(
      encoding,
      { headers: { 'content-encoding': encoding } },
      {
        status: 415,
        code: 'unsupported_media_type',
        says: 'must not be compressed',
      },
    ),
  ),
  {
    name: 'of an operator route',
    call: {
      method: 'POST',
      path: '/api/public/customers',
      as: 'operator',
      text: '{"name":"x"}',
      headers: { 'content-type': 'text/json' },
    },
    answer: { status: 415, code: 'unsupported_media_type' },
  },
]);

test('a body without a content type is refused', async () => {
  const { world, customer } = await openScene();
  const request = new Request('http://localhost/v1/images/generate', {
    method: 'POST',
    headers: { authorization: `Bearer ${customer.testKey}`, 'idempotency-key': freshKey() },
    body: new TextEncoder().encode(GOOD),
  });
  expect(request.headers.get('content-type')).toBeNull();
  expect((await world.app.handle(request)).status).toBe(415);
  await world.close();
});
