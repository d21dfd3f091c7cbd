// API keys of customers: made, found, rotated, revoked and deleted. Only hash and prefix are kept.
import { GatewayError, invalidField } from '../errors.ts';
import { makeId } from '../ids.ts';
import { HOUR_MS, MINUTE_MS, type Instant } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Mode } from '../words.ts';
import { first, type Connection, type Tx } from '../store/db.ts';
import { makeKey, readKey, statusOf, type ApiKey } from './key.ts';
import {
  countUsableKeys,
  deleteKey,
  endGraceBefore,
  findKey,
  findKeyByHash,
  insertKey,
  listKeys,
  markRevoked,
  markRotated,
  touchKey,
  updateKey,
} from './queries.ts';
import { DEFAULT_PRESET, PRESETS, type Preset, type Scope } from './scopes.ts';

export { hashPresented, isUsable, KEY_STATUSES, statusOf, type ApiKey, type KeyStatus } from './key.ts';
export { PRESET_NAMES, PRESETS, SCOPES, type Preset, type Scope } from './scopes.ts';

export const MAX_KEYS_A_CUSTOMER = 20;
export const GRACE_HOURS = { min: 1, max: 168, default: 24 } as const;
/** An expiry nearer than this is a mistake. */
const MIN_LIFETIME_MS = MINUTE_MS;
/** Revoked and expired keys stay listed; past this many the oldest are left out. */
const MAX_LISTED_KEYS = 1000;

/** What a key may do, chosen by preset or scope by scope, never both. */
export type Grant = { preset?: Preset | undefined; scopes?: readonly Scope[] | undefined };
export type NewKey = Grant & {
  customerId: string;
  mode: Mode;
  name: string | null;
  ipAllowlist: string[] | null;
  expiresAt: Instant | null;
};
export type KeyChange = Grant & { name?: string | null | undefined; expiresAt?: Instant | null | undefined };
/** `secret` is the whole key, to be shown once. */
export type MadeKey = { key: ApiKey; secret: string };

export type Keys = {
  /** @throws GatewayError `invalid_input` (expiry, preset together with scopes), `invalid_state` (too many keys) */
  create(tx: Tx, key: NewKey): Promise<MadeKey>;
  findByHash(on: Connection, hash: string): Promise<ApiKey | null>;
  /** @throws GatewayError `not_found` */
  get(on: Connection, customerId: string, id: string): Promise<ApiKey>;
  list(on: Connection, customerId: string): Promise<ApiKey[]>;
  /** @throws GatewayError `not_found`, `invalid_input`, `invalid_state` when the key is not active */
  change(
    tx: Tx,
    target: { customerId: string; id: string },
    change: KeyChange,
  ): Promise<{ before: ApiKey; after: ApiKey }>;
  /**
   * Makes a successor with the same name, scopes, list, mode and expiry. The old key works `graceHours` longer; one
   * that it had succeeded itself ends now. A full set of keys can still be rotated.
   * @throws GatewayError `not_found`, `key_not_rotatable`
   */
  rotate(
    tx: Tx,
    target: { customerId: string; id: string; graceHours: number },
  ): Promise<MadeKey & { previous: ApiKey }>;
  /** In force at the next request; doing it again changes nothing. @throws GatewayError `not_found` */
  revoke(tx: Tx, target: { customerId: string; id: string }): Promise<ApiKey>;
  /** Removes the row. @throws GatewayError `not_found` */
  purge(tx: Tx, target: { customerId: string; id: string }): Promise<ApiKey>;
  /** Notes when keys were last used; a time that was overtaken changes nothing. */
  touch(tx: Tx, usedAt: ReadonlyMap<string, Instant>): Promise<void>;
};

