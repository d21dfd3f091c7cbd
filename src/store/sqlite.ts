// SQLite: one write connection behind the group commit, one read-only connection that sees committed rows only.
// The only file that opens the database; what is wrong with it becomes one sentence here.
import Database from '#sqlite';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { assert, messageOf, StartFault } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Builders, Connection, Db } from './db.ts';
import { outageOf } from './fault.ts';
import { createGroupCommit, type WriteControl } from './group-commit.ts';
import { SQLITE_MIGRATIONS, type Migration } from './migrations/index.ts';
import {
  migrate,
  planMigrations,
  type AppliedMigration,
  type MigrationTarget,
} from './migrations/migrate.ts';
import { sqliteTables } from './schema/sqlite.ts';
import { createTopics } from './topics.ts';

type Handle = InstanceType<typeof Database>;

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
  try {
    return openOrThrow(file, options);
  } catch (thrown) {
    const outage = outageOf(thrown);
    if (outage === null) throw thrown;
    throw new StartFault(`The database ${file} cannot be used, because ${outage} (${messageOf(thrown)}).`, {
      cause: thrown,
    });
  }
}

function openOrThrow(file: string, options: SqliteOptions): SqliteStore {
  const writer = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  chmodSync(file, 0o600);
  prepareWriter(writer, file, options.maxPages);
  const migrated = migrate(migrationTarget(writer), SQLITE_MIGRATIONS, options.clock.now());
  const reader = new Database(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  reader.pragma('query_only = 1');
  reader.pragma(`temp_store = ${PRAGMAS.temp_store}`);
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
      writer.pragma('wal_checkpoint(TRUNCATE)');
      writer.close();
    },
  };
}

function prepareWriter(writer: Handle, file: string, maxPages: number | undefined): void {
  const version = String(writer.prepare('SELECT sqlite_version()').pluck().get());
  assert(compareVersions(version, MIN_SQLITE_VERSION) >= 0, `SQLite ${version} is too old`);
  for (const [name, value] of Object.entries(PRAGMAS)) writer.pragma(`${name} = ${value}`);
  for (const [name, value] of Object.entries(PRAGMAS)) {
    const actual: unknown = writer.pragma(name, { simple: true });
    assert(actual === value, `the database did not take ${name}=${value} (it has ${String(actual)})`);
  }
  if (maxPages !== undefined) writer.pragma(`max_page_count = ${maxPages}`);
  if (existsSync(file) && statSync(file).size <= MAX_CHECK_AT_START_BYTES) refuseDamage(writer, file);
}

function refuseDamage(writer: Handle, file: string): void {
  const verdict: unknown = writer.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') {
    throw new StartFault(
      `The database ${file} is damaged (${String(verdict)}): restore the last backup with 'sluice restore'.`,
    );
  }
}

function connect(handle: Handle): Connection {
  // Drizzle types this driver as synchronous; its builders can be awaited like every other engine's.
  const q = drizzle(handle, { casing: 'snake_case' }) as unknown as Builders;
  return { q, t: sqliteTables };
}

function writeControl(writer: Handle): WriteControl {
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

function readApplied(handle: Handle): AppliedMigration[] {
  if (!handle.readonly) {
    handle.exec(
      'CREATE TABLE IF NOT EXISTS schema_migrations ' +
        '(id INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
    );
  }
  return handle
    .prepare<[], AppliedMigration>(
      'SELECT id, name, hash, applied_at AS appliedAt FROM schema_migrations ORDER BY id',
    )
    .all();
}

/** What a start would apply to a data folder, without touching it; null when there is no database yet. */
export function readMigrationPlan(dataDir: string): ReturnType<typeof planMigrations> | null {
  const file = join(dataDir, DATABASE_FILE);
  if (!existsSync(file)) return null;
  const handle = new Database(file, { readonly: true });
  try {
    return planMigrations(readApplied(handle), SQLITE_MIGRATIONS);
  } finally {
    handle.close();
  }
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
