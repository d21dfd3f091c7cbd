// Uploads: reference images that a customer sends ahead, once, and then names in orders. An order takes a copy of its
// own, so that an upload can go at any time and no job misses it.
import { GatewayError } from '../errors.ts';
import { makeId } from '../ids.ts';
import { HOUR_MS, SECOND_MS, type Clock, type Instant } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { first, type Db, type Tx } from '../store/db.ts';
import type { Mode } from '../words.ts';
import type { MediaStore } from './disk.ts';
import { MAX_REFERENCE_BYTES, readReferenceImage, type ReferenceImage } from './reference.ts';
import {
  deleteUploads,
  findUpload,
  insertUpload,
  listKeptUploads,
  listUploadsToDelete,
  setDue,
  setUsed,
} from './queries.ts';

const UPLOAD_LIFETIME_MS = 24 * HOUR_MS;
/** Of one customer in one mode: a gigabyte at the very most. */
export const MAX_UPLOADS = 100;
/** When an image that could not be put on disk is worth another try. */
const STORE_RETRY_MS = 10 * SECOND_MS;

export type UploadOwner = { customerId: string; mode: Mode };

export type Upload = UploadOwner & {
  id: string;
  /** Under which its bytes lie in the store. */
  fileId: string;
  contentType: string;
  bytes: number;
  sha256: string;
  width: number;
  height: number;
  /** When an order last took a copy; null while it waits for its first. */
  usedAt: Instant | null;
  createdAt: Instant;
  deleteAt: Instant;
};

export type Uploads = {
  /**
   * Keeps an image for a day. Where a customer has too many, the one that was used longest ago makes room.
   * @throws GatewayError `upload_limit_exceeded` when none was used yet, `service_unavailable` when the store fails
   */
  add(owner: UploadOwner, image: ReferenceImage): Promise<Upload>;
  /**
   * The image of an upload; null for one that is gone, another's, or the other mode's.
   * @throws GatewayError `service_unavailable` when the store fails
   */
  open(owner: UploadOwner, id: string): Promise<ReferenceImage | null>;
  /** To be told when an order takes a copy. */
  noteUse(tx: Tx, id: string): Promise<void>;
  /** Deletes up to `limit` uploads whose day is over; returns how many. */
  deleteExpired(limit: number): Promise<number>;
};

export type UploadParts = {
  db: Db;
  store: MediaStore;
  clock: Clock;
  random: Random;
  /** Writing a file, taking it back, and having it in a row from now on. */
  write: MediaStore['write'];
  discard: (fileId: string) => Promise<void>;
  markRecorded: (tx: Tx, fileId: string) => void;
};

export function createUploads(parts: UploadParts): Uploads {
  const { db, store, clock, random } = parts;

  /** Refuses before anything is written. */
  async function makeRoom(tx: Tx, owner: UploadOwner): Promise<void> {
    const { customerId, mode } = owner;
    const kept = await listKeptUploads(tx, { customerId, mode, now: tx.now });
    if (kept.length < MAX_UPLOADS) return;
    const [oldest] = kept
      .flatMap(({ id, usedAt }) => (usedAt === null ? [] : [{ id, usedAt }]))
      .sort((a, b) => a.usedAt - b.usedAt);
    if (oldest !== undefined) {
      await setDue(tx, { id: oldest.id, now: tx.now });
      return;
    }
    throw new GatewayError('upload_limit_exceeded', {
      details: { maxUploads: MAX_UPLOADS },
      retryAfterMs: (kept[0]?.deleteAt ?? tx.now) - tx.now,
    });
  }

  async function put(fileId: string, image: ReferenceImage) {
    try {
      const written = await parts.write(fileId, [image.bytes], MAX_REFERENCE_BYTES);
      if (written !== null) return written;
    } catch (cause) {
      throw storeFails(cause);
    }
    throw new GatewayError('file_size_exceeded');
  }

  return {
    async add(owner, image) {
      const now = clock.now();
      const fileId = makeId('file', { now, random });
      try {
        const written = await put(fileId, image);
        return await db.transaction(async (tx) => {
          await makeRoom(tx, owner);
          const { contentType, width, height } = image.header;
          const upload: Upload = {
            ...{ id: makeId('upload', { now: tx.now, random }), fileId },
            ...{ customerId: owner.customerId, mode: owner.mode },
            ...{ contentType, ...written, width, height },
            ...{ usedAt: null, createdAt: tx.now, deleteAt: tx.now + UPLOAD_LIFETIME_MS },
          };
          await insertUpload(tx, upload);
          parts.markRecorded(tx, fileId);
          return upload;
        });
      } catch (thrown) {
        // What cannot be discarded now is swept up later; it must not change the answer.
        await parts.discard(fileId).catch(() => undefined);
        throw thrown;
      }
    },
    async open({ customerId, mode }, id) {
      const upload = first(await findUpload(db.read, { id, customerId, mode, now: clock.now() }));
      if (upload === null) return null;
      const content = await store.open(upload.fileId).catch((cause: unknown) => {
        throw storeFails(cause);
      });
      return content?.size === upload.bytes
        ? readReferenceImage(await content.bytes(), upload.contentType)
        : null;
    },
    async noteUse(tx, id) {
      await setUsed(tx, { id, now: tx.now });
    },
    async deleteExpired(limit) {
      const due = await listUploadsToDelete(db.read, { now: clock.now(), limit });
      // First the bytes, then the row: a crash in between leaves a row that the next run finds again.
      const outcomes = await Promise.allSettled(due.map(({ fileId }) => store.remove(fileId)));
      const removed = due.filter((_, index) => outcomes[index]?.status === 'fulfilled').map(({ id }) => id);
      if (removed.length > 0) await db.transaction((tx) => deleteUploads(tx, removed));
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      return removed.length;
    },
  };
}

function storeFails(cause: unknown): GatewayError {
  return new GatewayError('service_unavailable', { retryAfterMs: STORE_RETRY_MS, cause });
}
