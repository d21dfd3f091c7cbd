// PNG files, as far as test cards need them: writes true colour, and reads back the eight-bit files that the
// image codec of the runtime writes. Interlacing, palettes and sixteen bits are refused.
import { inflateSync } from 'node:zlib';
import { assert } from '../../errors.ts';
import type { Picture } from './picture.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Level 1 makes files a tenth larger than level 3, in half its time. */
const COMPRESSION_LEVEL = 1;
/** The filter "sub": each byte less the one of the pixel before; the best single filter for gradients with grain. */
const FILTER_SUB = 1;

export function encodePng({ width, height, rgb }: Picture): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Eight bits a channel, true colour.
  header.set([8, 2], 8);
  const rows = filterRows(rgb, width * 3, height);
  const chunks = [
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header),
    chunk('IDAT', deflate(rows)),
    chunk('IEND', new Uint8Array(0)),
  ];
  return new Uint8Array(Buffer.concat(chunks));
}

function filterRows(rgb: Uint8ClampedArray, stride: number, height: number): Uint8Array {
  const rows = new Uint8Array((stride + 1) * height);
  let to = 0;
  for (let from = 0; from < stride * height; from += stride) {
    rows[to++] = FILTER_SUB;
    for (let index = 0; index < 3; index++) rows[to++] = rgb[from + index] ?? 0;
    for (let at = from + 3; at < from + stride; at++) rows[to++] = (rgb[at] ?? 0) - (rgb[at - 3] ?? 0);
  }
  return rows;
}

/** The zlib form around libdeflate, which is twice as fast as zlib itself. */
function deflate(rows: Uint8Array): Uint8Array {
  const body = Bun.deflateSync(rows as Uint8Array<ArrayBuffer>, {
    library: 'libdeflate',
    level: COMPRESSION_LEVEL,
  });
  const out = new Uint8Array(body.length + 6);
  out.set([0x78, 0x01]);
  out.set(body, 2);
  new DataView(out.buffer).setUint32(body.length + 2, Bun.hash.adler32(rows));
  return out;
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  out.set(Buffer.from(type), 4);
  out.set(body, 8);
  view.setUint32(body.length + 8, Bun.hash.crc32(out.subarray(4, body.length + 8)));
  return out;
}

/** Pixels with their opacity, four bytes each. */
export type Raster = { width: number; height: number; rgba: Uint8Array };

/** Channels by colour type: grey, true colour, grey with opacity, true colour with opacity. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** Reads an eight-bit PNG that is neither interlaced nor has a palette. Throws a bug for others. */
export function decodePng(file: Uint8Array): Raster {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const channels = CHANNELS[file[25] ?? -1];
  assert(channels !== undefined && file[24] === 8 && file[28] === 0, 'only plain eight-bit PNGs are read');
  const rows = new Uint8Array(inflateSync(Buffer.concat(imageData(file, view))));
  assert(rows.length === (width * channels + 1) * height, 'a PNG must hold all its rows');
  return { width, height, rgba: toRgba(unfilter(rows, { width, height, channels }), channels) };
}

function imageData(file: Uint8Array, view: DataView): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 8; at + 12 <= file.length; at += view.getUint32(at) + 12) {
    const type = Buffer.from(file.subarray(at + 4, at + 8)).toString('latin1');
    if (type === 'IDAT') parts.push(file.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  return parts;
}

type Shape = { width: number; height: number; channels: number };

/** Undoes the five filters of PNG (section 9). */
function unfilter(rows: Uint8Array, { width, height, channels }: Shape): Uint8Array {
  const stride = width * channels;
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < channels ? 0 : (out[at - channels] ?? 0);
      const up = y === 0 ? 0 : (out[at - stride] ?? 0);
      const upLeft = x < channels || y === 0 ? 0 : (out[at - stride - channels] ?? 0);
      const base =
        [0, left, up, (left + up) >> 1, filter === 4 ? paeth(left, up, upLeft) : 0][filter ?? 0] ?? 0;
      out[at] = (rows[y * (stride + 1) + 1 + x] ?? 0) + base;
    }
  }
  return out;
}

function paeth(left: number, up: number, upLeft: number): number {
  const [toLeft, toUp, toUpLeft] = [up - upLeft, left - upLeft, left + up - 2 * upLeft].map(Math.abs) as [
    number,
    number,
    number,
  ];
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

function toRgba(bytes: Uint8Array, channels: number): Uint8Array {
  const count = bytes.length / channels;
  const rgba = new Uint8Array(count * 4);
  const isGrey = channels < 3;
  const hasOpacity = channels % 2 === 0;
  for (let pixel = 0; pixel < count; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      rgba[pixel * 4 + channel] = bytes[pixel * channels + (isGrey ? 0 : channel)] ?? 0;
    }
    rgba[pixel * 4 + 3] = hasOpacity ? (bytes[pixel * channels + channels - 1] ?? 0) : 255;
  }
  return rgba;
}
