// The build itself: the same source gives the same bytes, wherever the checkout lies.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ROOT } from '../house/source.ts';

const SLOW_MS = 60_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-build-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function copyCheckout(): string {
  const checkout = join(folder, 'one');
  for (const part of ['src', 'package.json', 'tsconfig.json', 'node_modules']) {
    cpSync(join(ROOT, part), join(checkout, part), {
      recursive: true,
      verbatimSymlinks: true,
      // The runtime is large, and runs from where it is.
      filter: (path) => basename(path) !== 'bun.exe' && basename(path) !== 'bunx.exe',
    });
  }
  return checkout;
}

async function buildIn(checkout: string): Promise<Buffer> {
  const build = Bun.spawn([process.execPath, 'src/build/executable.ts'], { cwd: checkout, stdout: 'ignore' });
  expect(await build.exited).toBe(0);
  return Buffer.from(await Bun.file(join(checkout, 'dist/sluice')).arrayBuffer());
}

test(
  'a checkout gives the same bytes after it has moved, and they name no place',
  async () => {
    const checkout = copyCheckout();
    const here = await buildIn(checkout);
    const elsewhere = join(folder, 'deeper', 'down');
    mkdirSync(elsewhere, { recursive: true });
    renameSync(checkout, join(elsewhere, 'other'));
    const there = await buildIn(join(elsewhere, 'other'));
    expect(there.equals(here)).toBe(true);
    for (const path of [folder, ROOT]) expect(here.includes(path)).toBe(false);
  },
  SLOW_MS,
);
