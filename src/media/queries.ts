// The files' rows.
import { and, asc, eq, inArray, isNull, lte } from 'drizzle-orm';
import { insertion, statement, type Connection, type Tx } from '../store/db.ts';

export const insertFile = insertion('files');

export const listFiles = statement(({ q, t }, p: { jobId: string }) =>
  q
    .select()
    .from(t.files)
    .where(eq(t.files.jobId, p.jobId))
    .orderBy(asc(t.files.role), asc(t.files.position)),
);

export const findFile = statement(({ q, t }, p: { id: string }) =>
  q.select().from(t.files).where(eq(t.files.id, p.id)),
);

/** Ends the keeping of a job's reference image, which nobody needs once the job has ended. */
export const expireReferences = statement(({ q, t }, p: { jobId: string; now: number }) =>
  q
    .update(t.files)
    .set({ deleteAt: p.now })
    .where(and(eq(t.files.jobId, p.jobId), eq(t.files.role, 'reference'), isNull(t.files.deletedAt))),
);

export const listFilesToDelete = statement(({ q, t }, p: { now: number; limit: number }) =>
  q
    .select({ id: t.files.id })
    .from(t.files)
    .where(and(isNull(t.files.deletedAt), lte(t.files.deleteAt, p.now)))
    .orderBy(asc(t.files.deleteAt))
    .limit(p.limit),
);

export async function markFilesDeleted({ q, t, now }: Tx, ids: readonly string[]): Promise<void> {
  await q
    .update(t.files)
    .set({ deletedAt: now })
    .where(inArray(t.files.id, [...ids]));
}

/** Which of these files the database knows and has not given up. */
export const listKept = ({ q, t }: Connection, ids: readonly string[]) =>
  q
    .select({ id: t.files.id })
    .from(t.files)
    .where(and(inArray(t.files.id, [...ids]), isNull(t.files.deletedAt)));
