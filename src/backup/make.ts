// Making a backup while the gateway runs or not: a consistent copy of the database and the stored files that it names,
// checked, and shown under its name only when it is whole. The keys of the data folder stay out of it.
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import { createMediaDisk, type MediaStore } from '../media/index.ts';
import { isoInstant, type Clock } from '../runtime/clock.ts';
import { DATABASE_FILE, openDatabaseFile, type DatabaseFile } from '../store/database-file.ts';
import type { Connection } from '../store/db.ts';
import { VERSION } from '../version.ts';
import { keepFile, measureFile, move, partialOf, sync, systemFault, writeKept } from './disk.ts';
import { formatManifest, makeManifest, MANIFEST_FILE, MEDIA_FOLDER, type Manifest } from './manifest.ts';
import { countRows, listKept, sumKept } from './queries.ts';

export type BackupOrder = {
  dataDir: string;
  mediaDir: string;
  /** The folder to make; it must not exist, or be empty. */
  to: string;
  /** False for the database alone. */
  hasMedia: boolean;
  clock: Clock;
  /** Told what is happening, now and then. */
  progress: (line: string) => void;
};

export type MadeBackup = { kind: 'made'; folder: string; manifest: Manifest };
/** Nothing was changed; `fault` is one sentence. */
export type Refused = { kind: 'refused'; fault: string };

/** A gateway that runs beside the backup refuses new work below 128 MiB; it is not to get there by it. */
const FREE_BYTES_TO_LEAVE = 256 * 1024 * 1024;
const FILES_A_PAGE = 500;

/** @throws StartFault when there is no database, it cannot be read, or a newer build has made it */
export async function makeBackup(order: BackupOrder): Promise<MadeBackup | Refused> {
  const source = openDatabaseFile(join(order.dataDir, DATABASE_FILE));
  try {
    const fault = takeFolder(order.to) ?? (await lackOfSpace(source, order));
    if (fault !== null) return refused(fault);
    return await fillOrRemove(source, order);
  } finally {
    source.close();
  }
}

/** Makes sure that the folder can be made; what stands in the way, if anything. */
function takeFolder(to: string): string | null {
  if (existsSync(to) && !isEmptyFolder(to)) return `${to} exists and is not empty`;
  const partial = partialOf(to);
  if (existsSync(partial)) {
    return `${partial} is what an interrupted backup left, or one that is under way: delete it first`;
  }
  try {
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    return null;
  } catch (thrown) {
    return `${dirname(to)} cannot be made (${messageOf(thrown)})`;
  }
}

async function fillOrRemove(source: DatabaseFile, order: BackupOrder): Promise<MadeBackup | Refused> {
  const partial = partialOf(order.to);
  let isDone = false;
  try {
    mkdirSync(partial, { mode: 0o700 });
    const outcome = await fill(source, partial, order);
    isDone = outcome.kind === 'made';
    return outcome;
  } catch (thrown) {
    const fault = systemFault(thrown);
    if (fault === null) throw thrown;
    return refused(`the backup could not be written (${fault})`);
  } finally {
    if (!isDone) rmSync(partial, { recursive: true, force: true });
  }
}

