// A JPEG without metadata: tables, frame and scans, with the three application segments that colours depend on. What
// cameras append (depth maps, a second picture, a film) is cut off; what makes the file another file too is refused.
import { createCleanCopy, isZeroFrom, textAt, viewOf, type CleanCopy, type Cleaned } from './clean-copy.ts';
import { hasExifPreamble, orientationAlone, withExifPreamble } from './orientation.ts';

const MARKER = 0xff;
const [SCAN, END] = [0xda, 0xd9];
/** Huffman and quantisation tables, the number of lines, and the restart interval. */
const TABLES = new Set([0xc4, 0xdb, 0xdc, 0xdd]);
const FRAMES = new Set([0xc0, 0xc1, 0xc2]);
/** Other codings, and the image starting once more. */
const NEVER = new Set([
  0xc3, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd8, 0xde, 0xdf,
]);
const JFIF_BYTES = 14;
/** Segments, scans and fill bytes: more than any camera writes. */
const MAX_STEPS = 4096;

type Segment = { marker: number; at: number; dataAt: number; end: number };

export function cleanJpeg(bytes: Uint8Array): Cleaned {
  const copy = createCleanCopy(bytes);
  copy.keep(0, 2);
  const seen = { frames: 0, scans: 0, isTurned: false };
  let at = 2;
  for (let step = 0; step < MAX_STEPS && at + 2 <= bytes.length; step++) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== MARKER) return { kind: 'broken' };
    if (marker === MARKER) {
      at += 1;
      continue;
    }
    if (marker === END) {
      if (seen.frames !== 1 || seen.scans === 0) return { kind: 'broken' };
      copy.keep(at, at + 2);
      return isAnotherFile(bytes, at + 2) ? { kind: 'foreign' } : { kind: 'clean', bytes: copy.finish() };
    }
    const segment = readSegment(bytes, at);
    if (segment === null) return { kind: 'broken' };
    if (FRAMES.has(marker)) seen.frames += 1;
    if (marker === SCAN) {
      seen.scans += 1;
      segment.end = endOfScan(bytes, segment.end);
    }
    seen.isTurned = take(bytes, segment, { copy, isTurned: seen.isTurned });
    at = segment.end;
  }
  return { kind: 'broken' };
}

/** A segment with its length; null when it ends behind the file or cannot be there. */
function readSegment(bytes: Uint8Array, at: number): Segment | null {
  const marker = bytes[at + 1] ?? 0;
  if (marker < 0xc0 || NEVER.has(marker) || (marker >= 0xd0 && marker <= 0xd7)) return null;
  if (at + 4 > bytes.length) return null;
  const length = viewOf(bytes).getUint16(at + 2);
  const end = at + 2 + length;
  return length < 2 || end > bytes.length ? null : { marker, at, dataAt: at + 4, end };
}

/** Where the next marker after coded pixels stands; restarts and stuffed zeros belong to the pixels. */
function endOfScan(bytes: Uint8Array, start: number): number {
  for (let at = start; at + 1 < bytes.length; at++) {
    if (bytes[at] !== MARKER) continue;
    const next = bytes[at + 1] ?? 0;
    if (next !== 0 && next !== MARKER && (next < 0xd0 || next > 0xd7)) return at;
  }
  return bytes.length;
}

/** Keeps a segment, or what of it is needed, or nothing. @returns whether the way up is told by now */
function take(
  bytes: Uint8Array,
  { marker, at, dataAt, end }: Segment,
  { copy, isTurned }: { copy: CleanCopy; isTurned: boolean },
): boolean {
  const data = bytes.subarray(dataAt, end);
  if (TABLES.has(marker) || FRAMES.has(marker) || marker === SCAN) copy.keep(at, end);
  else if (marker === 0xe2 && textAt(data, 0, 12) === 'ICC_PROFILE\0') copy.keep(at, end);
  else if (marker === 0xee && textAt(data, 0, 5) === 'Adobe') copy.keep(at, end);
  else if (marker === 0xe0 && textAt(data, 0, 5) === 'JFIF\0')
    keepJfif(bytes, { marker, at, dataAt, end }, copy);
  else if (marker === 0xe1 && !isTurned && hasExifPreamble(data)) {
    const exif = orientationAlone(data);
    if (exif !== null) copy.add(makeSegment(marker, withExifPreamble(exif)));
    return exif !== null;
  }
  return isTurned;
}

/** Without the thumbnail that it may hold, which shows what was there before the picture was edited. */
function keepJfif(bytes: Uint8Array, { marker, at, dataAt, end }: Segment, copy: CleanCopy): void {
  const data = bytes.subarray(dataAt, end);
  if (data.length === JFIF_BYTES && data[12] === 0 && data[13] === 0) copy.keep(at, end);
  else if (data.length >= JFIF_BYTES)
    copy.add(makeSegment(marker, Uint8Array.from([...data.subarray(0, 12), 0, 0])));
}

function makeSegment(marker: number, data: Uint8Array): Uint8Array {
  const length = data.length + 2;
  return Uint8Array.from([MARKER, marker, length >> 8, length & 0xff, ...data]);
}

/** Where archives, documents, programs and pages are recognised by their first bytes. */
const BEGINNINGS = [
  'PK',
  '%PDF',
  'Rar!',
  '7z\xbc\xaf',
  '<',
  '#!',
  'GIF8',
  '\x7fELF',
  'MZ',
  '\x89PNG',
  'RIFF',
];
/** A ZIP is recognised by its end: this record and a comment of a length that it tells. */
const ZIP_END = Buffer.from('PK\x05\x06');
const [ZIP_END_BYTES, ZIP_COMMENT_BYTES] = [22, 65_535];

/** Whether what follows the image can be taken for a file of another kind. */
function isAnotherFile(bytes: Uint8Array, end: number): boolean {
  if (isZeroFrom(bytes, end)) return false;
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset + end, bytes.length - end);
  let start = 0;
  while (start < tail.length && (tail[start] ?? 0) <= 0x20) start++;
  const beginning = tail.toString('latin1', start, start + 8);
  if (BEGINNINGS.some((mark) => beginning.startsWith(mark))) return true;
  return hasZipEnd(tail);
}

function hasZipEnd(tail: Buffer): boolean {
  const earliest = Math.max(0, tail.length - ZIP_END_BYTES - ZIP_COMMENT_BYTES);
  for (let end = tail.length; ;) {
    const at = tail.subarray(0, end).lastIndexOf(ZIP_END);
    if (at < earliest) return false;
    const isWhole = at + ZIP_END_BYTES <= tail.length;
    if (isWhole && at + ZIP_END_BYTES + tail.readUInt16LE(at + 20) === tail.length) return true;
    end = at;
  }
}
