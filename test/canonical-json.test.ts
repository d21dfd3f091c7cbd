// Canonical JSON: equal values have one text, different ones have different texts, and it is JSON.
import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { canonicalJson } from '../src/canonical-json.ts';

const SEED = 11;

describe('one text', () => {
  test.each([
    [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
    [{ a: { d: [], c: {} } }, '{"a":{"c":{},"d":[]}}'],
    [[3, 1, 2], '[3,1,2]'],
    [[{ b: 1, a: 1 }], '[{"a":1,"b":1}]'],
    [{ a: undefined, b: null }, '{"b":null}'],
    [[undefined], '[null]'],
    [1.0, '1'],
    [1e21, '1e+21'],
    [-0, '0'],
    [0.1 + 0.2, '0.30000000000000004'],
    ['\u20ac$\u000f\nA\'"\\/', '"€$\\u000f\\nA\'\\"\\\\/"'],
    [null, 'null'],
    [true, 'true'],
    [undefined, 'null'],
    // RFC 8785, 3.2.3: sorted by UTF-16 code units.
    [
      { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u0080': 5, '\ud83d\ude00': 6, '\u00f6': 7 },
      '{"\\r":2,"1":4,"\u0080":5,"ö":7,"€":1,"😀":6,"\ufb33":3}',
    ],
    [{ 10: 1, 9: 2, a: 3 }, '{"10":1,"9":2,"a":3}'],
  ])('of %j', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test(`whatever the order of names, and it reads back as the value (seed ${SEED})`, () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.infiniteStream(fc.nat()), (value, numbers) => {
        const text = canonicalJson(value);
        expect(canonicalJson(shuffled(value, numbers))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500, seed: SEED },
    );
  });

  test(`and another for another value (seed ${SEED})`, () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const isEqual = Bun.deepEquals(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)), true);
        expect(canonicalJson(a) === canonicalJson(b)).toBe(isEqual);
      }),
      { numRuns: 500, seed: SEED },
    );
  });
});

/** The same value with the members of its objects in another order. */
function shuffled(value: unknown, numbers: Iterator<number>): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, numbers));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, member]) => [Number(numbers.next().value), [name, shuffled(member, numbers)]] as const)
      .sort(([a], [b]) => a - b)
      .map(([, member]) => member),
  );
}
