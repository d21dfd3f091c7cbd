// Builds the image of the Dockerfile without an engine: the build stage in a copy of the checkout on this machine (which
// stands in for its base: Debian with Node and npm), the final stage as a folder that holds exactly what is copied.
import { chownSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { assert } from '../../src/errors.ts';
import { ROOT } from '../house/source.ts';
import { registrySettings } from '../support/registry.ts';
import { parseCopy, parseEnv, textsOf, type CopyOrder, type Stage } from './dockerfile.ts';

export type Image = {
  root: string;
  environment: Record<string, string>;
  user: string;
  volume: string;
  entrypoint: string[];
  /** What the entry point is told to do unless something else is said. */
  command: string[];
};

/** Runs the instructions of the build stage; returns the folder that stands for its root. */
export async function runBuildStage(stage: Stage, root: string): Promise<void> {
  let cwd = root;
  for (const { keyword, text } of stage.instructions) {
    if (keyword === 'WORKDIR') mkdirSync((cwd = join(root, text)), { recursive: true });
    else if (keyword === 'COPY') copy(parseCopy(text), { from: ROOT, to: root, cwd });
    else if (keyword === 'RUN') await runShell(text, cwd);
    else assert(false, `the build stage has no ${keyword}`);
  }
}

async function runShell(command: string, cwd: string): Promise<void> {
  const { PATH = '', HOME = cwd } = process.env;
  const child = Bun.spawn(['sh', '-c', command], {
    cwd,
    env: { PATH, HOME, ...registrySettings() },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  assert((await child.exited) === 0, `RUN ${command}`);
}

/** Assembles the root of the final stage out of the folders of the others. */
export function assembleImage(stage: Stage, root: string, stages: Readonly<Record<string, string>>): Image {
  mkdirSync(root, { recursive: true });
  for (const text of textsOf(stage, 'COPY')) {
    const order = parseCopy(text);
    const from = stages[order.from ?? ''];
    assert(from !== undefined, `there is a stage ${order.from}`);
    copy(order, { from, to: root, cwd: root });
  }
  const single = (keyword: 'USER' | 'VOLUME' | 'ENTRYPOINT' | 'CMD') => textsOf(stage, keyword)[0] ?? '';
  return {
    root,
    environment: Object.assign({}, ...textsOf(stage, 'ENV').map(parseEnv)) as Record<string, string>,
    user: single('USER'),
    volume: single('VOLUME'),
    entrypoint: JSON.parse(single('ENTRYPOINT')) as string[],
    command: JSON.parse(single('CMD')) as string[],
  };
}

function copy({ sources, target, owner }: CopyOrder, at: { from: string; to: string; cwd: string }): void {
  // An absolute target counts from the stage's root, another from its working folder.
  const destination = target.startsWith('/') ? join(at.to, target) : resolve(at.cwd, target);
  for (const source of sources) {
    const path = join(at.from, source);
    assert(existsSync(path), `${source} is there to be copied`);
    // A folder's content goes into the target, a file under its name if the target is a folder.
    const isInto = !lstatSync(path).isDirectory() && target.endsWith('/');
    const into = isInto ? join(destination, source.slice(source.lastIndexOf('/') + 1)) : destination;
    mkdirSync(dirname(into), { recursive: true });
    cpSync(path, into, { recursive: true, verbatimSymlinks: true });
    if (owner !== null) chown(into, owner);
  }
}

function chown(path: string, owner: string): void {
  const [user, group] = owner.split(':').map(Number);
  chownSync(path, user ?? 0, group ?? 0);
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) chown(join(path, name), owner);
}
