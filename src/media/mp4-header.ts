// The header of an MP4 file: its picture size, its length and whether it has sound. Walks the boxes that say so
// through small reads, so that a file of a gigabyte is never in memory, and gives up on boxes that do not fit.

/** Random access to a file. A read that reaches past the end answers with what there is. */
export type ByteReader = { size: number; read(offset: number, length: number): Promise<Uint8Array> };

/** Sides in pixels before any rotation; the length is null where the file does not state it, as in a live recording. */
export type Mp4Header = { width: number; height: number; durationMs: number | null; hasAudio: boolean };

/** All boxes that are looked at, on every level together. Ordinary files have 20 to 60. */
const MAX_BOXES = 1024;
/** Neighbouring boxes come with one read. No file makes it read more than three of these for a box. */
const WINDOW_BYTES = 16 * 1024;
/** The longest box that is read as a whole: `mvhd` in its 64-bit form. */
const MAX_LEAF_BYTES = 128;

type Range = { start: number; end: number };
type Box = Range & { type: string };
type Walk = {
  /** The bytes of a part of the file; null when it has fewer. */
  view(offset: number, length: number): Promise<DataView | null>;
  /** Counts a box; false once there were too many. */
  countBox(): boolean;
};
type Track = { kind: string; width: number; height: number; durationMs: number | null };

/**
 * Reads the header of an MP4 file, wherever in it the movie box stands. Null when it does not begin with `ftyp`, has
 * no picture track, or is cut or contradicts itself. Rejects only when the reader does.
 */
export async function readMp4Header(file: Uint8Array | ByteReader): Promise<Mp4Header | null> {
  const reader = file instanceof Uint8Array ? readerOf(file) : file;
  const walk = createWalk(reader);
  const top = await listBoxes(walk, { start: 0, end: reader.size }, 'moov');
  const movie = top?.at(-1);
  if (top?.[0]?.type !== 'ftyp' || movie?.type !== 'moov') return null;
  const boxes = await listBoxes(walk, movie);
  const length = await readDuration(walk, boxes, 'mvhd');
  const tracks = boxes === null ? null : await readTracks(walk, boxes);
  const picture = tracks?.find((track) => track.kind === 'vide' && track.width > 0 && track.height > 0);
  if (tracks === null || picture === undefined || length === null) return null;
  return {
    width: picture.width,
    height: picture.height,
    durationMs: length.durationMs ?? picture.durationMs,
    hasAudio: tracks.some((track) => track.kind === 'soun'),
  };
}

function readerOf(bytes: Uint8Array): ByteReader {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

function createWalk(reader: ByteReader): Walk {
  let window = new Uint8Array(0);
  let windowAt = 0;
  let boxes = 0;
  return {
    async view(offset, length) {
      if (offset < windowAt || offset + length > windowAt + window.length) {
        window = new Uint8Array(await reader.read(offset, Math.min(WINDOW_BYTES, reader.size - offset)));
        windowAt = offset;
      }
      const at = offset - windowAt;
      return at + length > window.length ? null : new DataView(window.buffer, window.byteOffset + at, length);
    },
    countBox: () => ++boxes <= MAX_BOXES,
  };
}

/** The boxes of a range, up to and with the first of type `last`; null when one does not fit or there are too many. */
async function listBoxes(walk: Walk, within: Range, last?: string): Promise<Box[] | null> {
  const boxes: Box[] = [];
  let at = within.start;
  while (at < within.end) {
    const box = walk.countBox() ? await readBox(walk, at, within.end) : null;
    if (box === null) return null;
    boxes.push(box);
    if (box.type === last) break;
    at = box.end;
  }
  return boxes;
}

/** A size of 1 stands for a 64-bit size behind the type, 0 for all the rest (ISO/IEC 14496-12, 4.2). */
async function readBox(walk: Walk, at: number, end: number): Promise<Box | null> {
  const head = at + 8 > end ? null : await walk.view(at, 8);
  if (head === null) return null;
  const type = textAt(head, 4);
  const size = head.getUint32(0);
  if (size === 0) return { type, start: at + 8, end };
  if (size !== 1) return size < 8 || at + size > end ? null : { type, start: at + 8, end: at + size };
  const large = at + 16 > end ? null : await walk.view(at + 8, 8);
  const wide = large === null ? 0 : Number(large.getBigUint64(0));
  return wide < 16 || at + wide > end ? null : { type, start: at + 16, end: at + wide };
}

/** The first bytes of the box of a type, as many as the widest field needs; null when there is no such box or it is empty. */
async function readLeaf(walk: Walk, boxes: Box[] | null, type: string): Promise<DataView | null> {
  const box = boxes?.find((box) => box.type === type);
  if (box === undefined || box.end === box.start) return null;
  return walk.view(box.start, Math.min(box.end - box.start, MAX_LEAF_BYTES));
}

/** Null when a track cannot be read. */
async function readTracks(walk: Walk, boxes: Box[]): Promise<Track[] | null> {
  const tracks: Track[] = [];
  for (const box of boxes) {
    const track = box.type === 'trak' ? await readTrack(walk, box) : undefined;
    if (track === null) return null;
    if (track !== undefined) tracks.push(track);
  }
  return tracks;
}

async function readTrack(walk: Walk, track: Box): Promise<Track | null> {
  const boxes = await listBoxes(walk, track);
  const media = boxes?.find((box) => box.type === 'mdia');
  const mediaBoxes = media === undefined ? null : await listBoxes(walk, media);
  const head = await readLeaf(walk, boxes, 'tkhd');
  const length = await readDuration(walk, mediaBoxes, 'mdhd');
  const handler = await readLeaf(walk, mediaBoxes, 'hdlr');
  if (head === null || length === null || handler === null || handler.byteLength < 12) return null;
  const sidesAt = head.getUint8(0) === 1 ? 88 : 76;
  if (head.byteLength < sidesAt + 8) return null;
  // Sides are 16.16 fixed-point numbers; pixels are whole.
  const width = head.getUint16(sidesAt);
  const height = head.getUint16(sidesAt + 4);
  return { kind: textAt(handler, 8), width, height, durationMs: length.durationMs };
}

/**
 * The length that `mvhd` and `mdhd` state in the same form: time scale and duration, of 32 bits in version 0 and of 64
 * in version 1. Not stated is 0, or all bits set. Null when the box is missing, cut or has a time scale of 0.
 */
async function readDuration(
  walk: Walk,
  boxes: Box[] | null,
  type: 'mvhd' | 'mdhd',
): Promise<{ durationMs: number | null } | null> {
  const view = await readLeaf(walk, boxes, type);
  if (view === null) return null;
  const isWide = view.getUint8(0) === 1;
  if (view.byteLength < (isWide ? 32 : 20)) return null;
  const scale = view.getUint32(isWide ? 20 : 12);
  if (scale === 0) return null;
  const units = isWide ? Number(view.getBigUint64(24)) : view.getUint32(16);
  const isStated = units > 0 && units < (isWide ? Number.MAX_SAFE_INTEGER : 2 ** 32 - 1);
  const durationMs = Math.round((units / scale) * 1000);
  return { durationMs: isStated && Number.isSafeInteger(durationMs) ? durationMs : null };
}

/** The four characters of a box type. */
function textAt(view: DataView, at: number): string {
  return String.fromCharCode(
    view.getUint8(at),
    view.getUint8(at + 1),
    view.getUint8(at + 2),
    view.getUint8(at + 3),
  );
}
