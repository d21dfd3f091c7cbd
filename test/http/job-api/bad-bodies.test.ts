// Bad bodies on the generate routes: each is refused with a sentence that names the field and what is allowed, and
// starts and charges nothing.
import { freshKey, runScenarios, type Scenario } from '../scenario.ts';

const IMAGE = '/v1/images/generate';
const VIDEO = '/v1/videos/generate';

function refused(
  path: string,
  /** The value in JSON, or the whole body when there is no field. */
  [field, json]: [field: string, json: string],
  says: string | RegExp,
): Scenario {
  const text = field === 'prompt' ? `{"prompt":${json}}` : `{"prompt":"a","${field}":${json}}`;
  return {
    name: `${path} ${field} ${json.length > 60 ? `of ${json.length} characters` : json}`,
    call: { method: 'POST', path, text, idempotencyKey: freshKey() },
    answer: { status: 400, code: 'invalid_input', field, says },
  };
}

/** The same on both routes. */
function refusedOnBoth(value: [field: string, json: string], says: string | RegExp): Scenario[] {
  return [IMAGE, VIDEO].map((path) => refused(path, value, says));
}

const PROMPT = 'must have 1 to 5000 characters';
const DURATION = 'must be a whole number of seconds from 4 to 15';
const SEED = 'must be a whole number from -1 to 4294967295';

runScenarios('a wrong value', [
  ...['""', '"   "', `"${'x'.repeat(5001)}"`].flatMap((json) => refusedOnBoth(['prompt', json], PROMPT)),
  ...['1', 'null', 'true', '["a"]', '{}'].flatMap((json) =>
    refusedOnBoth(['prompt', json], 'must be a string'),
  ),
  ...['"16:9_small"', '"16:9"', '1', 'null', '["16:9_SMALL"]'].flatMap((json) => [
    refused(IMAGE, ['size', json], 'must be 16:9_SMALL, 1:1_SMALL, 2:3_SMALL or 9:16_SMALL'),
    refused(VIDEO, ['size', json], 'must be 16:9_SMALL, 9:16_SMALL or 1:1_SMALL'),
  ]),
  refused(VIDEO, ['size', '"2:3_SMALL"'], 'must be 16:9_SMALL, 9:16_SMALL or 1:1_SMALL'),
  ...['"HIGH"', '"low"', '1', 'null'].map((json) =>
    refused(IMAGE, ['quality', json], 'must be LOW or MEDIUM'),
  ),
  ...['"15"', '15.5', '3', '16', '-1', 'true', 'null', '[15]', '{}'].map((json) =>
    refused(VIDEO, ['duration', json], DURATION),
  ),
  ...['"true"', '"false"', '1', '0', 'null'].map((json) =>
    refused(VIDEO, ['motionHasAudio', json], 'must be true or false'),
  ),
  ...['-2', '4294967296', '1.5', '"1"', 'null'].map((json) => refused(VIDEO, ['seed', json], SEED)),
  ...['[]', '["a"]', '"x"', '1', 'null'].flatMap((json) =>
    refusedOnBoth(['metadata', json], 'must be an object'),
  ),
  ...refusedOnBoth(
    [
      'metadata',
      JSON.stringify(Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`name${at}`, 'v']))),
    ],
    'must have at most 16 pairs',
  ),
]);

runScenarios('a number that JSON can write and nobody can mean', [
  refused(VIDEO, ['duration', '1e400'], 'is too large a number'),
  refused(VIDEO, ['seed', '-1e400'], 'is too large a number'),
  ...refusedOnBoth(['metadata', '1e400'], 'is too large a number'),
]);

