// Who may pass to a route, in the one order that all routes share: size, key, address, scope, request rate, then
// the form of the idempotency key. What fails here has touched nothing.
import { GatewayError } from '../errors.ts';
import { parseIdempotencyKey } from '../idempotency/index.ts';
import type { Scope } from '../keys/index.ts';
import type { Limits } from '../limits/index.ts';
import type { Db } from '../store/db.ts';
import { requireAddress, requireScope, type Authenticator } from './auth.ts';
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

export type Admission = (
  request: Request,
  bearer: string | undefined,
  rules: { access: Access; idempotencyKey: KeyRule },
) => Promise<void>;

/** The actor of the private key in audit and ledger. */
const PRIVATE_KEY_ACTOR = 'operator:private-key';

export function createAdmission(parts: {
  db: Db;
  authenticator: Authenticator;
  limits: Limits;
  hashAddress: (address: string) => string;
}): Admission {
  const { db, authenticator, limits, hashAddress } = parts;
  return async (request, bearer, { access, idempotencyKey }) => {
    const exchange = exchangeOf(request);
    const authorization = request.headers.get('authorization');
    const credentials = { authorization, bearer, address: exchange.address };
    switch (access.kind) {
      case 'customer': {
        exchange.dialect = access.dialect;
        const principal = await authenticator.customer(credentials);
        exchange.principal = principal;
        requireAddress(principal, exchange.address);
        requireScope(principal, access.scope);
        exchange.rate = limits.admitRequest(principal.customerId, principal.limits);
        if (access.window === 'generations') {
          exchange.rate = await limits.generationState(db.read, principal.customerId, principal.limits);
        }
        break;
      }
      case 'operator':
        authenticator.operator({ ...credentials, apiKey: request.headers.get('x-api-key') });
        exchange.operator = {
          actor: PRIVATE_KEY_ACTOR,
          addressHash: exchange.address === '' ? null : hashAddress(exchange.address),
          requestId: exchange.requestId,
        };
        break;
      case 'public':
        break;
    }
    exchange.idempotencyKey = readKey(request, idempotencyKey);
  };
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
