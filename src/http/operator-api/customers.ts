// Customers: who they are, what they may, and what they have.
import { Elysia } from 'elysia';
import { DEFAULT_PLAN } from '../../catalog/index.ts';
import { credits } from '../../credits.ts';
import type { Customer } from '../../customers/index.ts';
import { isUsable } from '../../keys/index.ts';
import type { Connection } from '../../store/db.ts';
import { readPage } from '../query.ts';
import type { RouteDeclaration } from '../route.ts';
import { customerAnswer, customerPage } from './answers.ts';
import { customerExample, listOf } from './examples.ts';
import { change, OPERATOR, type OperatorApiParts } from './parts.ts';
import { renderCustomer } from './render.ts';
import {
  customerChangeSchema,
  customerListQuery,
  customerParams,
  newCustomerSchema,
  noQuery,
} from './schemas.ts';

const TAG = 'Customers';

const CUSTOMER = {
  description: 'The customer.',
  schema: customerAnswer,
  example: { ok: true, customer: customerExample },
};

const LIST_CUSTOMERS: RouteDeclaration = {
  operationId: 'listCustomers',
  tag: TAG,
  summary: 'List customers',
  description: 'The newest first; `q` searches name, e-mail and external id.',
  access: OPERATOR,
  answers: {
    200: {
      description: 'A page of customers.',
      schema: customerPage,
      example: listOf('customers', customerExample),
    },
  },
  errors: ['invalid_input'],
};

const CREATE_CUSTOMER: RouteDeclaration = {
  operationId: 'createCustomer',
  tag: TAG,
  summary: 'Create a customer',
  description:
    'With a live wallet, empty unless `initialCredits` says otherwise, and a test wallet of 100,000 credits.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: {
    name: 'Acme Studio',
    email: 'dev@acme.example',
    plan: 'pro',
    initialCredits: 12_000,
  },
  answers: { 201: CUSTOMER },
  errors: ['invalid_input', 'already_exists', 'idempotency_key_conflict'],
};

const GET_CUSTOMER: RouteDeclaration = {
  operationId: 'getCustomer',
  tag: TAG,
  summary: 'Read a customer',
  access: OPERATOR,
  answers: { 200: CUSTOMER },
  errors: ['account_not_found'],
};

const CHANGE_CUSTOMER: RouteDeclaration = {
  operationId: 'changeCustomer',
  tag: TAG,
  summary: 'Change a customer',
  description:
    'A suspended or closed customer’s keys stop at the next request; jobs that are open end as usual. Closed is final.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { plan: 'scale', limits: { concurrentVideos: 40 } },
  answers: { 200: CUSTOMER },
  errors: ['invalid_input', 'account_not_found', 'invalid_state', 'idempotency_key_conflict'],
};

export function customerRoutes(parts: OperatorApiParts) {
  const { route, customers, operations, db } = parts;
  return new Elysia()
    .get(
      '/api/public/customers',
      async ({ query }) => {
        const { status, plan, q: search, ...page } = query;
        const { rows, nextCursor } = await customers.list(
          db.read,
          { status, plan, search },
          readPage('customer', page),
        );
        const rendered = await Promise.all(rows.map((customer) => describe(parts, db.read, customer)));
        return { ok: true as const, customers: rendered, nextCursor };
      },
      {
        ...route.plain(LIST_CUSTOMERS),
        query: customerListQuery,
      },
    )
    .post(
      '/api/public/customers',
      ({ request, body }) => {
        const customer = {
          name: body.name,
          email: body.email ?? null,
          externalId: body.externalId ?? null,
          plan: body.plan ?? DEFAULT_PLAN,
          metadata: body.metadata ?? {},
          initialCredits: credits(body.initialCredits ?? 0),
        };
        return change(parts, request, operations.createCustomer(customer), async (created, on) => ({
          status: 201,
          body: { ok: true, customer: await describe(parts, on, created) },
        }));
      },
      {
        ...route.withBody(CREATE_CUSTOMER),
        body: newCustomerSchema,
        query: noQuery,
      },
    )
    .get(
      '/api/public/customers/:customerId',
      async ({ params }) => {
        const customer = await customers.get(db.read, params.customerId);
        return { ok: true as const, customer: await describe(parts, db.read, customer) };
      },
      {
        ...route.plain(GET_CUSTOMER),
        params: customerParams,
        query: noQuery,
      },
    )
    .patch(
      '/api/public/customers/:customerId',
      ({ request, params, body }) => {
        const { limits, ...rest } = body;
        // Null gives the plan's limits back.
        const wanted = { ...rest, ...(limits === undefined ? {} : { limits: limits ?? {} }) };
        return change(
          parts,
          request,
          operations.changeCustomer(params.customerId, wanted),
          async (changed, on) => ({
            body: { ok: true, customer: await describe(parts, on, changed) },
          }),
        );
      },
      {
        ...route.withBody(CHANGE_CUSTOMER),
        params: customerParams,
        body: customerChangeSchema,
        query: noQuery,
      },
    );
}

async function describe(
  { catalog, keys, ledger, clock }: OperatorApiParts,
  on: Connection,
  customer: Customer,
) {
  const customerId = customer.id;
  const usable = (await keys.list(on, customerId)).filter((key) => isUsable(key, clock.now()));
  return renderCustomer(customer, {
    plan: await catalog.getPlan(customer.plan),
    live: await ledger.balanceOf(on, { customerId, mode: 'live' }),
    test: await ledger.balanceOf(on, { customerId, mode: 'test' }),
    keyCount: {
      live: usable.filter((key) => key.mode === 'live').length,
      test: usable.filter((key) => key.mode === 'test').length,
    },
  });
}
