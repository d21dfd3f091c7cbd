// What the bytes of a reference must be, wherever they came from: formats, declared types, and the limits at their last
// good and first bad value.
import { describe, expect, test } from 'bun:test';
import type { ErrorCode } from '../../src/errors.ts';
import {
  readReferenceImage,
  MAX_REFERENCE_BYTES,
  MAX_REFERENCE_PIXELS,
  MAX_REFERENCE_SIDE_PX,
  MIN_REFERENCE_SIDE_PX,
  parseReference,
} from '../../src/media/reference.ts';
import {
  animatedWebp,
  GIF,
  join,
  pngChunk,
  jpeg,
  png,
  PNG_ANIMATION,
  PNG_SIGNATURE,
  pngHead,
  SVG,
  vp8,
  webp,
} from './image-bytes.ts';
import { base64, base64Url, bytesOf, dataUrl, JPEG, PNG, refusalOf } from './reference-cases.ts';

const NO_IMAGES: Record<string, Uint8Array> = {
  SVG: SVG,
  GIF: GIF,
  'GIF, then PNG': join(GIF, PNG),
  'PDF, then PNG': join('%PDF-1.7\n', PNG),
  'HTML, then JPEG': join('<!--', JPEG),
  'cut PNG': png(300, 260).subarray(0, 32),
  'cut JPEG': JPEG.subarray(0, 30),
  'PNG without pixels': join(PNG_SIGNATURE, pngHead(300, 260)),
  'animated PNG': png(300, 260, [PNG_ANIMATION]),
  'animated WebP': animatedWebp(300, 260),
};

describe('unsupported_file_format', () => {
  const code = 'unsupported_file_format' as const;

  test.each(Object.entries(NO_IMAGES))('%s', (_, bytes) => {
    const cases: [() => unknown, string][] = [
      [() => parseReference(dataUrl(bytes, '')), 'referenceImage'],
      [() => parseReference({ imageUrl: dataUrl(bytes) }), 'referenceImage.imageUrl'],
      [() => parseReference({ imageUrl: base64(bytes) }), 'referenceImage.imageUrl'],
      [() => parseReference({ imageBase64: base64(bytes) }), 'referenceImage.imageBase64'],
      [() => readReferenceImage(bytes, null), 'referenceImage'],
    ];
    for (const [act, path] of cases) expect(refusalOf(act)).toEqual({ code, paths: [path] });
  });

  test('SVG that says it is a PNG', () => {
    const refusal = { code, paths: ['referenceImage.imageUrl'] };
    expect(refusalOf(() => parseReference({ imageUrl: dataUrl(SVG, 'image/png') }))).toEqual(refusal);
  });

  test.each(['image/jpeg', 'image/webp', 'image/apng', 'image/svg+xml', 'text/html', 'png', '*/*'])(
    'a PNG declared as %s',
    (type) => {
      const declared = { imageBase64: base64(PNG), mimeType: type };
      expect(refusalOf(() => parseReference(declared))).toEqual({ code, paths: ['referenceImage.mimeType'] });
      const twice = { imageUrl: dataUrl(PNG, 'image/png'), mimeType: type };
      expect(refusalOf(() => parseReference(twice))).toEqual({ code, paths: ['referenceImage.mimeType'] });
      expect(refusalOf(() => readReferenceImage(PNG, type))).toEqual({ code, paths: ['referenceImage'] });
    },
  );

  test('a data URL whose bytes are of another type', () => {
    const refusal = { code, paths: ['referenceImage.imageUrl'] };
    expect(refusalOf(() => parseReference({ imageUrl: dataUrl(PNG, 'image/jpeg') }))).toEqual(refusal);
    expect(refusalOf(() => parseReference({ imageUrl: dataUrl(JPEG, 'image/png') }))).toEqual(refusal);
    expect(refusalOf(() => parseReference(dataUrl(webp(vp8(300, 260)), 'image/png')))).toEqual({
      code,
      paths: ['referenceImage'],
    });
  });
});

