// `sluice migrate`, and the copy that is taken before a database with data gets another schema.
import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateDataFolder } from '../../src/data-folder.ts';
import { openDatabase } from '../../src/gateway.ts';
import { SQLITE_MIGRATIONS, type Migration } from '../../src/store/migrations/index.ts';
import { lockDataFolder } from '../../src/store/lock.ts';
import { openHandle } from '../../src/store/driver.ts';
import { faultOf } from '../support/fault-of.ts';
import { quietRuntime } from './gateway.ts';
import { makeScene } from './scene.ts';
import type { Folder } from './terminal.ts';

const { newFolder } = makeScene();

describe('migrate', () => {
  test('says what it would do and does nothing with --dry-run', async () => {
    const folder = newFolder();
    const { code, json } = await folder.sluice('migrate', '--dry-run', '--json');
    expect([code, existsSync(folder.dir)]).toEqual([0, false]);
    const steps = SQLITE_MIGRATIONS.map(({ id, name }) => ({ id, name }));
    expect(json()).toEqual({
      ok: true,
      isDryRun: true,
      fromVersion: 0,
      toVersion: steps.length,
      steps,
      backup: null,
    });
    expect((await folder.sluice('migrate', '--dry-run')).out).toContain('would apply 1 (first)');
  });

  test('makes a database, and has nothing to do the second time', async () => {
    const folder = newFolder();
    expect((await folder.sluice('migrate', '--json')).json()).toMatchObject({ fromVersion: 0, backup: null });
    expect(statSync(join(folder.dir, 'sluice.db')).mode & 0o777).toBe(0o600);
    const again = await folder.sluice('migrate');
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('nothing to do')]);
    expect(existsSync(join(folder.dir, 'backups'))).toBe(false);
  });

  test('refuses what cannot be brought to this schema: 3 and one sentence, in words for each', async () => {
    const CASES: [string, (file: string) => void, string][] = [
      [
        'newer',
        (file) => execute(file, "INSERT INTO schema_migrations VALUES (99, 'later', 'h', 0)"),
        'newer than this build',
      ],
      [
        'other',
        (file) => execute(file, "UPDATE schema_migrations SET hash = 'other'"),
        'another build of Sluice',
      ],
      [
        'damaged',
        (file) => writeFileSync(file, 'not a database, but long enough to be read as one'.repeat(99)),
        'damaged',
      ],
    ];
    for (const [name, spoil, sentence] of CASES) {
      const folder = newFolder();
      await folder.sluice('migrate');
      spoil(join(folder.dir, 'sluice.db'));
      for (const args of [['migrate'], ['migrate', '--dry-run'], ['serve'], ['customers', 'list']]) {
        const { code, out, notes } = await folder.sluice(...args);
        expect([name, args, code, out]).toEqual([name, args, 3, '']);
        expect(notes).toContain(sentence);
        expect(notes.split('\n')).toHaveLength(1);
      }
    }
  });

  test('does not touch a folder that a gateway holds', async () => {
    const folder = newFolder();
    mkdirSync(folder.dir);
    const lock = lockDataFolder(folder.dir);
    const { code, notes } = await folder.sluice('migrate');
    lock.release();
    expect([code, notes]).toEqual([3, expect.stringContaining('Another Sluice is running')]);
    expect(existsSync(join(folder.dir, 'sluice.db'))).toBe(false);
  });
});

const ROWS = 50_000;

/** Schemas that do not exist yet. One rewrites many rows, one fails half-way. */
const LATER: Migration = {
  id: SQLITE_MIGRATIONS.length + 1,
  name: 'later',
  sql: "ALTER TABLE meta ADD COLUMN note TEXT NOT NULL DEFAULT '';\nUPDATE meta SET note = value || '!';",
};
const BROKEN: Migration = { ...LATER, name: 'broken', sql: `${LATER.sql}\nINSERT INTO nowhere VALUES (1);` };

/** A database with data, as the build before LATER left it. */
async function filledFolder(): Promise<Folder> {
  const folder = newFolder();
  await folder.sluice('migrate');
  execute(
    join(folder.dir, 'sluice.db'),
    `INSERT INTO meta (name, value)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
     SELECT 'name ' || i, 'value ' || i FROM n`,
  );
  return folder;
}

function upgrade({ dir }: Folder, step: Migration) {
  const folder = locateDataFolder({ dataDir: dir, mediaDir: null });
  return openDatabase(folder, quietRuntime(), [...SQLITE_MIGRATIONS, step]);
}

function execute(file: string, sql: string): void {
  const handle = openHandle(file, {});
  handle.exec(sql);
  handle.close();
}

function read(file: string, sql: string): unknown {
  const handle = openHandle(file, { readonly: true });
  try {
    return handle.prepare(sql).pluck().get();
  } finally {
    handle.close();
  }
}

describe('before a database with data gets another schema', () => {
  test('it is copied into backups under a name that tells the version, and the copy can be restored', async () => {
    const folder = await filledFolder();
    const { store, backup } = await upgrade(folder, LATER);
    await store.close();
    const live = join(folder.dir, 'sluice.db');
    expect(store.migrated.map(({ name }) => name)).toEqual(['later']);
    expect(read(live, "SELECT count(*) FROM meta WHERE note = value || '!'")).toBe(ROWS);
    expect(backup).toMatch(new RegExp(`/backups/before-schema-${LATER.id}-20`));
    expect(read(join(backup ?? '', 'sluice.db'), 'SELECT count(*) FROM meta')).toBe(ROWS);

    // This build does not know LATER: the way back is the copy.
    const refused = await folder.sluice('migrate');
    expect([refused.code, refused.notes]).toEqual([3, expect.stringContaining('restore the backup')]);
    expect((await folder.sluice('restore', backup ?? '', '--force')).code).toBe(0);
    expect((await folder.sluice('migrate')).out).toContain('nothing to do');
    expect(read(live, 'SELECT count(*) FROM meta')).toBe(ROWS);
  });

  test('a step that fails leaves the database as it was, and trying again piles up no copies', async () => {
    const folder = await filledFolder();
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(await faultOf(upgrade(folder, BROKEN))).toContain('nowhere');
    }
    const live = join(folder.dir, 'sluice.db');
    expect(read(live, 'SELECT count(*) FROM meta')).toBe(ROWS);
    expect(read(live, "SELECT count(*) FROM pragma_table_info('meta') WHERE name = 'note'")).toBe(0);
    expect(readdirSync(join(folder.dir, 'backups'))).toHaveLength(1);
    const { store } = await upgrade(folder, LATER);
    await store.close();
    expect(read(live, 'SELECT max(id) FROM schema_migrations')).toBe(LATER.id);
  });

  test('and not when there is no room for the copy: the database stays as it is', async () => {
    const folder = await filledFolder();
    writeFileSync(join(folder.dir, 'backups'), 'a file where the folder should be');
    expect(await faultOf(upgrade(folder, LATER))).toContain('no copy of it could be made first');
    expect(read(join(folder.dir, 'sluice.db'), 'SELECT max(id) FROM schema_migrations')).toBe(LATER.id - 1);
  });
});
