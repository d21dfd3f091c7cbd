// The operator's audit: append-only, in the transaction of what it tells of, and chained by hash.
import { makeId } from '../ids.ts';
import { nextTurn } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { first, type Connection, type Tx } from '../store/db.ts';
import { CHAIN_START, hashEvent, type AuditEvent } from './event.ts';
import {
  findEnd,
  findNewest,
  insertEvent,
  listChain,
  listEvents,
  setHead,
  type AuditFilter,
} from './queries.ts';

export type { AuditEvent } from './event.ts';
export type { AuditFilter } from './queries.ts';

/** What there is to tell; the rest is added here. Secrets must be gone from `before` and `after`. */
export type NewAuditEvent = Pick<AuditEvent, 'actor' | 'action' | 'target' | 'summary'> &
  Partial<Pick<AuditEvent, 'addressHash' | 'requestId' | 'before' | 'after'>>;

export type Audit = {
  record(tx: Tx, event: NewAuditEvent): Promise<AuditEvent>;
  list(
    on: Connection,
    filter: AuditFilter,
    page: { limit: number; beforeSeq: number | null },
  ): Promise<{ events: AuditEvent[]; hasMore: boolean }>;
  /** Follows the whole chain; `fault` names the first event that does not fit. */
  verify(on: Connection): Promise<{ events: number; fault: string | null }>;
};

const EVENTS_A_PAGE = 1000;

export function createAudit({ random }: { random: Random }): Audit {
  return {
    async record(tx, { addressHash = null, requestId = null, before = null, after = null, ...told }) {
      const newest = first(await findNewest(tx, {}));
      const event: Omit<AuditEvent, 'hash'> = {
        ...told,
        ...{ addressHash, requestId, before, after },
        seq: (newest?.seq ?? 0) + 1,
        id: makeId('audit', { now: tx.now, random }),
        createdAt: tx.now,
        prevHash: newest?.hash ?? CHAIN_START,
      };
      const hash = hashEvent(event);
      await insertEvent(tx, { ...event, hash });
      await setHead(tx, { hash });
      return { ...event, hash };
    },
    async list(on, filter, page) {
      const rows = await listEvents(on, filter, page);
      return { events: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
    },
    async verify(on) {
      // Read first: events that are recorded meanwhile come after it.
      const end = first(await findEnd(on, {}));
      let [seq, head, hasMetEnd] = [0, CHAIN_START, end === null];
      for (;;) {
        const rows = await listChain(on, { afterSeq: seq, limit: EVENTS_A_PAGE });
        for (const row of rows) {
          if (row.seq !== seq + 1) return { events: seq, fault: `event ${seq + 1} is missing` };
          if (row.prevHash !== head || row.hash !== hashEvent(row)) {
            return { events: seq, fault: `event ${row.seq} was changed` };
          }
          [seq, head] = [row.seq, row.hash];
          hasMetEnd ||= head === end?.noted;
        }
        if (rows.length < EVENTS_A_PAGE) {
          if (!hasMetEnd) return { events: seq, fault: `event ${seq + 1} is missing` };
          const isEnd = end === null ? seq === 0 : end.noted === end.last;
          return { events: seq, fault: isEnd ? null : 'there are events that were not recorded' };
        }
        await nextTurn();
      }
    },
  };
}
