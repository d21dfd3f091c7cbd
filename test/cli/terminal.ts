// The command line in a test's hands: what would be the process is an object, folders and sockets are real.
import { rmSync } from 'node:fs';
import { runCommandLine } from '../../src/cli/index.ts';
import type { Terminal } from '../../src/cli/command.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

export type Run = {
  code: number;
  /** The standard output. */
  out: string;
  /** The standard error. */
  notes: string;
  /** The standard output as JSON. */
  json: () => Record<string, unknown>;
};

export type Folder = {
  /** The data folder, not made yet. */
  dir: string;
  /** A place beside it. */
  beside: (name: string) => string;
  /** Runs `sluice` on the data folder. */
  sluice(...args: string[]): Promise<Run>;
  remove(): void;
};

/** A data folder of a test, and `sluice` for it. */
export function makeFolder(
  environment: Record<string, string> = {},
  terminal: Partial<Terminal> = {},
): Folder {
  const root = makeTempFolder('sluice-cli-');
  const dir = `${root}/data`;
  return {
    dir,
    beside: (name) => `${root}/${name}`,
    sluice: (...args) =>
      runSluice(args, { ...terminal, environment: { SLUICE_DATA_DIR: dir, ...environment } }),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export async function runSluice(args: readonly string[], parts: Partial<Terminal> = {}): Promise<Run> {
  const [out, notes]: [string[], string[]] = [[], []];
  const code = await runCommandLine(args, {
    environment: {},
    processId: process.pid,
    userId: process.getuid?.() ?? null,
    print: (line) => void out.push(line),
    note: (line) => void notes.push(line),
    onStop: () => undefined,
    isAlive: (processId) => processId === process.pid,
    exit: (exitCode) => {
      throw new Error(`the command ended the process with ${exitCode}`);
    },
    ...parts,
  });
  return {
    code,
    out: out.join('\n'),
    notes: notes.join('\n'),
    json: () => JSON.parse(out.join('\n')) as Record<string, unknown>,
  };
}
