// Who may pass to a route, in the one order that all routes share: size, key, address, scope, request rate, then
// the form of the idempotency key. What fails here has touched nothing.
import { GatewayError, unreachable } from '../errors.ts';
import { parseIdempotencyKey } from '../idempotency/index.ts';
import type { Scope } from '../keys/index.ts';
import type { Limits } from '../limits/index.ts';
import type { Db } from '../store/db.ts';
import { requireAddress, requireScope, type Authenticator, type Principal } from './auth.ts';
import { exchangeOf, type Exchange } from './exchange.ts';

/** What a route asks of its caller. */
export type Access =
  | {
      kind: 'customer';
      scope: Scope;
      dialect: Exchange['dialect'];
      /** The window that the headers tell of; the requests' where none is named. Every request counts as one. */
      window?: 'generations';
    }
  | { kind: 'operator' }
  | { kind: 'public' };

export type KeyRule = 'required' | 'optional' | 'unused';

/** Answers at once where it can: the caller of a known key waits for nothing. */
export type Admission = (
  request: Request,
  bearer: string | undefined,
  rules: { access: Access; idempotencyKey: KeyRule },
) => void | Promise<void>;

/** The actor of the private key in audit and ledger. */
const PRIVATE_KEY_ACTOR = 'operator:private-key';

export type AdmissionParts = {
  db: Db;
  authenticator: Authenticator;
  limits: Limits;
  hashAddress: (address: string) => string;
};

export function createAdmission({ db, authenticator, limits, hashAddress }: AdmissionParts): Admission {
  return (request, bearer, { access, idempotencyKey }) => {
    const exchange = exchangeOf(request);
    const { address } = exchange;
    const credentials = { authorization: request.headers.get('authorization'), bearer, address };
    const finish = () => {
      exchange.idempotencyKey = readKey(request, idempotencyKey);
    };
    switch (access.kind) {
      case 'customer': {
        exchange.dialect = access.dialect;
        const known = authenticator.customer(credentials);
        const admitted =
          known instanceof Promise
            ? known.then((principal) => admit(exchange, access, principal))
            : admit(exchange, access, known);
        return admitted === undefined ? finish() : admitted.then(finish);
      }
      case 'operator':
        authenticator.operator({ ...credentials, apiKey: request.headers.get('x-api-key') });
        exchange.operator = {
          actor: PRIVATE_KEY_ACTOR,
          addressHash: address() === '' ? null : hashAddress(address()),
          requestId: exchange.requestId,
        };
        return finish();
      case 'public':
        return finish();
      default:
        return unreachable(access);
    }
  };

  function admit(
    exchange: Exchange,
    access: Extract<Access, { kind: 'customer' }>,
    principal: Principal,
  ): undefined | Promise<void> {
    exchange.principal = principal;
    requireAddress(principal, exchange.address);
    requireScope(principal, access.scope);
    exchange.rate = limits.admitRequest(principal.customerId, principal.limits);
    if (access.window !== 'generations') return undefined;
    return showGenerations(exchange, principal);
  }

  async function showGenerations(exchange: Exchange, { customerId, limits: own }: Principal): Promise<void> {
    exchange.rate = await limits.generationState(db.read, customerId, own);
  }
}

/** @throws GatewayError `idempotency_key_required`, `invalid_idempotency_key` */
function readKey(request: Request, rule: KeyRule): string | null {
  if (rule === 'unused') return null;
  const header = request.headers.get('idempotency-key');
  if (header !== null) return parseIdempotencyKey(header);
  if (rule === 'required') {
    const fields = [{ path: 'Idempotency-Key', message: 'is required' }];
    throw new GatewayError('idempotency_key_required', { fields });
  }
  return null;
}
