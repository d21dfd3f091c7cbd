// Fingerprints: what makes a retry the same request, and what makes it another. And what a key may look like.
import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { fingerprintOf } from '../../src/idempotency/fingerprint.ts';
import { parseIdempotencyKey } from '../../src/idempotency/index.ts';

const SEED = 13;
const of = (text: string) =>
  fingerprintOf({ method: 'POST', route: '/v1/x', body: JSON.parse(text) as unknown });

describe('the same request', () => {
  test.each([
    ['names in another order', '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}'],
    ['other white space', '{"a":[1,2]}', ' {\n\t"a" : [ 1 ,2 ] } '],
    ['another spelling of a number', '{"a":1.0,"b":1e2,"c":0.10}', '{"a":1,"b":100,"c":0.1}'],
    ['minus nothing', '{"a":-0}', '{"a":0}'],
    ['another spelling of a string', '{"a":"\\u0061\\/b"}', '{"a":"a/b"}'],
    ['another spelling of a name', '{"\\u0061":1}', '{"a":1}'],
  ])('has %s', (_, first, second) => {
    expect(of(first)).toBe(of(second));
  });
});

describe('another request', () => {
  test.each([
    ['a list in another order', '{"a":[1,2]}', '{"a":[2,1]}'],
    ['null instead of nothing', '{"a":null}', '{}'],
    ['a text that looks the same', '{"a":"\\u00e9"}', '{"a":"e\\u0301"}'],
    ['other capitals', '{"a":"X"}', '{"a":"x"}'],
    ['other capitals in a name', '{"A":1}', '{"a":1}'],
    ['a space more', '{"a":"x"}', '{"a":"x "}'],
    ['a number as text', '{"a":1}', '{"a":"1"}'],
    ['a member more', '{"a":1}', '{"a":1,"b":2}'],
    ['the same members one level down', '{"a":{"b":1}}', '{"a":1,"b":{}}'],
    ['an empty object instead of a list', '{"a":{}}', '{"a":[]}'],
    ['a value that a default would give', '{}', '{"size":"1:1_SMALL"}'],
  ])('has %s', (_, first, second) => {
    expect(of(first)).not.toBe(of(second));
  });

  test('goes to another route, or by another method', () => {
    const request = { method: 'POST', route: '/v1/a', body: {} };
    const others = [
      { ...request, method: 'PATCH' },
      { ...request, route: '/v1/b' },
      { ...request, route: '/v1/a\n' },
    ];
    for (const other of others) expect(fingerprintOf(other)).not.toBe(fingerprintOf(request));
  });

  test(`is whatever has another value, and nothing else is (seed ${SEED})`, () => {
    const body = fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
    fc.assert(
      fc.property(body, body, (first, second) => {
        const [a, b] = [JSON.stringify(first), JSON.stringify(second)];
        const isEqual = Bun.deepEquals(JSON.parse(a), JSON.parse(b), true);
        expect(of(a) === of(b)).toBe(isEqual);
      }),
      { numRuns: 300, seed: SEED },
    );
  });
});

test('a fingerprint is 64 digits, and never changes between releases', () => {
  const text = 'v1\nPOST\n/v1/x\n{"a":1}';
  expect(of('{"a":1}')).toBe(new Bun.CryptoHasher('sha256').update(text).digest('hex'));
});

describe('a key', () => {
  test.each([
    ['abc', 'abc'],
    ['"abc"', 'abc'],
    ['  abc\t', 'abc'],
    [' "abc" ', 'abc'],
    ["!#$%&'()*+-./:;<=>?@[]^_`{|}~", "!#$%&'()*+-./:;<=>?@[]^_`{|}~"],
    ['x'.repeat(255), 'x'.repeat(255)],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
  ])('%j is %j', (header, key) => {
    expect(parseIdempotencyKey(header)).toBe(key);
  });

  test.each([
    ...[
      '',
      ' ',
      '""',
      '"',
      '"a',
      'a"',
      'a"b',
      '""a""',
      'a b',
      'a,b',
      'a, b',
      'a\\b',
      'é',
      '漢',
      'a\u0000b',
      'a\nb',
    ],
    ...['x'.repeat(256), `"${'x'.repeat(256)}"`, '\u007f', '" a"'],
  ])('is not %j', (header) => {
    expect(() => parseIdempotencyKey(header)).toThrow(
      expect.objectContaining({ code: 'invalid_idempotency_key' }) as Error,
    );
  });
});
