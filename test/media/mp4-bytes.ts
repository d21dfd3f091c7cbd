// MP4 files for tests, built box by box so that each size can lie.
import { join } from './image-bytes.ts';

const uint = (value: number | bigint, bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, index) =>
    Number((BigInt(value) >> BigInt(8 * (bytes - 1 - index))) & 255n),
  );

export function box(type: string, ...parts: (Uint8Array | string | number[])[]): Uint8Array {
  const body = join(...parts);
  return join(uint(body.length + 8, 4), type, body);
}

/** A box whose size is said in 64 bits. */
export function largeBox(
  type: string,
  body: Uint8Array,
  size: number | bigint = body.length + 16,
): Uint8Array {
  return join(uint(1, 4), type, uint(size, 8), body);
}

/** A box that says another size than it has; 0 means "to the end". */
export function lyingBox(type: string, body: Uint8Array, size: number): Uint8Array {
  return join(uint(size, 4), type, body);
}

type Length = { scale: number; units: number | bigint; version?: 0 | 1 };

const lengthFields = ({ scale, units, version = 0 }: Length) =>
  version === 1
    ? join([1, 0, 0, 0], new Uint8Array(16), uint(scale, 4), uint(units, 8))
    : join([0, 0, 0, 0], new Uint8Array(8), uint(scale, 4), uint(units, 4));

export const movieHead = (length: Length) => box('mvhd', lengthFields(length), new Uint8Array(80));
export const mediaHead = (length: Length) => box('mdhd', lengthFields(length), [0x55, 0xc4, 0, 0]);
export const handler = (kind: string) => box('hdlr', new Uint8Array(8), kind, new Uint8Array(12), 'name\0');

export function trackHead(width: number, height: number, version: 0 | 1 = 0): Uint8Array {
  const before = new Uint8Array((version === 1 ? 88 : 76) - 1);
  return box('tkhd', [version], before, uint(width * 65_536, 4), uint(height * 65_536, 4));
}

export const LENGTH: Length = { scale: 600, units: 1500 };

export function track(kind: string, width = 0, height = 0): Uint8Array {
  const media = box('mdia', mediaHead(LENGTH), handler(kind), box('minf', new Uint8Array(50)));
  return box('trak', trackHead(width, height), box('edts', new Uint8Array(8)), media);
}

export const VIDEO = track('vide', 1280, 720);
export const SOUND = track('soun');
export const FILE_TYPE = box('ftyp', 'isom', [0, 0, 2, 0], 'isommp41');
export const MOVIE = box('moov', movieHead(LENGTH), VIDEO, SOUND);
export const CONTENT = box('mdat', new Uint8Array(300).fill(7));
