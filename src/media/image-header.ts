// The header of an image: its type, its size and whether it moves. Reads only the bytes that say so, decodes nothing,
// believes no length that does not fit, and answers null for everything that is not plainly a PNG, JPEG or WebP.

export const IMAGE_CONTENT_TYPES = ['image/png', 'image/jpeg', 'image/webp'] as const;
type ImageContentType = (typeof IMAGE_CONTENT_TYPES)[number];

/** Sides in pixels as the file stores them; a rotation that EXIF asks for is not applied. */
export type ImageHeader = {
  contentType: ImageContentType;
  width: number;
  height: number;
  isAnimated: boolean;
};

type Size = { width: number; height: number };

/** Real files have a few dozen chunks before the pixels; each step costs the caller nothing, so steps are counted. */
const MAX_PNG_CHUNKS = 1024;
/** Segments and fill bytes before the frame. Large colour profiles and depth maps take a few hundred. */
const MAX_JPEG_STEPS = 4096;
/** Colour profile, alpha plane and metadata: four at most in the format, the rest is tolerance. */
const MAX_WEBP_CHUNKS = 64;

/**
 * Reads the header of an image from the front of its file, up to where the pixels begin. `fileBytes` is the size of the
 * whole file, for a caller who holds only the front: a WebP states its own size, which must fit.
 * Null for any other format, a cut or lying header, and sides of 0.
 */
export function readImageHeader(bytes: Uint8Array, fileBytes = bytes.length): ImageHeader | null {
  // Of exactly this view: reading past its end throws instead of showing what lies behind it in memory.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (hasText(view, 0, '\x89PNG\r\n\x1a\n')) return readPng(view);
  if (hasText(view, 0, '\xff\xd8\xff')) return readJpeg(view);
  if (hasText(view, 0, 'RIFF') && hasText(view, 8, 'WEBP')) return readWebp(view, fileBytes);
  return null;
}

/** Whether these characters, one a byte, stand at an offset. */
function hasText(view: DataView, at: number, text: string): boolean {
  if (at + text.length > view.byteLength) return false;
  for (let index = 0; index < text.length; index++) {
    if (view.getUint8(at + index) !== text.charCodeAt(index)) return false;
  }
  return true;
}

function toHeader(contentType: ImageContentType, size: Size | null, isAnimated: boolean): ImageHeader | null {
  return size === null || size.width === 0 || size.height === 0 ? null : { contentType, ...size, isAnimated };
}

const PNG_SIGNATURE_BYTES = 8;
const PNG_IHDR_BYTES = 13;
/** Length, type and checksum around a chunk's data. */
const PNG_CHUNK_EXTRA_BYTES = 12;
/** Lengths and sides are 31-bit numbers (PNG, "Integers and byte order"). */
const PNG_MAX_NUMBER = 2 ** 31 - 1;

function readPng(view: DataView): ImageHeader | null {
  const end = PNG_SIGNATURE_BYTES + PNG_CHUNK_EXTRA_BYTES + PNG_IHDR_BYTES;
  if (view.byteLength < end || view.getUint32(8) !== PNG_IHDR_BYTES || !hasText(view, 12, 'IHDR'))
    return null;
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  if (Math.max(size.width, size.height) > PNG_MAX_NUMBER) return null;
  const isAnimated = hasPngAnimation(view, end);
  return isAnimated === null ? null : toHeader('image/png', size, isAnimated);
}

/** Whether an animation is announced before the pixels, the only place where it counts; null when pixels never come. */
function hasPngAnimation(view: DataView, start: number): boolean | null {
  let at = start;
  for (let chunk = 0; chunk < MAX_PNG_CHUNKS && at + 8 <= view.byteLength; chunk++) {
    const length = view.getUint32(at);
    if (length > PNG_MAX_NUMBER) return null;
    if (hasText(view, at + 4, 'IDAT')) return false;
    if (hasText(view, at + 4, 'acTL')) return true;
    at += PNG_CHUNK_EXTRA_BYTES + length;
  }
  return null;
}

const JPEG_FILL = 0xff;
/** Baseline, extended and progressive; no browser reads the lossless, hierarchical and arithmetic frames. */
const JPEG_FRAMES = new Set([0xc0, 0xc1, 0xc2]);
const JPEG_HUFFMAN_TABLE = 0xc4;
/** From here on (tables, application data, comments) a marker has a length and may stand before the frame. */
const JPEG_FIRST_SEGMENT = 0xdb;

function readJpeg(view: DataView): ImageHeader | null {
  let at = 2;
  for (let step = 0; step < MAX_JPEG_STEPS && at + 4 <= view.byteLength; step++) {
    if (view.getUint8(at) !== JPEG_FILL) return null;
    const marker = view.getUint8(at + 1);
    if (JPEG_FRAMES.has(marker)) return toHeader('image/jpeg', readJpegFrame(view, at + 2), false);
    if (marker === JPEG_FILL) {
      at += 1;
      continue;
    }
    const length = view.getUint16(at + 2);
    if ((marker !== JPEG_HUFFMAN_TABLE && marker < JPEG_FIRST_SEGMENT) || length < 2) return null;
    at += 2 + length;
  }
  return null;
}

