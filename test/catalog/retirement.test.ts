// Models that come to their end: told by whole days ahead, and still when the day has passed.
import { expect, test } from 'bun:test';
import { endingModels, readShippedModels, type Model } from '../../src/catalog/index.ts';

const [some] = readShippedModels();
if (some === undefined) throw new Error('there is no model');
const ending = (id: string, on: string, successor?: string): Model => ({
  ...some,
  id,
  retirement: { on, ...(successor === undefined ? {} : { successor }) },
});
const MODELS = [ending('a/late', '2027-01-15'), ending('a/soon', '2026-12-01', 'a/next'), some];
const idsAt = (now: string, days: number) =>
  endingModels(MODELS, Date.parse(now), days).map(({ model, daysLeft }) => [model, daysLeft]);

test('the first to end is told first, with what to take instead', () => {
  expect(endingModels(MODELS, Date.parse('2026-11-21T23:59:59Z'), 60)).toEqual([
    { model: 'a/soon', on: '2026-12-01', daysLeft: 10, successor: 'a/next' },
    { model: 'a/late', on: '2027-01-15', daysLeft: 55, successor: null },
  ]);
});

test('days are whole ones, and the end is told on its day and afterwards', () => {
  expect(idsAt('2026-11-21T00:00:00Z', 9)).toEqual([]);
  expect(idsAt('2026-11-21T00:00:00Z', 10)).toEqual([['a/soon', 10]]);
  expect(idsAt('2026-11-30T23:59:59Z', 9)).toEqual([['a/soon', 1]]);
  expect(idsAt('2026-12-01T00:00:00Z', 9)).toEqual([['a/soon', 0]]);
  expect(idsAt('2026-12-24T12:00:00Z', 9)).toEqual([['a/soon', 0]]);
});
