// SQLite: one write connection behind the group commit, one read-only connection that sees committed rows only.
// The only file that opens the database to serve from it; what is wrong with it becomes one sentence here.
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { assert, StartFault } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Builders, Connection, Db } from './db.ts';
import { openHandle, type Handle } from './driver.ts';
import { explained } from './fault.ts';
import { createGroupCommit, type WriteControl } from './group-commit.ts';
import { SQLITE_MIGRATIONS, type Migration } from './migrations/index.ts';
import {
  migrate,
  planMigrations,
  type AppliedMigration,
  type MigrationPlan,
  type MigrationTarget,
} from './migrations/migrate.ts';
import { makePrivate } from './private-file.ts';
import { sqliteTables } from './schema/sqlite.ts';
import { createTopics } from './topics.ts';

export type SqliteStore = Db & {
  readonly file: string;
  /** Steps that this start applied. */
  readonly migrated: readonly Migration[];
  /** Proves that a write would be possible now. @throws GatewayError `service_unavailable` */
  probe(): Promise<void>;
  /** Moves the write-ahead log into the database file, as far as readers allow. */
  checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void;
  /** Waits for open transactions, then closes both connections. */
  close(): Promise<void>;
};

export type SqliteOptions = {
  dataDir: string;
  clock: Clock;
  log: Log;
  /** The largest size in pages; only a test that needs a full disk sets it. */
  maxPages?: number;
  /** The steps of this build, unless a test of an upgrade brings its own. */
  migrations?: readonly Migration[];
};

export const DATABASE_FILE = 'sluice.db';

/** Below 3.51.3 two connections and a checkpoint could corrupt the file (sqlite.org/wal.html#walresetbug). */
const MIN_SQLITE_VERSION = '3.51.3';
/** A wait for SQLite's lock stops the whole event loop, so it must be short. */
const BUSY_TIMEOUT_MS = 250;
/** The check reads every page; a larger file is checked by `sluice doctor` and on its backups. */
const MAX_CHECK_AT_START_BYTES = 256 * 1024 * 1024;

const PRAGMAS = {
  journal_mode: 'wal',
  synchronous: 2, // FULL: what was acknowledged survives a power cut
  foreign_keys: 1,
  recursive_triggers: 1, // or REPLACE would delete rows without asking the triggers that keep them
  busy_timeout: BUSY_TIMEOUT_MS,
  trusted_schema: 0,
  cell_size_check: 1,
  journal_size_limit: 64 * 1024 * 1024,
  temp_store: 2, // memory
  mmap_size: 0,
} as const;

/**
 * Opens and migrates the database of a data folder.
 * @throws StartFault when it cannot be opened, is damaged or is from a newer build
 */
export function openSqlite(options: SqliteOptions): SqliteStore {
  const file = join(options.dataDir, DATABASE_FILE);
  return explained(file, () => {
    // The write-ahead log and its index take their mode from the file.
    makePrivate(file);
    const writer = openHandle(file, { timeout: BUSY_TIMEOUT_MS });
    try {
      return openWith(writer, file, options);
    } catch (thrown) {
      writer.close();
      throw thrown;
    }
  });
}

function openWith(writer: Handle, file: string, options: SqliteOptions): SqliteStore {
  prepareWriter(writer, file, options.maxPages);
  const { migrations = SQLITE_MIGRATIONS } = options;
  const migrated = migrate(migrationTarget(writer), migrations, options.clock.now());
  const reader = openHandle(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  setPragmas(reader);
  reader.pragma('query_only = 1');
  const topics = createTopics(options);
  const group = createGroupCommit({
    connection: connect(writer),
    control: writeControl(writer),
    clock: options.clock,
    publish: topics.publish,
  });
  return {
    file,
    migrated,
    read: connect(reader),
    transaction: group.transaction,
    subscribe: topics.subscribe,
    probe: () => group.transaction(() => Promise.resolve()),
    checkpoint: (mode) => void writer.pragma(`wal_checkpoint(${mode})`),
    async close() {
      await group.idle();
      reader.close();
      try {
        writer.pragma('wal_checkpoint(TRUNCATE)');
      } catch (thrown) {
        options.log.warn({ err: thrown }, 'the write-ahead log is left for the next start');
      }
      writer.close();
    },
  };
}

function prepareWriter(writer: Handle, file: string, maxPages: number | undefined): void {
  const version = String(writer.prepare('SELECT sqlite_version()').pluck().get());
  assert(compareVersions(version, MIN_SQLITE_VERSION) >= 0, `SQLite ${version} is too old`);
  setPragmas(writer);
  if (maxPages !== undefined) writer.pragma(`max_page_count = ${maxPages}`);
  if (statSync(file).size <= MAX_CHECK_AT_START_BYTES) refuseDamage(writer, file);
}

/** Most of them hold for a connection and not for the file, so that each gets all, and they are read back. */
function setPragmas(handle: Handle): void {
  for (const [name, value] of Object.entries(PRAGMAS)) handle.pragma(`${name} = ${value}`);
  for (const [name, value] of Object.entries(PRAGMAS)) {
    const actual: unknown = handle.pragma(name, { simple: true });
    assert(actual === value, `the database did not take ${name}=${value} (it has ${String(actual)})`);
  }
}

function refuseDamage(writer: Handle, file: string): void {
  const verdict: unknown = writer.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') {
    const found = String(verdict).replaceAll(/\s+/g, ' ');
    throw new StartFault(
      `The database ${file} is damaged (${found}): restore the last backup with 'sluice restore'.`,
    );
  }
}

