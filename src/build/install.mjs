// Runs under plain Node first in every npm script: installs the packages when those of the lock file are not there, so
// that `npm start` and `npm test` work on a fresh clone. It asks no registry when nothing is missing.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bun = join(root, 'node_modules', 'bun');
/** What the package holds until its own install script has put the runtime there is a text of a few lines. */
const MIN_BUN_BYTES = 2 ** 20;

if (!isInstalled()) {
  console.error('Installing the packages of package-lock.json ...');
  // No package's script runs: the one that is needed is called below, and better-sqlite3 has nothing to compile.
  // Whatever npm's configuration leaves out is asked for, because the tests need it.
  const flags = ['--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  run(...npm(), 'ci', ...flags, '--loglevel=error');
}
if (!hasBun()) run(process.execPath, join(bun, 'install.js'));

/** npm writes its own list at the very end of an install, so one that was cut off has none. */
function isInstalled() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages(join('node_modules', '.package-lock.json'));
  if (present === null) return false;
  return Object.entries(wanted ?? {}).every(([path, { version, optional }]) => {
    if (path === '') return true;
    // What is for another platform is not there.
    return path in present ? present[path].version === version : optional === true;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch {
    return null;
  }
}

function hasBun() {
  return (statSync(join(bun, 'bin', 'bun.exe'), { throwIfNoEntry: false })?.size ?? 0) > MIN_BUN_BYTES;
}

/** The npm that runs this; another package manager that does so would not know the lock file. */
function npm() {
  const script = process.env.npm_execpath;
  return script && basename(script) === 'npm-cli.js' ? [process.execPath, script] : ['npm'];
}

function run(command, ...args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  console.error('The packages could not be installed; see the lines above.');
  process.exit(status ?? 1);
}
