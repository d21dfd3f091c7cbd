// The Dockerfile, proven without an engine: its build stage is run here, its final stage becomes a folder, and a process
// is put into it by chroot as the image's user, with a read-only root and one volume. Needs root, for chroot and mounts.
// What it does not prove: the base image of the build stage, for which this machine stands in, and the engine itself.
import { chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from '../../src/errors.ts';
import { ROOT } from '../house/source.ts';
import {
  callerOf,
  launchExecutable,
  runExecutable,
  startExecutable,
  type Surroundings,
} from '../support/executable.ts';
import { createProofs } from '../support/proofs.ts';
import { readPngSize } from '../testcard/read-media.ts';
import { parseDockerfile } from './dockerfile.ts';
import { assembleImage, runBuildStage, type Image } from './image.ts';

// An engine's, whatever this machine's is.
process.umask(0o022);
const scratch = mkdtempSync(join(tmpdir(), 'sluice-docker-'));
const { prove, conclude } = createProofs();

/** What an engine puts into every container; the image itself has none of it. */
const ENGINE_FOLDERS = ['proc', 'dev', 'etc'];

type Root = 'read-only' | 'writable';

type Entrance = { mode: Root; command: readonly string[] };

/** The words that put a process into the image, with a folder as its volume. */
function enter(image: Image, folder: string, { mode, command }: Entrance): string[] {
  const { root, user, volume, entrypoint } = image;
  const script = [
    `mount --bind "${root}" "${root}"`,
    ...(mode === 'read-only' ? [`mount -o remount,bind,ro "${root}"`] : []),
    `mount --bind "${folder}" "${join(root, volume)}"`,
    `mount -t proc proc "${root}/proc"`,
    `mount --rbind /dev "${root}/dev"`,
    `exec chroot --userspec=${user} "${root}" ${[...entrypoint, ...command].join(' ')}`,
  ];
  return ['unshare', '--mount', 'sh', '-c', script.join(' && ')];
}

function containerOf(image: Image, folder: string, entrance: Partial<Entrance> = {}): Surroundings {
  const { mode = 'read-only', command = image.command } = entrance;
  return {
    cwd: '/',
    command: enter(image, folder, { mode, command }),
    environment: { ...image.environment, PATH: process.env['PATH'] ?? '', PORT: '0' },
  };
}

function makeVolume(name: string, owner: number): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  chownSync(folder, owner, owner);
  return folder;
}

/** Every path below a folder with what a write would change, the volume left out. */
function listing(folder: string, except: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path !== except && !path.startsWith(`${except}/`))
    .map((path) => {
      const { size, mtimeMs, mode, uid } = lstatSync(join(folder, path));
      return `${path} ${size} ${mtimeMs} ${mode} ${uid}`;
    })
    .sort();
}

async function serveFrom(image: Image, mode: Root): Promise<void> {
  const volume = makeVolume(`volume of a ${mode} root`, 65_532);
  const before = listing(image.root, image.volume.slice(1));
  const running = await startExecutable(containerOf(image, volume, { mode }));
  try {
    const call = callerOf(running.url.replace('0.0.0.0', '127.0.0.1'));
    assert((await call('GET', '/readyz')).status === 200, '/readyz answers 200');
    const key = /ak_test_\w+/.exec(running.notes())?.[0] ?? '';
    const order = {
      key,
      idempotencyKey: 'in-a-container',
      headers: { prefer: 'wait=60' },
      body: { prompt: 'A harbour' },
    };
    const { json } = await call('POST', '/v1/images/generate', order);
    assert(json['status'] === 'completed', 'the image was made');
    const { url } = json['result'] as { url: string };
    const { width, height } = readPngSize(await (await fetch(url.replace('0.0.0.0', '127.0.0.1'))).bytes());
    assert(width === 1024 && height === 1024, 'the image can be fetched');
    // As `docker exec` does it.
    for (const command of [['doctor'], ['backup'], ['customers', 'list']]) {
      const { code, out, notes } = await runExecutable([], containerOf(image, volume, { mode, command }));
      assert(code === 0, `sluice ${command.join(' ')} works beside it: ${out}${notes}`);
    }
  } finally {
    running.signal('SIGTERM');
  }
  assert((await running.ended).code === 0, 'it stops with 0 on SIGTERM');
  assert(
    listing(image.root, image.volume.slice(1)).join() === before.join(),
    'nothing outside the volume was written',
  );
  const strangers = listing(volume, '').filter((line) => !line.endsWith(' 65532'));
  assert(strangers.length === 0, `everything in the volume is the user's: ${strangers.join()}`);
  console.log(`      the volume holds ${readdirSync(volume).sort().join(', ')}`);
}

/** The usual mistake: a folder of the host that belongs to somebody else. */
async function refuseForeignVolume(image: Image): Promise<void> {
  const { code, notes } = await launchExecutable(containerOf(image, makeVolume('foreign', 0))).ended;
  assert(
    code === 3 && /^sluice: [^\n]*\/data[^\n]*\n$/.test(notes),
    `one sentence and exit code 3: ${code} ${notes}`,
  );
}

function filesOf(image: Image): string[] {
  return readdirSync(image.root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}

const mayEnter = await prove('this process may change its root', () => {
  assert(process.getuid?.() === 0, 'chroot and mounts need root');
});
const [build, final] = parseDockerfile(await Bun.file(join(ROOT, 'Dockerfile')).text());
const stageRoot = join(scratch, 'build-stage');
const isBuilt = await prove('the build stage builds', async () => {
  assert(build !== undefined, 'there is a build stage');
  await runBuildStage(build, stageRoot);
});
if (mayEnter && isBuilt && final !== undefined) {
  const image = assembleImage(final, join(scratch, 'image'), { build: stageRoot });
  await prove('the image holds the executable and libraries, and no shell', () => {
    const files = filesOf(image);
    console.log(`      ${files.join(', ')}`);
    const others = files.filter((name) => name !== 'sluice' && !/^(lib|ld-)[\w.+-]*\.so(\.\d+)*$/.test(name));
    assert(others.length === 0, `there is more in it: ${others.join(', ')}`);
  });
  for (const name of ENGINE_FOLDERS) mkdirSync(join(image.root, name), { recursive: true });
  await prove('it serves from a read-only root as an unprivileged user', () => serveFrom(image, 'read-only'));
  await prove('on a root that it could write it writes to the volume only', () =>
    serveFrom(image, 'writable'),
  );
  await prove('a volume of another user is refused with one sentence', () => refuseForeignVolume(image));
}
rmSync(scratch, { recursive: true, force: true });
conclude();
