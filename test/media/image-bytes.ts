// Image files for tests, built byte by byte so that each field can lie, and real ones made by the encoder.
import { deflateSync } from 'node:zlib';

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const bigEndian = (value: number, bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, index) => Math.floor(value / 256 ** (bytes - 1 - index)) % 256);
const littleEndian = (value: number, bytes: number) => bigEndian(value, bytes).toReversed();

export function join(...parts: (Uint8Array | string | number[])[]): Uint8Array {
  const all = parts.map((part) => (typeof part === 'string' ? ascii(part) : Uint8Array.from(part)));
  const out = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const PNG_SIGNATURE = '\x89PNG\r\n\x1a\n';

export function pngChunk(type: string, data: Uint8Array, claimedLength = data.length): Uint8Array {
  const body = join(type, data);
  return join(bigEndian(claimedLength, 4), body, bigEndian(Bun.hash.crc32(body), 4));
}

export const pngHead = (width: number, height: number) =>
  pngChunk('IHDR', join(bigEndian(width, 4), bigEndian(height, 4), [8, 0, 0, 0, 0]));
const PNG_END = pngChunk('IEND', new Uint8Array(0));
export const PNG_PIXELS = pngChunk('IDAT', ascii('not pixels'));
export const PNG_ANIMATION = pngChunk('acTL', join(bigEndian(2, 4), bigEndian(0, 4)));

/** `before` stands between the head and the pixels, which are none. */
export function png(width: number, height: number, before: Uint8Array[] = []): Uint8Array {
  return join(PNG_SIGNATURE, pngHead(width, height), ...before, PNG_PIXELS, PNG_END);
}

/** A black picture that any decoder takes. */
function realPng(width: number, height: number): Uint8Array {
  const pixels = deflateSync(new Uint8Array((width + 1) * height));
  return join(PNG_SIGNATURE, pngHead(width, height), pngChunk('IDAT', pixels), PNG_END);
}

export function jpegSegment(marker: number, data: Uint8Array, claimedLength = data.length + 2): Uint8Array {
  return join([0xff, marker], bigEndian(claimedLength, 2), data);
}

export function jpegFrame(width: number, height: number, marker = 0xc0): Uint8Array {
  const components = [1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1];
  return jpegSegment(marker, join([8], bigEndian(height, 2), bigEndian(width, 2), [3], components));
}

export const JPEG_START = [0xff, 0xd8];
export const JPEG_APPLICATION = jpegSegment(0xe0, ascii('JFIF\0\x01\x01\0\0\x01\0\x01\0\0'));
export const JPEG_SCAN = jpegSegment(0xda, Uint8Array.from([3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]));

export function jpeg(width: number, height: number, before: Uint8Array[] = []): Uint8Array {
  return join(
    JPEG_START,
    JPEG_APPLICATION,
    ...before,
    jpegFrame(width, height),
    JPEG_SCAN,
    'xx',
    [0xff, 0xd9],
  );
}

export function webpChunk(type: string, data: Uint8Array, claimedLength = data.length): Uint8Array {
  return join(type, littleEndian(claimedLength, 4), data, new Uint8Array(data.length % 2));
}

export function webp(...chunks: Uint8Array[]): Uint8Array {
  const body = join('WEBP', ...chunks);
  return join('RIFF', littleEndian(body.length, 4), body);
}

export function vp8(width: number, height: number): Uint8Array {
  const head = [0x10, 0, 0, 0x9d, 0x01, 0x2a];
  return webpChunk('VP8 ', join(head, littleEndian(width, 2), littleEndian(height, 2), 'data'));
}

export function vp8Lossless(width: number, height: number, version = 0): Uint8Array {
  const bits = width - 1 + (height - 1) * 2 ** 14 + version * 2 ** 29;
  return webpChunk('VP8L', join([0x2f], littleEndian(bits, 4), 'data'));
}

export const WEBP_ANIMATED = 0x02;
export const WEBP_ALPHA = 0x10;

export function vp8Extended(width: number, height: number, flags: number): Uint8Array {
  return webpChunk('VP8X', join([flags, 0, 0, 0], littleEndian(width - 1, 3), littleEndian(height - 1, 3)));
}

export const WEBP_PROFILE = webpChunk('ICCP', ascii('odd'));

export function animatedWebp(width: number, height: number): Uint8Array {
  const frame = join(new Uint8Array(16), vp8(width, height));
  const animation = webpChunk('ANIM', new Uint8Array(6));
  return webp(vp8Extended(width, height, WEBP_ANIMATED), animation, webpChunk('ANMF', frame));
}

export const GIF = join('GIF89a', littleEndian(300, 2), littleEndian(300, 2), [0, 0, 0], ';');
export const SVG = ascii(
  '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>',
);

/** What the encoder makes of one picture, by name. */
export async function realImages(width: number, height: number): Promise<Record<string, Uint8Array>> {
  const source = () => new Bun.Image(realPng(width, height));
  return {
    png: await source().png().bytes(),
    jpeg: await source().jpeg().bytes(),
    'progressive jpeg': await source().jpeg({ progressive: true }).bytes(),
    webp: await source().webp().bytes(),
    'lossless webp': await source().webp({ lossless: true }).bytes(),
  };
}
