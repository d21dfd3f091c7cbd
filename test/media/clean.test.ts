// Images without their metadata: what is put into real files comes out again and leaves them bit for bit as they were,
// the way up stays, and what is cut short or is another file too is not taken.
import { beforeAll, describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { cleanImage } from '../../src/media/clean.ts';
import type { Cleaned } from '../../src/media/clean-copy.ts';
import { readImageHeader } from '../../src/media/image-header.ts';
import {
  join,
  jpegFrame,
  jpegSegment,
  png,
  pngChunk,
  realImages,
  vp8Extended,
  webp,
  WEBP_ALPHA,
  WEBP_PROFILE,
  webpChunk,
} from './image-bytes.ts';

const SEED = 20_261_122;
const CANARY = 'CANARY 52.5200 N 13.4050 E';

let real: Record<string, Uint8Array>;

beforeAll(async () => {
  real = await realImages(301, 260);
});

function clean(bytes: Uint8Array): Cleaned {
  const header = readImageHeader(bytes);
  return header === null ? { kind: 'broken' } : cleanImage(bytes, header.contentType);
}

function cleaned(bytes: Uint8Array): Uint8Array {
  const result = clean(bytes);
  if (result.kind !== 'clean') throw new Error(result.kind);
  return result.bytes;
}

const of = (name: string) => real[name] ?? new Uint8Array();
const ascii = (text: string) => join(text);
const insert = (bytes: Uint8Array, at: number, ...parts: Uint8Array[]) =>
  join(bytes.subarray(0, at), ...parts, bytes.subarray(at));
const times = (count: number, part: Uint8Array) => Array.from({ length: count }, () => part);
const holds = (bytes: Uint8Array, text: string) => Buffer.from(bytes).includes(text);

/** EXIF of a camera, in either byte order: a place, an orientation and a serial number. */
function exif(orientation: number, order: 'II' | 'MM' = 'II'): Uint8Array {
  const number = (value: number, bytes: number) => {
    const digits = Array.from({ length: bytes }, (_, index) => (value >>> (8 * index)) & 0xff);
    return order === 'II' ? digits : digits.toReversed();
  };
  const entry = (tag: number, type: number, count: number, value: number[]) =>
    join(number(tag, 2), number(type, 2), number(count, 4), value);
  return join(
    ...[order, number(42, 2), number(8, 4), number(2, 2)],
    entry(0x010f, 2, CANARY.length, number(38, 4)),
    entry(0x0112, 3, 1, [...number(orientation, 2), 0, 0]),
    ...[number(0, 4), CANARY],
  );
}

/** The smallest EXIF, as it must stand in a cleaned file. */
const turned = (orientation: number) =>
  join('MM', [0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);

const PNG_HEAD_BYTES = 33;
const PNG_END_BYTES = 12;

/** The same pixels in a container that has room for metadata. */
function extended(name: string, flags: number, ...behind: Uint8Array[]): Uint8Array {
  return webp(vp8Extended(301, 260, flags), WEBP_PROFILE, of(name).subarray(12), ...behind);
}

test.each(['png', 'jpeg', 'progressive jpeg', 'webp', 'lossless webp'])(
  '%s of an encoder stays as it is',
  (name) => {
    // The encoder may write a chunk of its own; once cleaned, there is nothing left to do.
    const once = cleaned(of(name));
    expect(cleaned(once)).toBe(once);
    expect(readImageHeader(once)).toEqual(readImageHeader(of(name)));
  },
);

describe('what pixels do not need goes, and they stay bit for bit:', () => {
  test.each(['tEXt', 'zTXt', 'iTXt', 'tIME', 'eXIf', 'caBX', 'prVt', 'fdAT', 'acTL'])(
    'the chunk %s of a PNG',
    (type) => {
      const bytes = cleaned(of('png'));
      const chunk = pngChunk(type, ascii(CANARY));
      expect(cleaned(insert(bytes, bytes.length - PNG_END_BYTES, chunk))).toEqual(bytes);
      if (type !== 'acTL') expect(cleaned(insert(bytes, PNG_HEAD_BYTES, chunk, chunk))).toEqual(bytes);
    },
  );

  test.each([
    ['EXIF', 0xe1, 'Exif\0\0'],
    ['XMP', 0xe1, 'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>'],
    ['the index of further pictures', 0xe2, 'MPF\0'],
    ['JUMBF', 0xeb, 'JP\0\0'],
    ['IPTC', 0xed, 'Photoshop 3.0\0'],
    ['a thumbnail', 0xe0, 'JFXX\0\x10'],
    ['a comment', 0xfe, ''],
    ['what nobody knows', 0xef, ''],
  ])('%s of a JPEG', (_, marker, mark) => {
    for (const name of ['jpeg', 'progressive jpeg']) {
      const bytes = cleaned(of(name));
      const segment = jpegSegment(marker, join(mark, CANARY));
      expect(cleaned(insert(bytes, 2, segment))).toEqual(bytes);
      expect(cleaned(insert(bytes, bytes.length - 2, segment, segment))).toEqual(bytes);
    }
  });

  test('the thumbnail in the first segment of a JPEG', () => {
    const head = (width: number) =>
      join('JFIF\0\x01\x01\0\0\x01\0\x01', [width, width], new Uint8Array(3 * width * width));
    const body = cleaned(of('jpeg')).subarray(20);
    const plain = join([0xff, 0xd8], jpegSegment(0xe0, head(0)), body);
    expect(cleaned(plain)).toBe(plain);
    expect(cleaned(join([0xff, 0xd8], jpegSegment(0xe0, head(9)), body))).toEqual(plain);
  });

  test('EXIF, XMP and unknown chunks of a WebP, and the flags that announce them', () => {
    for (const name of ['webp', 'lossless webp']) {
      const noise = ['EXIF', 'XMP ', 'JUNK'].map((type) => webpChunk(type, ascii(`${CANARY}.`)));
      expect(cleaned(extended(name, 0x2c, ...noise))).toEqual(extended(name, 0x20));
      expect(cleaned(extended(name, WEBP_ALPHA))).toEqual(extended(name, WEBP_ALPHA));
      const simple = of(name);
      expect(cleaned(webp(simple.subarray(12), ...noise))).toEqual(simple);
    }
  });
});

describe('what colours need stays:', () => {
  test.each(['tRNS', 'cHRM', 'gAMA', 'iCCP', 'sBIT', 'sRGB', 'cICP', 'bKGD', 'pHYs'])(
    'the chunk %s of a PNG',
    (type) => {
      const bytes = insert(cleaned(of('png')), PNG_HEAD_BYTES, pngChunk(type, ascii('colour')));
      expect(cleaned(bytes)).toBe(bytes);
    },
  );

  test('the profile of a JPEG, and how Adobe means its colours', () => {
    const parts = [
      jpegSegment(0xe2, ascii('ICC_PROFILE\0\x01\x01data')),
      jpegSegment(0xee, ascii('Adobe\0d\0\0\0\0\x01')),
    ];
    const bytes = insert(cleaned(of('jpeg')), 2, ...parts);
    expect(cleaned(bytes)).toBe(bytes);
  });
});

describe('the way up stays, and nothing else of EXIF:', () => {
  const cases = (['II', 'MM'] as const).flatMap((order) =>
    [2, 3, 6, 8].map((value) => [value, order] as const),
  );

  test.each(cases)('%d in %s', (value, order) => {
    const [plainPng, plainJpeg] = [cleaned(of('png')), cleaned(of('jpeg'))];
    expect(cleaned(insert(plainPng, PNG_HEAD_BYTES, pngChunk('eXIf', exif(value, order))))).toEqual(
      insert(plainPng, PNG_HEAD_BYTES, pngChunk('eXIf', turned(value))),
    );
    expect(cleaned(insert(plainJpeg, 2, jpegSegment(0xe1, join('Exif\0\0', exif(value, order)))))).toEqual(
      insert(plainJpeg, 2, jpegSegment(0xe1, join('Exif\0\0', turned(value)))),
    );
    for (const preamble of ['', 'Exif\0\0']) {
      const chunk = webpChunk('EXIF', join(preamble, exif(value, order)));
      expect(cleaned(extended('webp', 0x2c, chunk))).toEqual(
        extended('webp', 0x28, webpChunk('EXIF', turned(value))),
      );
    }
  });

  test.each([0, 1, 9, 65_535])('%d turns nothing', (value) => {
    const plain = cleaned(of('jpeg'));
    expect(cleaned(insert(plain, 2, jpegSegment(0xe1, join('Exif\0\0', exif(value)))))).toEqual(plain);
  });

  test('what is no EXIF, however it lies, is left out', () => {
    const plain = cleaned(of('png'));
    const check = (data: Uint8Array, cut: number) => {
      for (const bytes of [data, exif(6).subarray(0, cut), join('II*\0', data), join('MM\0*', data)]) {
        const result = cleaned(insert(plain, PNG_HEAD_BYTES, pngChunk('eXIf', bytes)));
        expect(result.length).toBeLessThanOrEqual(plain.length + 12 + turned(6).length);
        expect(holds(result, 'CANARY')).toBe(false);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(70), check), { seed: SEED, numRuns: 500 });
  });
});

const ZIP_END = join('PK\x05\x06', new Uint8Array(16), [4, 0], 'note');

describe('what is another file too is refused:', () => {
  const tails: [string, Uint8Array][] = [
    ['an archive', join('PK\x03\x04', new Uint8Array(40), ZIP_END)],
    ['a document', ascii('%PDF-1.7\n%%EOF')],
    ['a page', ascii('\r\n <html><script>alert(1)</script>')],
    ['a program', ascii('\x7fELF\x02\x01\x01')],
    ['a script', ascii('#!/bin/sh\nid\n')],
    ['a GIF', ascii('GIF89a')],
    ['another PNG', png(300, 260)],
  ];

  test.each(tails)('%s behind the image', (_, tail) => {
    for (const [name, bytes] of Object.entries(real)) {
      expect([name, clean(join(bytes, tail)).kind]).toEqual([name, 'foreign']);
      expect([name, clean(join(bytes, new Uint8Array(8), tail)).kind]).toEqual([name, 'foreign']);
    }
  });

  test('an archive that is known by its end alone', () => {
    expect(clean(join(of('jpeg'), [0xa1, 2, 3], ZIP_END)).kind).toBe('foreign');
    // These four bytes can stand anywhere in a film.
    expect(clean(join(of('jpeg'), [0xa1, 2, 3], ZIP_END, [0])).kind).toBe('clean');
  });

  test('anything at all behind a PNG and a WebP', () => {
    for (const name of ['png', 'webp', 'lossless webp'])
      expect(clean(join(of(name), [0, 0, 1])).kind).toBe('foreign');
  });
});

describe('what cameras append is cut off:', () => {
  test.each([
    ['a second picture', () => of('jpeg')],
    ['a film', () => join([0, 0, 0, 24], 'ftypmp42', CANARY)],
    ["a maker's notes", () => join([0, 0, 0xa1, 0x0a], 'Image_UTC_Data', CANARY, 'SEFH')],
    ['zeros', () => new Uint8Array(5000)],
  ])('%s behind a JPEG', (_, tail) => {
    for (const name of ['jpeg', 'progressive jpeg']) {
      const bytes = cleaned(of(name));
      expect(cleaned(join(bytes, tail()))).toEqual(bytes);
    }
  });

  test('zeros behind the others', () => {
    for (const name of ['png', 'webp'])
      expect(clean(join(of(name), new Uint8Array(5000))).kind).toBe('clean');
  });
});

describe('what is cut short or contradicts itself is refused:', () => {
  test('every beginning of a file', () => {
    for (const [name, bytes] of Object.entries(real)) {
      const taken = [];
      for (let length = 0; length < bytes.length; length++) {
        if (clean(bytes.subarray(0, length)).kind === 'clean') taken.push(length);
      }
      expect([name, taken]).toEqual([name, []]);
    }
  });

  test.each<[string, () => Uint8Array]>([
    ['a PNG with two heads', () => insert(of('png'), PNG_HEAD_BYTES, of('png').subarray(8, PNG_HEAD_BYTES))],
    ['a PNG with a critical chunk that nobody knows', () => png(300, 260, [pngChunk('CgBI', ascii('x'))])],
    [
      'a PNG whose end holds data',
      () => join(png(300, 260).subarray(0, -PNG_END_BYTES), pngChunk('IEND', ascii('x'))),
    ],
    ['a JPEG with two frames', () => insert(of('jpeg'), 2, jpegFrame(301, 260))],
    ['a PNG of endless chunks', () => png(300, 260, times(20_000, pngChunk('IDAT', new Uint8Array(0))))],
    [
      'a JPEG of endless segments',
      () => insert(of('jpeg'), of('jpeg').length - 2, ...times(5000, jpegSegment(0xfe, ascii('')))),
    ],
    [
      'a JPEG of endless fill',
      () =>
        insert(
          of('jpeg'),
          of('jpeg').length - 2,
          jpegSegment(0xfe, ascii('')),
          new Uint8Array(5000).fill(0xff),
        ),
    ],
    ['a WebP of endless chunks', () => extended('webp', 0x20, ...times(300, webpChunk('JUNK', ascii(''))))],
    ['a JPEG without a scan', () => join([0xff, 0xd8], jpegFrame(301, 260), [0xff, 0xd9])],
    ['a JPEG that begins once more', () => insert(of('jpeg'), of('jpeg').length - 2, ascii('\xff\xd8'))],
    ['a WebP with two images', () => extended('webp', 0x20, of('webp').subarray(12))],
    [
      'a WebP chunk longer than its container',
      () => extended('webp', 0x20, webpChunk('EXIF', ascii('x'), 900)),
    ],
  ])('%s', (_, make) => {
    expect(clean(make()).kind).toBe('broken');
  });
});

test('no byte that is changed makes it throw, grow, or show what it should not', () => {
  const files = [
    () => insert(of('png'), PNG_HEAD_BYTES, pngChunk('eXIf', exif(6))),
    () => insert(of('jpeg'), 2, jpegSegment(0xe1, join('Exif\0\0', exif(6)))),
    () => extended('webp', 0x2c, webpChunk('EXIF', exif(6))),
  ];
  const change = fc.tuple(
    fc.nat(2),
    fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { minLength: 1, maxLength: 4 }),
  );
  const check = ([which, changes]: [number, [number, number][]]) => {
    const bytes = Uint8Array.from(files[which]?.() ?? []);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    const result = clean(bytes);
    if (result.kind !== 'clean') return;
    expect(result.bytes.length).toBeLessThanOrEqual(bytes.length + 1);
    expect(readImageHeader(result.bytes)).toEqual(readImageHeader(bytes));
    expect(cleaned(result.bytes)).toEqual(result.bytes);
  };
  fc.assert(fc.property(change, check), { seed: SEED, numRuns: 5000 });
});
