// The reference image of a job: stored with the acceptance when it came inline, fetched by the worker when it is a
// URL. Either way the bytes are on our disk before a provider sees them.
import { GatewayError, type ErrorCode } from '../errors.ts';
import { makeId } from '../ids.ts';
import {
  MAX_REFERENCE_BYTES,
  noSuchUpload,
  readReferenceImage,
  type Media,
  type ParsedReference,
  type ReferenceImage,
  type StoredFile,
  type UploadOwner,
} from '../media/index.ts';
import { HOUR_MS, SECOND_MS, type Clock } from '../runtime/clock.ts';
import type { Net } from '../runtime/net.ts';
import type { Random } from '../runtime/random.ts';
import type { Order } from '../providers/index.ts';
import { first, type Db } from '../store/db.ts';
import type { ReferenceStrength } from '../words.ts';
import type { Job } from './job.ts';
import { findJob } from './queries.ts';

export type ReferenceParts = { db: Db; media: Media; net: Net; clock: Clock; random: Random };

/** A reference that is on disk already and gets its row with the job. */
export type IncomingReference = Omit<StoredFile, 'jobId' | 'createdAt'>;

/** The reference of an order before the order is accepted. */
export type Incoming = {
  file: IncomingReference | null;
  /** The upload that the file is a copy of. */
  uploadId: string | null;
  /** Why it cannot be accepted. To be thrown only when it is known that the order is not a repetition. */
  refusal: GatewayError | null;
};

export type LoadedReference =
  | { kind: 'ready'; reference: NonNullable<Order['reference']> | null }
  /** The reference can never be used; the job fails with this. */
  | { kind: 'refused'; code: ErrorCode; message: string }
  /** It could not be fetched this time. */
  | { kind: 'unreachable'; reason: string };

/** Longer than any job can live; the end of the job comes first as a rule. */
const KEEP_MS = 25 * HOUR_MS;
/** When an image that could not be put on disk is worth another try. */
const STORE_RETRY_MS = 10 * SECOND_MS;
const DOWNLOAD_DEADLINE_MS = 15 * SECOND_MS;
const MAX_REDIRECTS = 3;

/**
 * Puts a reference that needs no fetching on disk, before the transaction that accepts its job: an inline one, or a copy
 * of an upload.
 * @throws GatewayError `service_unavailable` when the disk does not take it
 */
export async function storeIncoming(
  parts: Pick<ReferenceParts, 'media' | 'random' | 'clock'>,
  owner: UploadOwner,
  reference: ParsedReference | null,
): Promise<Incoming> {
  const none: Incoming = { file: null, uploadId: null, refusal: null };
  if (reference === null || reference.source.kind === 'url') return none;
  const { source } = reference;
  try {
    const image = source.kind === 'inline' ? source : await parts.media.uploads.open(owner, source.id);
    if (image === null) return { ...none, refusal: noSuchUpload('path' in source ? source.path : '') };
    const file = await storeBytes(parts, owner.customerId, image);
    return { ...none, file, uploadId: source.kind === 'upload' ? source.id : null };
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    throw new GatewayError('service_unavailable', { retryAfterMs: STORE_RETRY_MS, cause });
  }
}

async function storeBytes(
  { media, random, clock }: Pick<ReferenceParts, 'media' | 'random' | 'clock'>,
  customerId: string,
  { bytes, header }: ReferenceImage,
): Promise<IncomingReference> {
  const now = clock.now();
  const id = makeId('file', { now, random });
  const written = await media.write(id, [bytes], MAX_REFERENCE_BYTES);
  if (written === null) throw new GatewayError('file_size_exceeded');
  return {
    id,
    customerId,
    role: 'reference',
    position: 0,
    contentType: header.contentType,
    ...written,
    width: header.width,
    height: header.height,
    durationMs: null,
    deleteAt: now + KEEP_MS,
    deletedAt: null,
  };
}

/** The bytes of a leased job's reference: from disk, or fetched now and kept for the next attempt. */
export async function loadReference(parts: ReferenceParts, job: Job): Promise<LoadedReference> {
  const { reference } = job.input;
  if (reference === undefined) return { kind: 'ready', reference: null };
  const { strength, url } = reference;
  const kept = (await parts.media.filesOf(parts.db.read, job.id)).find((file) => file.role === 'reference');
  if (kept !== undefined) {
    const content = await parts.media.open(kept.id);
    if (content === null)
      return { kind: 'refused', code: 'file_load_error', message: 'The reference image is gone.' };
    return {
      kind: 'ready',
      reference: { bytes: await content.bytes(), contentType: kept.contentType, strength },
    };
  }
  if (url === undefined)
    return { kind: 'refused', code: 'file_load_error', message: 'The reference image is gone.' };
  return downloadReference(parts, job, { url, strength });
}

async function downloadReference(
  parts: ReferenceParts,
  job: Job,
  { url, strength }: { url: string; strength: ReferenceStrength },
): Promise<LoadedReference> {
  const answer = await parts.net.fetch({
    url,
    destination: { kind: 'public' },
    deadlineMs: DOWNLOAD_DEADLINE_MS,
    maxBytes: MAX_REFERENCE_BYTES,
    maxRedirects: MAX_REDIRECTS,
  });
  // One vague sentence for every cause, so that nobody can use us to look around in a network.
  const message = 'The reference image could not be downloaded.';
  if (answer.kind === 'blocked') return { kind: 'refused', code: 'file_download_error', message };
  if (answer.kind === 'partial' && answer.reason === 'too_large') {
    return {
      kind: 'refused',
      code: 'file_size_exceeded',
      message: 'The reference image has too many bytes.',
    };
  }
  if (answer.kind !== 'response') return { kind: 'unreachable', reason: answer.reason };
  if (answer.status >= 500) return { kind: 'unreachable', reason: `status ${answer.status}` };
  if (answer.status !== 200) return { kind: 'refused', code: 'file_download_error', message };
  try {
    const image = readReferenceImage(answer.body, null);
    await keep(parts, job, await storeBytes(parts, job.customerId, image));
    return {
      kind: 'ready',
      reference: { bytes: image.bytes, contentType: image.header.contentType, strength },
    };
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.code !== 'service_unavailable') {
      return { kind: 'refused', code: thrown.code, message: thrown.message };
    }
    throw thrown;
  }
}

/** Records the file with its job, unless somebody else has taken the job meanwhile. */
async function keep({ db, media }: ReferenceParts, job: Job, file: IncomingReference): Promise<void> {
  const isKept = await db.transaction(async (tx) => {
    if (first(await findJob(tx, { id: job.id }))?.leaseNo !== job.leaseNo) return false;
    await media.record(tx, { ...file, jobId: job.id, createdAt: tx.now });
    return true;
  });
  if (!isKept) await media.discard(file.id);
}
