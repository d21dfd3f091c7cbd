// What the cleaners of all formats share: reading a file with care, and putting together what of it stays.

export type Cleaned =
  | { kind: 'clean'; bytes: Uint8Array }
  /** It ends too soon, or its parts contradict each other. */
  | { kind: 'broken' }
  /** Another file begins where the image ends. */
  | { kind: 'foreign' };

/** Collects the parts of a file that stay, and what stands instead of others. */
export type CleanCopy = {
  keep(start: number, end: number): void;
  add(part: Uint8Array): void;
  /** All of it; the file itself when nothing was left out. */
  finish(): Uint8Array;
};

export function createCleanCopy(bytes: Uint8Array): CleanCopy {
  const parts: Uint8Array[] = [];
  /** The stretch of the file that is being kept; neighbours become one. */
  let [from, to] = [0, 0];
  const flush = () => {
    if (to > from) parts.push(bytes.subarray(from, to));
    from = to;
  };
  return {
    keep(start, end) {
      if (start !== to) {
        flush();
        from = start;
      }
      to = end;
    },
    add(part) {
      flush();
      parts.push(part);
    },
    finish() {
      if (parts.length === 0 && from === 0 && to === bytes.length) return bytes;
      flush();
      return new Uint8Array(Buffer.concat(parts));
    },
  };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The characters, one a byte, of a part of a file; shorter where the file ends. */
export function textAt(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/** Whether nothing but zeros follows: padding, which some writers leave. */
export function isZeroFrom(bytes: Uint8Array, at: number): boolean {
  // Ten times as fast as a function called for each byte, of which there can be millions.
  for (let index = at; index < bytes.length; index++) if (bytes[index] !== 0) return false;
  return true;
}
