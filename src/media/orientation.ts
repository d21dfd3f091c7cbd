// The one thing of a photograph's EXIF that its viewers need: which way up it is. Read from whatever a camera wrote, and
// written again as the smallest EXIF that there is.

const ORIENTATION_TAG = 0x0112;
const SHORT_TYPE = 3;
const ENTRY_BYTES = 12;
/** Cameras write some dozens. */
const MAX_ENTRIES = 512;
/** Some writers put the preamble of JPEG in front of it in other formats too. */
const PREAMBLE = [0x45, 0x78, 0x69, 0x66, 0, 0];

/** Whether data begins as the EXIF in a JPEG does. */
export function hasExifPreamble(data: Uint8Array): boolean {
  return PREAMBLE.every((byte, index) => data[index] === byte);
}

/**
 * The EXIF that turns an image as this one does and says nothing else; null where there is nothing to turn, and for
 * what cannot be read.
 */
export function orientationAlone(exif: Uint8Array): Uint8Array | null {
  const orientation = readOrientation(hasExifPreamble(exif) ? exif.subarray(PREAMBLE.length) : exif);
  return orientation === null ? null : writeOrientation(orientation);
}

/** The same with the preamble that a JPEG wants. */
export function withExifPreamble(exif: Uint8Array): Uint8Array {
  return Uint8Array.from([...PREAMBLE, ...exif]);
}

/** 2 to 8; null for 1, the usual way up, and for everything else. */
function readOrientation(tiff: Uint8Array): number | null {
  if (tiff.length < 8) return null;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const order = view.getUint16(0);
  const isLittle = order === 0x4949;
  if ((!isLittle && order !== 0x4d4d) || view.getUint16(2, isLittle) !== 42) return null;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > tiff.length) return null;
  const count = Math.min(view.getUint16(directory, isLittle), MAX_ENTRIES);
  for (let index = 0; index < count; index++) {
    const at = directory + 2 + index * ENTRY_BYTES;
    if (at + ENTRY_BYTES > tiff.length) return null;
    if (view.getUint16(at, isLittle) !== ORIENTATION_TAG) continue;
    const isOne = view.getUint16(at + 2, isLittle) === SHORT_TYPE && view.getUint32(at + 4, isLittle) === 1;
    const value = view.getUint16(at + 8, isLittle);
    return isOne && value >= 2 && value <= 8 ? value : null;
  }
  return null;
}

/** A header, one directory with one entry, and no other directory after it. */
function writeOrientation(value: number): Uint8Array {
  const header = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8];
  const entry = [ORIENTATION_TAG >> 8, ORIENTATION_TAG & 0xff, 0, SHORT_TYPE, 0, 0, 0, 1, 0, value, 0, 0];
  return Uint8Array.from([...header, 0, 1, ...entry, 0, 0, 0, 0]);
}
