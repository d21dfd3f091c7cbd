// MP4 headers: real and hand-made files in every order of boxes, lies about sizes, cuts, and how little is read.
import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { createH264MP4Encoder } from 'h264-mp4-encoder';
import { readMp4Header, type ByteReader, type Mp4Header } from '../../src/media/mp4-header.ts';
import { join, png } from './image-bytes.ts';
import {
  box,
  CONTENT,
  FILE_TYPE,
  handler,
  largeBox,
  LENGTH,
  lyingBox,
  mediaHead,
  MOVIE,
  movieHead,
  SOUND,
  track,
  trackHead,
  VIDEO,
} from './mp4-bytes.ts';

const SEED = 20_261_121;
const EXPECTED = { width: 1280, height: 720, durationMs: 2500, hasAudio: true };
const movie = (...boxes: Uint8Array[]) => join(FILE_TYPE, box('moov', ...boxes), CONTENT);
const unstated = { scale: 600, units: 0 };

const GOOD: Record<string, [Uint8Array, Mp4Header]> = {
  'movie before the content': [join(FILE_TYPE, MOVIE, CONTENT), EXPECTED],
  'movie behind the content': [join(FILE_TYPE, CONTENT, MOVIE), EXPECTED],
  'movie behind a 64-bit content': [join(FILE_TYPE, largeBox('mdat', CONTENT), MOVIE), EXPECTED],
  'movie in a 64-bit box': [join(FILE_TYPE, largeBox('moov', MOVIE.subarray(8)), CONTENT), EXPECTED],
  'movie that goes to the end': [join(FILE_TYPE, CONTENT, lyingBox('moov', MOVIE.subarray(8), 0)), EXPECTED],
  'free space before the movie': [join(FILE_TYPE, box('free'), box('wide'), MOVIE), EXPECTED],
  'empty boxes at the end of the movie': [
    movie(movieHead(LENGTH), VIDEO, SOUND, largeBox('free', new Uint8Array(0)), box('free')),
    EXPECTED,
  ],
  'no sound': [movie(movieHead(LENGTH), VIDEO), { ...EXPECTED, hasAudio: false }],
  'sound before the picture': [movie(movieHead(LENGTH), SOUND, VIDEO), EXPECTED],
  'a hint track and two pictures': [
    movie(movieHead(LENGTH), track('hint'), VIDEO, track('vide', 16, 16)),
    { ...EXPECTED, hasAudio: false },
  ],
  'a cover picture without a size': [movie(movieHead(LENGTH), track('vide'), VIDEO, SOUND), EXPECTED],
  '64-bit lengths and track heads': [
    movie(
      movieHead({ scale: 90_000, units: 225_000n, version: 1 }),
      box(
        'trak',
        trackHead(1280, 720, 1),
        box('mdia', mediaHead({ ...LENGTH, version: 1 }), handler('vide')),
      ),
      SOUND,
    ),
    EXPECTED,
  ],
  'length only in the track': [movie(movieHead(unstated), VIDEO, SOUND), EXPECTED],
  'length of all bits': [movie(movieHead({ scale: 600, units: 2 ** 32 - 1 }), VIDEO, SOUND), EXPECTED],
  '64-bit length of all bits': [
    movie(movieHead({ scale: 600, units: 2n ** 64n - 1n, version: 1 }), VIDEO, SOUND),
    EXPECTED,
  ],
  'length nowhere': [
    movie(
      movieHead(unstated),
      box('trak', trackHead(1280, 720), box('mdia', mediaHead(unstated), handler('vide'))),
    ),
    { width: 1280, height: 720, durationMs: null, hasAudio: false },
  ],
};

const manyBoxes = join(...Array.from({ length: 5000 }, () => box('free')));
const withoutHandler = box('trak', trackHead(64, 64), box('mdia', mediaHead(LENGTH)));
const withoutMedia = box('trak', trackHead(64, 64));
const shortHead = box(
  'trak',
  box('tkhd', new Uint8Array(80)),
  box('mdia', mediaHead(LENGTH), handler('vide')),
);

