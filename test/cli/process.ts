// The real program as a process of its own: what a shell and a supervisor see of it.
import { join } from 'node:path';
import { ROOT } from '../house/source.ts';

export type Ended = { code: number; out: string; notes: string };

export type Serving = {
  /** Where it listens, from its greeting. */
  url: string;
  /** Its greeting and what it said since. */
  notes: () => string;
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
  /** Resolves when a line with this text has been said. */
  said(text: string): Promise<void>;
  ended: Promise<Ended>;
};

type Options = {
  environment: Record<string, string>;
  /** Another user to run as, by number. */
  userId?: number;
};

/** The words that start the program. */
export const SLUICE = [process.execPath, join(ROOT, 'src/main.ts')] as const;

function spawn(args: readonly string[], { environment, userId }: Options) {
  const asUser = userId === undefined ? [] : ['setpriv', `--reuid=${userId}`, '--clear-groups'];
  return Bun.spawn([...asUser, ...SLUICE, ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', TMPDIR: process.env['TMPDIR'] ?? '/tmp', ...environment },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
}

/** Runs a command to its end. */
export async function runProcess(args: readonly string[], options: Options): Promise<Ended> {
  const child = spawn(args, options);
  const [out, notes] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, notes };
}

/** Starts a gateway on a free port and waits for its greeting. @throws when it ends instead */
export async function serve(environment: Record<string, string>): Promise<Serving> {
  const child = spawn(['serve'], { environment: { PORT: '0', LOG_LEVEL: 'error', ...environment } });
  const notes = listenTo(child.stderr);
  const out = child.stdout.text();
  const ended = (async () => ({ code: await child.exited, out: await out, notes: await notes.whole }))();
  await notes.said(/is running at \S+\n\n[^]*Reference[^]*\n\n/);
  return {
    url: /is running at (\S+)/.exec(notes.text())?.[1] ?? '',
    notes: notes.text,
    signal: (name) => child.kill(name),
    said: (text) => notes.said(new RegExp(text)),
    ended,
  };
}

function listenTo(stream: ReadableStream<Uint8Array>) {
  let text = '';
  let isOver = false;
  const watchers = new Set<() => void>();
  const whole = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      text += decoder.decode(piece, { stream: true });
      for (const watch of watchers) watch();
    }
    isOver = true;
    for (const watch of watchers) watch();
    return text;
  })();
  return {
    text: () => text,
    whole,
    said: (pattern: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const watch = () => {
          if (pattern.test(text)) resolve();
          else if (isOver) reject(new Error(`the process ended and said only: ${text}`));
        };
        watchers.add(watch);
        watch();
      }),
  };
}
