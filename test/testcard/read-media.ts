// Reads sizes and durations out of media files by their headers alone, written apart from the code that makes
// the files, so that the two cannot share a mistake.

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const textAt = (bytes: Uint8Array, at: number, length = 4) =>
  Buffer.from(bytes.subarray(at, at + length)).toString('latin1');

export type Size = { width: number; height: number };

export function readPngSize(file: Uint8Array): Size {
  if (textAt(file, 1, 3) !== 'PNG' || textAt(file, 12) !== 'IHDR') throw new Error('not a PNG');
  return { width: viewOf(file).getUint32(16), height: viewOf(file).getUint32(20) };
}

/** Walks the segments up to the start of frame. */
export function readJpegSize(file: Uint8Array): Size {
  const view = viewOf(file);
  if (view.getUint16(0) !== 0xffd8) throw new Error('not a JPEG');
  for (let at = 2; at < file.length; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint16(at);
    if (marker >= 0xffc0 && marker <= 0xffc2) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
  }
  throw new Error('a JPEG without a frame');
}

/** The simple form of WebP: one lossy frame (`VP8 `). */
export function readWebpSize(file: Uint8Array): Size {
  if (textAt(file, 0) !== 'RIFF' || textAt(file, 8) !== 'WEBP') throw new Error('not a WebP');
  const view = viewOf(file);
  const isExtended = textAt(file, 12) === 'VP8X';
  if (isExtended) {
    const read24 = (at: number) => view.getUint16(at, true) + view.getUint8(at + 2) * 65_536 + 1;
    return { width: read24(24), height: read24(27) };
  }
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

type Box = { type: string; at: number; bytes: Uint8Array };

function boxesIn(bytes: Uint8Array, from = 0): Box[] {
  const boxes: Box[] = [];
  for (let at = from; at + 8 <= bytes.length; at += viewOf(bytes).getUint32(at)) {
    const size = viewOf(bytes).getUint32(at);
    if (size < 8) throw new Error('a box without a size');
    boxes.push({ type: textAt(bytes, at + 4), at, bytes: bytes.subarray(at + 8, at + size) });
  }
  return boxes;
}

function inside(bytes: Uint8Array, ...path: string[]): Uint8Array {
  return path.reduce((body, type) => {
    const found = boxesIn(body).find((box) => box.type === type);
    if (!found) throw new Error(`no box ${type}`);
    return found.bytes;
  }, bytes);
}

type TrackInfo = {
  handler: string;
  /** The type of the first sample entry, and for video its size. */
  codec: string;
  size: Size;
  durationMs: number;
  samples: Uint8Array[];
  keyFrames: number[];
};

export type FilmInfo = { durationMs: number; isFastStart: boolean; tracks: TrackInfo[] };

export function readMp4(file: Uint8Array): FilmInfo {
  const top = boxesIn(file);
  const order = top.map(({ type }) => type);
  const header = viewOf(inside(file, 'moov', 'mvhd'));
  const tracks = boxesIn(inside(file, 'moov')).filter(({ type }) => type === 'trak');
  return {
    durationMs: (header.getUint32(16) * 1000) / header.getUint32(12),
    isFastStart: order.indexOf('moov') < order.indexOf('mdat'),
    tracks: tracks.map(({ bytes }) => readTrack(file, bytes)),
  };
}

function readTrack(file: Uint8Array, track: Uint8Array): TrackInfo {
  const media = inside(track, 'mdia');
  const header = viewOf(inside(media, 'mdhd'));
  const tables = inside(media, 'minf', 'stbl');
  const [entry] = boxesIn(inside(tables, 'stsd'), 8);
  if (!entry) throw new Error('no sample entry');
  const body = viewOf(entry.bytes);
  const hasKeyFrames = boxesIn(tables).some(({ type }) => type === 'stss');
  return {
    handler: textAt(inside(media, 'hdlr'), 8),
    codec: entry.type,
    size: { width: body.getUint16(24), height: body.getUint16(26) },
    durationMs: (header.getUint32(16) * 1000) / header.getUint32(12),
    samples: readSamples(file, tables),
    keyFrames: hasKeyFrames ? readTable(inside(tables, 'stss'), { countAt: 4, from: 8 }) : [],
  };
}

/** Where the count and the first row stand, and how many 32-bit numbers a row has. */
type TableForm = { countAt: number; from: number; width?: number };

/** A table of 32-bit numbers. */
function readTable(bytes: Uint8Array, { countAt, from, width = 1 }: TableForm): number[] {
  const view = viewOf(bytes);
  return Array.from({ length: view.getUint32(countAt) * width }, (_, index) =>
    view.getUint32(from + index * 4),
  );
}

function readSamples(file: Uint8Array, tables: Uint8Array): Uint8Array[] {
  const sizes = readTable(inside(tables, 'stsz'), { countAt: 8, from: 12 });
  const offsets = readTable(inside(tables, 'stco'), { countAt: 4, from: 8 });
  const runs = readTable(inside(tables, 'stsc'), { countAt: 4, from: 8, width: 3 });
  const samples: Uint8Array[] = [];
  for (const [chunk, offset] of offsets.entries()) {
    let perChunk = 0;
    for (let run = 0; run < runs.length; run += 3) {
      if ((runs[run] ?? 0) <= chunk + 1) perChunk = runs[run + 1] ?? 0;
    }
    let at = offset;
    for (let index = 0; index < perChunk; index++) {
      const size = sizes[samples.length] ?? 0;
      samples.push(file.subarray(at, at + size));
      at += size;
    }
  }
  return samples;
}
