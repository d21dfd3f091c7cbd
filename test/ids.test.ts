// Identifiers: 128 bits behind a prefix, born in order, recognised by their form, and a UUID inside.
import { describe, expect, test } from 'bun:test';
import { deriveId, ID_PREFIXES, isId, makeId, type IdKind } from '../src/ids.ts';
import { createSeededRandom } from './support/seeded-random.ts';

const KINDS = Object.keys(ID_PREFIXES) as IdKind[];
const NOW = 1_800_000_000_000;
const random = createSeededRandom(1);
const make = (kind: IdKind, now = NOW) => makeId(kind, { now, random });

/** The 128 bits of an id as hex. */
function bitsOf(id: string): string {
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  const body = id.slice(id.indexOf('_') + 1);
  const value = Array.from(body).reduce((sum, digit) => sum * 32n + BigInt(alphabet.indexOf(digit)), 0n);
  return value.toString(16).padStart(32, '0');
}

describe('an id', () => {
  test.each(KINDS)('of a %s has its form, and no other', (kind) => {
    const id = make(kind);
    expect(id).toMatch(new RegExp(`^${ID_PREFIXES[kind]}_[0-7][0-9a-hjkmnp-tv-z]{25}$`));
    expect(KINDS.filter((other) => isId(other, id))).toEqual([kind]);
  });

  test('has a prefix of its own for each kind', () => {
    expect(new Set(Object.values(ID_PREFIXES)).size).toBe(KINDS.length);
  });

  test('is a UUID of version 7 with the time in front', () => {
    const bits = bitsOf(make('job'));
    expect(parseInt(bits.slice(0, 12), 16)).toBe(NOW);
    expect(bits[12]).toBe('7');
    expect('89ab').toContain(bits[16] ?? '');
  });

  test('comes after every id of an earlier millisecond', () => {
    const instants = [0, 1, 65_535, 65_536, NOW - 1, NOW, NOW + 1, 2 ** 48 - 1];
    const ids = instants.map((now) => make('job', now));
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.map((id) => parseInt(bitsOf(id).slice(0, 12), 16))).toEqual(instants);
  });

  test('is never the same twice, and spreads over all of its characters', () => {
    const ids = Array.from({ length: 5000 }, () => make('entry'));
    expect(new Set(ids).size).toBe(5000);
    expect(new Set(ids.map((id) => id.at(-1))).size).toBe(32);
  });
});

describe('what is no id', () => {
  const id = make('job');
  test.each([
    '',
    'job_',
    id.slice(0, -1),
    `${id}0`,
    id.toUpperCase(),
    `${id.slice(0, -1)}u`,
    `${id.slice(0, -1)}l`,
    `${id.slice(0, -1)}/`,
    `job-${id.slice(4)}`,
    `job_8${id.slice(5)}`,
    `${id.slice(0, -1)}\n`,
    `../${id}`,
  ])('%p', (text) => {
    expect(isId('job', text)).toBe(false);
  });
});

describe('a derived id', () => {
  test('is the same each time, of the wanted kind, and another for each index', () => {
    const from = make('job');
    const derived = Array.from({ length: 32 }, (_, index) => deriveId('file', from, index));
    expect(new Set(derived).size).toBe(32);
    expect(derived.every((id) => isId('file', id))).toBe(true);
    expect(deriveId('file', from, 3)).toBe(derived[3] ?? '');
    expect(deriveId('file', make('job'), 3)).not.toBe(derived[3] ?? '');
  });
});
