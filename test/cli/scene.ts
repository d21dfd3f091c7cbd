// What the tests of backups share: a gateway with jobs and files, and ways to look at a data folder from outside.
import { afterEach, expect } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAudit } from '../../src/audit/index.ts';
import { createLedger, type BooksReport } from '../../src/ledger/index.ts';
import { openDatabaseFile } from '../../src/store/database-file.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { openWorld, type World } from '../support/world.ts';
import { makeFolder, runSluice, type Folder, type Run } from './terminal.ts';

/** What a test opens is closed at its end, the last first. To be called once at the top of a file. */
export function makeScene(): {
  newFolder: (environment?: Record<string, string>) => Folder;
  atEnd: (end: () => unknown) => void;
} {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
  return {
    newFolder(environment) {
      const folder = makeFolder(environment);
      ends.push(folder.remove);
      return folder;
    },
    atEnd: (end) => void ends.push(end),
  };
}

export type FilledWorld = { world: World; key: string; sluice: (...args: string[]) => Promise<Run> };

/** A gateway with a customer, images that are done and one that is ordered; the files are in its media folder. */
export async function filledWorld(images = 3): Promise<FilledWorld> {
  const world = await openWorld();
  const { testKey: key } = await world.customer({ credits: 500 });
  for (let image = 0; image < images; image++) await orderImage(world, key, `image-${image}`);
  await world.advance(10_000);
  await orderImage(world, key, 'open');
  const sluice = (...args: string[]) => runSluice(args, { environment: { SLUICE_DATA_DIR: world.dir } });
  return { world, key, sluice };
}

export async function orderImage(world: World, key: string, idempotencyKey: string): Promise<void> {
  const { status } = await world.call('POST', '/v1/images/generate', {
    key,
    idempotencyKey,
    body: { prompt: 'a bay' },
  });
  expect(status).toBe(202);
}

/** The books and the audit of a data folder; the test fails when its database or its audit is not whole. */
export async function auditOf(dataDir: string): Promise<{ books: BooksReport; events: number }> {
  const database = openDatabaseFile(join(dataDir, 'sluice.db'));
  const random = createSeededRandom(1);
  const books = await createLedger({ random }).audit(database.read);
  const { events, fault } = await createAudit({ random }).verify(database.read);
  expect([fault, database.fault('integrity')]).toEqual([null, null]);
  database.close();
  return { books, events };
}

/** Every file below a folder with its content, to see that nothing has changed. */
export function contentOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile() && !/sluice\.(lock(-journal)?|db-shm|db-wal)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, Bun.hash(readFileSync(path)).toString()]),
  );
}
