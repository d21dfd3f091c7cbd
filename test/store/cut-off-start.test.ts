// A process that died while it made its database: the journal of its very first write is left, which only a writer can
// take back, and the next start does.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateDataFolder } from '../../src/data-folder.ts';
import { StartFault } from '../../src/errors.ts';
import { openDatabase } from '../../src/gateway.ts';
import { systemRuntime } from '../../src/runtime/index.ts';
import { openDatabaseFile } from '../../src/store/database-file.ts';
import { openHandle } from '../../src/store/driver.ts';
import { isInTransaction } from '../../src/store/group-commit.ts';
import { readMigrationPlan, rollBackJournal } from '../../src/store/sqlite.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

/** The header as SQLite writes it, of a journal for a file that was empty: no pages, sectors of 512, pages of 4096. */
const JOURNAL_HEADER = 'd9d505f920a163d7 00000000 6df9414c 00000000 00000200 00001000';

let dir: string;
let file: string;
beforeEach(() => {
  dir = makeTempFolder('sluice-test-');
  file = join(dir, 'sluice.db');
  const handle = openHandle(file, {});
  handle.pragma('journal_mode = wal');
  handle.close();
  const journal = Buffer.alloc(512);
  journal.write(JOURNAL_HEADER.replaceAll(' ', ''), 'hex');
  writeFileSync(`${file}-journal`, journal);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('a reader says that the next start puts it right', () => {
  expect(() => openDatabaseFile(file).plan()).toThrow(StartFault);
  expect(() => openDatabaseFile(file).plan()).toThrow('the next start puts it right');
  expect(existsSync(`${file}-journal`)).toBe(true);
});

test('taken back, it leaves an empty database', () => {
  rollBackJournal(dir);
  expect(existsSync(`${file}-journal`)).toBe(false);
  expect(readMigrationPlan(dir)?.applied).toEqual([]);
});

test('a start does that by itself', async () => {
  const folder = locateDataFolder({ dataDir: dir, mediaDir: null });
  const { store } = await openDatabase(folder, systemRuntime({ level: 'silent', isInTransaction }));
  expect(store.migrated.length).toBeGreaterThan(0);
  await store.close();
});

test('a folder without a journal, or without a database, is left alone', () => {
  rmSync(`${file}-journal`);
  rollBackJournal(dir);
  rmSync(file);
  rollBackJournal(dir);
  expect(existsSync(file)).toBe(false);
});
