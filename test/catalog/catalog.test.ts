// The catalogue: what ships is whole and every request of it has a price, and what an operator changes wins, at once
// and for good.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import * as v from 'valibot';
import {
  createCatalog,
  DEFAULT_PLAN,
  durationsOf,
  effectiveLimits,
  limitOverridesSchema,
  modelShortName,
  planSettingsSchema,
  ratiosOf,
  tiersOf,
  type Catalog,
  type Model,
  type PriceRule,
} from '../../src/catalog/index.ts';
import { createSandbox } from '../../src/providers/index.ts';
import { assertCard } from '../../src/testcard/card.ts';
import { ordersOf } from './orders.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let catalog: Catalog;
beforeEach(() => {
  database = openDatabase();
  catalog = createCatalog({ db: database.store });
});
afterEach(() => database.close());

const rule = (credits: number): PriceRule => ({ per: 'job', rates: [{ credits }] });
const setPrice = (model: string, to: PriceRule) =>
  database.store.transaction((tx) => catalog.setPrice(tx, { model, rule: to, actor: 'operator:a' }));
const codeOf = async (work: () => unknown): Promise<unknown> => {
  try {
    await work();
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
  return 'nothing was refused';
};
const firstModel = (): Model => catalog.getModel('openai/gpt-image-2');

function ratiosByTier(model: Model): string[] {
  const tiers = tiersOf(model);
  return tiers.length === 0
    ? ratiosOf(model)
    : tiers.flatMap((tier) => ratiosOf(model).filter((ratio) => `${ratio}_${tier}` in model.sizes));
}

describe('what ships', () => {
  test('has a price for every combination that a model accepts', async () => {
    expect(catalog.models.length).toBeGreaterThan(0);
    for (const model of catalog.models) {
      const requests = ordersOf(model);
      expect(requests.length).toBeGreaterThan(2);
      for (const request of requests) {
        const { credits, priceVersion } = await catalog.quote(model, request);
        expect([Number(credits) >= 1, priceVersion]).toEqual([true, 0]);
      }
      expect(catalog.faultOfPrice({ model: model.id, rule: model.price })).toBeNull();
    }
  });

  test('costs what is published', async () => {
    const film = catalog.getModel('bytedance/seedance-2.0-fast');
    const quote = async (model: Model, request: object) =>
      Number((await catalog.quote(model, { size: model.defaultSize, ...request })).credits);
    expect(await quote(firstModel(), { quality: 'LOW' })).toBe(20);
    expect(await quote(firstModel(), { quality: 'MEDIUM' })).toBe(165);
    expect(await quote(film, { durationSeconds: 4, hasAudio: true })).toBe(2400);
    expect(await quote(film, { durationSeconds: 15, hasAudio: false })).toBe(9000);
  });

  test('is consistent in itself', () => {
    const ids = catalog.models.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const model of catalog.models) {
      const sizes = Object.keys(model.sizes);
      expect(sizes).toContain(model.defaultSize);
      // Either all sizes have a tier or none has: a ratio alone would leave open which.
      const tiered = sizes.filter((size) => size.includes('_')).length;
      expect([0, sizes.length]).toContain(tiered);
      expect(sizes.length).toBe(ratiosByTier(model).length);
      expect(model.qualities === undefined).toBe(model.defaultQuality === undefined);
      if (model.defaultQuality !== undefined) expect(model.qualities).toContain(model.defaultQuality);
      expect(createSandbox({ paint: async () => new Uint8Array() }).serves(model.id)).toBe(true);
      expect(modelShortName(model.id)).toBe(model.id.split('/')[1] ?? '');
      expect(model.needsReference && Object.keys(model.references).length === 0).toBe(false);
      expect(model.outputFormats.includes('mp4')).toBe(model.type === 'video');
      expect(new Set(model.providers).size).toBe(model.providers.length);
      const successor = model.retirement?.successor;
      if (successor !== undefined) expect(catalog.getModel(successor, model.type).retirement).toBeUndefined();
    }
  });

  test('has films whose seconds add up and whose sides are even', () => {
    const films = catalog.models.filter(({ type }) => type === 'video');
    expect(films.length).toBeGreaterThan(10);
    for (const model of catalog.models) {
      expect(model.durationSeconds !== undefined).toBe(model.type === 'video');
      expect(model.type === 'image' && (model.canHaveAudio || model.alwaysHasAudio)).toBe(false);
      expect(model.canHaveAudio && model.alwaysHasAudio).toBe(false);
    }
    for (const model of films) {
      for (const { width, height } of Object.values(model.sizes))
        expect([width % 2, height % 2]).toEqual([0, 0]);
      const { min = 0, max = 0, default: standard = 0, only, at = {} } = model.durationSeconds ?? {};
      expect(durationsOf(model, model.defaultSize)).toContain(standard);
      for (const seconds of [only ?? [], ...Object.values(at)].flat()) {
        expect([min <= seconds, seconds <= max, (only ?? [seconds]).includes(seconds)]).toEqual([
          true,
          true,
          true,
        ]);
      }
      if (only !== undefined) expect([only[0], only.at(-1)]).toEqual([min, max]);
      for (const tier of Object.keys(at)) expect(tiersOf(model)).toContain(tier);
    }
  });

  test('can all be drawn by the sandbox', () => {
    for (const { type, sizes } of catalog.models) {
      for (const { width, height } of Object.values(sizes)) {
        const card = { width, height, prompt: '', seed: 0, label: '' };
        const drawn =
          type === 'image'
            ? ({ kind: 'image', format: 'png', ...card } as const)
            : ({ kind: 'video', durationMs: 1000, hasAudio: false, ...card } as const);
        expect(() => assertCard(drawn)).not.toThrow();
      }
    }
  });

  test('is at least forty models of images and films', () => {
    const types = catalog.models.map(({ type }) => type);
    expect(types.length).toBeGreaterThanOrEqual(40);
    expect(types.filter((type) => type === 'image').length).toBeGreaterThanOrEqual(20);
    expect(catalog.models.find(({ id }) => id === 'google/veo-3.1')).toMatchObject({
      sizes: { '16:9_720p': { width: 1280, height: 720 }, '9:16_4k': { width: 2160, height: 3840 } },
    });
    const veo = catalog.getModel('google/veo-3.1');
    expect([durationsOf(veo, '16:9_720p'), durationsOf(veo, '16:9_4k')]).toEqual([[4, 6, 8], [8]]);
    expect([ratiosOf(veo), tiersOf(veo)]).toEqual([
      ['16:9', '9:16'],
      ['720p', '1080p', '4k'],
    ]);
    expect(durationsOf(firstModel(), '1:1_SMALL')).toEqual([]);
  });

  test('has the published plans', async () => {
    const plans = await catalog.listPlans();
    const rows = plans.map(({ id, settings: s }) => [
      ...[id, s.generationsPerMinute, s.requestsPerMinute, s.concurrentImages, s.concurrentVideos],
      s.outputRetentionHours,
    ]);
    expect(rows).toEqual([
      ['free', 10, 30, 4, 2, 1],
      ['starter', 20, 60, 8, 4, 12],
      ['pro', 50, 150, 20, 10, 24],
      ['scale', 100, 300, 50, 25, 120],
      ['enterprise', 200, 600, 100, 50, 168],
    ]);
    expect(plans.map(({ id }) => id)).toContain(DEFAULT_PLAN);
  });
});