export function createKeys({ random }: { random: Random }): Keys {
  async function insert(tx: Tx, key: Omit<ApiKey, 'id' | 'prefix'>): Promise<MadeKey> {
    const { key: secret, hash, prefix } = makeKey(key.mode, random);
    const made: ApiKey = { ...key, id: makeId('key', { now: tx.now, random }), prefix };
    await insertKey(tx, { ...made, hash });
    return { key: made, secret };
  }

  async function get(on: Connection, customerId: string, id: string): Promise<ApiKey> {
    const row = first(await findKey(on, { customerId, id }));
    if (row === null) throw new GatewayError('not_found', { message: 'There is no such API key.' });
    return readKey(row);
  }

  return {
    get,
    async create(tx, { customerId, mode, name, ipAllowlist, expiresAt, ...grant }) {
      refuseNearExpiry(expiresAt, tx.now);
      if ((await countUsableKeys(tx, customerId, tx.now)) >= MAX_KEYS_A_CUSTOMER) {
        throw new GatewayError('invalid_state', {
          message: `A customer has at most ${MAX_KEYS_A_CUSTOMER} active keys.`,
        });
      }
      return insert(tx, {
        ...blankKey(tx.now),
        ...resolveGrant(grant),
        customerId,
        mode,
        name,
        ipAllowlist,
        expiresAt,
      });
    },
    async findByHash(on, hash) {
      const row = first(await findKeyByHash(on, { hash }));
      return row === null ? null : readKey(row);
    },
    async list(on, customerId) {
      return (await listKeys(on, { customerId, limit: MAX_LISTED_KEYS })).map(readKey);
    },
    async change(tx, { customerId, id }, { name, expiresAt, ...grant }) {
      const before = await get(tx, customerId, id);
      const status = statusOf(before, tx.now);
      // One that was rotated must not be made to outlive its grace.
      if (status !== 'active') throw new GatewayError('invalid_state', { message: `The key is ${status}.` });
      if (expiresAt !== undefined) refuseNearExpiry(expiresAt, tx.now);
      const granted = grant.preset === undefined && grant.scopes === undefined ? {} : resolveGrant(grant);
      const after: ApiKey = {
        ...before,
        ...granted,
        ...(name === undefined ? {} : { name }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      };
      await updateKey(tx, after);
      tx.publish('access', id);
      return { before, after };
    },
    async rotate(tx, { customerId, id, graceHours }) {
      const old = await get(tx, customerId, id);
      if (statusOf(old, tx.now) !== 'active') throw new GatewayError('key_not_rotatable');
      const made = await insert(tx, { ...old, ...blankKey(tx.now) });
      const graceEnd = tx.now + graceHours * HOUR_MS;
      const previous = {
        ...old,
        rotatedAt: tx.now,
        successorId: made.key.id,
        expiresAt: Math.min(old.expiresAt ?? graceEnd, graceEnd),
      };
      const { expiresAt } = previous;
      const marked = await markRotated(tx, { id, rotatedAt: tx.now, successorId: made.key.id, expiresAt });
      if (marked.length === 0) throw new GatewayError('key_not_rotatable');
      await endGraceBefore(tx, { customerId, successorId: id, now: tx.now });
      tx.publish('access', id);
      return { ...made, previous };
    },
    async revoke(tx, { customerId, id }) {
      const key = await get(tx, customerId, id);
      await markRevoked(tx, { id, revokedAt: tx.now });
      tx.publish('access', id);
      return { ...key, revokedAt: key.revokedAt ?? tx.now };
    },
    async purge(tx, { customerId, id }) {
      const key = await get(tx, customerId, id);
      await deleteKey(tx, { id });
      tx.publish('access', id);
      return key;
    },
    async touch(tx, usedAt) {
      for (const [id, lastUsedAt] of usedAt) await touchKey(tx, { id, lastUsedAt });
    },
  };
}

/** What every new key starts with. */
function blankKey(now: Instant) {
  return { createdAt: now, lastUsedAt: null, rotatedAt: null, successorId: null, revokedAt: null };
}

function resolveGrant({ preset, scopes }: Grant): { preset: Preset | null; scopes: Scope[] } {
  if (preset !== undefined && scopes !== undefined) {
    throw invalidField('scopes', 'cannot be given together with a preset');
  }
  if (scopes !== undefined) return { preset: null, scopes: [...new Set(scopes)] };
  const chosen = preset ?? DEFAULT_PRESET;
  return { preset: chosen, scopes: [...PRESETS[chosen]] };
}

function refuseNearExpiry(expiresAt: Instant | null, now: Instant): void {
  if (expiresAt !== null && expiresAt < now + MIN_LIFETIME_MS) {
    throw invalidField('expiresAt', 'must be at least a minute from now');
  }
}
