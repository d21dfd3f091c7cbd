// A clone as a newcomer has it: made a minute ago, nothing installed, and of commands node, npm and the shell only.
// What is cloned is what has been committed here. Needs git to make the clone and curl to paste the printed line.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from '../../src/errors.ts';
import { readTally } from '../ci/tally.ts';
import { ROOT } from '../house/source.ts';
import { startExecutable } from '../support/executable.ts';
import { createProofs } from '../support/proofs.ts';
import { registrySettings } from '../support/registry.ts';
import { readMp4, readPngSize } from '../testcard/read-media.ts';

const COMMANDS = ['node', 'npm', 'sh'];
const MAX_START_SECONDS = 60;
const MAX_TEST_SECONDS = 180;

const scratch = mkdtempSync(join(tmpdir(), 'sluice-clone-'));
const clone = join(scratch, 'sluice');
const commands = join(scratch, 'commands');
const environment = {
  ...registrySettings(),
  PATH: commands,
  HOME: process.env['HOME'] ?? scratch,
};
const { prove, conclude } = createProofs();

type Ended = { code: number; out: string; seconds: number };

/** Runs a command of this machine, or of the newcomer's if that is the environment. */
async function run(command: string[], env: Record<string, string | undefined>, cwd = clone): Promise<Ended> {
  const startedAt = performance.now();
  const child = Bun.spawn(command, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, notes] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const code = await child.exited;
  return { code, out: out + notes, seconds: (performance.now() - startedAt) / 1000 };
}

/** What went wrong is in the last lines. */
const tailOf = (text: string) => text.trimEnd().split('\n').slice(-40).join('\n');

async function makeClone(): Promise<void> {
  mkdirSync(commands);
  for (const name of COMMANDS) {
    const path = Bun.which(name);
    assert(path !== null, `there is ${name}`);
    symlinkSync(path, join(commands, name));
  }
  const { code, out } = await run(['git', 'clone', '--quiet', ROOT, clone], process.env, scratch);
  assert(code === 0 && !existsSync(join(clone, 'node_modules')), out);
}

async function start(): Promise<string> {
  const startedAt = performance.now();
  const running = await startExecutable({
    cwd: clone,
    environment: { ...environment, PORT: '0' },
    // The word that is added, `serve`, becomes the shell's own name; `npm start` says it itself.
    command: ['sh', '-c', 'exec npm start'],
  });
  const seconds = (performance.now() - startedAt) / 1000;
  try {
    assert(seconds < MAX_START_SECONDS, `it takes ${MAX_START_SECONDS} s at most and not ${seconds}`);
    const notes = running.notes();
    assert(
      notes.includes(join(clone, 'data', 'operator.key')),
      `it says where the operator key is: ${notes}`,
    );
    assert(existsSync(join(clone, 'data', 'operator.key')), 'the operator key is there');
    const line = notes.slice(notes.indexOf('curl '));
    const answer = await run(['sh', '-c', line], process.env);
    assert(answer.out.includes('"status":"completed"'), `the printed line makes an image: ${answer.out}`);
  } finally {
    running.signal('SIGTERM');
  }
  const { code, notes } = await running.ended;
  assert(
    code === 0 && !existsSync(join(clone, 'data', 'server.json')),
    `it stops in order: ${code} ${notes}`,
  );
  return `${seconds.toFixed(1)} s with the packages`;
}

async function demo(): Promise<string> {
  const { code, out } = await run(['npm', 'run', 'demo'], environment);
  assert(code === 0, tailOf(out));
  const read = (name: string) => readFileSync(join(clone, 'sluice-demo', name));
  const [image, film] = [readPngSize(read('image.png')), readMp4(read('video.mp4'))];
  return `PNG ${image.width} x ${image.height}, MP4 of ${film.durationMs / 1000} s`;
}

async function runTests(): Promise<string> {
  const { code, out, seconds } = await run(['npm', 'test'], environment);
  const tally = readTally(out);
  assert(code === 0 && tally !== null && tally.failed === 0, tailOf(out));
  assert(seconds < MAX_TEST_SECONDS, `it takes ${MAX_TEST_SECONDS} s at most and not ${seconds}`);
  return `${tally.passed} tests in ${seconds.toFixed(0)} s`;
}

async function build(): Promise<void> {
  const { code, out } = await run(['npm', 'run', 'build'], environment);
  assert(code === 0 && existsSync(join(clone, 'dist', 'sluice')), tailOf(out));
}

async function findNothing(): Promise<void> {
  const { code, out } = await run(['git', 'status', '--porcelain'], process.env);
  assert(code === 0 && out === '', `git sees ${out}`);
}

if (await prove('a clone is made, with nothing installed', makeClone)) {
  await prove('npm start serves, and the printed line works', start);
  await prove('npm run demo leaves a picture and a video', demo);
  await prove('npm test passes', runTests);
  await prove('npm run build makes the executable', build);
  await prove('none of it leaves anything that git would take', findNothing);
}
rmSync(scratch, { recursive: true, force: true });
conclude();
