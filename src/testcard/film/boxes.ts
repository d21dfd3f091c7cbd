// The boxes of an MP4 file (ISO/IEC 14496-12): making them, and finding one by its path.
import { assert } from '../../errors.ts';

type Part = Uint8Array | number[] | string;

/** A box of a four-letter type around its parts: bytes, lists of bytes, or text in Latin letters. */
export function box(type: string, ...parts: Part[]): Uint8Array {
  const body = parts.map((part) =>
    typeof part === 'string' ? Buffer.from(part, 'latin1') : Uint8Array.from(part),
  );
  const size = body.reduce((sum, part) => sum + part.length, 8);
  return new Uint8Array(Buffer.concat([u32(size), Buffer.from(type, 'latin1'), ...body]));
}

/** A box with a version (always 0) and flags. */
export const fullBox = (type: string, flags: number, ...parts: Part[]) => box(type, u32(flags), ...parts);

export const u16 = (...values: number[]) =>
  Uint8Array.from(values.flatMap((value) => [value >> 8, value & 255]));

/** 32-bit numbers, highest byte first; also for negative ones and for whole tables. */
export function u32(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value);
  return bytes;
}

/** Bytes between a box's own header and the first box in it, for boxes that hold more than boxes. */
const FIELDS_BEFORE_CHILDREN: Record<string, number> = { stsd: 8, avc1: 78 };

/** The body of the first box at a path such as `moov/trak/mdia`, which must be there. */
export function getBox(file: Uint8Array, path: string): DataView {
  const types = path.split('/');
  let body = file;
  for (const [index, type] of types.entries()) {
    const found = childrenOf(body).find((child) => child.type === type);
    assert(found, `the file has no box ${path}`);
    // The fields of the last box belong to what was asked for.
    body = index === types.length - 1 ? found.body : found.body.subarray(FIELDS_BEFORE_CHILDREN[type] ?? 0);
  }
  return new DataView(body.buffer, body.byteOffset, body.byteLength);
}

/** The boxes that stand side by side in a file or in a box's body. */
function childrenOf(bytes: Uint8Array): { type: string; body: Uint8Array }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const children: { type: string; body: Uint8Array }[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = view.getUint32(at);
    assert(size >= 8 && at + size <= bytes.length, 'a box must lie within its parent');
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1');
    children.push({ type, body: bytes.subarray(at + 8, at + size) });
    at += size;
  }
  return children;
}