runScenarios('an unknown field', [
  ...(
    [
      ['motion_has_audio', 'motionHasAudio'],
      ['motionHasAudioo', 'motionHasAudio'],
      ['hasAudio', 'motionHasAudio'],
      ['Duration', 'duration'],
      ['seeds', 'seed'],
      ['reference_image', 'referenceImage'],
      ['promt', 'prompt'],
    ] as const
  ).map(([field, meant]) =>
    refused(VIDEO, [field, '1'], `is not a field of this request; did you mean ${meant}?`),
  ),
  ...['price', 'provider', 'customerId', 'chargedCredits', 'mode', 'negativePrompt', 'n', 'toString'].flatMap(
    (field) => refusedOnBoth([field, '1'], /is not a field of this request\.$/),
  ),
  refused(IMAGE, ['seed', '1'], /is not a field of this request\.$/),
  refused(IMAGE, ['duration', '8'], /is not a field of this request\.$/),
  refused(VIDEO, ['quality', '"LOW"'], /is not a field of this request\.$/),
]);

runScenarios('a text that is broken', [
  ...refusedOnBoth(['prompt', String.raw`"a\u0000b"`], 'contains a NUL character'),
  ...refusedOnBoth(['prompt', String.raw`"\ud83d"`], 'half of a character'),
  ...refusedOnBoth(['prompt', String.raw`"\ude00\ud83d"`], 'half of a character'),
  ...refusedOnBoth(['metadata', String.raw`{"\udc00":"x"}`], 'half of a character'),
]);

runScenarios(
  'a field below a field',
  (
    [
      ['referenceImage', '{"image_url":"x"}', 'referenceImage.image_url', 'did you mean imageUrl?'],
      ['referenceImage', '{"imageUrl":5}', 'referenceImage.imageUrl', 'must be a string'],
      [
        'referenceImage',
        '{"imageUrl":"x","strength":"MEDIUM"}',
        'referenceImage.strength',
        'must be LOW, MID or HIGH',
      ],
      ['referenceImage', '[]', 'referenceImage', 'must be an object'],
      ['referenceImage', '1', 'referenceImage', 'must be a string or an object'],
      ['referenceImage', '""', 'referenceImage', 'is empty'],
      ['metadata', '{"a":1}', 'metadata.a', 'must be a string'],
      ['metadata', '{"a":{"b":"c"}}', 'metadata.a', 'must be a string'],
      ['metadata', `{"a":"${'x'.repeat(513)}"}`, 'metadata.a', 'must have at most 512 characters'],
      ['metadata', String.raw`{"a":"\u0000"}`, 'metadata.a', 'contains a NUL character'],
    ] as const
  ).flatMap(([member, json, field, says]) =>
    [IMAGE, VIDEO].map((path): Scenario => ({
      name: `${path} ${member} ${json.slice(0, 60)}`,
      call: { method: 'POST', path, text: `{"prompt":"a","${member}":${json}}`, idempotencyKey: freshKey() },
      answer: { status: 400, code: 'invalid_input', field, says },
    })),
  ),
);

const pairs = (count: number, name: string, value: string) =>
  JSON.stringify(
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`${at}`.padEnd(name.length, name), value])),
  );

runScenarios(
  'a value at its limit is taken',
  (
    [
      ['prompt', `"${'x'.repeat(5000)}"`],
      // Counted as people count, not in halves of a character.
      ['prompt', `"${'🌊'.repeat(5000)}"`],
      ['prompt', `"   ${'x'.repeat(5000)}   "`],
      ['duration', '4'],
      ['duration', '15'],
      ['seed', '-1'],
      ['seed', '4294967295'],
      ['metadata', pairs(16, 'n'.repeat(64), 'v'.repeat(512))],
      ['metadata', '{}'],
    ] as const
  ).map(([field, json]): Scenario => ({
    name: `${field} ${json.length > 60 ? `of ${json.length} characters` : json}`,
    call: {
      method: 'POST',
      path: VIDEO,
      text: field === 'prompt' ? `{"prompt":${json}}` : `{"prompt":"a","${field}":${json}}`,
      idempotencyKey: freshKey(),
    },
    answer: { status: 202 },
  })),
);
