// Images: their sizes as read back from the files, what makes them equal or different, and what they show.
import { afterAll, describe, expect, test } from 'bun:test';
import { decodePng } from '../../src/testcard/image/index.ts';
import type { ImageCard } from '../../src/testcard/index.ts';
import { readJpegSize, readPngSize, readWebpSize } from './read-media.ts';
import { imageCard, makeCards, refusalOf } from './support.ts';

const cards = makeCards();
afterAll(() => cards.close());

const draw = async (own: Partial<ImageCard> = {}) => (await cards.render(imageCard(own))).bytes;
const pixelsOf = async (own: Partial<ImageCard> = {}) => decodePng(await draw(own)).rgba;

/** The share of pixels in some rows that differ by more than grain could. */
function shareOfDifferent(
  a: Uint8Array,
  b: Uint8Array,
  rows: { from: number; to: number; width: number },
): number {
  let count = 0;
  for (let pixel = rows.from * rows.width; pixel < rows.to * rows.width; pixel++) {
    const distance = [0, 1, 2].map((channel) =>
      Math.abs((a[pixel * 4 + channel] ?? 0) - (b[pixel * 4 + channel] ?? 0)),
    );
    if (Math.max(...distance) > 12) count++;
  }
  return count / ((rows.to - rows.from) * rows.width);
}

const WHOLE = { from: 0, to: 240, width: 320 };

describe('files', () => {
  const sizes = [
    { width: 1024, height: 1024 },
    { width: 16, height: 16 },
    { width: 33, height: 47 },
    { width: 300, height: 100 },
    { width: 90, height: 160 },
  ];
  const readers = { png: readPngSize, jpeg: readJpegSize, webp: readWebpSize };

  test.each(['png', 'jpeg', 'webp'] as const)('%s files have exactly the size asked', async (format) => {
    // One full-size picture is enough, and PNG is the fastest.
    for (const size of format === 'png' ? sizes : sizes.slice(1)) {
      const rendered = await cards.render(imageCard({ ...size, format }));
      expect(readers[format](rendered.bytes)).toEqual(size);
      expect(rendered).toMatchObject({ ...size, contentType: `image/${format}` });
      expect(rendered.poster).toBeUndefined();
    }
  });

  test('the codec of the runtime reads what the PNG writer wrote, pixel by pixel', async () => {
    const bytes = await draw({ width: 64, height: 48 });
    const again = await new Bun.Image(bytes).png().bytes();
    expect(Buffer.from(decodePng(again).rgba).equals(Buffer.from(decodePng(bytes).rgba))).toBe(true);
  });

  test('a JPEG shows the same picture as the PNG, the same way up', async () => {
    const jpeg = await draw({ format: 'jpeg' });
    const shown = decodePng(await new Bun.Image(jpeg).png().bytes()).rgba;
    expect(shareOfDifferent(shown, await pixelsOf(), WHOLE)).toBeLessThan(0.05);
  });
});

describe('what a card decides', () => {
  test.each(['png', 'jpeg', 'webp'] as const)(
    'equal cards give equal bytes in %s, from different workers too',
    async (format) => {
      const other = makeCards();
      const [first, second, third] = await Promise.all([
        draw({ format }),
        draw({ format }),
        other.render(imageCard({ format })).then(({ bytes }) => bytes),
      ]);
      await other.close();
      expect(Bun.hash(first)).toBe(Bun.hash(second));
      expect(Bun.hash(first)).toBe(Bun.hash(third));
    },
  );

  test('another prompt or another seed gives a visibly different picture', async () => {
    const base = await pixelsOf();
    expect(shareOfDifferent(base, await pixelsOf({ seed: 8 }), WHOLE)).toBeGreaterThan(0.3);
    expect(
      shareOfDifferent(base, await pixelsOf({ prompt: 'A quiet harbour at dusk' }), WHOLE),
    ).toBeGreaterThan(0.3);
  });

  test('prompt and seed cannot be mistaken for each other', async () => {
    const first = await draw({ prompt: 'a,1', seed: 1, width: 64, height: 64 });
    const second = await draw({ prompt: 'a', seed: 11, width: 64, height: 64 });
    expect(Bun.hash(first)).not.toBe(Bun.hash(second));
  });
});

describe('the caption', () => {
  test('another label changes the lower border and nothing above it', async () => {
    const base = await pixelsOf();
    const other = await pixelsOf({ label: 'bfl/flux-schnell' });
    expect(shareOfDifferent(base, other, { from: 0, to: 200, width: 320 })).toBe(0);
    expect(shareOfDifferent(base, other, { from: 215, to: 240, width: 320 })).toBeGreaterThan(0.03);
  });

  test('a prompt is written in light letters on a shaded ground', async () => {
    const rgba = await pixelsOf();
    // The shade is dark at its lower end, so only letters are bright there.
    const band = { from: 205, to: 235 };
    const bright = rgba
      .subarray(band.from * 320 * 4, band.to * 320 * 4)
      .reduce((sum, value, index) => sum + (index % 4 === 1 && value > 190 ? 1 : 0), 0);
    expect(bright).toBeGreaterThan(200);
  });

  test('a picture too small for letters has none', async () => {
    const size = { width: 40, height: 40 };
    expect(Bun.hash(await draw({ ...size, label: 'a' }))).toBe(Bun.hash(await draw({ ...size, label: 'b' })));
  });
});

describe('the reference', () => {
  const reference = () => draw({ width: 120, height: 90, seed: 99 });

  test('is shown in the upper right corner, and nowhere else', async () => {
    const base = await pixelsOf();
    const shown = await pixelsOf({ reference: await reference() });
    expect(shareOfDifferent(base, shown, { from: 0, to: 70, width: 320 })).toBeGreaterThan(0.1);
    expect(shareOfDifferent(base, shown, { from: 100, to: 240, width: 320 })).toBe(0);
  });

  test('every format is read, also with opacity and from a tall picture', async () => {
    const tall = await cards.render(imageCard({ format: 'webp', width: 20, height: 400 }));
    const jpeg = await cards.render(imageCard({ format: 'jpeg', width: 50, height: 50 }));
    const hashes = await Promise.all(
      [await reference(), tall.bytes, jpeg.bytes].map(async (file) =>
        Bun.hash(await draw({ reference: file })),
      ),
    );
    expect(new Set(hashes).size).toBe(3);
  });

  test('fits into the smallest picture', async () => {
    const bytes = await draw({ width: 16, height: 16, reference: await reference() });
    expect(readPngSize(bytes)).toEqual({ width: 16, height: 16 });
  });

  test('that is no image is refused', async () => {
    const refused = cards.render(imageCard({ reference: new Uint8Array([1, 2, 3]) }));
    expect(await refusalOf(refused)).toMatchObject({ name: 'GatewayError', code: 'file_load_error' });
  });
});

test.each([{ width: 15 }, { height: 6401 }, { width: 6400, height: 3000 }, { width: 100.5 }, { seed: 0.5 }])(
  '%o is out of bounds: a bug of the caller',
  async (own) => {
    expect(await refusalOf(cards.render(imageCard(own)))).toMatchObject({ name: 'Bug' });
  },
);
