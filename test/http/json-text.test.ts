// Strict JSON: what `JSON.parse` lets through quietly is refused before anybody acts on it, everything else is read
// exactly as `JSON.parse` reads it, and neither costs more than a look at the text.
import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { GatewayError } from '../../src/errors.ts';
import {
  MAX_JSON_DEPTH,
  MAX_JSON_MEMBERS,
  MAX_JSON_VALUES,
  parseJsonObject,
} from '../../src/http/json-text.ts';
import { MAX_IMAGE_BODY_BYTES } from '../../src/http/body.ts';

const SEED = 7;
const parse = (text: string) => parseJsonObject(new TextEncoder().encode(text));

/** Code, path and sentence of the refusal of a text, or of bytes. */
function refusalOf(body: string | Uint8Array): { code: string; path?: string; message: string } {
  try {
    parseJsonObject(typeof body === 'string' ? new TextEncoder().encode(body) : body);
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    const path = thrown.fields?.[0]?.path;
    return { code: thrown.code, ...(path === undefined ? {} : { path }), message: thrown.message };
  }
  throw new Error('nothing was refused');
}

describe('reads', () => {
  const name = fc
    .string({ unit: 'grapheme', maxLength: 12 })
    .filter((text) => !(text in Object.prototype) && !text.includes('\0') && text.isWellFormed());
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 6 },
      fc.constantFrom(null, true, false, 0, 1.5, -2e300, 5e-324),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0') && text.isWellFormed()),
      fc.constantFrom('"', '\\', '\\"', '{"a":1,"a":2}', '[[[[', ',', ':', '\\u0061'),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    ),
  })).value;
  const spaces = fc.constantFrom('', ' ', '\n\t', ' \r\n ');

  test(`valid JSON without doubled names as JSON.parse does (seed ${SEED})`, () => {
    const body = fc.dictionary(name, value, { maxKeys: 8, noNullPrototype: true });
    fc.assert(
      fc.property(body, spaces, fc.constantFrom(undefined, 1, '\t'), (object, space, indent) => {
        const text = space + JSON.stringify(object, null, indent) + space;
        expect(parse(text)).toStrictEqual(JSON.parse(text) as Record<string, unknown>);
      }),
      { numRuns: 500, seed: SEED },
    );
  });

  test(`names and strings in any spelling (seed ${SEED})`, () => {
    const escape = (text: string) =>
      Array.from({ length: text.length }, (_, index) =>
        index % 2 === 0 ? `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}` : text[index],
      ).join('');
    const plain = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '漢', '/'), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(plain, plain, (first, second) => {
        expect(parse(`{"${escape(first)}":"${escape(second)}"}`)).toEqual({ [first]: second });
      }),
      { numRuns: 200, seed: SEED },
    );
  });

  test('equal names in different objects, and names that stand as values', () => {
    const text = '{"a":{"b":1},"c":{"b":2},"d":["a","a",{"a":"a"},{"a":"b"}],"b":"b"}';
    expect(parse(text)).toEqual(JSON.parse(text) as Record<string, unknown>);
  });

  test.each([
    ['as deep as allowed', `${'{"a":'.repeat(MAX_JSON_DEPTH)}1${'}'.repeat(MAX_JSON_DEPTH)}`],
    ['brackets in strings', `{"a":"${'['.repeat(100)}${'{'.repeat(100)}"}`],
    [
      'as many members as allowed',
      `{${Array.from({ length: MAX_JSON_MEMBERS }, (_, index) => `"m${index}":1`).join()}}`,
    ],
    ['as many values as allowed', `{"a":[${'1,'.repeat(MAX_JSON_VALUES)}1]}`],
    ['a byte order mark', '\uFEFF{"a":1}'],
    ['nothing but a brace and its end', '{}'],
  ])('%s', (_, text) => {
    expect(parse(text)).toEqual(JSON.parse(text.replace('\uFEFF', '')) as Record<string, unknown>);
  });
});