/** Length, precision, height, width and the number of colour components, each of which takes three bytes. */
function readJpegFrame(view: DataView, at: number): Size | null {
  const length = view.getUint16(at);
  if (length < 8 || at + length > view.byteLength) return null;
  const components = view.getUint8(at + 7);
  if (components < 1 || components > 4 || length !== 8 + 3 * components) return null;
  return { width: view.getUint16(at + 5), height: view.getUint16(at + 3) };
}

type WebpChunk = { at: number; length: number; nextAt: number };

const WEBP_FIRST_CHUNK = 12;
const WEBP_CANVAS_BYTES = 10;
const WEBP_ANIMATION_FLAG = 0x02;

function readWebp(view: DataView, fileBytes: number): ImageHeader | null {
  const end = 8 + view.getUint32(4, true);
  const first = end <= fileBytes ? readWebpChunk(view, WEBP_FIRST_CHUNK, end) : null;
  if (first === null) return null;
  if (hasText(view, WEBP_FIRST_CHUNK, 'VP8X')) return readWebpExtended(view, first, end);
  return toHeader('image/webp', readWebpPixels(view, WEBP_FIRST_CHUNK, first), false);
}

/** A chunk that ends by `end`; of its data only a part may be in view. Data of odd length is followed by one byte. */
function readWebpChunk(view: DataView, at: number, end: number): WebpChunk | null {
  if (at + 8 > Math.min(end, view.byteLength)) return null;
  const length = view.getUint32(at + 4, true);
  return at + 8 + length > end ? null : { at: at + 8, length, nextAt: at + 8 + length + (length % 2) };
}

/** Whether the first bytes of a chunk's data are in the chunk and in view. */
function holds(view: DataView, chunk: WebpChunk, bytes: number): boolean {
  return chunk.length >= bytes && chunk.at + bytes <= view.byteLength;
}

/** The canvas, which a still image must fill: a decoder that trusts the image would otherwise see another size. */
function readWebpExtended(view: DataView, canvas: WebpChunk, end: number): ImageHeader | null {
  if (canvas.length !== WEBP_CANVAS_BYTES || !holds(view, canvas, WEBP_CANVAS_BYTES)) return null;
  const width = 1 + (view.getUint32(canvas.at + 4, true) & 0xffffff);
  const height = 1 + (view.getUint32(canvas.at + 6, true) >>> 8);
  const isAnimated = (view.getUint8(canvas.at) & WEBP_ANIMATION_FLAG) !== 0;
  if (isAnimated) return toHeader('image/webp', { width, height }, true);
  let at = canvas.nextAt;
  for (let index = 0; index < MAX_WEBP_CHUNKS; index++) {
    const chunk = readWebpChunk(view, at, end);
    if (chunk === null) return null;
    if (hasText(view, at, 'ANIM') || hasText(view, at, 'ANMF')) return null;
    if (hasText(view, at, 'VP8 ') || hasText(view, at, 'VP8L')) {
      const size = readWebpPixels(view, at, chunk);
      const fills = size?.width === width && size.height === height;
      return fills ? toHeader('image/webp', size, false) : null;
    }
    at = chunk.nextAt;
  }
  return null;
}

/** The size of a lossy or a lossless image; null for any other chunk. */
function readWebpPixels(view: DataView, at: number, chunk: WebpChunk): Size | null {
  if (hasText(view, at, 'VP8 ')) return readVp8(view, chunk);
  return hasText(view, at, 'VP8L') ? readVp8Lossless(view, chunk) : null;
}

/** RFC 6386, 9.1: a key frame's tag (bit 0 is clear), its start code, then 14-bit sides. */
function readVp8(view: DataView, chunk: WebpChunk): Size | null {
  if (!holds(view, chunk, 10) || (view.getUint8(chunk.at) & 1) !== 0) return null;
  if (!hasText(view, chunk.at + 3, '\x9d\x01\x2a')) return null;
  return {
    width: view.getUint16(chunk.at + 6, true) & 0x3fff,
    height: view.getUint16(chunk.at + 8, true) & 0x3fff,
  };
}

/** RFC 9649, 3.4: a signature byte, then two 14-bit sides less one, the alpha bit and a version of 0. */
function readVp8Lossless(view: DataView, chunk: WebpChunk): Size | null {
  if (!holds(view, chunk, 5) || view.getUint8(chunk.at) !== 0x2f) return null;
  const bits = view.getUint32(chunk.at + 1, true);
  if (bits >>> 29 !== 0) return null;
  return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
}
