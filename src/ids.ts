// Identifiers: a prefix that tells the kind, then 128 bits in lower-case Crockford base32. The bits are a UUID
// version 7 (time first, so that rows are born in index order), and can be shown as one where a dialect wants.
import type { Instant } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';

export const ID_PREFIXES = {
  customer: 'cus',
  key: 'key',
  job: 'job',
  attempt: 'att',
  entry: 'led',
  event: 'evt',
  file: 'file',
  request: 'req',
  audit: 'aud',
  node: 'node',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 128 bits in base32. */
const BODY_LENGTH = 26;

/** Makes a fresh id of a kind, such as `job_06f3…`. */
export function makeId(kind: IdKind, source: { now: Instant; random: Random }): string {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  bytes.set(source.random.bytes(10), 6);
  view.setUint32(0, Math.floor(source.now / 2 ** 16));
  view.setUint16(4, source.now % 2 ** 16);
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  return `${ID_PREFIXES[kind]}_${encodeBase32(view)}`;
}

/** Whether a text has the form of an id of this kind; says nothing about whether it exists. */
export function isId(kind: IdKind, text: string): boolean {
  const prefix = ID_PREFIXES[kind];
  return (
    text.length === prefix.length + 1 + BODY_LENGTH &&
    text.startsWith(`${prefix}_`) &&
    /^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(text.slice(prefix.length + 1))
  );
}

/** Four 32-bit words cut into 5-bit digits from the right; the first digit holds the 3 bits that remain. */
function encodeBase32(view: DataView): string {
  let out = '';
  let buffer = 0;
  let bits = 0;
  for (let index = 15; index >= 0; index--) {
    buffer |= view.getUint8(index) << bits;
    bits += 8;
    while (bits >= 5) {
      out = ALPHABET.charAt(buffer & 31) + out;
      buffer >>>= 5;
      bits -= 5;
    }
  }
  return ALPHABET.charAt(buffer & 31) + out;
}

/** The `index`-th id that belongs to another one: the same each time, so that what is done twice meets itself. */
export function deriveId(kind: IdKind, from: string, index: number): string {
  const body = from.slice(from.indexOf('_') + 1);
  return `${ID_PREFIXES[kind]}_${body.slice(0, -1)}${ALPHABET.charAt(index % ALPHABET.length)}`;
}
