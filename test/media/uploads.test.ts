// Uploads on disk: found by nobody's broom while a row keeps them, and removed together with their row.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { examineMedia } from '../../src/doctor/media.ts';
import { createMedia, createMediaDisk, readReferenceImage, type Media } from '../../src/media/index.ts';
import { faultOf, handleOf, openDatabase, type TestDatabase } from '../support/database.ts';
import { png } from './image-bytes.ts';

const HOUR_MS = 3_600_000;
const OWNER = { customerId: 'cus_1', mode: 'live' } as const;
const IMAGE = readReferenceImage(png(300, 260), null);

let database: TestDatabase;
let media: Media;
let folder: string;

beforeEach(async () => {
  database = openDatabase();
  folder = join(database.dir, 'media');
  const { store: db, clock, random } = database;
  media = createMedia({ db, store: createMediaDisk(folder), linkKey: new Uint8Array(32), clock, random });
  await run(
    "INSERT INTO customers VALUES ('cus_1', 'n', NULL, NULL, 'free', 'active', NULL, '{}', '{}', 1, 1)",
  );
});
afterEach(() => database.close());

const run = (sql: string) => database.store.transaction(async (tx) => void handleOf(tx).exec(sql));
const pathOf = (fileId: string) => join(folder, fileId.slice(-3, -1), fileId);
const rows = () => database.store.read.q.select().from(database.store.read.t.uploads);

test('an upload is no orphan, however old its file is, and no stranger to the doctor', async () => {
  const { fileId } = await media.uploads.add(OWNER, IMAGE);
  const at = new Date(database.clock.now() - 1000 * HOUR_MS);
  utimesSync(pathOf(fileId), at, at);
  expect(await media.sweepOrphans(10)).toBe(0);
  expect(await examineMedia(database.store.read, folder, database.clock)).toMatchObject([{ isOk: true }]);
  await run('DELETE FROM uploads');
  expect(await examineMedia(database.store.read, folder, database.clock)).not.toMatchObject([{ isOk: true }]);
  expect([await media.sweepOrphans(10), existsSync(pathOf(fileId))]).toEqual([1, false]);
});

test('the bytes go first, and one that cannot be removed keeps no other and is tried again', async () => {
  const stuck = await media.uploads.add(OWNER, IMAGE);
  const other = await media.uploads.add(OWNER, IMAGE);
  rmSync(pathOf(stuck.fileId));
  mkdirSync(pathOf(stuck.fileId));
  database.clock.advance(24 * HOUR_MS - 1);
  expect(await media.uploads.deleteExpired(10)).toBe(0);
  database.clock.advance(1);
  expect(await faultOf(() => media.uploads.deleteExpired(10))).toMatch(/EISDIR|EPERM|directory/i);
  expect((await rows()).map(({ id }) => id)).toEqual([stuck.id]);
  expect(existsSync(pathOf(other.fileId))).toBe(false);
  // As after a crash between the bytes and the row.
  rmSync(pathOf(stuck.fileId), { recursive: true });
  expect(await media.uploads.deleteExpired(10)).toBe(1);
  expect(await rows()).toEqual([]);
});

test('so many are deleted at a time', async () => {
  for (let count = 0; count < 3; count++) await media.uploads.add(OWNER, IMAGE);
  database.clock.advance(24 * HOUR_MS);
  expect([await media.uploads.deleteExpired(2), await media.uploads.deleteExpired(2)]).toEqual([2, 1]);
});

test('one whose bytes are gone or were cut is none', async () => {
  const { id, fileId } = await media.uploads.add(OWNER, IMAGE);
  expect(await media.uploads.open(OWNER, id)).toEqual(IMAGE);
  await Bun.write(pathOf(fileId), IMAGE.bytes.subarray(0, 20));
  expect(await media.uploads.open(OWNER, id)).toBeNull();
  rmSync(pathOf(fileId));
  expect(await media.uploads.open(OWNER, id)).toBeNull();
});
