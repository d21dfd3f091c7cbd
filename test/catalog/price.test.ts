// What a job costs: whole credits, rounded up, by the first rate that applies; and a request that no rate covers has no
// price, rather than none to pay.
import { describe, expect, test } from 'bun:test';
import * as v from 'valibot';
import * as fc from 'fast-check';
import { faultOfRule } from '../../src/catalog/price-check.ts';
import { priceOf, priceRuleSchema, type PricedRequest, type PriceRule } from '../../src/catalog/price.ts';
import { readShippedModels } from '../../src/catalog/shipped.ts';

const SEED = 19;
const REQUEST: PricedRequest = { size: '1:1', quality: 'LOW', durationSeconds: 8, hasAudio: false };
const perJob = (...rates: PriceRule['rates']): PriceRule => ({ per: 'job', rates });
const perSecond = (...rates: PriceRule['rates']): PriceRule => ({ per: 'second', rates });
const price = (rule: PriceRule, change: Partial<PricedRequest> = {}) => {
  const amount = priceOf(rule, { ...REQUEST, ...change });
  return amount === null ? null : Number(amount);
};

describe('a rate', () => {
  test('applies when all that it names is so, and the first that applies counts', () => {
    const rule = perJob(
      { when: { quality: 'HIGH', size: '16:9' }, credits: 4 },
      { when: { quality: 'HIGH' }, credits: 3 },
      { when: { hasAudio: true }, credits: 2 },
      { credits: 1 },
    );
    expect(price(rule, { quality: 'HIGH', size: '16:9', hasAudio: true })).toBe(4);
    expect(price(rule, { quality: 'HIGH', hasAudio: true })).toBe(3);
    expect(price(rule, { hasAudio: true })).toBe(2);
    expect(price(rule)).toBe(1);
  });

  test('for a resolution applies to every size that is made in it', () => {
    const rule = perJob({ when: { resolution: '4k' }, credits: 9 }, { credits: 1 });
    const sizes = ['16:9_4k', '1:1_4k', '16:9_1080p', '16:9'];
    expect(sizes.map((size) => price(rule, { size }))).toEqual([9, 9, 1, 1]);
  });

  test('for no audio applies also where there is nothing to hear', () => {
    const rule = perJob({ when: { hasAudio: false }, credits: 7 });
    expect(price(rule, { hasAudio: undefined })).toBe(7);
    expect(price(rule, { hasAudio: true })).toBeNull();
  });
});

describe('without a price', () => {
  test.each<[string, PriceRule, Partial<PricedRequest>]>([
    ['is what no rate covers', perJob({ when: { quality: 'HIGH' }, credits: 1 }), {}],
    [
      'is a quality that is not said',
      perJob({ when: { quality: 'LOW' }, credits: 1 }),
      { quality: undefined },
    ],
    ['is a price by the second without seconds', perSecond({ credits: 1 }), { durationSeconds: undefined }],
    ['is a price by the second for none', perSecond({ credits: 1 }), { durationSeconds: 0 }],
    ['is a price by the second for less than none', perSecond({ credits: 1 }), { durationSeconds: -1 }],
  ])('%s', (_, rule, change) => {
    expect(price(rule, change)).toBeNull();
  });
});

