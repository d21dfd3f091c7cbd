// Writes an MP4 file with one track of H.264 and, if there is sound, one of AAC: what a player needs stands in
// front of the media, the tracks are interleaved by the second, and no time of making is noted, so that the same
// film gives the same bytes.
import { box, fullBox, u16, u32 } from './boxes.ts';
import type { VideoStream } from './h264.ts';
import { SAMPLE_RATE, SAMPLES_PER_FRAME } from './tone.ts';

export type Film = {
  width: number;
  height: number;
  fps: number;
  durationMs: number;
  video: VideoStream;
  /** AAC frames of one channel; null for a silent film. */
  audio: Uint8Array[] | null;
};

/** One track: its samples, how long each lasts in units of its own time scale, and its boxes. */
type Track = {
  id: number;
  samples: Uint8Array[];
  timescale: number;
  duration: number;
  /** Runs of samples of the same length: count, duration. */
  times: [number, number][];
  keyFrames: number[] | null;
  handler: 'vide' | 'soun';
  header: Uint8Array;
  entry: Uint8Array;
  size: [number, number];
  volume: number;
};

/** Ticks of one frame; the last frame's own length makes the film last to the millisecond. */
const TICKS_PER_FRAME = 1000;
/** The matrix of an upright picture. */
const UPRIGHT = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
/** `und`, no language. */
const NO_LANGUAGE = 0x55c4;

export function writeMp4(film: Film): Uint8Array {
  const tracks = [videoTrack(film), ...(film.audio ? [audioTrack(film.audio)] : [])];
  const chunks = interleave(tracks);
  const head = box('ftyp', 'isom', u32(0x200), 'isomiso2avc1mp41');
  const build = (mediaAt: number) => movie(film, tracks, chunkOffsets(chunks, mediaAt));
  // The size of the table does not depend on the offsets in it, so it can be built with any to learn its size.
  const mediaAt = head.length + build(0).length + 8;
  const media = chunks.flatMap(({ samples }) => samples);
  return new Uint8Array(Buffer.concat([head, build(mediaAt), box('mdat', Buffer.concat(media))]));
}

type Chunk = { track: Track; samples: Uint8Array[] };

/** Cuts the tracks into chunks of about a second and puts them in turns. */
function interleave(tracks: Track[]): Chunk[] {
  const cut = tracks.map((track) => {
    const size = samplesPerChunk(track);
    const count = Math.ceil(track.samples.length / size);
    return Array.from({ length: count }, (_, index): Chunk => ({
      track,
      samples: track.samples.slice(index * size, (index + 1) * size),
    }));
  });
  const longest = Math.max(...cut.map((chunks) => chunks.length));
  return Array.from({ length: longest }, (_, index) => cut.flatMap((chunks) => chunks[index] ?? [])).flat();
}

const samplesPerChunk = ({ timescale, times }: Track) =>
  Math.max(1, Math.round(timescale / (times[0]?.[1] ?? timescale)));

function chunkOffsets(chunks: Chunk[], mediaAt: number): Map<Track, number[]> {
  const offsets = new Map<Track, number[]>();
  let at = mediaAt;
  for (const { track, samples } of chunks) {
    offsets.set(track, [...(offsets.get(track) ?? []), at]);
    at += samples.reduce((sum, sample) => sum + sample.length, 0);
  }
  return offsets;
}

function videoTrack({ width, height, fps, durationMs, video }: Film): Track {
  const count = video.samples.length;
  const duration = durationMs * fps;
  const last = duration - (count - 1) * TICKS_PER_FRAME;
  const keyFrames = video.isKeyFrame.flatMap((isKey, index) => (isKey ? [index + 1] : []));
  const entry = box(
    'avc1',
    [0, 0, 0, 0, 0, 0, 0, 1],
    new Uint8Array(16),
    u16(width, height),
    // 72 dots an inch, one frame a sample, no name of a compressor, 24 bits of colour.
    u32(0x480000, 0x480000, 0),
    u16(1),
    new Uint8Array(32),
    u16(24, 0xffff),
    box('avcC', video.configuration),
    // BT.709, limited range.
    box('colr', 'nclx', u16(1, 1, 1), [0]),
  );
  return {
    id: 1,
    samples: video.samples,
    timescale: TICKS_PER_FRAME * fps,
    duration,
    times:
      count > 1
        ? [
            [count - 1, TICKS_PER_FRAME],
            [1, last],
          ]
        : [[1, last]],
    keyFrames,
    handler: 'vide',
    header: fullBox('vmhd', 1, new Uint8Array(8)),
    entry,
    size: [width, height],
    volume: 0,
  };
}

