// What is known of one request on its way through: its id, who asks, and what its answer must carry. Kept beside
// the request, so that hooks, handlers, errors and the access log all see the same.
import { assert } from '../errors.ts';
import type { WindowState } from '../limits/index.ts';
import type { Operator } from '../operations/index.ts';
import type { Principal } from './auth.ts';

export type Exchange = {
  readonly requestId: string;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** The client's address as judged by the proxy rules, found out when asked; empty when it is unknown. */
  readonly address: () => string;
  /** The route as it is declared, `/v1/jobs/:jobId`; empty until one was found. */
  route: string;
  /** The dialect whose statuses an error must use. */
  dialect: 'job' | 'generation';
  principal: Principal | null;
  operator: Operator | null;
  /** The rate window that governs the route; becomes headers. */
  rate: WindowState | null;
  /** The body as it was sent, before validation filled anything in. */
  rawBody: unknown;
  idempotencyKey: string | null;
  /** The type and code of a refusal, for the access log. */
  errorCode: string | null;
  isReplay: boolean;
  /** Keeps an idle connection open for so long; for requests that wait. */
  keepOpen: (seconds: number) => void;
};

const exchanges = new WeakMap<Request, Exchange>();

export function beginExchange(
  request: Request,
  known: Pick<Exchange, 'requestId' | 'startedMs' | 'address' | 'keepOpen'>,
): Exchange {
  const exchange: Exchange = {
    ...known,
    route: '',
    dialect: 'generation',
    principal: null,
    operator: null,
    rate: null,
    rawBody: undefined,
    idempotencyKey: null,
    errorCode: null,
    isReplay: false,
  };
  exchanges.set(request, exchange);
  return exchange;
}

export function exchangeOf(request: Request): Exchange {
  const exchange = exchanges.get(request);
  assert(exchange !== undefined, 'every request has an exchange');
  return exchange;
}

/** Who asks, on a route that needs a customer's key. */
export function principalOf(request: Request): Principal {
  const { principal } = exchangeOf(request);
  assert(principal !== null, 'the route admits customers only');
  return principal;
}

/** Who asks, on a route that needs an operator. */
export function operatorOf(request: Request): Operator {
  const { operator } = exchangeOf(request);
  assert(operator !== null, 'the route admits operators only');
  return operator;
}