describe('an amount', () => {
  test.each([
    [0.001, 1, 1],
    [0.1, 30, 3],
    [0.1, 3, 1],
    [1.1, 10, 11],
    [0.07, 100, 7],
    [0.29, 100, 29],
    [1 / 3, 3, 1],
    [1.000000001, 1, 2],
    [600, 15, 9000],
    [2.5, 5, 13],
    [1_000_000_000, 600, 600_000_000_000],
  ])('of %d for each of %d is %d', (credits, seconds, amount) => {
    expect(price(perSecond({ credits }), { durationSeconds: seconds })).toBe(amount);
  });

  test('of one job does not depend on its seconds', () => {
    expect([1, 8, 600].map((durationSeconds) => price(perJob({ credits: 20 }), { durationSeconds }))).toEqual(
      [...[20, 20, 20]],
    );
  });

  test('of several outputs is as often the amount of one, rounded for each', () => {
    expect([1, 2, 10].map((count) => price(perJob({ credits: 2.5 }), { count }))).toEqual([3, 6, 30]);
    expect(price(perJob({ credits: 2.5 }), { count: 0 })).toBeNull();
  });

  test(`is whole, at least one, never less than what is due and never a credit more (seed ${SEED})`, () => {
    const thousandths = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(thousandths, fc.integer({ min: 1, max: 600 }), (rate, durationSeconds) => {
        const amount = price(perSecond({ credits: rate / 1000 }), { durationSeconds }) ?? 0;
        // In whole thousandths, so that the comparison has no rounding of its own.
        expect(amount).toBe(Math.max(1, Math.ceil((rate * durationSeconds) / 1000)));
      }),
      { numRuns: 1000, seed: SEED },
    );
  });
});

describe('a rule', () => {
  test.each([
    ['without rates', { per: 'job', rates: [] }],
    ['with too many', { per: 'job', rates: Array.from({ length: 65 }, () => ({ credits: 1 })) }],
    ['by the minute', { per: 'minute', rates: [{ credits: 1 }] }],
    ['for nothing', { per: 'job', rates: [{ credits: 0 }] }],
    ['for less than nothing', { per: 'job', rates: [{ credits: -1 }] }],
    ['for no number', { per: 'job', rates: [{ credits: '20' }] }],
    ['for an endless number', { per: 'job', rates: [{ credits: Infinity }] }],
    ['for more than anything costs', { per: 'job', rates: [{ credits: 1_000_000_001 }] }],
    ['that asks for what it does not know', { per: 'job', rates: [{ when: { colour: 'red' }, credits: 1 }] }],
    ['with something else in it', { per: 'job', rates: [{ credits: 1 }], currency: 'EUR' }],
  ])('%s is none', (_, rule) => {
    expect(v.safeParse(priceRuleSchema, rule).success).toBe(false);
  });

  const shipped = (id: string) => readShippedModels().find((model) => model.id === id);
  const [image, video] = [shipped('openai/gpt-image-2'), shipped('bytedance/seedance-2.0-fast')];
  test.each<[string, PriceRule, typeof image, string | null]>([
    ['for every quality', perJob({ credits: 1 }), image, null],
    ['by the second for a still image', perSecond({ credits: 1 }), image, 'per'],
    [
      'for a size that is none',
      perJob({ when: { size: '4:3' }, credits: 1 }, { credits: 1 }),
      image,
      'rates.0.when.size',
    ],
    [
      'for a resolution that is none',
      perJob({ when: { resolution: '4k' }, credits: 1 }, { credits: 1 }),
      image,
      'rates.0.when.resolution',
    ],
    [
      'for a quality that is none',
      perJob({ credits: 1 }, { when: { quality: 'MAX' }, credits: 1 }),
      image,
      'rates.1.when.quality',
    ],
    ['for one quality of two', perJob({ when: { quality: 'LOW' }, credits: 1 }), image, 'rates'],
    ['for films with sound only', perSecond({ when: { hasAudio: true }, credits: 1 }), video, 'rates'],
    [
      'for films with and without',
      perSecond({ when: { hasAudio: true }, credits: 2 }, { credits: 1 }),
      video,
      null,
    ],
    [
      'for a quality of what has none',
      perSecond({ when: { quality: 'LOW' }, credits: 1 }, { credits: 1 }),
      video,
      'rates.0.when.quality',
    ],
  ])('%s is held against its model', (_, rule, model, path) => {
    if (model === undefined) throw new Error('there is no such model');
    expect(faultOfRule(rule, model)?.path ?? null).toBe(path);
  });
});
