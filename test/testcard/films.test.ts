// Films: size, duration and tracks as read back from the files, motion, sound and the poster.
import { afterAll, describe, expect, test } from 'bun:test';
import type { VideoCard } from '../../src/testcard/index.ts';
import { readJpegSize, readMp4 } from './read-media.ts';
import { makeCards, videoCard, refusalOf } from './support.ts';

const cards = makeCards();
afterAll(() => cards.close());

const film = async (own: Partial<VideoCard> = {}) => readMp4((await cards.render(videoCard(own))).bytes);

describe('the file', () => {
  const shapes = [
    { width: 1280, height: 720, durationMs: 1000 },
    { width: 108, height: 192, durationMs: 4000 },
    { width: 96, height: 96, durationMs: 1501 },
    { width: 130, height: 74, durationMs: 733 },
    { width: 16, height: 16, durationMs: 500 },
  ];

  test.each(shapes)('%o has exactly this size and duration', async ({ width, height, durationMs }) => {
    const rendered = await cards.render(videoCard({ width, height, durationMs }));
    const { tracks, ...info } = readMp4(rendered.bytes);
    expect(info).toEqual({ durationMs, isFastStart: true });
    expect(tracks).toHaveLength(1);
    expect(tracks[0]).toMatchObject({ handler: 'vide', codec: 'avc1', size: { width, height }, durationMs });
    expect(rendered).toMatchObject({ contentType: 'video/mp4', width, height, durationMs });
  });

  test('holds a stream of whole units, with key frames where the table says', async () => {
    const [track] = (await film({ durationMs: 5000 })).tracks;
    expect(track?.samples).toHaveLength(60);
    expect(track?.keyFrames).toEqual([1, 49]);
    for (const [index, sample] of track?.samples.entries() ?? []) {
      const types = unitTypes(sample);
      expect(types.includes(5)).toBe(index === 0 || index === 48);
      expect(types.includes(1) || types.includes(5)).toBe(true);
    }
  });

  test('comes with its first frame as a poster', async () => {
    const { poster } = await cards.render(videoCard());
    expect(poster).toMatchObject({ contentType: 'image/jpeg', width: 192, height: 108 });
    expect(readJpegSize(poster?.bytes ?? new Uint8Array(0))).toEqual({ width: 192, height: 108 });
  });

  test('moves: no frame repeats the one before', async () => {
    const [track] = (await film()).tracks;
    const hashes = new Set(track?.samples.map((sample) => Bun.hash(sample)));
    expect(hashes.size).toBe(12);
  });
});

describe('what a card decides', () => {
  test('equal cards give equal bytes; a prompt, a seed and a reference make a difference', async () => {
    const reference = (await cards.render(videoCard())).poster?.bytes ?? new Uint8Array(0);
    const own: Partial<VideoCard>[] = [{}, {}, { prompt: 'other' }, { seed: 4 }, { reference }];
    const rendered = await Promise.all(
      own.map((change) => cards.render(videoCard({ hasAudio: true, ...change }))),
    );
    const [first, second, ...others] = rendered.map(({ bytes }) => Bun.hash(bytes));
    expect(first).toBe(second);
    expect(new Set([first, ...others]).size).toBe(4);
  });

  test('sides must be even and the duration in bounds: anything else is a bug of the caller', async () => {
    for (const own of [{ width: 101 }, { height: 77 }, { durationMs: 499 }, { durationMs: 60_001 }]) {
      expect(await refusalOf(cards.render(videoCard(own)))).toMatchObject({ name: 'Bug' });
    }
  });
});

describe('the sound', () => {
  test('is an AAC track as long as the film, up to one frame', async () => {
    const { durationMs, tracks } = await film({ hasAudio: true, durationMs: 2500 });
    expect(durationMs).toBe(2500);
    expect(tracks.map(({ handler, codec }) => [handler, codec])).toEqual([
      ['vide', 'avc1'],
      ['soun', 'mp4a'],
    ]);
    const [video, audio] = tracks;
    expect(video?.samples).toHaveLength(30);
    expect(audio?.samples).toHaveLength(117);
    expect(audio?.durationMs).toBeWithin(2500 - 1024 / 48, 2500.001);
  });

  test('is one channel element a frame, that fades in, holds and fades out', async () => {
    const [, audio] = (await film({ hasAudio: true, durationMs: 2000 })).tracks;
    const gains = audio?.samples.map(gainOf) ?? [];
    const loudest = Math.max(...gains);
    expect(gains[0]).toBe(loudest - 24);
    expect(gains.slice(24, -25).every((gain) => gain === loudest)).toBe(true);
    expect(gains.at(-1)).toBe(loudest - 24);
    for (const [index, gain] of gains.entries())
      expect(Math.abs(gain - (gains[index - 1] ?? gain))).toBeLessThan(2);
  });

  test('differs by seed', async () => {
    const chords = await Promise.all(
      [0, 1, 2].map(async (seed) => (await film({ hasAudio: true, seed })).tracks[1]?.samples[20] ?? []),
    );
    expect(new Set(chords.map((frame) => Buffer.from(frame).toString('hex'))).size).toBe(3);
  });
});

/** The types of the units of a sample, each behind its length in four bytes. */
function unitTypes(sample: Uint8Array): number[] {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.byteLength);
  const types: number[] = [];
  let at = 0;
  while (at < sample.length) {
    types.push(view.getUint8(at + 4) & 31);
    at += 4 + view.getUint32(at);
  }
  expect(at).toBe(sample.length);
  return types;
}

/** The eight bits of gain behind the three of the element (0: one channel) and the four of its number. */
function gainOf(frame: Uint8Array): number {
  const [first = 255, second = 0] = frame;
  expect(first >> 5).toBe(0);
  return ((first & 1) << 7) | (second >> 1);
}
