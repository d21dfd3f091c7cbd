// Identifiers: a prefix that tells the kind, then 128 bits in lower-case Crockford base32. The bits are a UUID
// version 7 (time first, so that rows are born in index order), and can be shown as one where a dialect wants.
import type { Instant } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';

export const ID_PREFIXES = {
  customer: 'cus',
  key: 'key',
  job: 'job',
  attempt: 'att',
  account: 'acc',
  entry: 'led',
  event: 'evt',
  file: 'file',
  upload: 'upl',
  request: 'req',
  audit: 'aud',
  node: 'node',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 128 bits in base32. */
const BODY_LENGTH = 26;
/** Every ten bits as the two digits that they are written in. */
const PAIRS = Array.from(
  { length: 1024 },
  (_, bits) => ALPHABET.charAt(bits >>> 5) + ALPHABET.charAt(bits & 31),
);

/** Makes a fresh id of a kind, such as `job_06f3…`. */
export function makeId(kind: IdKind, source: { now: Instant; random: Random }): string {
  const { now } = source;
  const bytes = source.random.bytes(10);
  const random = (at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  // A UUID version 7 as eight numbers of 16 bits, the most significant first.
  const words = [
    Math.floor(now / 2 ** 32),
    Math.floor(now / 2 ** 16) % 2 ** 16,
    now % 2 ** 16,
    0x7000 | (random(0) & 0x0fff),
    0x8000 | (random(2) & 0x3fff),
    random(4),
    random(6),
    random(8),
  ];
  return `${ID_PREFIXES[kind]}_${encodeBase32(words)}`;
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

/** Eight numbers of 16 bits cut into digits of five from the right; the first digit holds the 3 bits that remain. */
function encodeBase32(words: readonly number[]): string {
  let [out, buffer, bits] = ['', 0, 0];
  for (let index = words.length - 1; index >= 0; index--) {
    buffer |= (words[index] ?? 0) << bits;
    bits += 16;
    while (bits >= 10) {
      out = (PAIRS[buffer & 1023] ?? '') + out;
      buffer >>>= 10;
      bits -= 10;
    }
  }
  // 128 bits are twelve pairs, one digit and three bits.
  return (PAIRS[buffer & 1023] ?? '') + out;
}

/** The `index`-th id that belongs to another one: the same each time, so that what is done twice meets itself. */
export function deriveId(kind: IdKind, from: string, index: number): string {
  const body = from.slice(from.indexOf('_') + 1);
  return `${ID_PREFIXES[kind]}_${body.slice(0, -1)}${ALPHABET.charAt(index % ALPHABET.length)}`;
}