const BAD: Record<string, Uint8Array> = {
  nothing: new Uint8Array(0),
  'a PNG': png(300, 300),
  text: join('<!doctype html><video></video>'),
  'no file type': join(MOVIE, CONTENT),
  'another box before the file type': join(box('free'), FILE_TYPE, MOVIE),
  'no movie': join(FILE_TYPE, CONTENT),
  'an empty movie': join(FILE_TYPE, box('moov')),
  'no movie head': movie(VIDEO, SOUND),
  'no picture': movie(movieHead(LENGTH), SOUND),
  'a picture without a width': movie(movieHead(LENGTH), track('vide', 0, 720)),
  'a picture without a height': movie(movieHead(LENGTH), track('vide', 1280, 0)),
  'a track without a handler': movie(movieHead(LENGTH), VIDEO, withoutHandler),
  'a track without media': movie(movieHead(LENGTH), VIDEO, withoutMedia),
  'a track head that is too short': movie(movieHead(LENGTH), shortHead),
  'a movie head that is too short': movie(box('mvhd', new Uint8Array(19)), VIDEO),
  'a handler that is too short': movie(
    movieHead(LENGTH),
    box('trak', trackHead(64, 64), box('mdia', mediaHead(LENGTH), box('hdlr', new Uint8Array(11)))),
  ),
  'a time scale of 0': movie(movieHead({ scale: 0, units: 1500 }), VIDEO),
  'a box of size 7': join(FILE_TYPE, lyingBox('free', new Uint8Array(0), 7), MOVIE),
  'a box of size 2^32 - 1': join(FILE_TYPE, lyingBox('mdat', new Uint8Array(40), 2 ** 32 - 1), MOVIE),
  'a 64-bit box of size 15': join(FILE_TYPE, largeBox('mdat', new Uint8Array(0), 15), MOVIE),
  'a 64-bit box of size 0': join(FILE_TYPE, largeBox('mdat', new Uint8Array(0), 0), MOVIE),
  'a 64-bit box of size 2^64 - 1': join(
    FILE_TYPE,
    largeBox('mdat', new Uint8Array(9), 2n ** 64n - 1n),
    MOVIE,
  ),
  'a movie longer than the file': join(FILE_TYPE, lyingBox('moov', MOVIE.subarray(8), MOVIE.length + 1)),
  'a track longer than its movie': movie(
    movieHead(LENGTH),
    lyingBox('trak', VIDEO.subarray(8), VIDEO.length + 1),
  ),
  'more boxes than any file has': join(FILE_TYPE, manyBoxes, MOVIE),
  'more boxes inside the movie than any file has': movie(movieHead(LENGTH), manyBoxes, VIDEO),
};

