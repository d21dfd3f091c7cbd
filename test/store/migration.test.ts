// Bringing a database to this build's schema: once, whole or not at all, and never over somebody else's.
import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '../../src/crypto.ts';
import { createLog } from '../../src/runtime/log.ts';
import { readMeta, writeMeta } from '../../src/store/meta.ts';
import { SQLITE_MIGRATIONS, type Migration } from '../../src/store/migrations/index.ts';
import { planMigrations } from '../../src/store/migrations/migrate.ts';
import { openSqlite, type SqliteStore } from '../../src/store/sqlite.ts';
import { faultOf, handleOf } from '../support/database.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { SECOND_STEP, statementsOf } from './steps.ts';

const BOTH = [...SQLITE_MIGRATIONS, SECOND_STEP];
const clock = createManualClock();

function open(dataDir: string, migrations: readonly Migration[] = SQLITE_MIGRATIONS): SqliteStore {
  return openSqlite({ dataDir, clock, log: createLog({ level: 'silent' }), migrations });
}

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function namesIn(store: SqliteStore): unknown[] {
  return handleOf(store.read)
    .prepare("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    .pluck()
    .all();
}

describe('migrations', () => {
  test('are numbered from 1 without gaps, so that a version is their count', () => {
    expect(SQLITE_MIGRATIONS.map(({ id }) => id)).toEqual(SQLITE_MIGRATIONS.map((_, index) => index + 1));
  });

  test('are applied once, and noted with hash and time', () =>
    inFolder(async (dir) => {
      const first = open(dir);
      expect(first.migrated).toEqual(SQLITE_MIGRATIONS);
      const notes = handleOf(first.read).prepare('SELECT * FROM schema_migrations').all();
      expect(notes).toEqual(
        SQLITE_MIGRATIONS.map(({ id, name, sql }) => ({
          ...{ id, name },
          hash: sha256Hex(sql),
          applied_at: clock.now(),
        })),
      );
      const names = namesIn(first);
      await first.close();
      const second = open(dir);
      expect(second.migrated).toEqual([]);
      expect(namesIn(second)).toEqual(names);
      await second.close();
    }));

  test('that are new are applied to what is there', () =>
    inFolder(async (dir) => {
      const before = open(dir);
      await before.transaction((tx) => writeMeta(tx, 'first-start', 'value'));
      await before.close();
      const after = open(dir, BOTH);
      expect(after.migrated).toEqual([SECOND_STEP]);
      expect(await readMeta(after.read, 'first-start')).toBe('value upgraded');
      await after.close();
      expect(await faultOf(() => open(dir))).toContain('is newer than this build');
    }));

  test('that fail leave nothing of themselves or of the ones before', () =>
    inFolder(async (dir) => {
      const broken = { id: 3, name: 'third', sql: 'CREATE TABLE third (id TEXT) STRICT; CREATE NONSENSE;' };
      await open(dir).close();
      expect(await faultOf(() => open(dir, [...BOTH, broken]))).toContain('syntax error');
      const store = open(dir);
      expect(store.migrated).toEqual([]);
      expect(namesIn(store)).not.toContain('extra');
      await store.close();
    }));

  test('are planned without touching anything', () => {
    const applied = [{ id: 1, name: 'first', hash: sha256Hex(BOTH[0]?.sql ?? ''), appliedAt: 1 }];
    expect(planMigrations(applied, BOTH)).toEqual({ applied, pending: [SECOND_STEP] });
    expect(planMigrations([], BOTH).pending).toEqual(BOTH);
  });
});

describe('a process that is killed', () => {
  const die = async (dir: string, after: number) => {
    const child = Bun.spawn([
      process.execPath,
      join(import.meta.dir, 'die-migrating.ts'),
      dir,
      String(after),
    ]);
    await child.exited;
    expect(child.signalCode).toBe('SIGKILL');
  };
  const firstSize = statementsOf(SQLITE_MIGRATIONS[0]?.sql ?? '').length;
  const secondSize = statementsOf(SECOND_STEP.sql).length;

  test.each([1, Math.floor(firstSize / 2), firstSize, firstSize + 1, firstSize + 1 + secondSize])(
    'after statement %d of the first start leaves an empty database',
    (after) =>
      inFolder(async (dir) => {
        await die(dir, after);
        const store = open(dir);
        expect(store.migrated).toEqual(SQLITE_MIGRATIONS);
        expect(namesIn(store)).not.toContain('extra');
        await store.close();
      }),
  );

  test.each([1, 2, secondSize, secondSize + 1])(
    'after statement %d of an upgrade leaves the old schema and its rows',
    (after) =>
      inFolder(async (dir) => {
        const before = open(dir);
        await before.transaction((tx) => writeMeta(tx, 'first-start', 'value'));
        const names = namesIn(before);
        await before.close();
        await die(dir, after);
        const store = open(dir);
        expect([store.migrated, namesIn(store)]).toEqual([[], names]);
        expect(await readMeta(store.read, 'first-start')).toBe('value');
        await store.close();
      }),
  );
});
