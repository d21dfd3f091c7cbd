// `sluice restore`: a backup that is whole or nothing, and the data that was there is never lost.
import { describe, expect, test } from 'bun:test';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { lockDataFolder } from '../../src/store/lock.ts';
import { contentOf, filledWorld, makeScene } from './scene.ts';
import { runSluice } from './terminal.ts';

const { newFolder, atEnd } = makeScene();

describe('restore', () => {
  /** A backup of a small gateway, and a data folder that has other data. */
  async function scene() {
    const folder = newFolder();
    const { sluice, world } = await filledWorld(2);
    atEnd(world.close);
    const from = folder.beside('copy');
    expect((await sluice('backup', '--to', from)).code).toBe(0);
    await folder.sluice('migrate');
    await folder.sluice('customers', 'create', '--name', 'Other data');
    mkdirSync(join(folder.dir, 'media/zz'), { recursive: true });
    writeFileSync(join(folder.dir, 'media/zz/old'), 'an old file');
    return { folder, from, world };
  }

  const SPOILERS: Record<string, (from: string) => void> = {
    'without a manifest': (from) => unlinkSync(join(from, 'manifest.json')),
    'with half a manifest': (from) => truncateSync(join(from, 'manifest.json'), 200),
    'with a manifest of another format': (from) => edit(from, (manifest) => ({ ...manifest, format: 2 })),
    'without its database': (from) => unlinkSync(join(from, 'sluice.db')),
    'with one bit of its database changed': (from) => flipBit(join(from, 'sluice.db'), 5000),
    'with half of its database': (from) => truncateSync(join(from, 'sluice.db'), 8192),
    'with one bit of an image changed': (from) => flipBit(imageOf(from), 40),
    'with half of an image': (from) => truncateSync(imageOf(from), 20),
    'without an image': (from) => unlinkSync(imageOf(from)),
    'with an image that its manifest forgot': (from) =>
      edit(from, ({ media, ...rest }) => ({ ...rest, media: { ...media, files: media.files.slice(1) } })),
    'with an image too many in its manifest': (from) =>
      edit(from, ({ media, ...rest }) => ({
        ...rest,
        media: { ...media, missing: ['file_00000000000000000000000000'] },
      })),
    'with a path instead of a file in its manifest': (from) =>
      edit(from, ({ media, ...rest }) => ({
        ...rest,
        media: { ...media, files: media.files.map((file) => ({ ...file, id: '../../../../etc/passwd' })) },
      })),
    'with other counts in its manifest': (from) =>
      edit(from, (manifest) => ({ ...manifest, counts: { jobs: 99 } })),
    'with another schema in its manifest': (from) =>
      edit(from, (manifest) => ({ ...manifest, schemaVersion: 7 })),
  };

  test('refuses every backup that is not whole, with one sentence, and changes nothing', async () => {
    const { folder, from } = await scene();
    const before = contentOf(folder.dir);
    for (const [name, spoil] of Object.entries(SPOILERS)) {
      const spoilt = folder.beside('spoilt');
      cpSync(from, spoilt, { recursive: true });
      spoil(spoilt);
      const { code, out, notes } = await folder.sluice('restore', spoilt, '--force');
      expect([name, code, out]).toEqual([name, 1, '']);
      expect(notes.split('\n').at(-1)).toMatch(/^sluice restore: .*(damaged|no backup).*\.$/);
      expect(notes.split('\n').length).toBeLessThanOrEqual(2);
      expect(contentOf(folder.dir)).toEqual(before);
      rmSync(spoilt, { recursive: true });
    }
    const nothing = await folder.sluice('restore', folder.beside('nowhere'), '--force');
    expect([nothing.code, nothing.notes]).toEqual([1, expect.stringContaining('is no backup')]);
    expect((await folder.sluice('restore', from, '--force')).code).toBe(0);
  });

  test('refuses data that is there; with --force it is moved aside, and nothing of it is lost', async () => {
    const { folder, from } = await scene();
    const before = contentOf(folder.dir);
    const refused = await folder.sluice('restore', from);
    expect([refused.code, refused.notes]).toEqual([1, expect.stringContaining('--force')]);
    expect(contentOf(folder.dir)).toEqual(before);

    const { code, json } = await folder.sluice('restore', from, '--force', '--json');
    const { movedTo } = json() as { movedTo: string[] };
    expect([code, movedTo.length]).toEqual([0, 1]);
    const aside = contentOf(movedTo[0] ?? '');
    for (const name of ['sluice.db', 'media/zz/old']) {
      expect(aside[join(movedTo[0] ?? '', name)]).toBe(before[join(folder.dir, name)] ?? 'missing');
    }
    expect((await folder.sluice('customers', 'list')).out).not.toContain('Other data');
    expect(existsSync(join(folder.dir, 'master.key'))).toBe(true);
  });

  test('refuses a folder on which a gateway runs', async () => {
    const { folder, from } = await scene();
    const lock = lockDataFolder(folder.dir);
    const before = contentOf(folder.dir);
    const { code, notes } = await folder.sluice('restore', from, '--force');
    expect([code, notes]).toEqual([1, expect.stringContaining('is running')]);
    lock.release();
    expect(contentOf(folder.dir)).toEqual(before);
  });

  test('puts everything back when it cannot be finished', async () => {
    const { folder, from } = await scene();
    const before = contentOf(folder.dir);
    const sabotage = (line: string) => {
      if (!line.startsWith('copied')) return;
      for (const name of readdirSync(folder.dir)) {
        if (name.startsWith('media.restoring-')) rmSync(join(folder.dir, name), { recursive: true });
      }
    };
    const notes: string[] = [];
    const { code } = await runSluice(['restore', from, '--force'], {
      environment: { SLUICE_DATA_DIR: folder.dir },
      note: (line) => {
        notes.push(line);
        sabotage(line);
      },
    });
    expect([code, notes.at(-1)]).toEqual([1, expect.stringContaining('nothing was changed')]);
    expect(contentOf(folder.dir)).toEqual(before);
    expect((await folder.sluice('customers', 'list')).out).toContain('Other data');
  });

  test('that was killed half-way lets nothing start until it is done', async () => {
    const { folder, from } = await scene();
    writeFileSync(join(folder.dir, 'restore-under-way'), '');
    mkdirSync(join(folder.dir, '.restoring-2026'));
    for (const command of [['serve'], ['migrate'], ['customers', 'list']]) {
      const { code, notes } = await folder.sluice(...command);
      expect([code, notes]).toEqual([3, expect.stringContaining('interrupted half-way')]);
    }
    expect((await folder.sluice('doctor')).out).toContain('a restore was interrupted half-way');
    expect((await folder.sluice('restore', from, '--force')).code).toBe(0);
    expect(existsSync(join(folder.dir, '.restoring-2026'))).toBe(false);
    expect((await folder.sluice('customers', 'list')).code).toBe(0);
  });

  test('tells whether the master key here is the one of then', async () => {
    const source = newFolder();
    await source.sluice('migrate');
    await source.sluice('customers', 'create', '--name', 'Acme');
    const from = source.beside('copy');
    await source.sluice('backup', '--to', from);
    const target = newFolder();
    const restored = async (...options: string[]) =>
      (await target.sluice('restore', from, '--json', ...options)).json();
    expect(await restored()).toMatchObject({ ok: true, masterKey: 'absent', movedTo: [] });
    writeFileSync(join(target.dir, 'master.key'), `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    expect(await restored('--force')).toMatchObject({ masterKey: 'wrong' });
    expect(await target.sluice('customers', 'list')).toMatchObject({ code: 3 });
    cpSync(join(source.dir, 'master.key'), join(target.dir, 'master.key'));
    expect(await restored('--force')).toMatchObject({ masterKey: 'right' });
    expect((await target.sluice('customers', 'list')).out).toContain('Acme');
  });

  test.if(process.getuid?.() === 0)(
    'is not done by the super-user into the folder of another, who could not write it then',
    async () => {
      const { folder, from } = await scene();
      chownSync(folder.dir, 65_534, 65_534);
      const { code, notes } = await runSluice(['restore', from, '--force'], {
        environment: { SLUICE_DATA_DIR: folder.dir },
        userId: 0,
      });
      expect([code, notes]).toEqual([3, expect.stringContaining('belongs to user 65534')]);
    },
  );

  test('keeps to a media folder elsewhere', async () => {
    const { from } = await scene();
    const folder = newFolder();
    const media = folder.beside('elsewhere');
    const sluice = (...args: string[]) =>
      runSluice(args, { environment: { SLUICE_DATA_DIR: folder.dir, SLUICE_MEDIA: `file:${media}` } });
    expect((await sluice('restore', from)).code).toBe(0);
    expect(Object.keys(contentOf(media))).toHaveLength(2);
    expect(existsSync(join(folder.dir, 'media'))).toBe(false);
    const { movedTo } = (await sluice('restore', from, '--force', '--json')).json() as { movedTo: string[] };
    expect(movedTo).toEqual([
      expect.stringContaining('/data/replaced-'),
      expect.stringContaining('/elsewhere.replaced-'),
    ]);
    expect(Object.keys(contentOf(movedTo[1] ?? ''))).toHaveLength(2);
  });
});

type Manifest = { media: { files: { id: string }[]; missing: string[] } } & Record<string, unknown>;

function edit(from: string, change: (manifest: Manifest) => object): void {
  const file = join(from, 'manifest.json');
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as Manifest)));
}

function flipBit(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
}

function imageOf(from: string): string {
  return Object.keys(contentOf(join(from, 'media')))[0] ?? '';
}
