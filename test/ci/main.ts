// Everything that is proven before a change is taken, in one run: checks, fast tests, then the slow suites. The last
// line is `N passed, N failed` over all that ran. `.ci/run` puts the machine in order and calls it.
import { Glob } from 'bun';
import { ROOT } from '../house/source.ts';
import { sumOf, tallyOf, type Tally } from './tally.ts';

type Suite = { name: string; command: string[] };
type Done = { name: string; tally: Tally; seconds: number };

/** A suite that takes this long hangs. */
const MAX_SUITE_MS = 15 * 60_000;
const LAST_WORDS_MS = 5000;
const CRASH_KILLS = 100;
const SIMULATED_JOBS = 10_000;

const bun = process.execPath;
/** A slow test takes as long as the sandbox makes its customers wait. */
const BUN_TEST = [bun, 'test', '--timeout', '90000'];

const suites: Suite[] = [
  { name: 'check', command: ['npm', 'run', '-s', 'check'] },
  { name: 'test', command: ['npm', '-s', 'test'] },
  { name: 'build', command: ['npm', 'run', '-s', 'build'] },
  { name: 'executable', command: [...BUN_TEST, ...filesIn('executable')] },
  { name: 'crash', command: [bun, 'test/crash/main.ts', '--kills', String(CRASH_KILLS)] },
  { name: 'simulation', command: [bun, 'test/sim/main.ts', '--jobs', String(SIMULATED_JOBS)] },
  { name: 'clone', command: [bun, 'test/clone/main.ts'] },
  { name: 'docker', command: [bun, 'test/docker/main.ts'] },
  { name: 'browser', command: [...BUN_TEST, ...filesIn('browser')] },
  { name: 'examples', command: [bun, 'test/examples/main.ts'] },
  { name: 'media', command: [bun, 'test/media-check/main.ts'] },
];

function filesIn(folder: string): string[] {
  const found = Array.from(new Glob(`test/${folder}/*.ts`).scanSync({ cwd: ROOT }), (path) => `./${path}`);
  return found.sort();
}

const done: Done[] = [];
for (const suite of suites) done.push(await run(suite));
console.log('\n');
for (const { name, tally, seconds } of done) {
  console.log(
    `${name.padEnd(12)}${String(tally.passed).padStart(6)} passed${String(tally.failed).padStart(4)} failed${seconds.toFixed(0).padStart(6)} s`,
  );
}
const total = sumOf(done.map(({ tally }) => tally));
process.exitCode = total.failed === 0 ? 0 : 1;
console.log(`${total.passed} passed, ${total.failed} failed`);

async function run({ name, command }: Suite): Promise<Done> {
  console.log(`\n--- ${name}: ${command.map((word) => word.replace(bun, 'bun')).join(' ')}`);
  const startedAt = performance.now();
  const child = Bun.spawn(command, {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that all of it can be ended.
    detached: true,
  });
  const endAll = () => endGroup(child.pid);
  const hanging = setTimeout(endAll, MAX_SUITE_MS);
  process.once('SIGINT', endAll).once('SIGTERM', endAll);
  // In the order of arrival, because bun counts on standard error and others on standard output.
  let output = '';
  const show = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      process.stdout.write(piece);
      output += decoder.decode(piece, { stream: true });
    }
  };
  const shown = Promise.all([show(child.stdout), show(child.stderr)]);
  const code = await child.exited;
  // What a suite has left running would keep the streams open.
  await Promise.race([shown, Bun.sleep(LAST_WORDS_MS)]);
  endAll();
  clearTimeout(hanging);
  process.off('SIGINT', endAll).off('SIGTERM', endAll);
  return { name, tally: tallyOf({ code, output }), seconds: (performance.now() - startedAt) / 1000 };
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
}