export function connect(handle: Handle): Connection {
  // Drizzle types this driver as synchronous; its builders can be awaited like every other engine's.
  const q = drizzle(handle, { casing: 'snake_case' }) as unknown as Builders;
  return {
    q,
    t: sqliteTables,
    prepare(text) {
      const prepared = handle.prepare(text);
      return (values) => void prepared.run(values);
    },
  };
}

function writeControl(writer: Handle): WriteControl {
  const changes = writer.prepare('SELECT total_changes()').pluck();
  const command = (sql: string) => {
    const prepared = writer.prepare(sql);
    return () => void prepared.run();
  };
  return {
    begin: command('BEGIN IMMEDIATE'),
    commit: command('COMMIT'),
    rollback: command('ROLLBACK'),
    savepoint: command('SAVEPOINT work'),
    release: command('RELEASE work'),
    rollbackToSavepoint: () => void writer.exec('ROLLBACK TO work; RELEASE work'),
    isOpen: () => writer.inTransaction,
    changes: () => Number(changes.get()),
  };
}

function migrationTarget(writer: Handle): MigrationTarget {
  return {
    exec: (sql) => void writer.exec(sql),
    locked: (work) => writer.transaction(work).immediate(),
    applied: () => readApplied(writer),
    record: (step) => {
      writer
        .prepare('INSERT INTO schema_migrations (id, name, hash, applied_at) VALUES (?, ?, ?, ?)')
        .run(step.id, step.name, step.hash, step.appliedAt);
    },
  };
}

export function readApplied(handle: Handle): AppliedMigration[] {
  if (!handle.readonly) {
    handle.exec(
      'CREATE TABLE IF NOT EXISTS schema_migrations ' +
        '(id INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
    );
  } else if (
    handle.prepare("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'").get() === undefined
  ) {
    // A first start that was interrupted before its first transaction.
    return [];
  }
  return handle
    .prepare<[], AppliedMigration>(
      'SELECT id, name, hash, applied_at AS appliedAt FROM schema_migrations ORDER BY id',
    )
    .all();
}

/**
 * Takes back what a process had in hand that died before its database had a write-ahead log: a reader cannot, and
 * would only complain. To be called with the data folder locked.
 */
export function rollBackJournal(dataDir: string): void {
  const file = join(dataDir, DATABASE_FILE);
  if (!existsSync(file) || !existsSync(`${file}-journal`)) return;
  explained(file, () => {
    const handle = openHandle(file, { timeout: BUSY_TIMEOUT_MS });
    try {
      // The first look at the file is what makes SQLite do it.
      handle.pragma('schema_version');
    } finally {
      handle.close();
    }
  });
}

/**
 * What a start would apply to a data folder, without touching it; null when there is no database yet.
 * @throws StartFault as `openSqlite` does
 */
export function readMigrationPlan(
  dataDir: string,
  migrations: readonly Migration[] = SQLITE_MIGRATIONS,
): MigrationPlan | null {
  const file = join(dataDir, DATABASE_FILE);
  if (!existsSync(file)) return null;
  return explained(file, () => {
    const handle = openHandle(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    try {
      return planMigrations(readApplied(handle), migrations);
    } finally {
      handle.close();
    }
  });
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
