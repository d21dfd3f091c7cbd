// One process a data folder. The lock is a SQLite file that is held open in exclusive mode: the operating system
// lets go of it when the process dies, however it dies, so there is no stale lock to remove by hand.
import Database from '#sqlite';
import { join } from 'node:path';
import { StartFault } from '../errors.ts';
import { sqliteCode } from './fault.ts';

export type DataLock = { release(): void };

const LOCK_FILE = 'sluice.lock';

/** @throws StartFault when another process holds the folder */
export function lockDataFolder(dataDir: string): DataLock {
  const database = new Database(join(dataDir, LOCK_FILE), { timeout: 0 });
  try {
    database.pragma('journal_mode = DELETE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (thrown) {
    database.close();
    if (sqliteCode(thrown)?.startsWith('SQLITE_BUSY') === true) {
      throw new StartFault(
        `Another Sluice is running on the data folder ${dataDir}: stop it first, or set SLUICE_DATA_DIR to another folder.`,
      );
    }
    throw thrown;
  }
  return { release: () => database.close() };
}

/** Whether some process holds the folder now; takes nothing. */
export function isDataFolderLocked(dataDir: string): boolean {
  try {
    lockDataFolder(dataDir).release();
    return false;
  } catch (thrown) {
    if (thrown instanceof StartFault) return true;
    throw thrown;
  }
}
