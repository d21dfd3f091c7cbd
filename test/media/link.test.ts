// Signed links: they open one file for a day at most, and nobody can make one, move one or stretch one.
import { describe, expect, test } from 'bun:test';
import { isLinkValid, LINK_LIFETIME_MS, makeLink } from '../../src/media/link.ts';

const KEY = new Uint8Array(32).fill(1);
const FILE = 'file_06f3abcdefghjkmnpqrstvwxyz';
const NOW = 1_800_000_000_000;

const queryOf = (path: string) => {
  const { searchParams } = new URL(path, 'http://localhost');
  return { exp: searchParams.get('exp') ?? '', sig: searchParams.get('sig') ?? '' };
};
const link = makeLink(KEY, FILE, NOW + 60_999);
const query = queryOf(link.path);

test('a link is a path with an expiry in whole seconds and a signature', () => {
  expect(link.path).toMatch(new RegExp(`^/v1/files/${FILE}\\?exp=1800000060&sig=[A-Za-z0-9_-]{43}$`));
  expect(link.expiresAt).toBe(1_800_000_060_000);
  expect(LINK_LIFETIME_MS).toBe(86_400_000);
});

test('a link is the same each time, and another for another file, time or key', () => {
  expect(makeLink(KEY, FILE, NOW + 60_000)).toEqual(link);
  const others = [
    makeLink(KEY, FILE.replace('z', 'y'), NOW + 60_000),
    makeLink(KEY, FILE, NOW + 61_000),
    makeLink(new Uint8Array(32).fill(2), FILE, NOW + 60_000),
  ].map(({ path }) => queryOf(path).sig);
  expect(new Set([query.sig, ...others]).size).toBe(4);
});

test('a link works until its very millisecond', () => {
  expect(isLinkValid(KEY, FILE, query, NOW)).toBe(true);
  expect(isLinkValid(KEY, FILE, query, link.expiresAt - 1)).toBe(true);
  expect(isLinkValid(KEY, FILE, query, link.expiresAt)).toBe(false);
});

describe('a link does not work', () => {
  test.each([
    ['for another file', FILE.replace('z', 'y'), query],
    ['with a later expiry', FILE, { ...query, exp: String(Number(query.exp) + 1) }],
    ['with the same expiry in another spelling', FILE, { ...query, exp: `0${query.exp}` }],
    ['with an expiry in another form', FILE, { ...query, exp: '1.80000006e9' }],
    ['with an expiry that is none', FILE, { ...query, exp: 'never' }],
    ['with a negative expiry', FILE, { ...query, exp: `-${query.exp}` }],
    ['with an endless expiry', FILE, { ...query, exp: '9'.repeat(30) }],
    ['without an expiry', FILE, { ...query, exp: '' }],
    ['without a signature', FILE, { ...query, sig: '' }],
    ['with half a signature', FILE, { ...query, sig: query.sig.slice(0, 20) }],
    ['with a signature and more', FILE, { ...query, sig: `${query.sig}=` }],
    ['with a signature in capitals', FILE, { ...query, sig: query.sig.toUpperCase() }],
    ['when file and expiry run together', `${FILE}\n1`, { ...query, exp: query.exp.slice(1) }],
  ])('%s', (_, file, changed) => {
    expect(isLinkValid(KEY, file, changed, NOW)).toBe(false);
  });

  test('with the key of another gateway', () => {
    expect(isLinkValid(new Uint8Array(32).fill(2), FILE, query, NOW)).toBe(false);
  });

  test('with any one character of the signature changed', () => {
    for (let index = 0; index < query.sig.length; index++) {
      const other = query.sig[index] === 'A' ? 'B' : 'A';
      const sig = query.sig.slice(0, index) + other + query.sig.slice(index + 1);
      expect(isLinkValid(KEY, FILE, { ...query, sig }, NOW)).toBe(false);
    }
  });
});
