// The life of stored files: a link to what is there, an end at the end of the retention, and no bytes left behind that
// no row knows.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeId } from '../../src/ids.ts';
import { createMedia, createMediaDisk, type Media, type StoredFile } from '../../src/media/index.ts';
import { faultOf, handleOf, openDatabase, type TestDatabase } from '../support/database.ts';

const HOUR_MS = 3_600_000;

let database: TestDatabase;
let media: Media;
let folder: string;

beforeEach(async () => {
  database = openDatabase();
  folder = join(database.dir, 'media');
  const { store: db, clock, random } = database;
  media = createMedia({ db, store: createMediaDisk(folder), linkKey: new Uint8Array(32), clock, random });
  await db.transaction(async (tx) => {
    handleOf(tx).exec(
      "INSERT INTO customers VALUES ('cus_1', 'n', NULL, NULL, 'free', 'active', NULL, '{}', '{}', 1, 1);" +
        'INSERT INTO jobs (id, customer_id, mode, key_id, type, model, input, metadata, state, due_at, deadline_at, ' +
        "lease_no, tries, price, price_version, refunded, created_at, updated_at) VALUES ('job_1', 'cus_1', 'live', " +
        "'k', 'image', 'm', '{}', '{}', 'queued', 1, 1, 0, 0, 1, 0, 0, 1, 1)",
    );
  });
});
afterEach(() => database.close());

let position = 0;

/** Bytes on disk and a row for them. */
async function store(file: Partial<StoredFile> = {}): Promise<StoredFile> {
  const { store: db, clock, random } = database;
  const id = makeId('file', { now: clock.now(), random });
  const written = await media.write(id, [new TextEncoder().encode(id)], 100);
  if (written === null) throw new Error('nothing was written');
  const stored: StoredFile = {
    ...{ id, customerId: 'cus_1', jobId: 'job_1', role: 'output', position: (position += 1) },
    ...{ contentType: 'image/png', ...written, width: 1, height: 1, durationMs: null },
    ...{ createdAt: clock.now(), deleteAt: clock.now() + HOUR_MS, deletedAt: null },
    ...file,
  };
  await db.transaction((tx) => media.record(tx, stored));
  return stored;
}

const pathOf = (id: string) => join(folder, id.slice(-3, -1), id);
const rowOf = async (id: string) =>
  (await media.filesOf(database.store.read, 'job_1')).find((file) => file.id === id);
const queryOf = (path: string) => {
  const { searchParams } = new URL(path, 'http://localhost');
  return { exp: searchParams.get('exp') ?? '', sig: searchParams.get('sig') ?? '' };
};
const follow = (file: StoredFile, id = file.id) =>
  media.follow(id, queryOf(media.link(file, database.clock.now()).path));
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was refused',
    (thrown: { code: string }) => thrown.code,
  );

describe('a link', () => {
  test('lasts a day, or as long as the file', async () => {
    const { clock } = database;
    const [short, long] = [await store(), await store({ deleteAt: clock.now() + 1000 * HOUR_MS })];
    expect(media.link(short, clock.now()).expiresAt).toBe(clock.now() + HOUR_MS);
    expect(media.link(long, clock.now()).expiresAt).toBe(clock.now() + 24 * HOUR_MS);
  });

  test('leads to the file and its bytes', async () => {
    const file = await store();
    const { file: found, content } = await follow(file);
    expect(found).toEqual(file);
    expect(await content.text()).toBe(file.id);
  });

  test('to another file, or past its time, is refused before anything is looked up', async () => {
    const [file, other] = [await store(), await store()];
    expect(await codeOf(follow(file, other.id))).toBe('invalid_signature');
    expect(await codeOf(follow(file, '../../etc/passwd'))).toBe('invalid_signature');
    const query = queryOf(media.link(file, database.clock.now()).path);
    database.clock.advance(HOUR_MS);
    expect(await codeOf(media.follow(file.id, query))).toBe('invalid_signature');
  });

  test('to what no row knows, or whose bytes are gone, says so', async () => {
    const file = await store();
    const unknown = { ...file, id: makeId('file', { now: 1, random: database.random }) };
    expect(await codeOf(follow(unknown))).toBe('not_found');
    await media.discard(file.id);
    expect(await codeOf(follow(file))).toBe('result_unavailable');
  });
});

