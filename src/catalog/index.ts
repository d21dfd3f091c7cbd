// The catalogue: models, plans and prices. What ships is data beside this file; what an operator changed lives
// in the database and wins.
import * as v from 'valibot';
import { GatewayError, type FieldFault } from '../errors.ts';
import type { Credits } from '../credits.ts';
import { nearestName } from '../nearest-name.ts';
import type { JobType } from '../words.ts';
import type { Connection, Db, Tx } from '../store/db.ts';
import type { Model } from './model.ts';
import { readShippedModels } from './shipped.ts';
import shippedPlans from './plans.json' with { type: 'json' };
import { planSettingsSchema, type Plan, type PlanSettings } from './plan.ts';
import { priceOf, priceRuleSchema, type PriceRule, type PricedRequest } from './price.ts';
import { faultOfRule } from './price-check.ts';
import { insertPriceVersion, listNewestPrices, listPlans, upsertPlan } from './queries.ts';

export { durationsOf, modelShortName, ratiosOf, tiersOf, type Model } from './model.ts';
export {
  effectiveLimits,
  limitOverridesSchema,
  limitsSchema,
  planChangeSchema,
  planSettingsSchema,
  type LimitOverrides,
  type Limits,
  type Plan,
  type PlanSettings,
} from './plan.ts';
export { priceOf, priceRuleSchema, type PriceRule } from './price.ts';
export { endingModels, type Ending } from './retirement.ts';
export { readShippedModels } from './shipped.ts';

/** The price list's entry for a model. Version 0 is the price that ships. */
export type Price = { model: string; version: number; rule: PriceRule };
export type Quote = { credits: Credits; priceVersion: number };

export const DEFAULT_PLAN = 'starter';

export type Catalog = {
  readonly models: readonly Model[];
  /** @throws GatewayError `model_not_found` when there is none of this id, or it is of another type */
  getModel(id: string, type?: JobType): Model;
  /** The price of a request. @throws GatewayError `invalid_input` when no rate covers it */
  quote(model: Model, request: PricedRequest): Promise<Quote>;
  /** The prices in force; on the connection of a change, as they stand there. */
  listPrices(on?: Connection): Promise<Price[]>;
  /** What is wrong with a price, with its path inside of the change; null when it can be set. */
  faultOfPrice(change: { model: string; rule: PriceRule }): FieldFault | null;
  /** Writes the next version; in force at once for new jobs. @throws GatewayError `model_not_found` */
  setPrice(tx: Tx, change: { model: string; rule: PriceRule; actor: string }): Promise<Price>;
  listPlans(): Promise<Plan[]>;
  /** The plan in force; on the connection of a change, as it stands there. @throws GatewayError `not_found` */
  getPlan(id: string, on?: Connection): Promise<Plan>;
  setPlan(tx: Tx, plan: Plan): Promise<void>;
};

export function createCatalog({ db }: { db: Db }): Catalog {
  const models = readShippedModels();
  const byId = new Map(models.map((model) => [model.id, model]));
  // Both are read on every submit and hardly ever change; a published change empties them.
  const prices = createCached(() => readPrices(db.read, models));
  const plans = createCached(() => readPlans(db.read));
  db.subscribe('prices', prices.clear);
  db.subscribe('access', plans.clear);

  function getModel(id: string, type?: JobType): Model {
    const model = byId.get(id);
    if (model === undefined || (type !== undefined && model.type !== type)) {
      throw new GatewayError('model_not_found', { message: `There is no ${type ?? ''} model "${id}".` });
    }
    return model;
  }

  return {
    models,
    getModel,
    async quote(model, request) {
      const price = (await prices.get()).get(model.id);
      const amount = price === undefined ? null : priceOf(price.rule, request);
      if (price === undefined || amount === null) {
        throw new GatewayError('invalid_input', { message: `${model.id} has no price for this request.` });
      }
      return { credits: amount, priceVersion: price.version };
    },
    listPrices: async (on) => [
      ...(await (on === undefined ? prices.get() : readPrices(on, models))).values(),
    ],
    faultOfPrice({ model: id, rule }) {
      const model = byId.get(id);
      if (model === undefined) {
        const meant = nearestName(id, [...byId.keys()]);
        const hint = meant === null ? '' : `; did you mean ${meant}?`;
        return { path: 'model', message: `is no model of the catalogue${hint}` };
      }
      const fault = faultOfRule(rule, model);
      return fault && { ...fault, path: `rule.${fault.path}` };
    },
    async setPrice(tx, { model, rule, actor }) {
      getModel(model);
      const newest = await listNewestPrices(tx);
      const version = (newest.find((price) => price.model === model)?.version ?? 0) + 1;
      await insertPriceVersion(tx, { model, version, rule, actor, createdAt: tx.now });
      tx.publish('prices', model);
      return { model, version, rule };
    },
    listPlans: async () => [...(await plans.get()).values()],
    async getPlan(id, on) {
      const plan = (await (on === undefined ? plans.get() : readPlans(on))).get(id);
      if (plan === undefined) throw new GatewayError('not_found', { message: `There is no plan "${id}".` });
      return plan;
    },
    async setPlan(tx, plan) {
      await upsertPlan(tx, { id: plan.id, settings: plan.settings, updatedAt: tx.now });
      tx.publish('access', plan.id);
    },
  };
}

async function readPrices(on: Connection, models: readonly Model[]): Promise<Map<string, Price>> {
  const prices = new Map<string, Price>();
  for (const { id, price } of models) prices.set(id, { model: id, version: 0, rule: price });
  for (const row of await listNewestPrices(on)) {
    prices.set(row.model, { ...row, rule: v.parse(priceRuleSchema, row.rule) });
  }
  return prices;
}

async function readPlans(on: Connection): Promise<Map<string, Plan>> {
  const plans = new Map<string, Plan>();
  const add = (id: string, settings: PlanSettings) => plans.set(id, { id, settings });
  for (const [id, settings] of Object.entries(shippedPlans)) add(id, v.parse(planSettingsSchema, settings));
  for (const row of await listPlans(on, {})) add(row.id, v.parse(planSettingsSchema, row.settings));
  return plans;
}

/** A value that is read once and again after `clear`. */
function createCached<Value>(read: () => Promise<Value>): { get(): Promise<Value>; clear(): void } {
  let value: Promise<Value> | null = null;
  return {
    get() {
      value ??= read().catch((thrown: unknown) => {
        value = null;
        throw thrown;
      });
      return value;
    },
    clear: () => {
      value = null;
    },
  };
}
