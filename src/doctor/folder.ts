// The data folder: whose it is, who else may read it, whether it can be written and how much room there is.
import { accessSync, constants, existsSync, statfsSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { MASTER_KEY_FILE, OPERATOR_KEY_FILE, type DataFolder } from '../data-folder.ts';
import { messageOf } from '../errors.ts';
import { MIN_FREE_BYTES } from '../health.ts';
import { DATABASE_FILE } from '../store/database-file.ts';
import { fine, wrong, type Finding } from './finding.ts';

/** Eight times what the gateway needs to take in new work: some days' notice. */
const LOW_FREE_BYTES = 8 * MIN_FREE_BYTES;
const MEBIBYTE = 2 ** 20;

/** What is for the owner only; what is not there is not looked at. */
const OWN_FILES = [
  DATABASE_FILE,
  `${DATABASE_FILE}-wal`,
  `${DATABASE_FILE}-shm`,
  'sluice.lock',
  'server.json',
  MASTER_KEY_FILE,
  OPERATOR_KEY_FILE,
];

export function examineFolder(folder: DataFolder, userId: number | null): Finding[] {
  const check = 'data folder';
  const stats = statOrNull(folder.dir);
  if (stats === null) {
    return [wrong(check, `${folder.dir} does not exist`, "run 'sluice serve' once, or set SLUICE_DATA_DIR")];
  }
  if (!stats.isDirectory())
    return [wrong(check, `${folder.dir} is not a folder`, 'set SLUICE_DATA_DIR to one')];
  const faults = [
    ...ownerFault(folder.dir, stats, userId),
    ...modeFaults(folder),
    ...writeFaults(folder),
    ...restoreFault(folder),
  ];
  return faults.length > 0 ? faults : [fine(check, `${folder.dir}, writable and for its owner only`)];
}

/** The super-user may do everything, whoever the folder belongs to. */
function ownerFault(dir: string, { uid }: Stats, userId: number | null): Finding[] {
  if (userId === null || userId === 0 || uid === userId) return [];
  const advice = 'run sluice as the owner of the folder, or give the folder to this user with chown -R';
  return [wrong('data folder', `${dir} belongs to user ${uid}, and this is user ${userId}`, advice)];
}

function modeFaults(folder: DataFolder): Finding[] {
  const files = OWN_FILES.map((name) => join(folder.dir, name));
  return [folder.dir, folder.mediaDir, folder.backupsDir, ...files].flatMap((path) => {
    const stats = statOrNull(path);
    if (stats === null || (stats.mode & 0o077) === 0) return [];
    const wanted = stats.isDirectory() ? '700' : '600';
    const mode = (stats.mode & 0o777).toString(8);
    return [wrong('data folder', `others may use ${path} (mode ${mode})`, `chmod ${wanted} ${path}`)];
  });
}

function writeFaults({ dir, mediaDir }: DataFolder): Finding[] {
  return [dir, mediaDir].filter(existsSync).flatMap((path) => {
    try {
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
      return [];
    } catch (thrown) {
      const advice = 'give this user write access, or mount the disk for writing';
      return [wrong('data folder', `${path} cannot be written (${messageOf(thrown)})`, advice)];
    }
  });
}

function restoreFault({ restoreMarkFile }: DataFolder): Finding[] {
  if (!existsSync(restoreMarkFile)) return [];
  const advice =
    "run 'sluice restore FOLDER --force' again; what was there before lies in folders named replaced-…";
  return [
    wrong('data folder', 'a restore was interrupted half-way, and nothing starts until it is done', advice),
  ];
}

export function examineDisk(
  folder: DataFolder,
  freeBytes: (dir: string) => number = readFreeBytes,
): Finding[] {
  return [folder.dir, folder.mediaDir].filter(existsSync).map((path) => {
    const free = freeBytes(path);
    const detail = `${Math.floor(free / MEBIBYTE)} MiB free for ${path}`;
    const advice = `free some: below ${MIN_FREE_BYTES / MEBIBYTE} MiB the gateway takes in no new work`;
    return free < LOW_FREE_BYTES ? wrong('disk', detail, advice) : fine('disk', detail);
  });
}

function readFreeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

/** Null for what is not there, and for what this user may not even look at. */
function statOrNull(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
