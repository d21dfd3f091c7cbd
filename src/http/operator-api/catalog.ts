// Plans and prices. A new price is a new version and counts for new jobs only.
import { Elysia } from 'elysia';
import { planAnswer, planList, priceList } from './answers.ts';
import { planExample, priceExample } from './examples.ts';
import type { RouteDeclaration } from '../route.ts';
import { change, OPERATOR, type OperatorApiParts } from './parts.ts';
import { renderPlan, renderPrice } from './render.ts';
import { noQuery, planChangeRequestSchema, planParams, pricingChangeSchema } from './schemas.ts';

const PLANS = 'Plans';
const PRICES = 'Prices';

const LIST_PLANS: RouteDeclaration = {
  operationId: 'listPlans',
  tag: PLANS,
  summary: 'List plans',
  access: OPERATOR,
  answers: {
    200: { description: 'All plans.', schema: planList, example: { ok: true, plans: [planExample] } },
  },
  errors: [],
};

const CHANGE_PLAN: RouteDeclaration = {
  operationId: 'changePlan',
  tag: PLANS,
  summary: 'Change a plan',
  description: 'In force for all its customers at their next request.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { generationsPerMinute: 60 },
  answers: {
    200: { description: 'The plan.', schema: planAnswer, example: { ok: true, plan: planExample } },
  },
  errors: ['invalid_input', 'not_found', 'idempotency_key_conflict'],
};

const LIST_PRICES: RouteDeclaration = {
  operationId: 'listPrices',
  tag: PRICES,
  summary: 'List the prices in force',
  description: 'Version 0 is the price that ships.',
  access: OPERATOR,
  answers: {
    200: {
      description: 'One price for each model.',
      schema: priceList,
      example: { ok: true, prices: [priceExample] },
    },
  },
  errors: [],
};

const SET_PRICES: RouteDeclaration = {
  operationId: 'setPrices',
  tag: PRICES,
  summary: 'Set prices',
  description:
    'Writes a new version for each model named, all or none. In force at once for new jobs; accepted jobs keep ' +
    'the price that they were quoted.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: {
    prices: [{ model: priceExample.model, rule: { per: 'job', rates: [{ credits: 25 }] } }],
  },
  answers: {
    200: {
      description: 'The new prices.',
      schema: priceList,
      example: { ok: true, prices: [priceExample] },
    },
  },
  errors: ['invalid_input', 'idempotency_key_conflict'],
};

export function catalogRoutes(parts: OperatorApiParts) {
  const { route, catalog, operations } = parts;
  return new Elysia()
    .get(
      '/api/plans',
      async () => ({ ok: true as const, plans: (await catalog.listPlans()).map(renderPlan) }),
      {
        ...route.plain(LIST_PLANS),
        query: noQuery,
      },
    )
    .patch(
      '/api/plans/:planId',
      ({ request, params, body }) =>
        change(parts, request, operations.changePlan(params.planId, body), (plan) => ({
          body: { ok: true, plan: renderPlan(plan) },
        })),
      {
        ...route.withBody(CHANGE_PLAN),
        params: planParams,
        body: planChangeRequestSchema,
        query: noQuery,
      },
    )
    .get(
      '/api/pricing',
      async () => ({ ok: true as const, prices: (await catalog.listPrices()).map(renderPrice) }),
      {
        ...route.plain(LIST_PRICES),
        query: noQuery,
      },
    )
    .put(
      '/api/pricing',
      ({ request, body }) =>
        change(parts, request, operations.setPrices(body.prices), (prices) => ({
          body: { ok: true, prices: prices.map(renderPrice) },
        })),
      {
        ...route.withBody(SET_PRICES),
        body: pricingChangeSchema,
        query: noQuery,
      },
    );
}
