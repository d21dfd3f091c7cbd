// One process a data folder. The lock is a SQLite file that is held open in exclusive mode: the operating system
// lets go of it when the process dies, however it dies, so there is no stale lock to remove by hand.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, StartFault } from '../errors.ts';
import { openHandle, type Handle } from './driver.ts';
import { sqliteCode } from './fault.ts';
import { makePrivate } from './private-file.ts';

export type DataLock = { release(): void };

const LOCK_FILE = 'sluice.lock';
/** Somebody who only looks whether the folder is locked holds it for an instant; that must not refuse a start. */
const LOOK_PATIENCE_MS = 100;
/** Keeps the handles alive: one that nobody refers to is closed by the garbage collector, and lets go of its lock. */
const held = new Set<Handle>();

/** @throws StartFault when another process holds the folder */
export function lockDataFolder(dataDir: string): DataLock {
  const handle = seize(dataDir);
  held.add(handle);
  return {
    release() {
      held.delete(handle);
      handle.close();
    },
  };
}

function seize(dataDir: string): Handle {
  const file = join(dataDir, LOCK_FILE);
  makePrivate(file);
  let handle: Handle | null = null;
  try {
    handle = openHandle(file, { timeout: LOOK_PATIENCE_MS });
    handle.pragma('journal_mode = DELETE');
    handle.exec('BEGIN EXCLUSIVE');
    return handle;
  } catch (thrown) {
    handle?.close();
    if (thrown instanceof StartFault) throw thrown;
    const what =
      sqliteCode(thrown)?.startsWith('SQLITE_BUSY') === true
        ? `Another Sluice is running on the data folder ${dataDir}: stop it first, or set SLUICE_DATA_DIR to another folder.`
        : `The lock file ${file} cannot be used (${messageOf(thrown)}): delete it.`;
    throw new StartFault(what, { cause: thrown });
  }
}

/**
 * Whether some process holds the folder now; takes no lock that could keep one from starting. A lock file that is none,
 * or not for this user, holds nothing: whoever takes it hears what is wrong.
 */
export function isDataFolderLocked(dataDir: string): boolean {
  const file = join(dataDir, LOCK_FILE);
  if (!existsSync(file)) return false;
  try {
    const database = openHandle(file, { readonly: true, timeout: 0 });
    try {
      database.prepare('SELECT 1 FROM sqlite_master').get();
    } finally {
      database.close();
    }
    return false;
  } catch (thrown) {
    if (thrown instanceof StartFault) throw thrown;
    return sqliteCode(thrown)?.startsWith('SQLITE_BUSY') === true;
  }
}