describe('a model', () => {
  test('is found by its id, and by its type where that matters', async () => {
    expect(catalog.getModel('openai/gpt-image-2', 'image').type).toBe('image');
    for (const [id, type] of [
      ['openai/gpt-image-2', 'video'],
      ['gpt-image-2'],
      [''],
      ['__proto__'],
      ['constructor'],
    ] as const)
      expect(await codeOf(() => catalog.getModel(id, type))).toBe('model_not_found');
  });

  test('without a rate for a request has no price, and the request is refused', async () => {
    await setPrice('openai/gpt-image-2', { per: 'job', rates: [{ when: { quality: 'LOW' }, credits: 1 }] });
    const request = { size: '1:1_SMALL', quality: 'MEDIUM' };
    expect(await codeOf(() => catalog.quote(firstModel(), request))).toBe('invalid_input');
  });
});

describe('a price', () => {
  const quote = async () => {
    const { credits, priceVersion } = await catalog.quote(firstModel(), {
      size: '1:1_SMALL',
      quality: 'LOW',
    });
    return [Number(credits), priceVersion];
  };

  test('that is changed is in force when the change is committed, and counts up', async () => {
    expect(await quote()).toEqual([20, 0]);
    expect(await setPrice('openai/gpt-image-2', rule(30))).toMatchObject({ version: 1 });
    expect(await quote()).toEqual([30, 1]);
    await setPrice('openai/gpt-image-2', rule(40));
    expect(await quote()).toEqual([40, 2]);
    await database.reopen();
    catalog = createCatalog({ db: database.store });
    expect(await quote()).toEqual([40, 2]);
    expect(await catalog.listPrices()).toContainEqual({
      model: 'openai/gpt-image-2',
      version: 2,
      rule: rule(40),
    });
  });

  test('is not in force before its commit, nor after it was undone', async () => {
    const undone = database.store.transaction(async (tx) => {
      await catalog.setPrice(tx, { model: 'openai/gpt-image-2', rule: rule(30), actor: 'a' });
      expect(await quote()).toEqual([20, 0]);
      expect(await catalog.listPrices(tx)).toContainEqual({
        model: 'openai/gpt-image-2',
        version: 1,
        rule: rule(30),
      });
      throw new Error('undone');
    });
    await undone.catch(() => undefined);
    expect(await quote()).toEqual([20, 0]);
  });

  test('that is changed twice at once gets two versions', async () => {
    const made = await Promise.all([30, 40].map((credits) => setPrice('openai/gpt-image-2', rule(credits))));
    expect(made.map(({ version }) => version)).toEqual([1, 2]);
    expect(await quote()).toEqual([40, 2]);
  });

  test('of no model is refused', async () => {
    expect(await codeOf(() => setPrice('openai/none', rule(1)))).toBe('model_not_found');
    expect(catalog.faultOfPrice({ model: 'openai/none', rule: rule(1) })).toMatchObject({ path: 'model' });
  });
});

