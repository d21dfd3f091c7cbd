// GET /v1/usage, the one path that two dialects share: one object that the clients of both can read.
import { Elysia } from 'elysia';
import * as v from 'valibot';
import type { Ledger } from '../ledger/index.ts';
import type { Db } from '../store/db.ts';
import { MODES } from '../words.ts';
import { described, named } from './annotate.ts';
import { principalOf } from './exchange.ts';
import type { RouteMaker } from './route.ts';

const credits = v.pipe(v.number(), v.integer(), v.minValue(0));

const usageSchema = named(
  'Usage',
  v.strictObject({
    ok: v.literal(true),
    mode: described('Whose wallet it is: that of live or of test keys.', v.picklist(MODES)),
    creditsBalance: described('All credits of the wallet.', credits),
    creditsReserved: described('Set aside for open jobs.', credits),
    creditsAvailable: described('Left to spend: the balance without what is reserved.', credits),
  }),
);

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
