// A PNG without metadata: the chunks that pixels and colours need, in their order, and nothing behind the last one.
import { crc32 } from 'node:zlib';
import { createCleanCopy, isZeroFrom, textAt, viewOf, type Cleaned } from './clean-copy.ts';
import { orientationAlone } from './orientation.ts';

const SIGNATURE_BYTES = 8;
/** Length and type before a chunk's data, a checksum behind it. */
const [CHUNK_HEAD_BYTES, CHUNK_EXTRA_BYTES] = [8, 12];

/** Encoders cut the pixels into pieces of 8 kB, some of 1 kB; whoever has more wants to keep us busy. */
const MAX_CHUNKS = 16_384;

const CRITICAL = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND']);
/** What says how the pixels look. */
const COLOURS = new Set([
  ...['tRNS', 'cHRM', 'gAMA', 'iCCP', 'sBIT', 'sRGB', 'cICP', 'mDCV', 'cLLI', 'bKGD', 'hIST', 'pHYs', 'sPLT'],
]);

export function cleanPng(bytes: Uint8Array): Cleaned {
  const view = viewOf(bytes);
  const copy = createCleanCopy(bytes);
  copy.keep(0, SIGNATURE_BYTES);
  let isTurned = false;
  const seen = new Set<string>();
  let at = SIGNATURE_BYTES;
  for (let chunk = 0; chunk < MAX_CHUNKS && at + CHUNK_EXTRA_BYTES <= bytes.length; chunk++) {
    const type = textAt(bytes, at + 4, 4);
    const end = at + CHUNK_EXTRA_BYTES + view.getUint32(at);
    if (end > bytes.length || (type === 'IHDR' && seen.has(type))) return { kind: 'broken' };
    // Whoever does not know a chunk that calls itself critical must not show the image (PNG, 5.4).
    if (/^[A-Z]/.test(type) && !CRITICAL.has(type)) return { kind: 'broken' };
    seen.add(type);
    if (CRITICAL.has(type) || COLOURS.has(type)) copy.keep(at, end);
    if (type === 'eXIf' && !isTurned) {
      const exif = orientationAlone(bytes.subarray(at + CHUNK_HEAD_BYTES, end - 4));
      if (exif !== null) copy.add(makeChunk(type, exif));
      isTurned = exif !== null;
    }
    at = end;
    if (type !== 'IEND') continue;
    if (!seen.has('IDAT') || view.getUint32(at - CHUNK_EXTRA_BYTES) !== 0) return { kind: 'broken' };
    return isZeroFrom(bytes, at) ? { kind: 'clean', bytes: copy.finish() } : { kind: 'foreign' };
  }
  return { kind: 'broken' };
}

function makeChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(CHUNK_EXTRA_BYTES + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  chunk.set(data, CHUNK_HEAD_BYTES);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4);
  return chunk;
}