describe('a plan', () => {
  test('that is changed is in force at once, the others are not', async () => {
    const before = await catalog.getPlan('pro');
    const after = { id: 'pro', settings: { ...before.settings, generationsPerMinute: 1 } };
    await database.store.transaction((tx) => catalog.setPlan(tx, after));
    expect(await catalog.getPlan('pro')).toEqual(after);
    expect((await catalog.getPlan('scale')).settings.generationsPerMinute).toBe(100);
    await database.store.transaction((tx) => catalog.setPlan(tx, before));
    expect(await catalog.getPlan('pro')).toEqual(before);
    expect(await catalog.listPlans()).toHaveLength(5);
  });

  test('that there is not is not found', async () => {
    for (const id of ['', 'gold', '__proto__', 'constructor'])
      expect(await codeOf(() => catalog.getPlan(id))).toBe('not_found');
  });

  test('gives the limits, unless the customer has others', async () => {
    const { settings } = await catalog.getPlan('free');
    const { outputRetentionHours: _, ...limits } = settings;
    expect(effectiveLimits(settings, {})).toEqual(limits);
    expect(effectiveLimits(settings, { concurrentImages: 0, generationsPerMinute: 7 })).toEqual({
      ...limits,
      ...{ concurrentImages: 0, generationsPerMinute: 7 },
    });
  });

  test.each([
    [{ generationsPerMinute: -1 }],
    [{ generationsPerMinute: 1.5 }],
    [{ generationsPerMinute: 1_000_001 }],
    [{ generationsPerMinute: '10' }],
    [{ outputRetentionHours: 1 }],
    [{ unknown: 1 }],
  ])('cannot be overridden with %j', (overrides) => {
    expect(v.safeParse(limitOverridesSchema, overrides).success).toBe(false);
  });

  test('keeps outputs for an hour at least, and a year at most', async () => {
    const { settings } = await catalog.getPlan('free');
    for (const outputRetentionHours of [0, 8761, 1.5])
      expect(v.safeParse(planSettingsSchema, { ...settings, outputRetentionHours }).success).toBe(false);
  });
});

test('a database that cannot be read is asked again, and not taken for an empty one', async () => {
  const { store } = database;
  let failures = 1;
  const read = new Proxy(store.read, {
    get(target, name, receiver) {
      if (name === 'q' && failures-- > 0) throw new Error('the disk reports errors');
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
  const flaky = createCatalog({ db: { ...store, read } });
  const request = { size: '1:1_SMALL', quality: 'LOW' };
  expect(await flaky.quote(firstModel(), request).catch((thrown: Error) => thrown.message)).toBe(
    'the disk reports errors',
  );
  expect(Number((await flaky.quote(firstModel(), request)).credits)).toBe(20);
});
