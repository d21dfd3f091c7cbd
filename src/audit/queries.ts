// The audit's rows.
import { and, asc, desc, eq, gt, lt } from 'drizzle-orm';
import { fixedLimit, insertion, statement, type Connection } from '../store/db.ts';

export const insertEvent = insertion('auditEvents');

export const findNewest = statement(({ q, t }, _: Record<string, never>) =>
  q
    .select({ seq: t.auditEvents.seq, hash: t.auditEvents.hash })
    .from(t.auditEvents)
    .orderBy(desc(t.auditEvents.seq))
    .limit(fixedLimit(1)),
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