describe('refuses', () => {
  const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);

  test.each([
    ['an empty body', '', 'The body is empty; send a JSON object.'],
    ['white space', ' \n', 'The body is empty; send a JSON object.'],
    ['what is no JSON', '{"a":}', 'The body is not valid JSON.'],
    ['single quotes', "{'a':1}", 'The body is not valid JSON.'],
    ['a comma at the end', '{"a":1,}', 'The body is not valid JSON.'],
    ['a comment', '{"a":1} // b', 'The body is not valid JSON.'],
    ['two objects', '{"a":1}{"b":2}', 'The body is not valid JSON.'],
    ['a string without an end', '{"a":"b', 'The body is not valid JSON.'],
    ['a name without an end', '{"a', 'The body is not valid JSON.'],
    ['a name with a broken escape', '{"\\u00g1":1}', 'The body is not valid JSON.'],
    ['a control character in a string', '{"a":"\u0001"}', 'The body is not valid JSON.'],
    ['NaN', '{"a":NaN}', 'The body is not valid JSON.'],
    ['a list', '[{"a":1}]', 'The body must be a JSON object.'],
    ['a string', '"a"', 'The body must be a JSON object.'],
    ['null', 'null', 'The body must be a JSON object.'],
    [
      'one level too many',
      `{"a":${nested('[', ']', MAX_JSON_DEPTH)}}`,
      'The body is nested deeper than 32 levels.',
    ],
    ['levels without an end', '{"a":'.repeat(33), 'The body is nested deeper than 32 levels.'],
    [
      'one member too many',
      `{${Array.from({ length: MAX_JSON_MEMBERS + 1 }, (_, index) => `"m${index}":1`).join()}}`,
      'The body has too many members.',
    ],
    ['one value too many', `{"a":[${'1,'.repeat(MAX_JSON_VALUES + 1)}1]}`, 'The body has too many values.'],
  ])('%s as invalid JSON', (_, text, message) => {
    expect(refusalOf(text)).toEqual({ code: 'invalid_json', message });
  });

  test.each([
    ['a byte that no UTF-8 has', [0x7b, 0xff, 0x7d]],
    ['a character cut in half', [0x7b, 0x22, 0xe2, 0x82, 0x22, 0x7d]],
    ['an overlong slash', [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x7d]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('%s', (_, bytes) => {
    expect(refusalOf(Uint8Array.from(bytes))).toEqual({
      code: 'invalid_json',
      message: 'The body is not UTF-8.',
    });
  });

  test.each([
    ['a name that stands twice', '{"a":1,"a":1}', 'a'],
    ['a name that stands twice further down', '{"x":[1,{"y":{"a":1,"b":2,"a":3}}]}', 'x.y.a'],
    ['a name after an object of the same name', '{"a":{"b":1},"a":2}', 'a'],
    ['the same name in another spelling', '{"prompt":1,"\\u0070rompt":2}', 'prompt'],
    ['two other spellings of one name', '{"\\u0061":1,"\\u0061":2}', 'a'],
    ['an empty name twice', '{"":1,"":2}', ''],
    ['a name with quotes twice', '{"a\\"b":1,"a\\u0022b":2}', 'a"b'],
    ['__proto__', '{"__proto__":{}}', '__proto__'],
    ['__proto__ in another spelling', '{"\\u005f_proto__":{}}', '__proto__'],
    ['constructor further down', '{"a":[{"constructor":1}]}', 'a.constructor'],
    ['toString', '{"toString":1}', 'toString'],
    ['a number that ends nowhere', '{"a":[1,{"b":1e400}]}', 'a[1].b'],
    ['a number that ends nowhere below', '{"a":-1e400}', 'a'],
    ['NUL in a string', '{"a":["b\\u0000"]}', 'a[0]'],
    ['NUL in a name', '{"b":{"a\\u0000":1}}', 'b'],
    ['half a character in a string', '{"a":"\\ud800"}', 'a'],
    ['half a character in a name', '{"a":{"\\udc00":1}}', 'a'],
    ['the halves the wrong way round', '{"a":"\\udc00\\ud800"}', 'a'],
  ])('%s', (_, text, path) => {
    expect(refusalOf(text)).toMatchObject({ code: 'invalid_input', path });
  });
});

describe('a body as large as is taken', () => {
  /** Runs `work` and counts how often the text was looked at, and how often it was parsed. */
  function countWork(work: () => void): { looks: number; parses: number } {
    const strings = String.prototype;
    const { charCodeAt } = strings;
    const { parse: parseText } = JSON;
    const counts = { looks: 0, parses: 0 };
    strings.charCodeAt = function (index) {
      counts.looks += 1;
      return charCodeAt.call(this, index);
    };
    JSON.parse = (...args: Parameters<typeof parseText>) => {
      counts.parses += 1;
      return parseText(...args) as unknown;
    };
    try {
      work();
    } finally {
      strings.charCodeAt = charCodeAt;
      JSON.parse = parseText;
    }
    return counts;
  }

  const filled = (start: string, piece: string) =>
    new TextEncoder().encode(start + piece.repeat((MAX_IMAGE_BODY_BYTES - start.length) / piece.length));

  test.each([
    ['brackets', filled('', '['), 'nested deeper', 33],
    ['objects in objects', filled('', '{"a":'), 'nested deeper', 200],
    ['numbers', filled('{"a":[', '1,'), 'too many values', 2 * (MAX_JSON_VALUES + 10)],
    ['empty lists', filled('{"a":[', '[],'), 'too many values', 3 * (MAX_JSON_VALUES + 10)],
    ['members', filled('{', '"a":1,'), 'twice', 50],
  ])('of %s is refused after a few looks, and not parsed', (_, bytes, message, atMost) => {
    const work = countWork(() => expect(refusalOf(bytes).message).toContain(message));
    expect(work.parses).toBe(0);
    expect(work.looks).toBeLessThanOrEqual(atMost);
    expect(work.looks).toBeGreaterThan(0);
  });

  test.each([
    ['one long string', '{"a":"', 'x', '"}', 20],
    ['one string full of quotes', '{"a":"', '\\"', '"}', 2 * MAX_IMAGE_BODY_BYTES],
    ['one string full of backslashes', '{"a":"', '\\\\', '"}', 2 * MAX_IMAGE_BODY_BYTES],
  ])('of %s is looked at once', (_, start, piece, end, atMost) => {
    const text = start + piece.repeat(Math.floor((MAX_IMAGE_BODY_BYTES - 10) / piece.length)) + end;
    const work = countWork(() => expect(Object.keys(parse(text))).toEqual(['a']));
    expect(work.looks).toBeLessThanOrEqual(atMost);
  });
});
