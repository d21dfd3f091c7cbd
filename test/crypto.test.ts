// Hashes, signatures and sealed boxes against published answers, and every way in which a box must not open.
import { describe, expect, test } from 'bun:test';
import {
  crc32Base62,
  createSha256,
  deriveKey,
  hmacBase64Url,
  isEqualConstantTime,
  makeMasterKey,
  open,
  parseMasterKey,
  randomBase62,
  seal,
  sha256Hex,
  type MasterKey,
} from '../src/crypto.ts';
import { createSeededRandom } from './support/seeded-random.ts';

const random = createSeededRandom(1);
const masterKeyOf = (byte: number) => new Uint8Array(32).fill(byte) as MasterKey;

describe('SHA-256', () => {
  test.each([
    // FIPS 180-4, examples of NIST.
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ])('of %p', (text, hex) => {
    expect(sha256Hex(text)).toBe(hex);
    expect(sha256Hex(new TextEncoder().encode(text))).toBe(hex);
    const hash = createSha256();
    for (const byte of new TextEncoder().encode(text)) hash.update(Uint8Array.of(byte));
    expect(hash.hex()).toBe(hex);
  });
});

test('HMAC-SHA256 is that of RFC 4231, case 2, in base64url', () => {
  expect(hmacBase64Url(Buffer.from('Jefe'), 'what do ya want for nothing?')).toBe(
    Buffer.from('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', 'hex').toString(
      'base64url',
    ),
  );
});

test.each([
  ['a', 'a', true],
  ['', '', true],
  ['a', 'b', false],
  ['a', 'aa', false],
  ['é', 'e', false],
])('%p and %p are equal: %p', (a, b, isEqual) => {
  expect(isEqualConstantTime(a, b)).toBe(isEqual);
});

describe('derived keys', () => {
  const purposes = ['media-links', 'address-hash', 'seal'] as const;

  test('differ by purpose and by master key, and are the same each time', () => {
    const keys = [masterKeyOf(1), masterKeyOf(2)].flatMap((key) =>
      purposes.map((purpose) => Buffer.from(deriveKey(key, purpose)).toString('hex')),
    );
    expect(new Set(keys).size).toBe(6);
    expect(keys.every((key) => key.length === 64)).toBe(true);
    expect(Buffer.from(deriveKey(masterKeyOf(1), 'seal')).toString('hex')).toBe(keys[2] ?? '');
  });

  test('are those of RFC 5869, or every link and every sealed text would be lost', () => {
    const hmac = (key: string | Uint8Array, ...texts: (string | Uint8Array)[]) => {
      const hasher = new Bun.CryptoHasher('sha256', key);
      for (const text of texts) hasher.update(text);
      return Uint8Array.from(hasher.digest());
    };
    const extracted = hmac('sluice', masterKeyOf(7));
    expect(deriveKey(masterKeyOf(7), 'media-links')).toEqual(
      hmac(extracted, 'media-links', Uint8Array.of(1)),
    );
  });
});

