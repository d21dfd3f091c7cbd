// The WOFF2 container: takes a font file apart into its tables. It checks nothing that a font of our own
// lock file cannot get wrong, and it leaves the packed outlines packed (outlines.ts reads them one by one).
import { brotliDecompressSync } from 'node:zlib';
import { assert } from '../../errors.ts';

/** The tables of a font by their four-letter tags; `glyf` and `hmtx` may be in WOFF2's packed form. */
export type FontTables = { get(tag: string): DataView; isPacked(tag: string): boolean };

/** Bytes before the table directory (WOFF2, section 4.1). */
const HEADER_BYTES = 48;
/** More tables than this is not a font. */
const MAX_TABLES = 64;
/** The tags that have a number in the directory (WOFF2, section 4.1), as far as text needs them. */
const KNOWN_TAGS = [
  'cmap',
  'head',
  'hhea',
  'hmtx',
  'maxp',
  'name',
  'OS/2',
  'post',
  'cvt ',
  'fpgm',
  'glyf',
  'loca',
];
/** The number that says that the tag itself follows. */
const TAG_FOLLOWS = 63;

type Entry = { tag: string; isPacked: boolean; bytes: number };

/** Reads bytes one after another; every number in a font file is big-endian. */
export type FontReader = ReturnType<typeof readerOf>;

export function readerOf(view: DataView, start = 0) {
  let at = start;
  const u8 = () => view.getUint8(at++);
  const u16 = () => view.getUint16((at += 2) - 2);
  return {
    u8,
    u16,
    i16: () => view.getInt16((at += 2) - 2),
    u32: () => view.getUint32((at += 4) - 4),
    /** 255UInt16 (WOFF2, section 4.1): one byte for small numbers. */
    short: () => {
      const first = u8();
      if (first === 253) return u16();
      if (first === 255) return 253 + u8();
      return first === 254 ? 506 + u8() : first;
    },
    /** UIntBase128: seven bits a byte, highest first. */
    base128: () => {
      let value = 0;
      for (let count = 0; count < 5; count++) {
        const byte = u8();
        value = value * 128 + (byte & 0x7f);
        if (byte < 0x80) break;
      }
      return value;
    },
    skip: (bytes: number) => void (at += bytes),
    at: () => at,
  };
}

/** Takes a WOFF2 file apart. Throws a bug for anything else. */
export function openWoff2(file: Uint8Array): FontTables {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  assert(view.getUint32(0) === 0x774f4632, 'a font file must be WOFF2');
  const tableCount = view.getUint16(12);
  assert(tableCount <= MAX_TABLES, 'a font file must not have so many tables');
  const reader = readerOf(view, HEADER_BYTES);
  const entries = Array.from({ length: tableCount }, () => readEntry(reader));
  const packed = file.subarray(reader.at(), reader.at() + view.getUint32(20));
  const body = brotliDecompressSync(packed);
  const tables = new Map<string, { view: DataView; isPacked: boolean }>();
  let offset = 0;
  for (const { tag, isPacked, bytes } of entries) {
    tables.set(tag, { view: new DataView(body.buffer, body.byteOffset + offset, bytes), isPacked });
    offset += bytes;
  }
  const find = (tag: string) => {
    const table = tables.get(tag);
    assert(table, `the font has no table ${tag}`);
    return table;
  };
  return { get: (tag) => find(tag).view, isPacked: (tag) => find(tag).isPacked };
}

function readEntry(reader: FontReader): Entry {
  const flags = reader.u8();
  const number = flags & 63;
  const version = flags >> 6;
  const tag =
    number === TAG_FOLLOWS
      ? String.fromCharCode(reader.u8(), reader.u8(), reader.u8(), reader.u8())
      : (KNOWN_TAGS[number] ?? `#${number}`);
  const plainBytes = reader.base128();
  // Outlines are packed unless the version says 3; everything else only when it says so.
  const isPacked = tag === 'glyf' || tag === 'loca' ? version !== 3 : version !== 0;
  return { tag, isPacked, bytes: isPacked ? reader.base128() : plainBytes };
}
