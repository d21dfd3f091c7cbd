// The files of the database: closed to others whatever the umask is, and opened with the settings that durability
// rests on.
import { describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockDataFolder } from '../../src/store/lock.ts';
import { handleOf, openByHand, openDatabase, type Handle } from '../support/database.ts';
import { writeMeta } from '../../src/store/meta.ts';

/** The modes of all files of a folder, in octal. */
function modesIn(dir: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dir).map((name) => [name, (statSync(join(dir, name)).mode & 0o777).toString(8)]),
  );
}

describe('file modes', () => {
  test.each([0o022, 0o077, 0o000])('are 600 under the umask %o', async (mask) => {
    const before = process.umask(mask);
    const database = openDatabase();
    const lock = lockDataFolder(database.dir);
    try {
      await database.store.transaction((tx) => writeMeta(tx, 'first-start', 'now'));
      expect(modesIn(database.dir)).toEqual({
        'sluice.db': '600',
        'sluice.db-shm': '600',
        'sluice.db-wal': '600',
        'sluice.lock': '600',
        'sluice.lock-journal': '600',
      });
    } finally {
      process.umask(before);
      lock.release();
      await database.close();
    }
  });

  test('are set right where an earlier hand had opened them', async () => {
    const database = openDatabase();
    for (const name of ['sluice.db', 'sluice.lock']) {
      writeFileSync(join(database.dir, name), '', { flag: 'a' });
      chmodSync(join(database.dir, name), 0o644);
    }
    await database.reopen();
    lockDataFolder(database.dir).release();
    expect(modesIn(database.dir)).toMatchObject({ 'sluice.db': '600', 'sluice.lock': '600' });
    await database.close();
  });

  test('a second look at the lock does not let go of it', () => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
    const lock = lockDataFolder(dir);
    expect(() => lockDataFolder(dir)).toThrow('Another Sluice is running');
    expect(() => lockDataFolder(dir)).toThrow('Another Sluice is running');
    lock.release();
    lockDataFolder(dir).release();
    rmSync(dir, { recursive: true });
  });
});

describe('settings of a connection', () => {
  const SETTINGS = {
    journal_mode: 'wal',
    synchronous: 2,
    foreign_keys: 1,
    recursive_triggers: 1,
    busy_timeout: 250,
    trusted_schema: 0,
    cell_size_check: 1,
    journal_size_limit: 67_108_864,
    temp_store: 2,
    mmap_size: 0,
  };
  const settingsOf = (handle: Handle, names: string[]) =>
    Object.fromEntries(names.map((name) => [name, handle.pragma(name, { simple: true })]));

  test('hold for the write and for the read connection', async () => {
    const { store, close } = openDatabase();
    const writer = await store.transaction(async (tx) => handleOf(tx));
    const reader = handleOf(store.read);
    const names = Object.keys(SETTINGS);
    expect(settingsOf(writer, names)).toEqual(SETTINGS);
    expect(settingsOf(reader, names)).toEqual(SETTINGS);
    expect([writer.readonly, reader.readonly]).toEqual([false, true]);
    expect(reader.pragma('query_only', { simple: true })).toBe(1);
    await close();
  });

  test('are not left behind in a file that was made without them', async () => {
    const database = openDatabase();
    await database.store.close();
    const other = openByHand(database.store);
    other.pragma('journal_mode = DELETE');
    other.close();
    await database.reopen();
    expect(handleOf(database.store.read).pragma('journal_mode', { simple: true })).toBe('wal');
    await database.close();
  });
});

test('closing leaves one file, with everything in it', async () => {
  const database = openDatabase();
  await database.store.transaction((tx) => writeMeta(tx, 'first-start', 'now'));
  await database.store.close();
  expect(readdirSync(database.dir)).toEqual(['sluice.db']);
  await database.close();
});
