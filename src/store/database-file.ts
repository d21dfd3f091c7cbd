// A database file seen from outside: read, checked and copied by somebody who does not serve from it, whether another
// process does or not. Opens read-only, so that nothing in it can change.
import { existsSync } from 'node:fs';
import { messageOf, StartFault } from '../errors.ts';
import type { Connection } from './db.ts';
import { openHandle } from './driver.ts';
import { explained, outageOf } from './fault.ts';
import { SQLITE_MIGRATIONS } from './migrations/index.ts';
import { planMigrations, type MigrationPlan } from './migrations/migrate.ts';
import { connect, readApplied } from './sqlite.ts';

export { DATABASE_FILE } from './sqlite.ts';

export type DatabaseFile = {
  /** Committed rows; of a file whose schema this build has. */
  readonly read: Connection;
  /** What is applied, and what this build would apply. @throws StartFault for a newer or a foreign schema */
  plan(): MigrationPlan;
  /** What SQLite finds wrong with the file, in its own words; null when nothing is. `integrity` also looks at indexes. */
  fault(check: 'quick' | 'integrity'): string | null;
  /** Writes a consistent copy to a file that does not exist yet. */
  snapshotInto(path: string): void;
  close(): void;
};

/** A process that serves holds the database for milliseconds at a time. */
const BUSY_TIMEOUT_MS = 5000;

/** @throws StartFault when there is no such file, or it cannot be opened */
export function openDatabaseFile(file: string): DatabaseFile {
  if (!existsSync(file)) throw new StartFault(`There is no database ${file}.`);
  return explained(file, () => {
    const handle = openHandle(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    return {
      read: connect(handle),
      plan: () => explained(file, () => planMigrations(readApplied(handle), SQLITE_MIGRATIONS)),
      fault(check) {
        try {
          const verdict: unknown = handle.pragma(`${check}_check(1)`, { simple: true });
          return verdict === 'ok' ? null : String(verdict);
        } catch (thrown) {
          // Past a certain damage the check itself cannot run.
          if (outageOf(thrown) === null) throw thrown;
          return messageOf(thrown);
        }
      },
      snapshotInto: (path) => explained(file, () => void handle.prepare('VACUUM INTO ?').run(path)),
      close: () => void handle.close(),
    };
  });
}
