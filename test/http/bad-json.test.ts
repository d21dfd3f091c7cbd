// Bodies that are wrong as JSON, or larger than a body may be, before anybody looks at what they ask for.
import { MAX_IMAGE_BODY_BYTES } from '../../src/http/index.ts';
import { MAX_BODY_BYTES } from '../../src/http/body.ts';
import { onBoth } from './generate-calls.ts';
import { runScenarios, type Expected } from './scenario.ts';

const nested = (levels: number) => `${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}`;

runScenarios('JSON', [
  ...onBoth(
    'a doubled name',
    { text: '{"prompt":"a","prompt":"b"}' },
    invalidField('prompt', 'stands in the body twice'),
  ),
  ...onBoth(
    'a doubled name in another spelling',
    { text: String.raw`{"prompt":"a","\u0070rompt":"b"}` },
    invalidField('prompt', 'stands in the body twice'),
  ),
  ...onBoth(
    'a doubled name further in',
    { text: '{"prompt":"a","metadata":{"x":"1","x":"2"}}' },
    invalidField('metadata.x', 'stands in the body twice'),
  ),
  ...onBoth('33 levels', { text: `{"prompt":"a","x":${nested(33)}}` }, invalidJson('32 levels')),
  ...onBoth(
    '32 levels, which are read',
    { text: `{"prompt":"a","x":${nested(32)}}` },
    invalidField('x', 'not a field'),
  ),
  ...onBoth(
    'a million brackets',
    { text: `{"prompt":"a","x":${'['.repeat(500_000)}${']'.repeat(500_000)}}` },
    invalidJson('32 levels'),
  ),
  ...['__proto__', 'constructor', 'prototype', 'hasOwnProperty'].flatMap((name) =>
    onBoth(
      name,
      { text: `{"prompt":"a","${name}":{"x":1}}` },
      invalidField(name, 'is not a field of this request'),
    ),
  ),
  ...onBoth(
    '__proto__ in metadata',
    { text: '{"prompt":"a","metadata":{"__proto__":"x"}}' },
    invalidField('metadata.__proto__', 'is not a field of this request'),
  ),
  ...onBoth(
    'a thousand and one names',
    { text: `{"prompt":"a",${Array.from({ length: 1000 }, (_, at) => `"n${at}":1`).join(',')}}` },
    invalidJson('too many members'),
  ),
  ...['[]', 'null', '"x"', '1', 'true'].flatMap((text) =>
    onBoth(`the body ${text}`, { text }, invalidJson('a JSON object')),
  ),
  ...[
    '{',
    '{"prompt":"a"',
    '{"prompt":"a",}',
    "{'prompt':'a'}",
    '{"prompt":"a"}x',
    '{"prompt":NaN}',
    '{"prompt":"a}',
  ].flatMap((text) => onBoth(`the body ${text}`, { text }, invalidJson('not valid JSON'))),
  ...['', '  \n'].flatMap((text) =>
    onBoth(`an empty body (${text.length})`, { text }, invalidJson('is empty')),
  ),
]);

function invalidField(field: string, says: string): Expected {
  return { status: 400, code: 'invalid_input', field, says };
}

function invalidJson(says: string): Expected {
  return { status: 400, code: 'invalid_json', says };
}

const tooLarge = (bytes: number) => `{"prompt":"${'x'.repeat(bytes)}"}`;

runScenarios('a body over the cap', [
  ...onBoth(
    'above 14 MiB',
    { text: tooLarge(MAX_IMAGE_BODY_BYTES) },
    {
      status: 413,
      code: 'payload_too_large',
      body: { error: { details: { maxBytes: MAX_IMAGE_BODY_BYTES } } },
    },
  ),
  {
    name: 'above 1 MiB where no image is taken',
    call: { method: 'POST', path: '/api/public/customers', as: 'operator', text: tooLarge(MAX_BODY_BYTES) },
    answer: { status: 413, code: 'payload_too_large' },
  },
]);
