// `sluice demo`: the whole journey by itself and offline, over real sockets: a customer, a key, an image and a video.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseConfig, type Config } from '../config.ts';
import { systemRuntime } from '../runtime/index.ts';
import { isInTransaction } from '../store/group-commit.ts';
import {
  CONFIG_OPTION,
  EXIT,
  JSON_OPTION,
  printJson,
  textOf,
  type Command,
  type Invocation,
} from './command.ts';
import { tellJourney, type Journey } from './journey.ts';
import { listen } from './listen.ts';
import { readConfig } from './settings.ts';
import { table } from './table.ts';

export const demo: Command = {
  name: 'demo',
  summary: 'make an image and a video, offline, and show what happens',
  details:
    'Starts a gateway of its own on a free port and a temporary data folder, makes a customer and a test key by the ' +
    'operator API, an image and a video by the Job API, and shows the ledger. Nothing leaves this machine.',
  options: {
    out: { value: 'FOLDER', help: 'where the files are left; sluice-demo unless told' },
    data: {
      value: 'FOLDER',
      help: 'a data folder to use instead of a temporary one; no gateway may run on it',
    },
    ...CONFIG_OPTION,
    ...JSON_OPTION,
  },
  example: 'sluice demo --out /tmp/sluice-demo',
  async run(invocation) {
    const { terminal } = invocation;
    const own = textOf(invocation, 'data');
    const dataDir = own ?? mkdtempSync(join(tmpdir(), 'sluice-demo-'));
    const cleanUp = () => own === undefined && rmSync(dataDir, { recursive: true, force: true });
    terminal.onStop(() => {
      cleanUp();
      terminal.exit(EXIT.failed);
    });
    const runtime = systemRuntime({ level: 'silent', isInTransaction });
    try {
      const listening = await listen(demoConfig(invocation, dataDir), runtime, terminal.processId);
      try {
        terminal.note(`A gateway runs at ${listening.url}, on ${own ?? 'a temporary folder'}.`);
        const operatorKey = listening.gateway.operatorKeys[0] ?? '';
        const journey = await tellJourney({ url: listening.url, operatorKey, runtime, note: terminal.note });
        show(invocation, journey, leaveFiles(resolve(textOf(invocation, 'out') ?? 'sluice-demo'), journey));
        return EXIT.ok;
      } finally {
        await listening.stop();
      }
    } finally {
      cleanUp();
    }
  },
};

/** A temporary gateway takes no settings from around it; one on a folder of the user's needs that folder's keys. */
function demoConfig(invocation: Invocation, dataDir: string): Config {
  const isOwn = textOf(invocation, 'data') !== undefined;
  const settings = isOwn ? readConfig(invocation) : parseConfig({});
  return { ...settings, dataDir, host: '127.0.0.1', port: 0, publicUrl: null };
}

type LeftFile = { kind: string; path: string; bytes: number; credits: number };

function leaveFiles(folder: string, { made }: Journey): LeftFile[] {
  mkdirSync(folder, { recursive: true });
  return made.map(({ kind, extension, content, credits }) => {
    const path = join(folder, `${kind}.${extension}`);
    writeFileSync(path, content);
    return { kind, path, bytes: content.length, credits };
  });
}

function show(invocation: Invocation, { ledger, balance }: Journey, files: LeftFile[]): void {
  const { terminal, values } = invocation;
  if (values['json'] === true)
    return printJson(invocation, { ok: true, files, ledger, creditsBalance: balance });
  const columns = ['type', 'amount', 'balanceAfter', 'reservedAfter', 'reason'] as const;
  terminal.print('\nThe ledger of the test wallet, the oldest entry first:\n');
  terminal.print(
    table(
      ['ENTRY', 'AMOUNT', 'BALANCE', 'RESERVED', 'REASON'],
      ledger.map((entry) => columns.map((column) => entry[column])),
    ),
  );
  terminal.print('\nWhat was made, and what it cost:\n');
  terminal.print(
    table(
      ['FILE', 'BYTES', 'CREDITS'],
      files.map(({ path, bytes, credits }) => [path, bytes, credits]),
    ),
  );
}
