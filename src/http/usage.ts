// GET /v1/usage, the one path that two dialects share: one object that the clients of both can read.
import { Elysia } from 'elysia';
import * as v from 'valibot';
import type { Ledger } from '../ledger/index.ts';
import type { Db } from '../store/db.ts';
import { principalOf } from './exchange.ts';
import type { RouteMaker } from './route.ts';

const credits = v.pipe(v.number(), v.integer(), v.minValue(0));

const usageSchema = v.strictObject({
  ok: v.literal(true),
  mode: v.picklist(['live', 'test']),
  creditsBalance: credits,
  creditsReserved: credits,
  creditsAvailable: credits,
});

export function createUsageRoute({ db, ledger, route }: { db: Db; ledger: Ledger; route: RouteMaker }) {
  return new Elysia({ name: 'usage' }).get(
    '/v1/usage',
    async ({ request }) => {
      const { customerId, mode } = principalOf(request);
      const { balance, reserved, available } = await ledger.balanceOf(db.read, { customerId, mode });
      return {
        ok: true as const,
        mode,
        creditsBalance: balance,
        creditsReserved: reserved,
        creditsAvailable: available,
      };
    },
    {
      ...route.plain({
        operationId: 'getUsage',
        tag: 'Account',
        summary: 'Read the balance',
        description: "The credits of the key's wallet: in all, set aside for open jobs, and left to spend.",
        access: { kind: 'customer', scope: 'account:read', dialect: 'job' },
        answers: {
          200: {
            description: 'The balance.',
            schema: usageSchema,
            example: {
              ok: true,
              mode: 'live',
              creditsBalance: 12_000,
              creditsReserved: 9000,
              creditsAvailable: 3000,
            },
          },
        },
        errors: [],
      }),
      query: v.strictObject({}),
    },
  );
}
