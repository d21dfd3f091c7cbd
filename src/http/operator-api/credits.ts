// A customer's credits: what came in, what jobs took, and corrections.
import { Elysia } from 'elysia';
import { credits } from '../../credits.ts';
import { readPage } from '../query.ts';
import type { RouteDeclaration } from '../route.ts';
import { creditMoveAnswer, entryPage } from './answers.ts';
import { balanceExample, entryExample } from './examples.ts';
import { change, OPERATOR, type OperatorApiParts } from './parts.ts';
import { renderBalance, renderEntry } from './render.ts';
import { creditMoveSchema, customerParams, entryListQuery, noQuery } from './schemas.ts';

const TAG = 'Credits';
const PATH = '/api/public/customers/:customerId/credits';

const LIST_ENTRIES: RouteDeclaration = {
  operationId: 'listEntries',
  tag: TAG,
  summary: 'Read balance and ledger',
  access: OPERATOR,
  answers: {
    200: {
      description: 'The balance and a page of entries, the newest first.',
      schema: entryPage,
      example: { ok: true, ...balanceExample, entries: [entryExample], nextCursor: null },
    },
  },
  errors: ['invalid_input', 'account_not_found'],
};

const MOVE_CREDITS: RouteDeclaration = {
  operationId: 'moveCredits',
  tag: TAG,
  summary: 'Top up or adjust credits',
  description:
    '`top_up` books credits that were bought; a `reference` (such as a payment number) can be booked once. ' +
    '`adjust` corrects by a signed amount, and never below what open jobs have reserved.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: {
    operation: 'top_up',
    amount: 10_000,
    reason: 'order 1001',
    reference: 'pay_1001',
  },
  answers: {
    200: {
      description: 'The balance and the entry.',
      schema: creditMoveAnswer,
      example: {
        ok: true,
        customerId: 'cus_01m7xyqn02e3fa7ae8dqfy7sce',
        ...balanceExample,
        entry: entryExample,
      },
    },
  },
  errors: [
    'invalid_input',
    'account_not_found',
    'already_exists',
    'balance_below_reservations',
    'idempotency_key_conflict',
  ],
};

export function creditRoutes(parts: OperatorApiParts) {
  const { route, customers, ledger, operations, db } = parts;
  return new Elysia()
    .get(
      PATH,
      async ({ params, query }) => {
        const { customerId } = params;
        const { mode, type: kind, ...page } = query;
        await customers.get(db.read, customerId);
        const { rows, nextCursor } = await ledger.listEntries(
          db.read,
          { customerId, mode, kind },
          readPage('sequence', page),
        );
        return {
          ok: true as const,
          ...renderBalance(await ledger.balanceOf(db.read, { customerId, mode })),
          entries: rows.map(renderEntry),
          nextCursor,
        };
      },
      {
        ...route.plain(LIST_ENTRIES),
        params: customerParams,
        query: entryListQuery,
      },
    )
    .post(
      PATH,
      ({ request, params, body }) => {
        const { customerId } = params;
        const { operation, mode, reason } = body;
        const move = {
          ...{ customerId, mode, operation, reason },
          amount: credits(body.amount),
          reference: body.operation === 'top_up' ? (body.reference ?? null) : null,
        };
        return change(parts, request, operations.moveCredits(move), async (entry, on) => ({
          body: {
            ok: true,
            customerId,
            ...renderBalance(await ledger.balanceOf(on, { customerId, mode })),
            entry: renderEntry(entry),
          },
        }));
      },
      {
        ...route.withBody(MOVE_CREDITS),
        params: customerParams,
        body: creditMoveSchema,
        query: noQuery,
      },
    );
}
