// The audit's rows.
import { and, asc, desc, eq, gt, lt, sql } from 'drizzle-orm';
import { fixedLimit, insertion, statement, type Connection } from '../store/db.ts';

export const insertEvent = insertion('auditEvents');

export const findNewest = statement(({ q, t }, _: Record<string, never>) =>
  q
    .select({ seq: t.auditEvents.seq, hash: t.auditEvents.hash })
    .from(t.auditEvents)
    .orderBy(desc(t.auditEvents.seq))
    .limit(fixedLimit(1)),
);

/** Where the chain ends, so that events taken off its end are missed. */
const HEAD = 'audit-head';

/** The end that was noted, and the hash of the event that is last, both as of one moment. */
export const findEnd = statement(({ q, t }, _: Record<string, never>) =>
  q
    .select({
      noted: t.meta.value,
      last: sql<
        string | null
      >`(SELECT ${t.auditEvents.hash} FROM ${t.auditEvents} ORDER BY ${t.auditEvents.seq} DESC LIMIT 1)`,
    })
    .from(t.meta)
    .where(eq(t.meta.name, HEAD)),
);

export const setHead = statement(({ q, t }, p: { hash: string }) =>
  q
    .insert(t.meta)
    .values({ name: HEAD, value: p.hash })
    .onConflictDoUpdate({ target: t.meta.name, set: { value: p.hash } }),
);

export type AuditFilter = {
  actor?: string | undefined;
  action?: string | undefined;
  target?: string | undefined;
};

export function listEvents(
  { q, t }: Connection,
  filter: AuditFilter,
  page: { limit: number; beforeSeq: number | null },
) {
  return q
    .select()
    .from(t.auditEvents)
    .where(
      and(
        filter.actor === undefined ? undefined : eq(t.auditEvents.actor, filter.actor),
        filter.action === undefined ? undefined : eq(t.auditEvents.action, filter.action),
        filter.target === undefined ? undefined : eq(t.auditEvents.target, filter.target),
        page.beforeSeq === null ? undefined : lt(t.auditEvents.seq, page.beforeSeq),
      ),
    )
    .orderBy(desc(t.auditEvents.seq))
    .limit(page.limit + 1);
}

/** Events in the order in which they were written. */
export const listChain = statement(({ q, t }, p: { afterSeq: number; limit: number }) =>
  q
    .select()
    .from(t.auditEvents)
    .where(gt(t.auditEvents.seq, p.afterSeq))
    .orderBy(asc(t.auditEvents.seq))
    .limit(p.limit),
);
