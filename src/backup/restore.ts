// Putting a backup in the place of what a data folder has. Everything is checked and staged beside the old data first;
// the exchange itself is a few renames, marked while it lasts, and the old data is moved aside and never deleted.
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createMediaDisk } from '../media/index.ts';
import { assert } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { DATABASE_FILE } from '../store/database-file.ts';
import { isDataFolderLocked, lockDataFolder } from '../store/lock.ts';
import { keepFile, move, stampOf, sync, systemFault, writeKept } from './disk.ts';
import type { Refused } from './make.ts';
import { MEDIA_FOLDER, type Manifest } from './manifest.ts';
import { verifyBackup } from './verify.ts';

export type RestoreOrder = {
  from: string;
  dataDir: string;
  mediaDir: string;
  /** The file that says that an exchange is under way. */
  markFile: string;
  /** Whether data that is there may be moved aside. */
  isForced: boolean;
  clock: Clock;
  progress: (line: string) => void;
};

export type Restored = {
  kind: 'restored';
  manifest: Manifest;
  /** Where the data lies that was there before. */
  movedTo: readonly string[];
};

/** @throws StartFault when a gateway runs on the folder, or the backup is from a newer build; nothing is changed then */
export async function restoreBackup(order: RestoreOrder): Promise<Restored | Refused> {
  const early = standInTheWay(order);
  if (early !== null) return refused(early);
  const verdict = await verifyBackup(order.from, order.progress);
  if (verdict.kind === 'damaged') return refused(verdict.fault);
  const isNew = !existsSync(order.dataDir);
  try {
    mkdirSync(order.dataDir, { recursive: true, mode: 0o700 });
    const lock = lockDataFolder(order.dataDir);
    try {
      const late = standInTheWay({ ...order, isLocked: false });
      return late === null ? await exchange(order, verdict.manifest) : refused(late);
    } finally {
      lock.release();
    }
  } catch (thrown) {
    const fault = systemFault(thrown);
    if (fault === null) throw thrown;
    if (existsSync(order.markFile)) {
      return refused(
        `the restore stopped half-way (${fault}): run it again with --force, until then nothing starts here`,
      );
    }
    if (isNew) rmSync(order.dataDir, { recursive: true, force: true });
    return refused(`the backup could not be put in place (${fault}); nothing was changed`);
  }
}

/** What keeps this folder from being overwritten, as far as it can be seen without touching it. */
function standInTheWay({
  dataDir,
  mediaDir,
  isForced,
  isLocked = existsSync(dataDir) && isDataFolderLocked(dataDir),
}: Pick<RestoreOrder, 'dataDir' | 'mediaDir' | 'isForced'> & { isLocked?: boolean }): string | null {
  if (isLocked) return `a Sluice is running on the data folder ${dataDir}: stop it first`;
  const hasData = existsSync(join(dataDir, DATABASE_FILE)) || hasEntries(mediaDir);
  if (!hasData || isForced) return null;
  return `the data folder ${dataDir} has data: with --force it is moved aside and the backup takes its place`;
}

function hasEntries(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}

type Move = { from: string; to: string };

async function exchange(order: RestoreOrder, manifest: Manifest): Promise<Restored> {
  const { dataDir, mediaDir, markFile, progress } = order;
  const stamp = stampOf(order.clock.now());
  const staged = {
    data: join(dataDir, `${STAGE_PREFIX}${stamp}`),
    media: `${mediaDir}${STAGE_PREFIX}${stamp}`,
  };
  const aside = join(dataDir, `replaced-${stamp}`);
  const asideMedia = dirname(mediaDir) === dataDir ? join(aside, 'media') : `${mediaDir}.replaced-${stamp}`;
  removeOldStages(dirname(staged.data), STAGE_PREFIX);
  removeOldStages(dirname(staged.media), `${basename(mediaDir)}${STAGE_PREFIX}`);
  try {
    progress('copying the backup beside the data');
    await stage(order, manifest, staged);
    const away: Move[] = DATABASE_FILES.map((name) => ({ from: join(dataDir, name), to: join(aside, name) }));
    const into: Move[] = [{ from: join(staged.data, DATABASE_FILE), to: join(dataDir, DATABASE_FILE) }];
    if (manifest.media.isIncluded) {
      away.push({ from: mediaDir, to: asideMedia });
      into.push({ from: staged.media, to: mediaDir });
    }
    const moves = [...away.filter(({ from }) => existsSync(from)), ...into];
    mkdirSync(aside, { mode: 0o700 });
    await moveMarked(moves, markFile, order.from);
    if (readdirSync(aside).length === 0) rmdirSync(aside);
    const movedTo = dirname(asideMedia) === aside ? [aside] : [aside, asideMedia];
    return { kind: 'restored', manifest, movedTo: movedTo.filter((path) => existsSync(path)) };
  } finally {
    rmSync(staged.data, { recursive: true, force: true });
    rmSync(staged.media, { recursive: true, force: true });
  }
}

const STAGE_PREFIX = '.restoring-';

/** What restores that were killed have left of their copies. */
function removeOldStages(folder: string, prefix: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix)) rmSync(join(folder, name), { recursive: true });
  }
}

/** A write-ahead log of another database would be read into the new one. */
const DATABASE_FILES = [DATABASE_FILE, `${DATABASE_FILE}-wal`, `${DATABASE_FILE}-shm`];

async function stage(
  { from, progress }: RestoreOrder,
  { media }: Manifest,
  staged: { data: string; media: string },
): Promise<void> {
  mkdirSync(staged.data, { mode: 0o700 });
  const database = join(staged.data, DATABASE_FILE);
  await copyFile(join(from, DATABASE_FILE), database);
  await keepFile(database);
  if (!media.isIncluded) return;
  mkdirSync(staged.media, { recursive: true, mode: 0o700 });
  const [source, target] = [createMediaDisk(join(from, MEDIA_FOLDER)), createMediaDisk(staged.media)];
  for (const { id, bytes, sha256 } of media.files) {
    const content = await source.open(id);
    const written = content === null ? null : await target.write(id, content.stream(), bytes);
    assert(written?.sha256 === sha256, `the file ${id} of the backup changed while it was read`);
  }
  progress(`copied ${media.files.length} stored files`);
}

/** All moves, or none; where even that fails, the mark stays and keeps a gateway from starting on the half of it. */
async function moveMarked(moves: Move[], markFile: string, from: string): Promise<void> {
  const wasMarked = existsSync(markFile);
  await writeKept(markFile, `putting ${from} in place\n`);
  const unmark = async () => {
    rmSync(markFile);
    await sync(dirname(markFile));
  };
  const done: Move[] = [];
  try {
    for (const step of moves) {
      await move(step.from, step.to);
      done.push(step);
    }
  } catch (thrown) {
    for (const step of done.toReversed()) await move(step.to, step.from);
    if (!wasMarked) await unmark();
    throw thrown;
  }
  await unmark();
}

function refused(fault: string): Refused {
  return { kind: 'refused', fault };
}
