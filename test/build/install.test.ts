// What `npm start` does on a clone: when it asks npm for the packages, and when it leaves npm alone. The npm of these
// tests writes down how it was called and installs what it is told to.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from '../house/source.ts';

type Packages = Record<string, { version: string; optional?: boolean }>;

const WANTED: Packages = {
  '': { version: '0.1.0' },
  'node_modules/bun': { version: '1.0.0' },
  'node_modules/for-another-platform': { version: '1.0.0', optional: true },
};
const INSTALLED: Packages = { 'node_modules/bun': { version: '1.0.0' } };
/** Puts a runtime of a credible size where the real script does. */
const BUN_SCRIPT = `require('fs').writeFileSync(__dirname + '/bin/bun.exe', Buffer.alloc(2 ** 21));`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-install-'));
  mkdirSync(join(dir, 'src/build'), { recursive: true });
  cpSync(join(ROOT, 'src/build/install.mjs'), join(dir, 'src/build/install.mjs'));
  write('package-lock.json', { packages: WANTED });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, content: unknown): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), typeof content === 'string' ? content : JSON.stringify(content));
}

function haveInstalled(packages: Packages): void {
  write('node_modules/.package-lock.json', { packages });
  write('node_modules/bun/install.js', BUN_SCRIPT);
  write('node_modules/bun/bin/bun.exe', 'a stub');
}

/** Runs the script with a stand-in for npm; returns its exit code and how npm was called, if it was. */
async function install(npmExit = 0): Promise<{ code: number; asked: string[] | null }> {
  write(
    'npm-cli.js',
    `const fs = require('fs'); fs.writeFileSync('asked.json', JSON.stringify(process.argv.slice(2)));
     if (${npmExit}) process.exit(${npmExit});
     fs.mkdirSync('node_modules/bun/bin', { recursive: true });
     fs.writeFileSync('node_modules/bun/install.js', ${JSON.stringify(BUN_SCRIPT)});
     fs.writeFileSync('node_modules/.package-lock.json', ${JSON.stringify(JSON.stringify({ packages: INSTALLED }))});`,
  );
  const child = Bun.spawn(['node', 'src/build/install.mjs'], {
    cwd: dir,
    env: { PATH: Bun.env['PATH'], npm_execpath: join(dir, 'npm-cli.js') },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const code = await child.exited;
  const log = join(dir, 'asked.json');
  return { code, asked: existsSync(log) ? (JSON.parse(readFileSync(log, 'utf8')) as string[]) : null };
}

const hasRuntime = () => Bun.file(join(dir, 'node_modules/bun/bin/bun.exe')).size > 2 ** 20;

describe('on a fresh clone', () => {
  test('everything is installed, without running scripts of packages, and the runtime is put in place', async () => {
    const { code, asked } = await install();
    expect(code).toBe(0);
    expect(asked).toEqual(expect.arrayContaining(['ci', '--ignore-scripts', '--include=dev']));
    expect(hasRuntime()).toBe(true);
  });

  test('a failing npm ends it with its code', async () => {
    expect((await install(7)).code).toBe(7);
  });
});

describe('on an installed clone', () => {
  test('npm is not asked', async () => {
    haveInstalled(INSTALLED);
    await install();
    expect(await install()).toEqual({ code: 0, asked: null });
  });

  test('a runtime that an interrupted install left out is put in place', async () => {
    haveInstalled(INSTALLED);
    expect(await install()).toEqual({ code: 0, asked: null });
    expect(hasRuntime()).toBe(true);
  });

  test.each([
    ['another version in the lock file', { ...WANTED, 'node_modules/bun': { version: '1.0.1' } }],
    ['a new package in the lock file', { ...WANTED, 'node_modules/new': { version: '1.0.0' } }],
  ])('%s is installed', async (_, packages) => {
    haveInstalled(INSTALLED);
    write('package-lock.json', { packages });
    expect((await install()).asked).not.toBeNull();
  });

  test('an install that was cut off is done again', async () => {
    haveInstalled(INSTALLED);
    rmSync(join(dir, 'node_modules/.package-lock.json'));
    expect((await install()).asked).not.toBeNull();
  });
});
