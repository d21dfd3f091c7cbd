// `sluice backup`: online, checked, and refused where it could not be whole.
import { describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { startGateway } from './gateway.ts';
import { runProcess } from './process.ts';
import { auditOf, contentOf, filledWorld, makeScene, orderImage, type FilledWorld } from './scene.ts';

const { newFolder, atEnd } = makeScene();

async function openFilled(images?: number): Promise<FilledWorld> {
  const filled = await filledWorld(images);
  atEnd(filled.world.close);
  return filled;
}

describe('backup', () => {
  test('while the gateway works: what is restored has the same books, rows and files', async () => {
    const { world, sluice } = await openFilled();
    const folder = newFolder();
    const to = folder.beside('copy');
    const made = await sluice('backup', '--to', to, '--json');
    expect([made.code, made.json()]).toMatchObject([
      0,
      {
        ok: true,
        folder: to,
        hasKeys: false,
        counts: { customers: 1, jobs: 4 },
        media: { files: 3, missing: [] },
      },
    ]);
    const restored = await folder.sluice('restore', to);
    expect([restored.code, restored.notes]).toEqual([0, expect.stringContaining('master key')]);
    expect(await auditOf(folder.dir)).toEqual(await auditOf(world.dir));
    const [before, after] = [contentOf(join(world.dir, 'media')), contentOf(join(folder.dir, 'media'))];
    expect(Object.values(after).toSorted()).toEqual(Object.values(before).toSorted());
    expect(Object.keys(after)).toHaveLength(3);
  });

  test('is for its owner only, whole, and without the keys', async () => {
    const folder = newFolder();
    const listening = await startGateway(folder.dir);
    atEnd(listening.stop);
    const { code, out, notes } = await folder.sluice('backup');
    expect(code).toBe(0);
    expect(out).toMatch(/\/data\/backups\/20[\dTZ.-]+$/);
    expect(notes).toContain('The master key and the operator key are not in it');
    expect(readdirSync(out).toSorted()).toEqual(['manifest.json', 'sluice.db']);
    expect([statSync(out).mode & 0o777, statSync(join(out, 'sluice.db')).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);
    const secrets = ['master.key', 'operator.key'].map((name) =>
      readFileSync(join(folder.dir, name), 'utf8').trim(),
    );
    for (const path of Object.keys(contentOf(out))) {
      for (const secret of secrets) expect(readFileSync(path, 'latin1')).not.toContain(secret);
    }
    expect(existsSync(`${out}.part`)).toBe(false);
  });

  test('says which files were not there, or not whole, and is good without them', async () => {
    const { world, sluice } = await openFilled();
    const [gone = '', cut = '', kept = ''] = Object.keys(contentOf(join(world.dir, 'media')));
    unlinkSync(gone);
    truncateSync(cut, 5);
    const folder = newFolder();
    const made = await sluice('backup', '--to', folder.beside('copy'), '--json');
    const names = [gone, cut].map((path) => path.split('/').at(-1) ?? '');
    const { media } = made.json() as { media: { files: number; missing: string[] } };
    expect(media.missing.toSorted().join()).toBe(names.toSorted().join());
    expect([media.files, made.notes]).toEqual([
      1,
      expect.stringContaining('2 files that the database names'),
    ]);
    expect((await folder.sluice('restore', folder.beside('copy'))).code).toBe(0);
    expect(
      Object.keys(contentOf(join(folder.dir, 'media')))[0]
        ?.split('/')
        .at(-1),
    ).toBe(kept.split('/').at(-1));
  });

  test('under writes without a pause is one moment of the books, and everything before its start is in it', async () => {
    const { world, key } = await openFilled(20);
    const folder = newFolder();
    const write = async (round: number) => {
      await world.operator('POST', '/api/public/customers', { body: { name: `Customer ${round}` } });
      await orderImage(world, key, `during-${round}`);
      if (round % 5 === 0) await world.advance(60_000);
    };
    const before = await auditOf(world.dir);
    const backup = runProcess(['backup', '--json', '--to', folder.beside('copy')], {
      environment: { SLUICE_DATA_DIR: world.dir },
    });
    let isOver = false;
    const made = backup.finally(() => {
      isOver = true;
    });
    for (let round = 0; !isOver; round++) await write(round);
    expect(await made).toMatchObject({ code: 0 });
    const after = await auditOf(world.dir);
    await folder.sluice('restore', folder.beside('copy'));
    const { books, events } = await auditOf(folder.dir);
    expect(books.faults).toEqual([]);
    expect(books.entries).toBeGreaterThanOrEqual(before.books.entries);
    expect(books.entries).toBeLessThanOrEqual(after.books.entries);
    expect(events).toBeGreaterThanOrEqual(before.events);
    expect(after.books.entries).toBeGreaterThan(before.books.entries);
    // The doctor of the copy finds every file of every row.
    const { checks } = (await folder.sluice('doctor', '--json')).json() as {
      checks: { check: string; isOk: boolean }[];
    };
    expect(checks.filter(({ check }) => check === 'media')).toEqual([
      expect.objectContaining({ isOk: true }),
    ]);
  });

  test('is refused in one sentence where it cannot be made, and leaves nothing behind', async () => {
    const { sluice } = await openFilled(1);
    const folder = newFolder();
    const [full, under, file] = ['full', 'under-way', 'file'].map(folder.beside) as [string, string, string];
    mkdirSync(join(full, 'something'), { recursive: true });
    mkdirSync(`${under}.part`);
    writeFileSync(file, '');
    const CASES: [string, string][] = [
      [full, 'is not empty'],
      [under, 'interrupted backup'],
      [file, 'is not empty'],
      [join(file, 'below'), 'cannot be made'],
    ];
    for (const [to, fault] of CASES) {
      const before = contentOf(folder.beside(''));
      const { code, out, notes } = await sluice('backup', '--to', to);
      expect([to, code, out, notes]).toEqual([to, 1, '', expect.stringContaining(fault)]);
      expect(notes.split('\n')).toHaveLength(1);
      expect(contentOf(folder.beside(''))).toEqual(before);
    }
    const none = await folder.sluice('backup');
    expect([none.code, none.notes]).toEqual([3, expect.stringContaining('There is no database')]);
    expect(existsSync(folder.dir)).toBe(false);
  });

  test('of a damaged database is refused: a copy of damage is no backup', async () => {
    const { world, sluice } = await openFilled(1);
    await world.store.close();
    const file = join(world.dir, 'sluice.db');
    const bytes = readFileSync(file);
    // Past the first page, so that the file still opens.
    bytes.fill(0xa5, 3 * 4096, 20 * 4096);
    writeFileSync(file, bytes);
    const folder = newFolder();
    const { code, notes } = await sluice('backup', '--to', folder.beside('copy'));
    expect([1, 3]).toContain(code);
    expect(notes).toMatch(/damaged|malformed/);
    expect(readdirSync(folder.beside(''))).toEqual([]);
    await world.crash().catch(() => undefined);
  });
});