describe('a sealed box', () => {
  const key = deriveKey(masterKeyOf(1), 'seal');
  const context = 'accounts/secret/acc_1';
  const box = seal(key, 'the plain text', context, random);
  const [version = '', nonce = '', body = ''] = box.split('.');

  test.each(['', 'x', 'ünïcode 漢字 😀', 'long '.repeat(10_000)])(
    'opens to what was put in (%#)',
    (plain) => {
      expect(open(key, seal(key, plain, context, random), context)).toBe(plain);
    },
  );

  test('shows nothing, and is another each time', () => {
    expect(Buffer.from(body, 'base64url').toString('latin1')).not.toContain('plain');
    expect(seal(key, 'the plain text', context, random)).not.toBe(box);
  });

  test('does not open with any one bit turned', () => {
    for (const [index, part] of [nonce, body].entries()) {
      const bytes = Buffer.from(part, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const turned = Buffer.from(bytes);
        turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const parts = [version, nonce, body];
        parts[index + 1] = turned.toString('base64url');
        expect(open(key, parts.join('.'), context)).toBeNull();
      }
    }
  });

  test.each([
    ['with another key', deriveKey(masterKeyOf(2), 'seal'), box, context],
    ['with a key for something else', deriveKey(masterKeyOf(1), 'media-links'), box, context],
    ['in another row', key, box, 'accounts/secret/acc_2'],
    ['in another column', key, box, 'accounts/cookie/acc_1'],
    ['in another version', key, box.replace('v1.', 'v2.'), context],
    ['without its end', key, box.slice(0, -2), context],
    ['without its tag', key, `${version}.${nonce}.${body.slice(0, 10)}`, context],
    ['without its body', key, `${version}.${nonce}`, context],
    ['with a short nonce', key, `${version}.${nonce.slice(0, 8)}.${body}`, context],
    [
      'from two halves',
      key,
      `${version}.${seal(key, 'x', context, random).split('.')[1] ?? ''}.${body}`,
      context,
    ],
    ['when it is none', key, 'not a box', context],
    ['when it is empty', key, '', context],
  ])('does not open %s', (_, with_, sealed, where) => {
    expect(open(with_, sealed, where)).toBeNull();
  });
});

describe('a master key', () => {
  const hex = 'ab'.repeat(32);
  const base64 = Buffer.from(hex, 'hex').toString('base64');

  test.each([
    ['hex', hex],
    ['hex in capitals', hex.toUpperCase()],
    ['base64', base64],
    ['base64 without its end', base64.slice(0, -1)],
    ['base64url', Buffer.from(hex, 'hex').toString('base64url')],
    ['white space around', ` ${base64}\n`],
  ])('is read from %s', (_, text) => {
    expect(Buffer.from(parseMasterKey(text) ?? []).toString('hex')).toBe(hex);
  });

  test.each([
    '',
    'x',
    hex.slice(2),
    `${hex}ab`,
    base64.slice(0, -2),
    `${base64}A`,
    `!${base64.slice(1)}`,
    Buffer.alloc(31).toString('base64'),
    Buffer.alloc(33).toString('base64'),
  ])('is not read from %p', (text) => {
    expect(parseMasterKey(text)).toBeNull();
  });

  test('that was made can be read, and is another each time', () => {
    const made = makeMasterKey(random);
    expect(parseMasterKey(made)).toHaveLength(32);
    expect(makeMasterKey(random)).not.toBe(made);
  });
});

describe('base62', () => {
  test('is drawn from all 62 characters, each about equally often', () => {
    const text = randomBase62(createSeededRandom(3), 62_000);
    expect(text).toMatch(/^[0-9A-Za-z]{62000}$/);
    const counts = new Map<string, number>();
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    expect(counts.size).toBe(62);
    // Ten standard deviations around 1000; bytes modulo 62 without the redraw would give the first eight 1210.
    expect(Math.max(...counts.values())).toBeLessThan(1160);
    expect(Math.min(...counts.values())).toBeGreaterThan(840);
  });

  test('draws again what would make some characters likelier', () => {
    const bytes = [
      [248, 255, 250],
      [0, 61, 62],
      [9, 9, 9],
    ].map((values) => Uint8Array.from(values));
    expect(randomBase62({ bytes: () => bytes.shift() ?? new Uint8Array(3) }, 3)).toBe('0z0');
  });

  test('of a CRC-32 has six characters, and is that of the check value of the algorithm', () => {
    // 0xCBF43926, the published check value for "123456789".
    expect(crc32Base62('123456789')).toBe(base62(0xcbf43926));
    expect(crc32Base62('')).toBe('000000');
    expect(crc32Base62('\u00ff'.repeat(3))).toHaveLength(6);
  });
});

function base62(value: number): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let [rest, out] = [value, ''];
  while (out.length < 6) [rest, out] = [Math.floor(rest / 62), (digits[rest % 62] ?? '') + out];
  return out;
}