describe('the end of the retention', () => {
  test('deletes the bytes and keeps the row, at its very millisecond', async () => {
    const file = await store();
    database.clock.advance(HOUR_MS - 1);
    expect(await media.deleteExpired(10)).toBe(0);
    expect(existsSync(pathOf(file.id))).toBe(true);
    database.clock.advance(1);
    const link = media.link({ ...file, deleteAt: file.deleteAt + HOUR_MS }, database.clock.now());
    expect(await media.deleteExpired(10)).toBe(1);
    expect(existsSync(pathOf(file.id))).toBe(false);
    expect(await rowOf(file.id)).toEqual({ ...file, deletedAt: database.clock.now() });
    expect(await codeOf(media.follow(file.id, queryOf(link.path)))).toBe('result_unavailable');
    expect(await media.deleteExpired(10)).toBe(0);
  });

  test('comes to so many at a time, the longest overdue first', async () => {
    const { clock } = database;
    const files = [];
    for (const hours of [3, 1, 2]) files.push(await store({ deleteAt: clock.now() + hours * HOUR_MS }));
    clock.advance(4 * HOUR_MS);
    expect(await media.deleteExpired(2)).toBe(2);
    expect(files.map(({ id }) => existsSync(pathOf(id)))).toEqual([true, false, false]);
    expect(await media.deleteExpired(2)).toBe(1);
  });

  test('is made up for when the process died between the bytes and the row', async () => {
    const file = await store();
    database.clock.advance(HOUR_MS);
    rmSync(pathOf(file.id));
    expect(await media.deleteExpired(10)).toBe(1);
    expect((await rowOf(file.id))?.deletedAt).toBe(database.clock.now());
  });

  test('of one that cannot be removed keeps no other, is told of, and is tried again', async () => {
    const [stuck, other] = [await store(), await store()];
    rmSync(pathOf(stuck.id));
    mkdirSync(pathOf(stuck.id));
    database.clock.advance(HOUR_MS);
    expect(await faultOf(() => media.deleteExpired(10))).toMatch(/EISDIR|EPERM|directory/i);
    expect(existsSync(pathOf(other.id))).toBe(false);
    expect([(await rowOf(stuck.id))?.deletedAt, (await rowOf(other.id))?.deletedAt]).toEqual([
      ...[null, database.clock.now()],
    ]);
    rmSync(pathOf(stuck.id), { recursive: true });
    expect(await media.deleteExpired(10)).toBe(1);
  });

  test('of a reference comes with the end of its job, of an output not', async () => {
    const [reference, output] = [await store({ role: 'reference' }), await store()];
    await database.store.transaction((tx) => media.expireReferences(tx, 'job_1'));
    expect(await media.deleteExpired(10)).toBe(1);
    expect([reference, output].map(({ id }) => existsSync(pathOf(id)))).toEqual([false, true]);
  });
});

describe('orphans', () => {
  /** Makes a file so old on the clock of the test; the disk has a clock of its own. */
  const age = (path: string, hours: number) => {
    const at = new Date(database.clock.now() - hours * HOUR_MS);
    utimesSync(path, at, at);
  };
  /** A file that an earlier process has left. */
  const orphan = async (hours: number) => {
    const id = makeId('file', { now: 1, random: database.random });
    await createMediaDisk(folder).write(id, [Uint8Array.of(1)], 1);
    age(pathOf(id), hours);
    return id;
  };

  test('of more than a day are removed, younger ones may still get their row', async () => {
    const [old, young] = [await orphan(24.1), await orphan(23.9)];
    expect(await media.sweepOrphans(10)).toBe(1);
    expect([existsSync(pathOf(old)), existsSync(pathOf(young))]).toEqual([false, true]);
  });

  test('are not what a row keeps, however old', async () => {
    const file = await store({ deleteAt: Number.MAX_SAFE_INTEGER });
    age(pathOf(file.id), 10_000);
    expect(await media.sweepOrphans(10)).toBe(0);
    expect(existsSync(pathOf(file.id))).toBe(true);
  });

  test('are not what is being stored while the clock is set forward', async () => {
    const id = makeId('file', { now: 1, random: database.random });
    await media.write(id, [Uint8Array.of(1)], 1);
    age(pathOf(id), 25);
    expect(await media.sweepOrphans(10)).toBe(0);
    const { store: db, clock } = database;
    const row: StoredFile = {
      ...{ id, customerId: 'cus_1', jobId: 'job_1', role: 'output', position: 1, contentType: 'image/png' },
      ...{ bytes: 1, sha256: '', width: 1, height: 1, durationMs: null },
      ...{ createdAt: 1, deleteAt: Number.MAX_SAFE_INTEGER, deletedAt: null },
    };
    const undone = () =>
      db.transaction(async (tx) => {
        await media.record(tx, row);
        throw new Error('undone');
      });
    expect(await faultOf(undone)).toBe('undone');
    expect(await media.sweepOrphans(10)).toBe(0);
    // On its way while the sweep looks.
    const [removed] = await Promise.all([
      media.sweepOrphans(10),
      db.transaction((tx) => media.record(tx, row)),
    ]);
    expect(removed).toBe(0);
    clock.advance(25 * HOUR_MS);
    expect([await media.sweepOrphans(10), existsSync(pathOf(id))]).toEqual([0, true]);
  });

  test('are what was stored a day ago and never got a row', async () => {
    const id = makeId('file', { now: 1, random: database.random });
    await media.write(id, [Uint8Array.of(1)], 1);
    database.clock.advance(24 * HOUR_MS);
    age(pathOf(id), 25);
    expect([await media.sweepOrphans(10), existsSync(pathOf(id))]).toEqual([1, false]);
  });

  test('are also what a row has given up, and half-written files', async () => {
    const file = await store({ deletedAt: 1 });
    age(pathOf(file.id), 25);
    const partial = `${pathOf(file.id)}.7.part`;
    writeFileSync(partial, 'half');
    age(partial, 25);
    expect(await media.sweepOrphans(10)).toBe(2);
    expect([existsSync(pathOf(file.id)), existsSync(partial)]).toEqual([false, false]);
  });

  test('are removed so many at a time', async () => {
    for (let index = 0; index < 5; index++) await orphan(30);
    expect([await media.sweepOrphans(3), await media.sweepOrphans(3)]).toEqual([3, 2]);
  });
});
