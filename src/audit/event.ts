// An audit event: who did what to what, with the state before and after, chained by hash to the event before it.
import { canonicalJson } from '../canonical-json.ts';
import { sha256Hex } from '../crypto.ts';
import type { Instant } from '../runtime/clock.ts';

export type AuditEvent = {
  seq: number;
  id: string;
  /** `operator:private-key`, `gateway` or `cli`. */
  actor: string;
  /** Noun and verb, such as `customer.create`. */
  action: string;
  /** The id of what was acted on. */
  target: string;
  /** A keyed hash of the caller's address; the address itself is never kept. */
  addressHash: string | null;
  requestId: string | null;
  summary: string;
  before: unknown;
  after: unknown;
  createdAt: Instant;
  prevHash: string;
  hash: string;
};

export const CHAIN_START = '0'.repeat(64);

/** SHA-256 over every field and the hash before it. */
export function hashEvent(event: Omit<AuditEvent, 'hash'>): string {
  return sha256Hex(
    canonicalJson([
      event.prevHash,
      event.seq,
      event.id,
      event.actor,
      event.action,
      event.target,
      event.addressHash,
      event.requestId,
      event.summary,
      event.before,
      event.after,
      event.createdAt,
    ]),
  );
}
