// A key's format and its state at an instant.
import { describe, expect, test } from 'bun:test';
import { crc32Base62, sha256Hex } from '../../src/crypto.ts';
import { hashPresented, isUsable, makeKey, statusOf, type KeyStatus } from '../../src/keys/key.ts';
import { PRESET_NAMES, PRESETS, SCOPES } from '../../src/keys/scopes.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const random = createSeededRandom(1);
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

describe.each(['live', 'test'] as const)('a %s key', (mode) => {
  const { key, hash, prefix } = makeKey(mode, random);

  test('is prefix, 32 characters and their checksum; kept are its hash and its beginning', () => {
    expect(key).toMatch(new RegExp(`^ak_${mode}_[0-9A-Za-z]{38}$`));
    expect(key.slice(-6)).toBe(crc32Base62(key.slice(0, -6)));
    expect(hash).toBe(sha256Hex(key));
    expect(prefix).toBe(key.slice(0, 16));
    expect(hashPresented(key)).toBe(hash);
  });

  test('with any one character mistyped is known to be none', () => {
    for (let index = 0; index < key.length; index++) {
      for (const other of [ALPHABET[(ALPHABET.indexOf(key[index] ?? '') + 1) % 62] ?? '', '_', ' ', 'é']) {
        if (other === key[index]) continue;
        expect(hashPresented(key.slice(0, index) + other + key.slice(index + 1))).toBeNull();
      }
    }
  });

  test('with two neighbours exchanged is known to be none', () => {
    for (let index = 8; index < key.length - 1; index++) {
      const [a = '', b = ''] = [key[index], key[index + 1]];
      if (a === b) continue;
      expect(hashPresented(key.slice(0, index) + b + a + key.slice(index + 2))).toBeNull();
    }
  });

  test.each<[string, string]>([
    ['nothing', ''],
    ['its prefix', prefix],
    ['one character less', key.slice(0, -1)],
    ['one character more', `${key}0`],
    ['a space behind', `${key} `],
    ['a line break behind', `${key}\n`],
    ['two keys', `${key},${key}`],
    ['the other mode', key.replace(`ak_${mode}`, mode === 'live' ? 'ak_test' : 'ak_live')],
    ['capitals', key.toUpperCase()],
    ['ten thousand characters', key.padEnd(10_000, 'x')],
    ['the hash', hash],
  ])('is not %s', (_, presented) => {
    expect(hashPresented(presented)).toBeNull();
  });
});

test('no two keys are alike', () => {
  expect(new Set(Array.from({ length: 2000 }, () => makeKey('live', random).key)).size).toBe(2000);
});

describe('the state', () => {
  const NOW = 1_000_000;
  const states: [
    string,
    Parameters<typeof statusOf>[0],
    before: KeyStatus,
    at: KeyStatus,
    after: KeyStatus,
  ][] = [
    ['of a plain key', { revokedAt: null, expiresAt: null, rotatedAt: null }, 'active', 'active', 'active'],
    [
      'of one that expires',
      { revokedAt: null, expiresAt: NOW, rotatedAt: null },
      'active',
      'expired',
      'expired',
    ],
    [
      'of one that was rotated',
      { revokedAt: null, expiresAt: NOW, rotatedAt: 1 },
      'rotated',
      'expired',
      'expired',
    ],
    [
      'of one that was revoked',
      { revokedAt: 1, expiresAt: null, rotatedAt: null },
      'revoked',
      'revoked',
      'revoked',
    ],
    [
      'of one revoked in its grace',
      { revokedAt: 1, expiresAt: NOW, rotatedAt: 1 },
      'revoked',
      'revoked',
      'revoked',
    ],
  ];

  test.each(states)('%s changes at its very millisecond', (_, key, before, at, after) => {
    expect([NOW - 1, NOW, NOW + 1].map((now) => statusOf(key, now))).toEqual([before, at, after]);
    for (const now of [NOW - 1, NOW, NOW + 1])
      expect(isUsable(key, now)).toBe(['active', 'rotated'].includes(statusOf(key, now)));
  });
});

test('presets are the published sets of scopes', () => {
  expect(PRESETS).toEqual({
    full_access: SCOPES,
    generate_only: ['generation:write', 'generation:read', 'library:read'],
    read_only: ['generation:read', 'account:read', 'health:read', 'library:read'],
    monitor_only: ['health:read', 'library:read'],
  });
  expect(PRESET_NAMES).toEqual(['full_access', 'generate_only', 'read_only', 'monitor_only']);
  expect(new Set(SCOPES).size).toBe(SCOPES.length);
});
