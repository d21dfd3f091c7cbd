// Idempotency: the same key and the same request give one effect and one answer, for 30 days. A key belongs to a
// scope (a customer in a mode, or the operator) and never to an API key, so that a rotation keeps it.
import { assert, GatewayError } from '../errors.ts';
import { DAY_MS } from '../runtime/clock.ts';
import { first, type Tx } from '../store/db.ts';
import { claimKey, deleteExpired, findKey, type KeyScope } from './queries.ts';

export { fingerprintOf } from './fingerprint.ts';

/** How long a key is remembered; longer than any job can live. */
export const IDEMPOTENCY_RETENTION_MS = 30 * DAY_MS;

/** The answer to store: what a retry gets. */
export type StoredAnswer = { status: number; body: string };
export type Replay = { kind: 'replay'; resourceId: string | null } & StoredAnswer;
export type ClaimOutcome = { kind: 'fresh' } | Replay;

export type Idempotency = {
  /**
   * Takes the key for this request together with its answer, or finds the answer of the first one.
   * @throws GatewayError `idempotency_key_conflict` when the key belongs to another request
   */
  claim(
    tx: Tx,
    claim: KeyScope & { fingerprint: string; resourceId: string | null } & StoredAnswer,
  ): Promise<ClaimOutcome>;
  /**
   * The answer that the key's first request got; null when it has none.
   * @throws GatewayError `idempotency_key_conflict`
   */
  find(tx: Tx, request: KeyScope & { fingerprint: string }): Promise<Replay | null>;
  /** Deletes up to `limit` expired keys; returns how many. */
  prune(tx: Tx, limit: number): Promise<number>;
};

export function createIdempotency(): Idempotency {
  async function find(tx: Tx, request: KeyScope & { fingerprint: string }): Promise<Replay | null> {
    const held = first(await findKey(tx, request));
    if (held === null || held.expiresAt <= tx.now) return null;
    if (held.fingerprint !== request.fingerprint) throw new GatewayError('idempotency_key_conflict');
    return { kind: 'replay', resourceId: held.resourceId, status: held.status, body: held.body };
  }

  return {
    find,
    async claim(tx, claim) {
      const expiresAt = tx.now + IDEMPOTENCY_RETENTION_MS;
      const taken = await claimKey(tx, { ...claim, createdAt: tx.now, expiresAt });
      if (taken.length > 0) return { kind: 'fresh' };
      const replay = await find(tx, claim);
      assert(replay !== null, 'a key that cannot be taken is held');
      return replay;
    },
    prune: async (tx, limit) => (await deleteExpired(tx, tx.now, limit)).length,
  };
}

/**
 * The key of a request from its header: surrounding white space and one pair of quotes do not count.
 * @throws GatewayError `invalid_idempotency_key`
 */
export function parseIdempotencyKey(header: string): string {
  const trimmed = header.trim();
  const key = /^"[^"]*"$/.test(trimmed) ? trimmed.slice(1, -1) : trimmed;
  // A comma would also be how two headers look after HTTP joined them.
  if (!/^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}$/.test(key)) {
    const fields = [{ path: 'Idempotency-Key', message: 'is not 1 to 255 of the allowed characters' }];
    throw new GatewayError('invalid_idempotency_key', { fields });
  }
  return key;
}
