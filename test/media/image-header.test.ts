// Image headers: real and hand-made files are read, everything else is null, and no input makes the reader throw or
// look behind the end of what it was given.
import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { readImageHeader } from '../../src/media/image-header.ts';
import { BAD, GOOD, STILL } from './image-cases.ts';
import {
  animatedWebp,
  join,
  jpeg,
  png,
  PNG_SIGNATURE,
  realImages,
  vp8,
  vp8Extended,
  vp8Lossless,
  webp,
  webpChunk,
} from './image-bytes.ts';

const SEED = 20_261_121;
describe('what is an image', () => {
  test.each(Object.entries(GOOD))('%s', (_, [bytes, header]) => {
    expect(readImageHeader(bytes)).toEqual(header);
  });

  test('what the encoder makes', async () => {
    const files = await realImages(301, 260);
    const read: unknown = Object.entries(files).map(([name, bytes]) => [name, readImageHeader(bytes)]);
    expect(read).toEqual(
      Object.keys(files).map((name) => [
        name,
        { contentType: `image/${name.replace(/.* /, '')}`, width: 301, height: 260, isAnimated: false },
      ]),
    );
  });
});

describe('what is not an image', () => {
  test.each(Object.entries(BAD))('%s', (_, bytes) => {
    expect(readImageHeader(bytes)).toBeNull();
  });
});

describe('the front of a file', () => {
  const large = webp(vp8Extended(300, 260, 0), vp8(300, 260), webpChunk('EXIF', new Uint8Array(5000)));

  test('a large WebP is read from its front when the size of the file is said', () => {
    const header = { contentType: 'image/webp' as const, ...STILL };
    expect(readImageHeader(large.subarray(0, 100), large.length)).toEqual(header);
    expect(readImageHeader(large.subarray(0, 100))).toBeNull();
    expect(readImageHeader(large.subarray(0, 100), large.length - 1)).toBeNull();
  });

  test('a PNG is read once the head of its pixels is in view', () => {
    const headOfPixels = 8 + 25 + 8;
    expect(readImageHeader(png(300, 260).slice(0, headOfPixels))?.width).toBe(300);
    expect(readImageHeader(png(300, 260).slice(0, headOfPixels - 1))).toBeNull();
  });

  test('a front that ends before the sides gives null at every offset', () => {
    for (const file of [large, webp(vp8(300, 260)), webp(vp8Lossless(300, 260)), animatedWebp(300, 260)]) {
      const whole = readImageHeader(file);
      for (let length = 0; length < 25; length++) {
        expect(readImageHeader(file.subarray(0, length), file.length)).toBeNull();
      }
      for (let length = 25; length < file.length; length++) {
        const front = readImageHeader(file.slice(0, length), file.length);
        expect(front ?? whole).toEqual(whole);
      }
    }
  });
});

/** The front of a file, once with the rest of it right behind and once with nothing behind. */
function readBothWays(file: Uint8Array, length: number) {
  return {
    within: readImageHeader(file.subarray(0, length)),
    alone: readImageHeader(file.slice(0, length)),
  };
}

describe('cut and damaged files', () => {
  const small = Object.entries(GOOD).filter(([, [bytes]]) => bytes.length < 1000);

  test.each(small)('%s, cut at every offset', (_, [bytes, header]) => {
    let firstRead = Infinity;
    for (let length = 0; length <= bytes.length; length++) {
      const { within, alone } = readBothWays(bytes, length);
      expect(within).toEqual(alone);
      if (alone !== null) {
        expect(alone).toEqual(header);
        firstRead = Math.min(firstRead, length);
      }
    }
    // The sides stand no earlier than that in any of the formats.
    expect(firstRead).toBeGreaterThanOrEqual(15);
    expect(firstRead).toBeLessThanOrEqual(bytes.length);
  });

  test('real files, cut at every offset', async () => {
    for (const bytes of Object.values(await realImages(301, 260))) {
      const whole = readImageHeader(bytes);
      for (let length = 0; length < bytes.length; length++) {
        const { within, alone } = readBothWays(bytes, length);
        expect(alone ?? whole).toEqual(whole);
        if (within?.width !== alone?.width) expect(within).toEqual(alone);
      }
    }
  });

  test('any bytes behind any magic are read without a throw and within their bounds', () => {
    const fronts = [join(PNG_SIGNATURE), png(300, 260), jpeg(300, 260), ...Object.values(BAD).slice(1, 30)];
    const front = fc.constantFrom(...fronts.map((bytes) => bytes.subarray(0, 4096)));
    const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(
        front,
        damage,
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(300),
        (start, faults, tail, cut) => {
          const file = join(start, tail);
          for (const [at, value] of faults) if (at < file.length) file[at] = value;
          const { within, alone } = readBothWays(file, Math.min(cut, file.length));
          expect(within).toEqual(alone);
          if (alone) expect(Math.min(alone.width, alone.height)).toBeGreaterThan(0);
        },
      ),
      { seed: SEED, numRuns: 5000 },
    );
  });

  test('any bytes in a WebP container are read without a throw and within their bounds', () => {
    const type = fc.constantFrom('VP8 ', 'VP8L', 'VP8X', 'ANIM', 'ANMF', 'ALPH', 'ICCP');
    const length = fc.oneof(fc.nat(40), fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32 - 8));
    const chunk = fc
      .tuple(type, fc.uint8Array({ maxLength: 24 }), fc.option(length))
      .map(([name, data, claimed]) => webpChunk(name, data, claimed ?? data.length));
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 5 }), fc.nat(120), (chunks, cut) => {
        const file = webp(...chunks);
        const { within, alone } = readBothWays(file, Math.max(0, file.length - cut));
        expect(within).toEqual(alone);
        expect(() => readImageHeader(file)).not.toThrow();
      }),
      { seed: SEED, numRuns: 5000 },
    );
  });
});