async function fill(
  source: DatabaseFile,
  partial: string,
  order: BackupOrder,
): Promise<MadeBackup | Refused> {
  const { applied } = source.plan();
  const copied = new Set<string>();
  const stores = {
    from: createMediaDisk(order.mediaDir),
    to: createMediaDisk(join(partial, MEDIA_FOLDER)),
  };
  // Once before the database and once after it: a file that is deleted meanwhile is in the first round, one that is
  // made meanwhile in the second.
  if (order.hasMedia) await copyFiles(source.read, stores, { copied, progress: order.progress });
  const database = join(partial, DATABASE_FILE);
  order.progress('copying the database');
  source.snapshotInto(database);
  await keepFile(database);
  const copy = openDatabaseFile(database);
  try {
    const fault = copy.fault('integrity');
    if (fault !== null) return refused(`the database is damaged (${fault}); 'sluice doctor' says more`);
    if (order.hasMedia) await copyFiles(copy.read, stores, { copied, progress: order.progress });
    const media = order.hasMedia
      ? await settleFiles(copy.read, stores.to, copied)
      : { files: [], missing: [] };
    const manifest = makeManifest({
      version: VERSION,
      createdAt: isoInstant(order.clock.now()),
      schemaVersion: applied.at(-1)?.id ?? 0,
      database: await measureFile(database),
      counts: await countRows(copy.read),
      media: { isIncluded: order.hasMedia, ...media },
    });
    await writeKept(join(partial, MANIFEST_FILE), formatManifest(manifest));
    await sync(partial);
    await move(partial, order.to);
    return { kind: 'made', folder: order.to, manifest };
  } finally {
    copy.close();
  }
}

type Stores = { from: MediaStore; to: MediaStore };
type Entry = Manifest['media']['files'][number];

/** Copies what is not copied yet; what is not there, or not what its row says, is left out. */
async function copyFiles(
  on: Connection,
  { from, to }: Stores,
  { copied, progress }: { copied: Set<string>; progress: (line: string) => void },
): Promise<void> {
  for await (const page of keptPages(on)) {
    for (const file of page) {
      if (!copied.has(file.id) && (await copyFile(file, { from, to }))) copied.add(file.id);
    }
    progress(`copied ${copied.size} stored files`);
  }
}

async function copyFile({ id, bytes, sha256 }: Entry, { from, to }: Stores): Promise<boolean> {
  const content = await from.open(id);
  if (content === null) return false;
  try {
    const written = await to.write(id, content.stream(), bytes);
    if (written?.bytes === bytes && written.sha256 === sha256) return true;
  } catch (thrown) {
    // Its retention ended between the look and the first byte.
    if (await content.exists()) throw thrown;
  }
  await to.remove(id);
  return false;
}

/** What the database of the backup names is listed; what it does not name is taken out again. */
async function settleFiles(
  on: Connection,
  to: MediaStore,
  copied: Set<string>,
): Promise<{ files: Entry[]; missing: string[] }> {
  const [files, missing]: [Entry[], string[]] = [[], []];
  for await (const page of keptPages(on)) {
    for (const file of page) {
      if (copied.delete(file.id)) files.push(file);
      else missing.push(file.id);
    }
  }
  for (const id of copied) await to.remove(id);
  return { files, missing };
}

/** All files that a database keeps, page by page. */
export async function* keptPages(on: Connection): AsyncGenerator<Entry[]> {
  let afterId = '';
  for (;;) {
    const page = await listKept(on, { afterId, limit: FILES_A_PAGE });
    if (page.length > 0) yield page;
    if (page.length < FILES_A_PAGE) return;
    afterId = page.at(-1)?.id ?? '';
  }
}

async function lackOfSpace(
  source: DatabaseFile,
  { dataDir, to, hasMedia }: BackupOrder,
): Promise<string | null> {
  const mediaBytes = hasMedia ? await sumKept(source.read) : 0;
  const needed = statSync(join(dataDir, DATABASE_FILE)).size + mediaBytes;
  const { bavail, bsize } = statfsSync(dirname(to));
  const free = bavail * bsize - FREE_BYTES_TO_LEAVE;
  return free >= needed
    ? null
    : `the backup needs ${mebibytes(needed)} MiB and ${dirname(to)} has ${mebibytes(free)}`;
}

function mebibytes(bytes: number): number {
  return Math.max(0, Math.ceil(bytes / 2 ** 20));
}

function isEmptyFolder(path: string): boolean {
  return statSync(path).isDirectory() && readdirSync(path).length === 0;
}

function refused(fault: string): Refused {
  return { kind: 'refused', fault };
}
