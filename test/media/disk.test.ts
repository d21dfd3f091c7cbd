// Files on disk: whole or not at all, under our own names and for their owner only; and what is not ours is left alone.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '../../src/crypto.ts';
import { makeId } from '../../src/ids.ts';
import { createMediaDisk, type MediaStore } from '../../src/media/index.ts';
import { faultOf } from '../support/database.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { eventually } from '../support/turns.ts';

const random = createSeededRandom(1);
const newId = () => makeId('file', { now: 1_800_000_000_000, random });

let dir: string;
let disk: MediaStore;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  disk = createMediaDisk(join(dir, 'media'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const bytes = (...values: number[]) => Uint8Array.from(values);
const pathOf = (id: string) => join(dir, 'media', id.slice(-3, -1), id);
const namesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
const readBack = async (id: string) => (await disk.open(id))?.bytes();
const age = (path: string, ms: number) =>
  utimesSync(path, new Date(Date.now() - ms), new Date(Date.now() - ms));

describe('writing', () => {
  test('stores the pieces in order, with size and hash, for the owner only', async () => {
    const before = process.umask(0);
    const id = newId();
    const written = await disk.write(id, [bytes(1, 2), bytes(), bytes(3)], 3);
    process.umask(before);
    expect(written).toEqual({ bytes: 3, sha256: sha256Hex(bytes(1, 2, 3)) });
    expect(await readBack(id)).toEqual(bytes(1, 2, 3));
    expect(statSync(pathOf(id)).mode & 0o777).toBe(0o600);
    expect(statSync(join(pathOf(id), '..')).mode & 0o777).toBe(0o700);
  });

  test('takes what comes piece by piece', async () => {
    const id = newId();
    async function* slow() {
      for (let index = 0; index < 100; index++) yield new Uint8Array(1000).fill(index);
    }
    expect(await disk.write(id, slow(), 100_000)).toMatchObject({ bytes: 100_000 });
    expect((await readBack(id))?.at(-1)).toBe(99);
  });

  test.each([
    ['one byte too many', [bytes(1, 2), bytes(3, 4)]],
    ['nothing', []],
    ['empty pieces', [bytes(), bytes()]],
  ])('%s leaves nothing', async (_, pieces) => {
    expect(await disk.write(newId(), pieces, 3)).toBeNull();
    expect(namesIn(dir)).toEqual([]);
  });

  test('that breaks off leaves nothing, and says why', async () => {
    async function* broken() {
      yield bytes(1);
      throw new Error('the peer is gone');
    }
    expect(await faultOf(() => disk.write(newId(), broken(), 10))).toBe('the peer is gone');
    expect(namesIn(dir)).toEqual([]);
  });

  test('that is too large stops reading there', async () => {
    let pieces = 0;
    function* endless() {
      for (;;) {
        pieces += 1;
        yield new Uint8Array(10);
      }
    }
    expect(await disk.write(newId(), endless(), 25)).toBeNull();
    expect(pieces).toBe(3);
  });

  test('again exchanges the file', async () => {
    const id = newId();
    await disk.write(id, [bytes(1, 2, 3)], 10);
    await disk.write(id, [bytes(4)], 10);
    expect(await readBack(id)).toEqual(bytes(4));
    expect(namesIn(dir)).toEqual([id]);
  });

  test('that fails keeps the file of an earlier try', async () => {
    const id = newId();
    await disk.write(id, [bytes(1)], 10);
    await disk.write(id, [bytes(1, 2, 3)], 2);
    expect(await readBack(id)).toEqual(bytes(1));
  });

  test('shows nothing before its end, and never what a newer write has overtaken', async () => {
    const id = newId();
    const gate = Promise.withResolvers<void>();
    async function* slow() {
      yield bytes(1, 1);
      await gate.promise;
      yield bytes(1);
    }
    const first = faultOf(() => disk.write(id, slow(), 10));
    await eventually('it writes', () => namesIn(dir).length === 1);
    expect(await disk.open(id)).toBeNull();
    expect(await disk.write(id, [bytes(2, 2)], 10)).toMatchObject({ bytes: 2 });
    expect(await readBack(id)).toEqual(bytes(2, 2));
    gate.resolve();
    expect(await first).toBe('a newer write of the file has begun');
    expect(await readBack(id)).toEqual(bytes(2, 2));
    expect(namesIn(dir)).toEqual([id]);
  });

  test.each(['', '../escape', 'file_x/../../etc', 'job_06f3abcdefghjkmnpqrstvwxyz', 'file_UPPER'])(
    'under the name %p is refused, as is reading and removing',
    async (name) => {
      const why = 'a media file is named by an id of ours';
      expect(await faultOf(() => disk.write(name, [bytes(1)], 10))).toBe(why);
      expect(await faultOf(() => disk.open(name))).toBe(why);
      expect(await faultOf(() => disk.remove(name))).toBe(why);
      expect(namesIn(dir)).toEqual([]);
    },
  );
});

test('what is not there is not opened, and removing it is no fault', async () => {
  const id = newId();
  expect(await disk.open(id)).toBeNull();
  await disk.remove(id);
  await disk.write(id, [bytes(1)], 10);
  await disk.remove(id);
  await disk.remove(id);
  expect(await disk.open(id)).toBeNull();
});

test('files spread over many folders', async () => {
  const ids = Array.from({ length: 200 }, newId);
  for (const id of ids) await disk.write(id, [bytes(1)], 1);
  expect(readdirSync(join(dir, 'media')).length).toBeGreaterThan(100);
});

describe('what lies there', () => {
  const listed = async (olderThan = Date.now() - 1000) => {
    const found = [];
    for await (const entry of disk.listOlderThan(olderThan)) found.push(entry);
    return found;
  };

  test('is listed by age: files by name, interrupted writes without', async () => {
    const [old, young] = [newId(), newId()];
    for (const id of [old, young]) await disk.write(id, [bytes(1)], 1);
    for (const partial of [`${old}.part`, `${old}.3.part`]) {
      writeFileSync(join(pathOf(old), '..', partial), 'half');
      age(join(pathOf(old), '..', partial), 5000);
    }
    age(pathOf(old), 5000);
    const found = await listed();
    expect(found.map(({ fileId }) => fileId ?? 'interrupted').sort()).toEqual([
      old,
      'interrupted',
      'interrupted',
    ]);
    for (const { remove } of found) await remove();
    expect(namesIn(dir)).toEqual([young]);
  });

  test('and is not ours is not listed, whatever its name ends in', async () => {
    const shard = join(dir, 'media', 'ab');
    mkdirSync(join(shard, 'deeper'), { recursive: true });
    const strangers = [
      'holiday.png',
      'film.mkv.part',
      '.part',
      'job_06f3abcdefghjkmnpqrstvwxyz',
      'file_.part',
    ];
    for (const name of strangers) {
      writeFileSync(join(shard, name), 'x');
      age(join(shard, name), 5000);
    }
    writeFileSync(join(dir, 'media', 'README'), 'x');
    expect(await listed()).toEqual([]);
  });

  test('and is removed meanwhile is passed over', async () => {
    const ids = Array.from({ length: 40 }, newId);
    for (const id of ids) {
      await disk.write(id, [bytes(1)], 1);
      age(pathOf(id), 5000);
    }
    let count = 0;
    for await (const _ of disk.listOlderThan(Date.now())) {
      count += 1;
      for (const id of ids) await disk.remove(id);
    }
    expect(count).toBeGreaterThan(0);
    expect(existsSync(join(dir, 'media'))).toBe(true);
  });

  test('is nothing where no folder is', async () => {
    expect(await listed()).toEqual([]);
  });
});