/** AAC-LC, 48 kHz, one channel (ISO/IEC 14496-3, section 1.6.2.1). */
const AUDIO_CONFIGURATION = [0x11, 0x88];

function audioTrack(samples: Uint8Array[]): Track {
  const bytes = samples.reduce((sum, sample) => sum + sample.length, 0);
  const bitsPerSecond = Math.ceil((bytes * 8 * SAMPLE_RATE) / (samples.length * SAMPLES_PER_FRAME));
  const entry = box(
    'mp4a',
    [0, 0, 0, 0, 0, 0, 0, 1],
    new Uint8Array(8),
    // One channel of 16 bits; the rate as 16.16.
    u16(1, 16, 0, 0, SAMPLE_RATE, 0),
    fullBox('esds', 0, describe(bitsPerSecond)),
  );
  return {
    id: 2,
    samples,
    timescale: SAMPLE_RATE,
    duration: samples.length * SAMPLES_PER_FRAME,
    times: [[samples.length, SAMPLES_PER_FRAME]],
    keyFrames: null,
    handler: 'soun',
    header: fullBox('smhd', 0, u32(0)),
    entry,
    size: [0, 0],
    volume: 0x100,
  };
}

/** The descriptors of an AAC stream (ISO/IEC 14496-1, section 7.2.6): each has a tag and a length. */
function describe(bitsPerSecond: number): number[] {
  const descriptor = (tag: number, body: number[]) => [tag, body.length, ...body];
  const decoder = [
    0x40,
    0x15,
    0,
    0,
    0,
    ...u32(bitsPerSecond, bitsPerSecond),
    ...descriptor(5, AUDIO_CONFIGURATION),
  ];
  return descriptor(3, [0, 2, 0, ...descriptor(4, decoder), ...descriptor(6, [2])]);
}

function movie(film: Film, tracks: Track[], offsets: Map<Track, number[]>): Uint8Array {
  const header = fullBox(
    'mvhd',
    0,
    u32(0, 0, 1000, film.durationMs, 0x10000),
    u16(0x100),
    new Uint8Array(10),
    UPRIGHT,
    new Uint8Array(24),
    u32(tracks.length + 1),
  );
  return box('moov', header, ...tracks.map((track) => trackBox(track, offsets.get(track) ?? [])));
}

function trackBox(track: Track, offsets: number[]): Uint8Array {
  const [width, height] = track.size;
  const durationMs = Math.round((track.duration * 1000) / track.timescale);
  const header = fullBox(
    'tkhd',
    3,
    u32(0, 0, track.id, 0, durationMs, 0, 0),
    u16(0, 0, track.volume, 0),
    UPRIGHT,
    u32(width * 0x10000, height * 0x10000),
  );
  const name = track.handler === 'vide' ? 'Video' : 'Sound';
  const media = box(
    'mdia',
    fullBox('mdhd', 0, u32(0, 0, track.timescale, track.duration), u16(NO_LANGUAGE, 0)),
    fullBox('hdlr', 0, u32(0), track.handler, new Uint8Array(12), `${name}\0`),
    box(
      'minf',
      track.header,
      box('dinf', fullBox('dref', 0, u32(1), fullBox('url ', 1))),
      tables(track, offsets),
    ),
  );
  return box('trak', header, media);
}

function tables(track: Track, offsets: number[]): Uint8Array {
  const { samples, times, keyFrames } = track;
  const perChunk = samplesPerChunk(track);
  const rest = samples.length % perChunk;
  // The last chunk may be shorter.
  const runs = rest === 0 || offsets.length === 1 ? [] : [offsets.length, rest, 1];
  const first = [1, Math.min(perChunk, samples.length), 1];
  return box(
    'stbl',
    fullBox('stsd', 0, u32(1), track.entry),
    fullBox('stts', 0, u32(times.length, ...times.flat())),
    ...(keyFrames ? [fullBox('stss', 0, u32(keyFrames.length, ...keyFrames))] : []),
    fullBox('stsc', 0, u32(1 + runs.length / 3, ...first, ...runs)),
    fullBox('stsz', 0, u32(0, samples.length, ...samples.map((sample) => sample.length))),
    fullBox('stco', 0, u32(offsets.length, ...offsets)),
  );
}
