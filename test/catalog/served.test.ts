// The catalogue and the adapters speak of the same models: what is offered is made by somebody, at no loss, and what an
// adapter makes is offered.
import { describe, expect, test } from 'bun:test';
import { readShippedModels } from '../../src/catalog/index.ts';
import { estimateCost, marginOf, PROVIDERS, type Provider } from '../../src/providers/index.ts';
import { ordersOf, shippedPriceOf, standardOrderOf, type SizedOrder } from './orders.ts';

/** Adapters that are still to come; a name goes when its adapter is there. */
const TO_COME: readonly string[] = [];

const models = readShippedModels();
const providers = new Map(PROVIDERS.map((create) => create()).map((provider) => [provider.id, provider]));
const missing = new Set(TO_COME.filter((id) => !providers.has(id)));
const presentOf = (ids: readonly string[]): Provider[] => ids.flatMap((id) => providers.get(id) ?? []);
const describeOrder = ({ size, quality, durationSeconds, hasAudio }: SizedOrder) =>
  JSON.stringify({ size, quality, durationSeconds, hasAudio });

describe('an adapter', () => {
  test.each([...providers.values()].map((provider) => [provider.id, provider] as const))(
    '%s makes what the catalogue has, and says where its costs were read',
    (id, { upstream, serves }) => {
      const served = Object.entries(upstream?.models ?? {});
      expect(served.length).toBeGreaterThan(0);
      const offered = models.filter((model) => model.providers.includes(id)).map((model) => model.id);
      expect(new Set(served.map(([model]) => model))).toEqual(new Set(offered));
      for (const [model, { raw, cost, retiresOn }] of served) {
        expect([serves(model), raw.length > 0]).toEqual([true, true]);
        if (retiresOn !== undefined) expect(retiresOn).toMatch(/^\d{4}-\d\d-\d\d$/);
        if (cost === null) continue;
        expect(cost.asOf).toMatch(/^\d{4}-\d\d-\d\d$/);
        expect(cost.source.length).toBeGreaterThan(5);
        for (const { amount } of cost.rates) expect(Number(amount)).toBeGreaterThan(0);
      }
      expect(serves('nobody/nothing')).toBe(false);
    },
  );
});

describe.each(models.map((model) => [model.id, model] as const))('%s', (_, model) => {
  const present = presentOf(model.providers);

  test('is served by somebody', () => {
    const unknown = model.providers.filter((id) => !providers.has(id) && !missing.has(id));
    expect(unknown).toEqual([]);
    for (const { serves } of present) expect(serves(model.id)).toBe(true);
  });

  test('is made by each of its providers when nothing is chosen', () => {
    const standard = standardOrderOf(model);
    expect(present.filter(({ canTake }) => !canTake(standard)).map(({ id }) => id)).toEqual([]);
    for (const { upstream } of present) {
      const per = upstream?.models[model.id]?.cost?.per;
      expect(model.type === 'image' ? per === 'second' : per === 'megapixel').toBe(false);
    }
  });

  test('is made by somebody whatever is chosen', () => {
    if (model.providers.some((id) => missing.has(id))) return;
    const orders = ordersOf(model);
    expect(orders.length).toBeGreaterThan(0);
    const refused = orders.filter((order) => !present.some(({ canTake }) => canTake(order)));
    expect(refused.map(describeOrder)).toEqual([]);
    const seeded = { ...standardOrderOf(model), seed: 7 };
    if (model.canSeed) expect(present.some(({ canTake }) => canTake(seeded))).toBe(true);
  });

  test('is sold at no loss', () => {
    const losses = ordersOf(model).flatMap((order) =>
      present
        .filter(({ canTake }) => canTake(order))
        .flatMap(({ id, upstream }) => {
          const cost = estimateCost(upstream?.models[model.id]?.cost ?? null, order);
          const margin = marginOf(shippedPriceOf(model, order), cost, upstream?.creditUsd);
          return margin !== null && margin.share < 0 ? [`${id} ${describeOrder(order)} ${margin.share}`] : [];
        }),
    );
    expect(losses).toEqual([]);
  });

  test('ends when the last of its providers ends it', () => {
    if (present.length < model.providers.length) return;
    const ends = present.map(({ upstream }) => upstream?.models[model.id]?.retiresOn ?? 'never');
    // Dates are compared as texts, and any date stands before "never".
    const last = ends.reduce((later, end) => (end > later ? end : later), '');
    expect(model.retirement?.on ?? 'never').toBe(last);
  });
});
