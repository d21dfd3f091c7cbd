// Randomness: as many bytes as were asked for, never the same ones twice, and none of them left behind.
import { describe, expect, test } from 'bun:test';
import { createSystemRandom, fraction } from '../../src/runtime/random.ts';

describe('randomness of the system', () => {
  test.each([0, 1, 16, 4095, 4096, 4097, 100_000])('gives %d bytes', (count) => {
    const random = createSystemRandom();
    random.bytes(3);
    expect(random.bytes(count)).toHaveLength(count);
  });

  test('never gives the same bytes twice, also across the end of a block', () => {
    const random = createSystemRandom();
    const seen = new Set(Array.from({ length: 10_000 }, () => Buffer.from(random.bytes(13)).toString('hex')));
    expect(seen.size).toBe(10_000);
  });

  test('gives bytes of their own: changing them changes nothing else', () => {
    const random = createSystemRandom();
    const first = random.bytes(16);
    const copy = [...first];
    const second = random.bytes(16);
    second.fill(0);
    expect([...first]).toEqual(copy);
    expect(new Uint8Array(first.buffer)).toHaveLength(16);
  });

  test('uses every value of a byte about equally often', () => {
    const counts = new Uint32Array(256);
    for (const byte of createSystemRandom().bytes(256_000)) counts[byte] = (counts[byte] ?? 0) + 1;
    // Ten standard deviations around 1000.
    expect(Math.min(...counts)).toBeGreaterThan(680);
    expect(Math.max(...counts)).toBeLessThan(1320);
  });
});

test('a fraction is at least 0 and below 1', () => {
  const of = (...bytes: number[]) => fraction({ bytes: () => Uint8Array.from(bytes) });
  expect(of(0, 0, 0, 0)).toBe(0);
  expect(of(128, 0, 0, 0)).toBe(0.5);
  expect(of(255, 255, 255, 255)).toBeLessThan(1);
});
