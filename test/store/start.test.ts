// What keeps a database from being opened: each fault stops the start with one sentence that names the file and says
// what to do, and changes nothing.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../src/config.ts';
import { locateDataFolder, prepareDataFolder } from '../../src/data-folder.ts';
import { StartFault } from '../../src/errors.ts';
import { createLog } from '../../src/runtime/log.ts';
import { openHandle } from '../../src/store/driver.ts';
import { isDataFolderLocked, lockDataFolder } from '../../src/store/lock.ts';
import { readMeta, writeMeta } from '../../src/store/meta.ts';
import { openSqlite, type SqliteStore } from '../../src/store/sqlite.ts';
import { createManualClock } from '../support/manual-clock.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  file = join(dir, 'sluice.db');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (maxPages?: number): SqliteStore =>
  openSqlite({
    dataDir: dir,
    clock: createManualClock(),
    log: createLog({ level: 'silent' }),
    ...(maxPages === undefined ? {} : { maxPages }),
  });

/** A database of some pages that was closed in good order. */
async function makeDatabase(): Promise<void> {
  const store = open();
  await store.transaction((tx) => writeMeta(tx, 'first-start', 'x'.repeat(20_000)));
  await store.close();
}

/** The one sentence that the start was stopped with. */
function sentenceOf(start: () => unknown): string {
  try {
    start();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(StartFault);
    const { message } = thrown as StartFault;
    expect(message).toMatch(/^[A-Z][^\n]*\.$/);
    return message;
  }
  throw new Error('nothing was refused');
}

function changeByHand(sql: string): void {
  const handle = openHandle(file, {});
  handle.exec(sql);
  handle.close();
}

describe('a second process', () => {
  const spawn = () =>
    Bun.spawn([process.execPath, join(import.meta.dir, 'hold-folder.ts'), dir], {
      stdin: 'pipe',
      stdout: 'pipe',
    });
  const firstLine = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
    const { value } = await stream.getReader().read();
    return new TextDecoder().decode(value).trim();
  };

  test('is refused with one sentence while the first lives, and let in when it was killed', async () => {
    const holder = spawn();
    expect(await firstLine(holder.stdout)).toBe('open');
    const second = spawn();
    expect(await firstLine(second.stdout)).toBe(
      `Another Sluice is running on the data folder ${dir}: stop it first, or set SLUICE_DATA_DIR to another folder.`,
    );
    expect(await second.exited).toBe(3);
    expect(sentenceOf(() => lockDataFolder(dir))).toContain('Another Sluice is running');
    expect(isDataFolderLocked(dir)).toBe(true);
    holder.kill('SIGKILL');
    await holder.exited;
    expect(isDataFolderLocked(dir)).toBe(false);
    const lock = lockDataFolder(dir);
    const store = open();
    expect(await readMeta(store.read, 'master-key-check')).not.toBeNull();
    await store.close();
    lock.release();
  });

  test('does not start on a lock file that is none', () => {
    writeFileSync(join(dir, 'sluice.lock'), 'not a lock'.repeat(100), { mode: 0o600 });
    expect(sentenceOf(() => lockDataFolder(dir))).toMatch(/sluice\.lock cannot be used \(.*\): delete it\.$/);
  });
});

describe('another build', () => {
  test('that is newer is named, with what to do', async () => {
    await makeDatabase();
    changeByHand("INSERT INTO schema_migrations VALUES (99, 'tomorrow', 'x', 1)");
    expect(sentenceOf(open)).toBe(
      "The database has schema version 99 (tomorrow), which is newer than this build's version 1: " +
        'start the newer build, or restore the backup from before the upgrade.',
    );
  });

  test('that had another text for a migration is refused', async () => {
    await makeDatabase();
    changeByHand("UPDATE schema_migrations SET hash = 'x' WHERE id = 1");
    expect(sentenceOf(open)).toContain(
      'Migration 1 (first) was applied with another text than this build has',
    );
  });
});

describe('a damaged file', () => {
  const overwrite = (from: number, length: number) => {
    const bytes = readFileSync(file);
    bytes.fill(0xa5, from, from + length);
    writeFileSync(file, bytes);
  };
  const damages: [string, () => void][] = [
    ['whose header is gone', () => overwrite(0, 100)],
    ['with a broken page in the middle', () => overwrite(4096 * 6, 4096)],
    ['with one broken number in a page', () => overwrite(4096 * 6, 8)],
    ['that was cut in half', () => truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096)],
    ['that was never a database', () => writeFileSync(file, 'a shopping list\n'.repeat(500))],
  ];

  test.each(damages)('%s is refused, and stays as it was found', async (_, damage) => {
    await makeDatabase();
    damage();
    const found = readFileSync(file);
    const sentence = sentenceOf(open);
    expect(sentence).toContain(`The database ${file} `);
    expect(sentence).toMatch(/damaged .*: restore the last backup with 'sluice restore'\.$/);
    expect(readFileSync(file).equals(found)).toBe(true);
  });

  test('that is empty is what a killed first start leaves, and begins anew', async () => {
    writeFileSync(file, '');
    const store = open();
    expect(store.migrated.map(({ id }) => id)).toEqual([1]);
    await store.close();
  });
});

describe('a disk', () => {
  test('that is full at the first start', () => {
    expect(sentenceOf(() => open(5))).toMatch(/cannot be used, because the disk is full/);
    // And with room the same folder works.
    return open().close();
  });
});

describe('a folder that this user cannot write', () => {
  /** As an ordinary user, which the tests may not be. */
  async function asNobody(work: () => Promise<void> | void): Promise<void> {
    const { geteuid, seteuid } = process;
    if (geteuid?.() !== 0 || seteuid === undefined) return work();
    seteuid(65_534);
    try {
      await work();
    } finally {
      seteuid(0);
    }
  }
  const folder = () => locateDataFolder(parseConfig({ SLUICE_DATA_DIR: dir }));

  test('is named, with what to do', async () => {
    chmodSync(dir, 0o555);
    await asNobody(() => {
      expect(sentenceOf(() => prepareDataFolder(folder()))).toMatch(
        /^The data folder .* cannot be written \(.*\): give this user write access, or set SLUICE_DATA_DIR to another folder\.$/,
      );
    });
  });

  test('is not opened by the database either', async () => {
    await makeDatabase();
    chmodSync(file, 0o444);
    chmodSync(dir, 0o555);
    await asNobody(() => void sentenceOf(open));
    chmodSync(dir, 0o755);
  });

  test('or that holds the files of another user', async () => {
    if (process.geteuid?.() !== 0) return;
    await makeDatabase();
    lockDataFolder(dir).release();
    chmodSync(dir, 0o777);
    await asNobody(() => {
      expect(sentenceOf(open)).toContain(`The database ${file} cannot be used`);
      expect(sentenceOf(() => lockDataFolder(dir))).toContain('sluice.lock');
    });
    chmodSync(file, 0o666);
    chmodSync(join(dir, 'sluice.lock'), 0o666);
    await asNobody(() => {
      expect(sentenceOf(open)).toContain('it must belong to the user that runs Sluice');
      expect(sentenceOf(() => lockDataFolder(dir))).toContain('it must belong to the user that runs Sluice');
    });
  });

  test('is not looked for where a file is', () => {
    const path = join(dir, 'file');
    writeFileSync(path, '');
    const wrong = locateDataFolder(parseConfig({ SLUICE_DATA_DIR: path }));
    expect(sentenceOf(() => prepareDataFolder(wrong))).toContain('cannot be written');
    mkdirSync(join(dir, 'fine'));
  });
});
