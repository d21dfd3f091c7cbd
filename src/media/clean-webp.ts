// A WebP without metadata: canvas, colour profile, alpha and image, in a container that says its new size.
import { createCleanCopy, isZeroFrom, textAt, viewOf, type Cleaned } from './clean-copy.ts';
import { orientationAlone } from './orientation.ts';

const RIFF_HEAD_BYTES = 12;
const CHUNK_HEAD_BYTES = 8;
/** Half a dozen in the format; the rest is tolerance. */
const MAX_CHUNKS = 256;
const PIXELS = new Set(['VP8 ', 'VP8L']);
const KEPT = new Set(['VP8X', 'ICCP', 'ALPH', ...PIXELS]);
/** Flags of the canvas, in its first byte. */
const [EXIF_FLAG, XMP_FLAG] = [0x08, 0x04];
const FLAGS_AT = RIFF_HEAD_BYTES + CHUNK_HEAD_BYTES;

export function cleanWebp(bytes: Uint8Array): Cleaned {
  const view = viewOf(bytes);
  const end = 8 + view.getUint32(4, true);
  const isExtended = textAt(bytes, RIFF_HEAD_BYTES, 4) === 'VP8X';
  const copy = createCleanCopy(bytes);
  copy.keep(0, RIFF_HEAD_BYTES);
  let [images, exif]: [number, Uint8Array | null] = [0, null];
  let at = RIFF_HEAD_BYTES;
  for (let chunk = 0; at < end; chunk++) {
    if (at + CHUNK_HEAD_BYTES > end || chunk === MAX_CHUNKS) return { kind: 'broken' };
    const type = textAt(bytes, at, 4);
    const dataEnd = at + CHUNK_HEAD_BYTES + view.getUint32(at + 4, true);
    // The last byte of padding is left out by some writers.
    const next = Math.min(dataEnd + (dataEnd % 2), Math.max(dataEnd, bytes.length));
    if (dataEnd > end || dataEnd > bytes.length) return { kind: 'broken' };
    if (PIXELS.has(type)) images += 1;
    if (KEPT.has(type)) copy.keep(at, next);
    if (KEPT.has(type) && next % 2 === 1) copy.add(Uint8Array.of(0));
    if (type === 'EXIF' && isExtended)
      exif ??= orientationAlone(bytes.subarray(at + CHUNK_HEAD_BYTES, dataEnd));
    at = next;
  }
  if (images !== 1) return { kind: 'broken' };
  if (!isZeroFrom(bytes, end)) return { kind: 'foreign' };
  if (exif !== null) copy.add(makeExif(exif));
  const cleaned = copy.finish();
  return { kind: 'clean', bytes: cleaned === bytes ? bytes : rewriteHead(cleaned, { isExtended, exif }) };
}

/** Its length is even, and so needs no padding. */
function makeExif(exif: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(CHUNK_HEAD_BYTES + exif.length);
  chunk.write('EXIF', 'latin1');
  chunk.writeUInt32LE(exif.length, 4);
  chunk.set(exif, CHUNK_HEAD_BYTES);
  return chunk;
}

function rewriteHead(
  bytes: Uint8Array,
  { isExtended, exif }: { isExtended: boolean; exif: Uint8Array | null },
): Uint8Array {
  viewOf(bytes).setUint32(4, bytes.length - 8, true);
  if (isExtended) {
    const flags = (bytes[FLAGS_AT] ?? 0) & ~(EXIF_FLAG | XMP_FLAG);
    bytes[FLAGS_AT] = flags | (exif === null ? 0 : EXIF_FLAG);
  }
  return bytes;
}
