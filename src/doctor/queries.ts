// What an examination reads of the database by itself.
import { and, desc, gt, inArray, isNull } from 'drizzle-orm';
import type { Instant } from '../runtime/clock.ts';
import { first, statement, type Connection } from '../store/db.ts';

/** The youngest instant among rows that are only ever added. Ids and sequences grow with time. */
export async function findNewestInstant({ q, t }: Connection): Promise<Instant | null> {
  const newest = [
    first(await q.select({ at: t.jobs.createdAt }).from(t.jobs).orderBy(desc(t.jobs.id)).limit(1)),
    first(
      await q
        .select({ at: t.auditEvents.createdAt })
        .from(t.auditEvents)
        .orderBy(desc(t.auditEvents.seq))
        .limit(1),
    ),
    first(
      await q
        .select({ at: t.ledgerEntries.createdAt })
        .from(t.ledgerEntries)
        .orderBy(desc(t.ledgerEntries.id))
        .limit(1),
    ),
  ].flatMap((row) => row?.at ?? []);
  return newest.length === 0 ? null : Math.max(...newest);
}

/** The youngest files that must be there. */
export const listNewestKept = statement(({ q, t }, p: { now: number; limit: number }) =>
  q
    .select({ id: t.files.id, bytes: t.files.bytes })
    .from(t.files)
    .where(and(isNull(t.files.deletedAt), gt(t.files.deleteAt, p.now)))
    .orderBy(desc(t.files.id))
    .limit(p.limit),
);

/** Which of these the database knows. */
export async function listKnown({ q, t }: Connection, ids: readonly string[]): Promise<{ id: string }[]> {
  const { files, uploads } = t;
  return [
    ...(await q
      .select({ id: files.id })
      .from(files)
      .where(inArray(files.id, [...ids]))),
    ...(await q
      .select({ id: uploads.fileId })
      .from(uploads)
      .where(inArray(uploads.fileId, [...ids]))),
  ];
}
