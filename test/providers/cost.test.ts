// What an order will cost us by a price list, and what is left of our price.
import { describe, expect, test } from 'bun:test';
import { credits } from '../../src/credits.ts';
import { estimateCost, marginOf, type CostRule } from '../../src/providers/index.ts';

const ORDER = { width: 1000, height: 500, quality: 'LOW', durationSeconds: 3, hasAudio: false };
const rule = (per: CostRule['per'], ...rates: CostRule['rates']): CostRule => ({
  ...{ per, unit: 'USD', source: 'a list', asOf: '2026-11-21' },
  rates,
});
const microsOf = (list: CostRule, change: Partial<typeof ORDER> = {}) =>
  estimateCost(list, { ...ORDER, ...change })?.micros ?? null;

describe('an estimate', () => {
  test.each([
    ['a job', 'job', '0.04', 40_000],
    ['each second', 'second', '0.1', 300_000],
    ['each million pixels', 'megapixel', '0.003', 1500],
    ['less than a millionth, rounded up', 'megapixel', '0.000001', 1],
  ] as const)('is of %s', (_, per, amount, micros) => {
    expect(microsOf(rule(per, { amount }))).toBe(micros);
  });

  test('is by the first rate whose conditions all hold', () => {
    const list = rule(
      'job',
      { when: { quality: 'HIGH', hasAudio: true }, amount: '5' },
      { when: { hasAudio: true }, amount: '4' },
      { when: { maxPixels: 499_999 }, amount: '3' },
      { when: { maxHeight: 500 }, amount: '2' },
      { when: { quality: 'LOW' }, amount: '1' },
    );
    const changes = [
      { quality: 'HIGH', hasAudio: true },
      { hasAudio: true },
      { width: 999 },
      {},
      { height: 501 },
      { height: 501, quality: 'HIGH' },
    ];
    expect(changes.map((change) => microsOf(list, change))).toEqual([5e6, 4e6, 3e6, 2e6, 1e6, null]);
  });

  test('is not made without a list, and has the unit of the list', () => {
    expect(estimateCost(null, ORDER)).toBeNull();
    expect(estimateCost({ ...rule('job', { amount: '7' }), unit: 'CNY' }, ORDER)).toEqual({
      micros: 7_000_000,
      unit: 'CNY',
    });
  });
});

describe('a margin', () => {
  test('is what is left of the price, and may be less than nothing', () => {
    expect(marginOf(credits(100), { micros: 25_000, unit: 'USD' })).toEqual({ credits: 75, share: 0.75 });
    expect(marginOf(credits(20), { micros: 25_000, unit: 'USD' })).toEqual({ credits: -5, share: -0.25 });
  });

  test("counts a provider's credits at what it sells them for", () => {
    const cost = { micros: 5_000_000, unit: 'credits' } as const;
    expect(marginOf(credits(100), cost, '0.01')).toEqual({ credits: 50, share: 0.5 });
    expect(marginOf(credits(100), { ...cost, unit: 'USD' }, '0.01')?.credits).toBe(-4900);
    expect(marginOf(credits(100), { ...cost, unit: 'CNY' }, '0.01')).toBeNull();
  });

  test('is not known where the cost is not, or is in what cannot be converted', () => {
    expect(marginOf(credits(20), null)).toBeNull();
    expect(marginOf(credits(20), { micros: 1, unit: 'CNY' })).toBeNull();
    expect(marginOf(credits(20), { micros: 1, unit: 'credits' })).toBeNull();
  });
});