describe('sizes', () => {
  const [min, max] = [MIN_REFERENCE_SIDE_PX, MAX_REFERENCE_SIDE_PX];
  test('are the published ones', () => {
    expect([MAX_REFERENCE_BYTES, MAX_REFERENCE_PIXELS]).toEqual([10_485_760, 24_000_000]);
    expect([min, max]).toEqual([256, 6000]);
  });

  const tallest = MAX_REFERENCE_PIXELS / max;
  const outcomes: [number, number, ErrorCode | null][] = [
    [min, min, null],
    [min - 1, min, 'file_too_small'],
    [min, min - 1, 'file_too_small'],
    [1, 1, 'file_too_small'],
    [max, min, null],
    [min, max, null],
    [max + 1, min, 'file_too_large'],
    [min, max + 1, 'file_too_large'],
    [max, tallest, null],
    [max, tallest + 1, 'file_too_large'],
    [max, max, 'file_too_large'],
    [50_000, 50_000, 'file_too_large'],
    [1, max + 1, 'file_too_small'],
  ];

  test.each(outcomes)('%d x %d', (width, height, code) => {
    for (const bytes of [
      png(width, height),
      ...(Math.max(width, height) < 2 ** 14 ? [jpeg(width, height)] : []),
    ]) {
      const cases: [() => unknown, string][] = [
        [() => parseReference({ imageBase64: base64(bytes) }), 'referenceImage.imageBase64'],
        [() => parseReference({ imageUrl: base64(bytes) }), 'referenceImage.imageUrl'],
        [() => readReferenceImage(bytes, null), 'referenceImage'],
      ];
      for (const [act, path] of cases) {
        const outcome = refusalOf(act);
        if (code === null) expect(outcome).toHaveProperty('answered');
        else expect(outcome).toEqual({ code, paths: [path] });
      }
    }
  });

  const fileOf = (bytes: number) =>
    png(300, 260, [
      pngChunk('sPLT', new Uint8Array(bytes - PNG.length - pngChunk('', new Uint8Array(4)).length)),
    ]);
  const code = 'file_size_exceeded' as const;

  test('the last byte that is taken, and the first that is not', () => {
    const [last, over] = [fileOf(MAX_REFERENCE_BYTES), fileOf(MAX_REFERENCE_BYTES + 1)];
    expect(bytesOf({ imageBase64: base64(last) })).toHaveLength(MAX_REFERENCE_BYTES);
    expect(bytesOf(base64Url(last))).toHaveLength(MAX_REFERENCE_BYTES);
    expect(readReferenceImage(last, 'image/png').header.width).toBe(300);
    const refusals = [
      [() => parseReference({ imageBase64: base64(over) }), 'referenceImage.imageBase64'],
      [() => parseReference({ imageUrl: dataUrl(over) }), 'referenceImage.imageUrl'],
      [() => parseReference(base64Url(over)), 'referenceImage'],
      [() => readReferenceImage(over, null), 'referenceImage'],
    ] as const;
    for (const [act, path] of refusals) expect(refusalOf(act)).toEqual({ code, paths: [path] });
  });

  test('what is too long is refused for its length before anything is decoded', () => {
    const text = '*'.repeat(Math.ceil((MAX_REFERENCE_BYTES + 3) / 3) * 4);
    expect(refusalOf(() => parseReference({ imageBase64: text }))).toEqual({
      code,
      paths: ['referenceImage.imageBase64'],
    });
    expect(refusalOf(() => parseReference({ imageBase64: text.slice(8) }))).toEqual({
      code: 'invalid_reference_image',
      paths: ['referenceImage.imageBase64'],
    });
  });
});

describe('bytes that were downloaded', () => {
  test.each([
    null,
    '',
    'image/png',
    'IMAGE/PNG; charset=utf-8',
    'application/octet-stream',
    'binary/octet-stream',
  ])('declared as %p', (type) => {
    expect(readReferenceImage(PNG, type).header).toEqual({
      contentType: 'image/png',
      width: 300,
      height: 260,
      isAnimated: false,
    });
  });

  test('nothing at all', () => {
    expect(refusalOf(() => readReferenceImage(new Uint8Array(0), null))).toEqual({
      code: 'unsupported_file_format',
      paths: ['referenceImage'],
    });
  });
});
