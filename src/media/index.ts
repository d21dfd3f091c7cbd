// Media: outputs and references as files under our own names, the rows that describe them, and signed links.
import { GatewayError } from '../errors.ts';
import { HOUR_MS, SECOND_MS, type Clock, type Instant } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { first, type Connection, type Db, type FileRole, type Tx } from '../store/db.ts';
import type { MediaStore, Pieces, StoredContent, WrittenFile } from './disk.ts';
import { isLinkValid, LINK_LIFETIME_MS, makeLink, type Link } from './link.ts';
import {
  expireReferences,
  findFile,
  insertFile,
  listFiles,
  listFilesToDelete,
  listKept,
  listUploadedFiles,
  markFilesDeleted,
} from './queries.ts';
import { createUploads, type Uploads } from './uploads.ts';

export { createMediaDisk, hasStoredFiles, type MediaStore } from './disk.ts';
export { readImageHeader, type ImageHeader } from './image-header.ts';
export { readMp4Header } from './mp4-header.ts';
export {
  MAX_REFERENCE_BYTES,
  noSuchUpload,
  parseReference,
  readReferenceImage,
  type ParsedReference,
  type ReferenceImage,
} from './reference.ts';
export { FILE_ROUTE } from './link.ts';
export { MAX_UPLOADS, type Upload, type UploadOwner } from './uploads.ts';

export type StoredFile = {
  id: string;
  customerId: string;
  jobId: string;
  role: FileRole;
  /** From 0, where a job has several files of a role. */
  position: number;
  contentType: string;
  bytes: number;
  sha256: string;
  width: number | null;
  height: number | null;
  durationMs: number | null;
  createdAt: Instant;
  /** The end of its retention. */
  deleteAt: Instant;
  deletedAt: Instant | null;
};

export type Media = {
  /** Puts bytes on disk; no row yet. @returns null when they are too many, or none */
  write(fileId: string, pieces: Pieces, maxBytes: number): Promise<WrittenFile | null>;
  /** The stored bytes; null when they are not there. */
  open(fileId: string): Promise<StoredContent | null>;
  discard(fileId: string): Promise<void>;
  record(tx: Tx, file: StoredFile): Promise<void>;
  filesOf(on: Connection, jobId: string): Promise<StoredFile[]>;
  /** Lets the job's reference image go. */
  expireReferences(tx: Tx, jobId: string): Promise<void>;
  /** A fresh signed link to a file that has not been deleted. */
  link(file: StoredFile, now: Instant): Link;
  /**
   * The file behind a link.
   * @throws GatewayError `invalid_signature`, `not_found`, `result_unavailable` (deleted), `service_unavailable` (the
   * store fails)
   */
  follow(
    fileId: string,
    query: { exp: string; sig: string },
  ): Promise<{ file: StoredFile; content: StoredContent }>;
  /** Deletes up to `limit` files whose retention has ended; returns how many. */
  deleteExpired(limit: number): Promise<number>;
  /** Removes up to `limit` stored files that no row knows, as an interrupted job leaves them; returns how many. */
  sweepOrphans(limit: number): Promise<number>;
  uploads: Uploads;
};

const STORE_RETRY_MS = 5 * SECOND_MS;
/** A file younger than this may belong to a transaction that is still on its way, of another process too. */
const ORPHAN_AGE_MS = 24 * HOUR_MS;

export function createMedia(options: {
  db: Db;
  store: MediaStore;
  linkKey: Uint8Array;
  clock: Clock;
  random: Random;
}): Media {
  const { db, store, linkKey, clock, random } = options;
  /**
   * What this process has written and not recorded yet, and when, by the clock that nobody can set: where the wall
   * clock is set forward, a file that was written a second ago looks like an orphan of long ago.
   */
  const unrecorded = new Map<string, number>();

  /** Whether no row knows a file, nor is about to. */
  async function isOrphan(fileId: string): Promise<boolean> {
    if (unrecorded.has(fileId) || (await isKnown(db.read, fileId))) return false;
    // Behind every transaction that may be recording it just now.
    return !(await db.transaction((tx) => isKnown(tx, fileId)));
  }

  /** A store that does not answer is no reason to believe that the file is gone. */
  async function openOrRefuse(fileId: string): Promise<StoredContent | null> {
    try {
      return await store.open(fileId);
    } catch (cause) {
      throw new GatewayError('service_unavailable', { retryAfterMs: STORE_RETRY_MS, cause });
    }
  }

  const write: MediaStore['write'] = (fileId, pieces, maxBytes) => {
    unrecorded.set(fileId, clock.elapsedMs());
    return store.write(fileId, pieces, maxBytes);
  };
  const discard = async (fileId: string) => {
    await store.remove(fileId);
    unrecorded.delete(fileId);
  };
  const markRecorded = (tx: Tx, fileId: string) => {
    const writtenMs = unrecorded.get(fileId);
    if (writtenMs === undefined) return;
    unrecorded.delete(fileId);
    tx.onRollback(() => unrecorded.set(fileId, writtenMs));
  };

  return {
    write,
    open: store.open,
    discard,
    uploads: createUploads({ db, store, clock, random, write, discard, markRecorded }),
    async record(tx, file) {
      await insertFile(tx, file);
      markRecorded(tx, file.id);
    },
    filesOf: (on, jobId) => listFiles(on, { jobId }),
    async expireReferences(tx, jobId) {
      await expireReferences(tx, { jobId, now: tx.now });
    },
    link: (file, now) => makeLink(linkKey, file.id, Math.min(now + LINK_LIFETIME_MS, file.deleteAt)),
    async follow(fileId, query) {
      if (!isLinkValid(linkKey, fileId, query, clock.now())) throw new GatewayError('invalid_signature');
      const file = first(await findFile(db.read, { id: fileId }));
      if (file === null) throw new GatewayError('not_found', { message: 'There is no such file.' });
      const content = file.deletedAt === null ? await openOrRefuse(file.id) : null;
      // One that was cut short is not the file that its tag and its length would promise.
      if (content?.size !== file.bytes) throw new GatewayError('result_unavailable');
      return { file, content };
    },
    async deleteExpired(limit) {
      const due = (await listFilesToDelete(db.read, { now: clock.now(), limit })).map((file) => file.id);
      // First the bytes, then the row: a crash in between leaves a row that the next run finds again.
      const outcomes = await Promise.allSettled(due.map((id) => store.remove(id)));
      const removed = due.filter((_, index) => outcomes[index]?.status === 'fulfilled');
      if (removed.length > 0) await db.transaction((tx) => markFilesDeleted(tx, removed));
      // One that cannot be removed must not keep the others; it is told of, and tried again.
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      return removed.length;
    },
    async sweepOrphans(limit) {
      for (const [fileId, writtenMs] of unrecorded) {
        if (clock.elapsedMs() - writtenMs >= ORPHAN_AGE_MS) unrecorded.delete(fileId);
      }
      let removed = 0;
      for await (const { fileId, remove } of store.listOlderThan(clock.now() - ORPHAN_AGE_MS)) {
        if (fileId !== null && !(await isOrphan(fileId))) continue;
        await remove();
        removed += 1;
        if (removed >= limit) break;
      }
      return removed;
    },
  };
}

/** Whether a row keeps the file. */
async function isKnown(on: Connection, fileId: string): Promise<boolean> {
  if ((await listKept(on, [fileId])).length > 0) return true;
  return (await listUploadedFiles(on, [fileId])).length > 0;
}
