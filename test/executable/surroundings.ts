// What lies around the executable must not change what it does: files that the runtime would read by itself, and a
// temporary folder that cannot be used. Needs the right to mount in a namespace of its own (root, or user namespaces).
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireExecutable, runExecutable, startExecutable } from '../support/executable.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-around-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, content: string) => writeFileSync(join(dir, name), content);

test('files of the working folder that the runtime would read have no effect', async () => {
  const evil = `require('node:fs').writeFileSync('evil-ran', ''); process.env.LOG_LEVEL = 'nonsense';`;
  write('evil.js', evil);
  write(
    'bunfig.toml',
    'preload = ["./evil.js"]\n[run]\npreload = ["./evil.js"]\n[test]\npreload = ["./evil.js"]\n',
  );
  for (const name of ['.env', '.env.local', '.env.production', '.env.development']) {
    write(name, 'LOG_LEVEL=nonsense\nSLUICE_NO_SETTING=1\nBUN_OPTIONS=--preload=./evil.js\n');
  }
  write('package.json', '{"name":"evil","imports":{"#sqlite":"./evil.js"},"type":"module"}');
  write('tsconfig.json', '{"compilerOptions":{"paths":{"*":["./evil.js"]}}}');
  mkdirSync(join(dir, 'node_modules', 'better-sqlite3'), { recursive: true });
  write('node_modules/better-sqlite3/index.js', evil);

  const running = await startExecutable({ cwd: dir, environment: { PORT: '0' } });
  const { status } = await fetch(`${running.url}/readyz`);
  running.signal('SIGTERM');
  expect({ status, code: (await running.ended).code }).toEqual({ status: 200, code: 0 });
  expect(existsSync(join(dir, 'evil-ran'))).toBe(false);
});

describe('a temporary folder', () => {
  /** The executable with a file system of these options as its temporary folder. */
  function startWith(mountOptions: string) {
    const temporary = join(dir, 'temporary');
    mkdirSync(temporary);
    return runExecutable(
      ['-c', `mount -t tmpfs -o ${mountOptions} none "$TMPDIR" && exec "$0" serve`, requireExecutable()],
      {
        cwd: dir,
        command: ['unshare', '--mount', '--map-root-user', 'sh'],
        environment: { PATH: process.env['PATH'] ?? '', PORT: '0', TMPDIR: temporary },
      },
    );
  }

  test.each([
    ['that cannot be written', 'ro'],
    ['from which nothing can be executed', 'noexec'],
  ])('%s stops the start with one sentence', async (_, mountOptions) => {
    const { code, notes } = await startWith(mountOptions);
    expect(notes).toMatch(/^sluice: The database driver cannot be loaded [^\n]*TMPDIR names another\.\n$/);
    expect(notes).toContain(join(dir, 'temporary'));
    expect(code).toBe(3);
  });
});
