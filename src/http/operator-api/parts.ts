// What the routes of the operator API are built from, and how each of its changes is made and answered.
import type { Accounts } from '../../accounts/index.ts';
import type { Audit } from '../../audit/index.ts';
import type { Catalog } from '../../catalog/index.ts';
import type { Customers } from '../../customers/index.ts';
import { fingerprintOf, type StoredAnswer } from '../../idempotency/index.ts';
import type { Jobs } from '../../jobs/index.ts';
import type { Keys } from '../../keys/index.ts';
import type { Ledger } from '../../ledger/index.ts';
import type { Media } from '../../media/index.ts';
import type { Action, Operations } from '../../operations/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Connection, Db, Tx } from '../../store/db.ts';
import { exchangeOf, operatorOf } from '../exchange.ts';
import type { RouteMaker } from '../route.ts';
import { JSON_TYPE } from '../json-text.ts';

export type OperatorApiParts = {
  db: Db;
  clock: Clock;
  accounts: Accounts;
  audit: Audit;
  catalog: Catalog;
  customers: Customers;
  jobs: Jobs;
  keys: Keys;
  ledger: Ledger;
  media: Media;
  operations: Operations;
  route: RouteMaker;
  publicUrl: () => string;
  schedulerLagMs: () => number;
};

export const OPERATOR = { kind: 'operator' } as const;
export const PAGE = { max: 200, standard: 50 } as const;

/** `stored` is what a retry gets instead of `body`, without what is shown only once. */
type Rendered = { status?: number; body: object; stored?: object };
/** Reads what the answer shows besides the result on the given connection: inside a change, its transaction. */
type Render<Result> = (result: Result, on: Connection) => Rendered | Promise<Rendered>;

/** Makes a change and answers it; a retry with the same `Idempotency-Key` gets the stored answer. */
export async function change<Result>(
  { operations, db }: Pick<OperatorApiParts, 'operations' | 'db'>,
  request: Request,
  action: Action<Result>,
  render: Render<Result>,
): Promise<Response> {
  const exchange = exchangeOf(request);
  const key = exchange.idempotencyKey;
  const once =
    key === null
      ? null
      : {
          key,
          fingerprint: fingerprintOf({
            method: request.method,
            route: routeOf(request),
            body: exchange.rawBody ?? null,
          }),
          answer: async (result: Result, tx: Tx): Promise<StoredAnswer> => {
            const { status = 200, body, stored = body } = await render(result, tx);
            return { status, body: JSON.stringify(stored) };
          },
        };
  const performed = await operations.perform(operatorOf(request), action, once);
  if (performed.kind === 'replay') {
    exchange.isReplay = true;
    return jsonResponse(performed.body, performed.status, { 'idempotency-replayed': 'true' });
  }
  const { status = 200, body } = await render(performed.result, db.read);
  return jsonResponse(JSON.stringify(body), status);
}

/** With the query: `?purge=true` makes another request of it. */
function routeOf({ url }: Request): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function jsonResponse(body: string, status: number, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    status,
    headers: { 'content-type': JSON_TYPE, ...headers },
  });
}
