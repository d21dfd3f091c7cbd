// The rows of files and of uploads.
import { and, asc, eq, gt, inArray, isNull, lte } from 'drizzle-orm';
import { insertion, statement, type Connection, type Tx } from '../store/db.ts';
import type { Mode } from '../words.ts';

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

type Owned = { customerId: string; mode: Mode; now: number };

export const insertUpload = insertion('uploads');

export const findUpload = statement(({ q, t }, p: Owned & { id: string }) =>
  q
    .select()
    .from(t.uploads)
    .where(
      and(
        eq(t.uploads.id, p.id),
        eq(t.uploads.customerId, p.customerId),
        eq(t.uploads.mode, p.mode),
        gt(t.uploads.deleteAt, p.now),
      ),
    ),
);

/** Those of a customer in a mode that can still be named, the next to go first. */
export const listKeptUploads = statement(({ q, t }, p: Owned) =>
  q
    .select({ id: t.uploads.id, usedAt: t.uploads.usedAt, deleteAt: t.uploads.deleteAt })
    .from(t.uploads)
    .where(
      and(eq(t.uploads.customerId, p.customerId), eq(t.uploads.mode, p.mode), gt(t.uploads.deleteAt, p.now)),
    )
    .orderBy(asc(t.uploads.deleteAt)),
);

export const setUsed = statement(({ q, t }, p: { id: string; now: number }) =>
  q.update(t.uploads).set({ usedAt: p.now }).where(eq(t.uploads.id, p.id)),
);

export const setDue = statement(({ q, t }, p: { id: string; now: number }) =>
  q.update(t.uploads).set({ deleteAt: p.now }).where(eq(t.uploads.id, p.id)),
);

export const listUploadsToDelete = statement(({ q, t }, p: { now: number; limit: number }) =>
  q
    .select({ id: t.uploads.id, fileId: t.uploads.fileId })
    .from(t.uploads)
    .where(lte(t.uploads.deleteAt, p.now))
    .orderBy(asc(t.uploads.deleteAt))
    .limit(p.limit),
);

export async function deleteUploads({ q, t }: Tx, ids: readonly string[]): Promise<void> {
  await q.delete(t.uploads).where(inArray(t.uploads.id, [...ids]));
}

/** Which of these files are an upload's. */
export const listUploadedFiles = ({ q, t }: Connection, fileIds: readonly string[]) =>
  q
    .select({ id: t.uploads.fileId })
    .from(t.uploads)
    .where(inArray(t.uploads.fileId, [...fileIds]));
