// From a bearer key to who asks: customers by their API keys, operators by the private key. Every way of being
// unknown looks the same from outside.
import { effectiveLimits, type Catalog } from '../catalog/index.ts';
import { isEqualConstantTime, sha256Hex } from '../crypto.ts';
import type { Customers } from '../customers/index.ts';
import { GatewayError } from '../errors.ts';
import { hashPresented, isUsable, type ApiKey, type Keys, type Scope } from '../keys/index.ts';
import type { LimitsInForce } from '../limits/index.ts';
import type { Mode } from '../words.ts';
import { SECOND_MS, type Clock, type Instant } from '../runtime/clock.ts';
import type { Db } from '../store/db.ts';
import { createAddressSet, type AddressSet } from './client-address.ts';
import type { FailureThrottle } from './failure-throttle.ts';

/** A customer's key and what it stands for. */
export type Principal = {
  customerId: string;
  keyId: string;
  keyPrefix: string;
  mode: Mode;
  scopes: readonly Scope[];
  /** From where the key may be used; null is from everywhere. */
  addresses: AddressSet | null;
  limits: LimitsInForce;
};

export type Credentials = {
  /** The `Authorization` header; null when there is none. */
  authorization: string | null;
  /** The token that stands in it, as the bearer plugin reads it. */
  bearer: string | undefined;
  address: () => string;
};

export type Authenticator = {
  /** At once for a key that is known. @throws GatewayError `authentication_required`, `authentication_failed`, `auth_rate_limited` */
  customer(credentials: Credentials): Principal | Promise<Principal>;
  /** Also takes the key from `X-API-Key`. @throws GatewayError as `customer` */
  operator(credentials: Credentials & { apiKey: string | null }): void;
  /** When keys were used since the last call, for `last used`. */
  takeUses(): Map<string, Instant>;
};

/** An address that is not known is in no list. @throws GatewayError `ip_not_allowed` */
export function requireAddress({ addresses }: Principal, addressOf: () => string): void {
  if (addresses === null) return;
  const address = addressOf();
  if (address !== '' && addresses.has(address)) return;
  throw new GatewayError('ip_not_allowed', {
    message: `The key may not be used from ${address === '' ? 'here' : address}.`,
  });
}

/** @throws GatewayError `insufficient_permissions` */
export function requireScope(principal: Principal, scope: Scope): void {
  if (principal.scopes.includes(scope)) return;
  throw new GatewayError('insufficient_permissions', {
    message: `The key lacks the scope ${scope}.`,
    details: { requiredScope: scope },
  });
}

type Known = { principal: Principal; key: ApiKey; validUntilMs: number };

/** A change is published and empties the cache at once; this only bounds what a lost message could cost. */
const CACHE_LIFETIME_MS = 5 * SECOND_MS;
const MAX_CACHED = 10_000;

export type AuthenticatorParts = {
  db: Db;
  clock: Clock;
  catalog: Catalog;
  customers: Customers;
  keys: Keys;
  throttle: FailureThrottle;
  operatorKeys: readonly string[];
};

export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  const { db, clock, catalog, customers, keys, throttle } = parts;
  const operatorDigests = parts.operatorKeys.map(sha256Hex);
  const cache = new Map<string, Known>();
  let uses = new Map<string, Instant>();
  let changes = 0;
  db.subscribe('access', () => {
    changes += 1;
    cache.clear();
  });

  function refuse(credentials: Credentials, wasSent: boolean): never {
    throttle.count(credentials.address());
    throw new GatewayError(wasSent ? 'authentication_failed' : 'authentication_required');
  }

  function remembered(hash: string): Known | undefined {
    const known = cache.get(hash);
    return known !== undefined && known.validUntilMs > clock.elapsedMs() ? known : undefined;
  }

  function admit(known: Known | null, credentials: Credentials): Principal {
    const now = clock.now();
    if (known === null || !isUsable(known.key, now)) refuse(credentials, true);
    uses.set(known.key.id, now);
    return known.principal;
  }

  async function look(hash: string): Promise<Known | null> {
    const changesBefore = changes;
    const key = await keys.findByHash(db.read, hash);
    const customer = key === null ? null : await customers.find(db.read, key.customerId);
    if (key === null || customer?.status !== 'active') return null;
    const plan = await catalog.getPlan(customer.plan);
    const principal: Principal = {
      customerId: customer.id,
      keyId: key.id,
      keyPrefix: key.prefix,
      mode: key.mode,
      scopes: key.scopes,
      addresses: key.ipAllowlist === null ? null : createAddressSet(key.ipAllowlist),
      limits: effectiveLimits(plan.settings, customer.limits),
    };
    const known = { principal, key, validUntilMs: clock.elapsedMs() + CACHE_LIFETIME_MS };
    // What was read before a change is good for this request, and for no other.
    if (changes !== changesBefore) return known;
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(hash, known);
    return known;
  }

  return {
    customer(credentials) {
      if (credentials.authorization === null) refuse(credentials, false);
      const hash = hashPresented(tokenOf(credentials));
      if (hash === null) return admit(null, credentials);
      const known = remembered(hash);
      return known === undefined
        ? look(hash).then((found) => admit(found, credentials))
        : admit(known, credentials);
    },
    operator(credentials) {
      const wasSent = credentials.authorization !== null || credentials.apiKey !== null;
      const presented = sha256Hex(credentials.apiKey ?? tokenOf(credentials));
      // Every key is compared, so that the time tells nothing about which one matched.
      const matches = operatorDigests.filter((digest) => isEqualConstantTime(digest, presented));
      if (!wasSent || matches.length === 0) refuse(credentials, wasSent);
    },
    takeUses() {
      const taken = uses;
      uses = new Map();
      return taken;
    },
  };
}

/** The scheme's name may come in any case (RFC 9110); the plugin knows the usual one. */
function tokenOf({ authorization, bearer }: Credentials): string {
  if (authorization === null) return '';
  if (authorization.startsWith('Bearer ')) return bearer ?? '';
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
}