/** A reader over bytes that refuses what a careful caller never asks for. */
function strictReader(bytes: Uint8Array, size = bytes.length): ByteReader {
  return {
    size,
    read(offset, length) {
      if (offset < 0 || length <= 0 || offset + length > size) throw new Error(`read ${length} at ${offset}`);
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
  };
}

describe('what is an MP4 file', () => {
  test.each(Object.entries(GOOD))('%s', async (_, [bytes, header]) => {
    expect(await readMp4Header(bytes)).toEqual(header);
    expect(await readMp4Header(strictReader(bytes))).toEqual(await readMp4Header(bytes));
  });

  test('what the encoder makes', async () => {
    const encoder = await createH264MP4Encoder();
    Object.assign(encoder, { width: 64, height: 48, frameRate: 10 });
    encoder.initialize();
    for (let frame = 0; frame < 5; frame++)
      encoder.addFrameRgba(new Uint8Array(64 * 48 * 4).fill(40 * frame));
    encoder.finalize();
    const bytes = encoder.FS.readFile(encoder.outputFilename);
    encoder.delete();
    expect(await readMp4Header(bytes)).toEqual({ width: 64, height: 48, durationMs: 500, hasAudio: false });
  });
});

describe('what is not an MP4 file', () => {
  test.each(Object.entries(BAD))('%s', async (_, bytes) => {
    expect(await readMp4Header(bytes)).toBeNull();
    expect(await readMp4Header(strictReader(bytes))).toBeNull();
  });
});

describe('how much is read', () => {
  test('a gigabyte before the movie costs two short reads', async () => {
    const contentBytes = 2 ** 30;
    const front = join(FILE_TYPE, lyingBox('mdat', new Uint8Array(0), contentBytes + 8));
    const movieAt = front.length + contentBytes;
    const reads: number[] = [];
    const reader: ByteReader = {
      size: movieAt + MOVIE.length,
      read(offset, length) {
        reads.push(length);
        const piece = new Uint8Array(length);
        if (offset === 0) piece.set(front);
        else if (offset === movieAt) piece.set(MOVIE.subarray(0, length));
        else throw new Error(`read at ${offset}`);
        return Promise.resolve(piece);
      },
    };
    expect(await readMp4Header(reader)).toEqual(EXPECTED);
    expect(reads).toHaveLength(2);
    expect(Math.max(...reads)).toBeLessThanOrEqual(64 * 1024);
  });

  test('boxes are read wherever one read ends and the next begins', async () => {
    const windowBytes = 16 * 1024;
    const firstAt = windowBytes - MOVIE.length - 20;
    for (let movieAt = firstAt; movieAt < windowBytes + 20; movieAt++) {
      const space = largeBox('free', new Uint8Array(movieAt - FILE_TYPE.length - 16));
      const bytes = join(FILE_TYPE, space, MOVIE);
      expect(bytes.length).toBe(movieAt + MOVIE.length);
      expect(await readMp4Header(strictReader(bytes))).toEqual(EXPECTED);
    }
  });

  test('endless boxes far apart end after a bounded number of reads', async () => {
    const step = 100_000;
    let reads = 0;
    const reader: ByteReader = {
      size: step * 1_000_000,
      read(offset, length) {
        reads += 1;
        const piece = new Uint8Array(length);
        piece.set(
          offset === 0
            ? lyingBox('ftyp', new Uint8Array(0), step)
            : lyingBox('free', new Uint8Array(0), step),
        );
        return Promise.resolve(piece);
      },
    };
    expect(await readMp4Header(reader)).toBeNull();
    expect(reads).toBeLessThanOrEqual(1024);
  });

  test('a reader that has less than it said gives null', async () => {
    const bytes = join(FILE_TYPE, CONTENT, MOVIE);
    const reader = strictReader(bytes.subarray(0, bytes.length - 80), bytes.length);
    expect(await readMp4Header(reader)).toBeNull();
  });

  test('the fault of a reader is passed on', async () => {
    const reader: ByteReader = { size: 100, read: () => Promise.reject(new Error('disk gone')) };
    const fault: unknown = await readMp4Header(reader).catch((thrown: unknown) => thrown);
    expect(fault).toEqual(new Error('disk gone'));
  });
});

describe('cut and damaged files', () => {
  // A movie that goes to the end is a whole one wherever it ends between two tracks.
  const definite = Object.entries(GOOD).filter(([name]) => name !== 'movie that goes to the end');

  test.each(definite)('%s, cut at every offset', async (_, [bytes, header]) => {
    for (let length = 0; length < bytes.length; length++) {
      const read = await readMp4Header(strictReader(bytes.subarray(0, length)));
      if (read !== null) expect(read).toEqual(header);
    }
    expect(await readMp4Header(bytes.subarray(0, FILE_TYPE.length + 60))).toBeNull();
  });

  test('no damage makes it throw or read outside the file', async () => {
    const file = fc.constantFrom(...Object.values(GOOD).map(([bytes]) => bytes));
    const damage = fc.array(fc.tuple(fc.nat(700), fc.constantFrom(0, 1, 7, 8, 16, 127, 128, 255)), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(file, damage, async (bytes, faults) => {
        const broken = bytes.slice();
        for (const [at, value] of faults) if (at < broken.length) broken[at] = value;
        const read = await readMp4Header(strictReader(broken));
        if (read !== null) expect(Number.isSafeInteger(read.durationMs ?? 0)).toBe(true);
      }),
      { seed: SEED, numRuns: 5000 },
    );
  });
});
