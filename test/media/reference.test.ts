// Reference images of requests: every form of naming one that is taken, and every form that is not. What the bytes
// must be is in `reference-limits.test.ts`.
import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { GatewayError, type ErrorCode } from '../../src/errors.ts';
import { IMAGE_CONTENT_TYPES } from '../../src/media/image-header.ts';
import {
  DEFAULT_REFERENCE_STRENGTH,
  parseReference,
  type ReferenceInput,
} from '../../src/media/reference.ts';
import { REFERENCE_STRENGTHS } from '../../src/words.ts';
import { GIF, join, png, pngChunk, realImages, SVG } from './image-bytes.ts';
import { base64, base64Url, bytesOf, dataUrl, JPEG, outcomeOf, PNG, refusalOf } from './reference-cases.ts';

const SEED = 20_261_121;
/** Files of each length modulo 3, so that base64 ends in none, one and two signs of padding. */
const holding = (data: Uint8Array) => png(300, 260, [pngChunk('sPLT', data)]);
const PADDINGS = [0, 1, 2].map((more) => holding(new Uint8Array(more).fill(0xfb)));
const PUBLIC_URL = 'https://images.example.com/a.png';

describe('forms that are taken', () => {
  const forms: Record<string, (bytes: Uint8Array) => ReferenceInput> = {
    'data URL as text': (bytes) => dataUrl(bytes),
    'data URL': (bytes) => ({ imageUrl: dataUrl(bytes) }),
    'data URL with a parameter': (bytes) => ({ imageUrl: dataUrl(bytes, 'image/png;charset=utf-8') }),
    'data URL with a file name': (bytes) => ({
      imageUrl: dataUrl(bytes, 'image/png;charset=binary;name=a%20b.png'),
    }),
    'data URL without a type': (bytes) => ({ imageUrl: dataUrl(bytes, '') }),
    'data URL of unknown bytes': (bytes) => ({ imageUrl: dataUrl(bytes, 'application/octet-stream') }),
    'data URL in capitals': (bytes) => ({ imageUrl: `DATA:IMAGE/PNG;BASE64,${base64(bytes)}` }),
    'data URL in URL-safe base64': (bytes) => ({ imageUrl: `data:image/png;base64,${base64Url(bytes)}` }),
    'data URL and the same type again': (bytes) => ({ imageUrl: dataUrl(bytes), mimeType: 'image/png' }),
    'base64 as text': base64,
    'base64 in imageUrl': (bytes) => ({ imageUrl: base64(bytes) }),
    base64: (bytes) => ({ imageBase64: base64(bytes) }),
    'base64 without padding': (bytes) => ({ imageBase64: base64(bytes).replace(/=+$/, '') }),
    'URL-safe base64': (bytes) => ({ imageBase64: bytes.toBase64({ alphabet: 'base64url' }) }),
    'URL-safe base64 without padding': (bytes) => ({ imageBase64: base64Url(bytes) }),
    'base64 with a type': (bytes) => ({ imageBase64: base64(bytes), mimeType: 'Image/PNG; q=1' }),
  };

  test.each(Object.entries(forms))('%s', (_, form) => {
    for (const bytes of PADDINGS) {
      const { strength, source } = parseReference(form(bytes));
      const header = { contentType: 'image/png' as const, width: 300, height: 260, isAnimated: false };
      expect(strength).toBe('MID');
      expect(source).toEqual({ kind: 'inline', bytes, header });
    }
  });

  test('what the encoder makes, each with its own type', async () => {
    for (const [name, bytes] of Object.entries(await realImages(301, 260))) {
      const contentType = `image/${name.replace(/.* /, '')}`;
      const { source } = parseReference(dataUrl(bytes, contentType));
      expect(source).toMatchObject({ kind: 'inline', header: { contentType } });
      expect(bytesOf({ imageBase64: base64(bytes), mimeType: contentType })).toEqual(bytes);
    }
  });

  test('image/jpg is another word for image/jpeg', () => {
    expect(bytesOf({ imageBase64: base64(JPEG), mimeType: 'image/jpg' })).toEqual(JPEG);
    expect(bytesOf(dataUrl(JPEG, 'image/jpg'))).toEqual(JPEG);
  });

  test('a public https URL stays a URL', () => {
    const url = 'https://images.example.com/a/cat.png?size=2';
    expect(parseReference(url)).toEqual({ strength: 'MID', source: { kind: 'url', url } });
    expect(parseReference({ imageUrl: url, mimeType: 'image/png', strength: 'LOW' })).toEqual({
      strength: 'LOW',
      source: { kind: 'url', url },
    });
    expect(parseReference('HTTPS://Images.Example.com').source).toEqual({
      kind: 'url',
      url: 'https://images.example.com/',
    });
  });

  test('a strength is kept, and is MID where none is said', () => {
    for (const strength of REFERENCE_STRENGTHS) {
      expect(parseReference({ imageBase64: base64(PNG), strength }).strength).toBe(strength);
    }
    expect(parseReference({ imageBase64: base64(PNG) }).strength).toBe(DEFAULT_REFERENCE_STRENGTH);
  });

  test('any bytes come back as they were, in every alphabet and padding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        const bytes = holding(data);
        expect(bytesOf(base64(bytes))).toEqual(bytes);
        expect(bytesOf(base64Url(bytes))).toEqual(bytes);
        expect(bytesOf({ imageUrl: dataUrl(bytes) })).toEqual(bytes);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});

type Refusal = [name: string, input: ReferenceInput, path: string];

const SOURCES: Refusal[] = [
  ['no source', {}, ''],
  ['no source, but a type', { mimeType: 'image/png', strength: 'LOW' }, ''],
  ['two sources', { imageUrl: PUBLIC_URL, imageBase64: base64(PNG) }, ''],
  ['two sources, one empty', { imageUrl: '', imageBase64: base64(PNG) }, ''],
  ['an empty text', '', ''],
  ['an empty imageUrl', { imageUrl: '' }, '.imageUrl'],
  ['an empty imageBase64', { imageBase64: '' }, '.imageBase64'],
  ['http', 'http://images.example.com/a.png', ''],
  ['http in an object', { imageUrl: 'http://images.example.com/a.png' }, '.imageUrl'],
  ['a file', { imageUrl: 'file:///etc/passwd' }, '.imageUrl'],
  ['a script', { imageUrl: 'javascript:alert(1)' }, '.imageUrl'],
  ['loopback', { imageUrl: 'https://127.0.0.1/a.png' }, '.imageUrl'],
  ['loopback by name', { imageUrl: 'https://localhost/a.png' }, '.imageUrl'],
  ['loopback as a number', { imageUrl: 'https://2130706433/a.png' }, '.imageUrl'],
  ['a user name', { imageUrl: 'https://user@images.example.com/a.png' }, '.imageUrl'],
  ['another port', { imageUrl: 'https://images.example.com:8443/a.png' }, '.imageUrl'],
  ['a space before the URL', { imageUrl: ' https://images.example.com/a.png' }, '.imageUrl'],
  ['an overlong URL', { imageUrl: `https://images.example.com/${'a'.repeat(3000)}` }, '.imageUrl'],
  ['a host name alone', { imageUrl: 'images.example.com/a.png' }, '.imageUrl'],
  ['a URL in imageBase64', { imageBase64: 'https://images.example.com/a.png' }, '.imageBase64'],
  ['a data URL in imageBase64', { imageBase64: dataUrl(PNG) }, '.imageBase64'],
  ['a data URL without a comma', { imageUrl: 'data:image/png;base64' }, '.imageUrl'],
  ['a data URL that is not base64', { imageUrl: 'data:image/svg+xml,<svg/>' }, '.imageUrl'],
  [
    'a data URL with base64 in the middle',
    { imageUrl: `data:image/png;base64;a=b,${base64(PNG)}` },
    '.imageUrl',
  ],
  ['a data URL with a broken type', { imageUrl: `data:image;base64,${base64(PNG)}` }, '.imageUrl'],
  [
    'a data URL with white space in its head',
    { imageUrl: `data:image/png; a=b;base64,${base64(PNG)}` },
    '.imageUrl',
  ],
  [
    'a data URL with an endless head',
    { imageUrl: dataUrl(PNG, `image/png;name=${'a'.repeat(5000)}`) },
    '.imageUrl',
  ],
  ['a data URL without data', { imageUrl: 'data:image/png;base64,' }, '.imageUrl'],
  ['a data URL with an escape', { imageUrl: `${dataUrl(PNG)}%3D` }, '.imageUrl'],
];

/** Ways to break base64; `text` is longer than 40 characters and needs no padding. */
const BREAKAGES: [string, (text: string) => string][] = [
  ['a space inside', (text) => `${text.slice(0, 8)} ${text.slice(8)}`],
  ['line breaks inside', (text) => text.replace(/(.{76})/g, '$1\r\n')],
  ['a line break at the end', (text) => `${text}\n`],
  ['a space at the front', (text) => ` ${text}`],
  ['a tab in place of a character', (text) => `${text.slice(0, 8)}\t${text.slice(9)}`],
  ['one character too many', (text) => `${text}A`],
  ['padding where none is due', (text) => `${text}=`],
  ['double padding where none is due', (text) => `${text}==`],
  ['four signs of padding', (text) => `${text}====`],
  ['padding in the middle', (text) => `${text.slice(0, 8)}QQ==${text.slice(8)}`],
  ['both alphabets', (text) => `${text}-_+/`],
  ['a dot', (text) => `${text.slice(0, 8)}.${text.slice(9)}`],
  ['a NUL', (text) => `${text.slice(0, 8)}\0${text.slice(9)}`],
  ['a letter of Latin-1', (text) => `${text.slice(0, 8)}é${text.slice(9)}`],
  // Its low byte is an A: a decoder that cuts characters to bytes takes it for one.
  ['a letter past Latin-1', (text) => `${text.slice(0, 8)}\u0141${text.slice(9)}`],
  ['half of a character pair', (text) => `${text}\ud800`],
];

describe('invalid_reference_image', () => {
  test.each(SOURCES)('%s', (_, input, path) => {
    expect(refusalOf(() => parseReference(input))).toEqual({
      code: 'invalid_reference_image',
      paths: [`referenceImage${path}`],
    });
  });

  test.each(BREAKAGES)('base64 with %s', (_, breakUp) => {
    const bytes = join(PNG, new Uint8Array((3 - (PNG.length % 3)) % 3));
    const text = breakUp(base64(bytes));
    const cases: [ReferenceInput, string][] = [
      [text, 'referenceImage'],
      [{ imageUrl: text }, 'referenceImage.imageUrl'],
      [{ imageBase64: text }, 'referenceImage.imageBase64'],
      [{ imageUrl: `data:image/png;base64,${text}` }, 'referenceImage.imageUrl'],
    ];
    for (const [input, path] of cases) {
      const refusal = { code: 'invalid_reference_image' as const, paths: [path] };
      expect(refusalOf(() => parseReference(input))).toEqual(refusal);
    }
  });

  test('white space anywhere, in any amount', () => {
    const spaces = fc.string({
      unit: fc.constantFrom(' ', '\n', '\t', '\r', '\f'),
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...PADDINGS),
        fc.nat(140),
        spaces,
        fc.boolean(),
        (bytes, at, space, isPadded) => {
          const text = isPadded ? base64(bytes) : base64Url(bytes);
          const refusal = refusalOf(() => parseReference(text.slice(0, at) + space + text.slice(at)));
          expect(refusal).toEqual({ code: 'invalid_reference_image', paths: ['referenceImage'] });
        },
      ),
      { seed: SEED, numRuns: 3000 },
    );
  });

  test('the message does not tell which rule a URL broke', () => {
    const urls = SOURCES.flatMap(([, input]) => (typeof input === 'object' ? [input.imageUrl ?? ''] : []));
    const messages = urls
      .filter((url) => url.startsWith('https:') && url !== PUBLIC_URL)
      .map((url) => outcomeOf(() => parseReference({ imageUrl: url })))
      .map((outcome) => (outcome instanceof GatewayError ? outcome.message : null));
    expect(messages.length).toBeGreaterThan(3);
    expect(new Set(messages).size).toBe(1);
  });
});

