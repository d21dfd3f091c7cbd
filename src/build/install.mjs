// Runs under plain Node before every npm script: installs the packages when they are missing or older than
// the lock file, so that `npm start` and `npm test` work on a fresh clone.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
// npm writes this file at the end of each install; it is absent when an install was cut off.
const marker = join(root, 'node_modules', '.package-lock.json');
const lockFile = join(root, 'package-lock.json');

if (!existsSync(marker) || statSync(marker).mtimeMs < statSync(lockFile).mtimeMs) {
  console.error('Installing packages (only when the lock file changed) ...');
  const npm = process.env.npm_execpath;
  const [command, ...prefix] = npm ? [process.execPath, npm] : ['npm'];
  const result = spawnSync(command, [...prefix, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.status !== 0) {
    console.error('The packages could not be installed; see the lines above.');
    process.exit(result.status ?? 1);
  }
}