test('any input gives a reference or one of the listed refusals, never anything else', () => {
  const codes = new Set<ErrorCode>([
    'invalid_reference_image',
    'unsupported_file_format',
    'file_too_small',
    'file_too_large',
    'file_load_error',
  ]);
  const image = fc
    .constantFrom(...PADDINGS, JPEG, GIF, SVG, png(1, 1), png(9000, 300))
    .map((bytes) => dataUrl(bytes));
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.webUrl(),
    image,
    fc
      .tuple(image, fc.nat(300), fc.string({ maxLength: 3 }))
      .map(([url, at, more]) => url.slice(0, at) + more),
    fc.base64String({ maxLength: 80 }),
  );
  const input = fc.oneof(
    text,
    fc.record(
      {
        imageUrl: text,
        imageBase64: text,
        mimeType: fc.oneof(fc.constantFrom(...IMAGE_CONTENT_TYPES), fc.string()),
        strength: fc.constantFrom(...REFERENCE_STRENGTHS),
      },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(input, (value) => {
      const outcome = refusalOf(() => parseReference(value));
      if ('answered' in outcome) return;
      expect(codes.has(outcome.code)).toBe(true);
      expect(outcome.paths).toHaveLength(1);
      expect(outcome.paths?.[0]).toMatch(/^referenceImage(\.(imageUrl|imageBase64|mimeType))?$/);
    }),
    { seed: SEED, numRuns: 5000 },
  );
});
