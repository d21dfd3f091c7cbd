// The built executable as a process: started in a folder of its own with an environment of its own, asked over real
// sockets, stopped and killed. Builds nothing; `npm run build` comes first.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../src/errors.ts';
import { ROOT } from '../house/source.ts';

const EXECUTABLE = join(ROOT, 'dist', 'sluice');

export type Environment = Record<string, string>;

export type Surroundings = {
  /** The working directory. */
  cwd: string;
  /** The whole environment: nothing is added. */
  environment?: Environment;
  /** Instead of the executable: words in front of it, or another copy of it. */
  command?: readonly string[];
};

export type Ended = { code: number; out: string; notes: string };

export type Launched = {
  pid: number;
  /** What it said on standard error so far. */
  notes(): string;
  /** What it wrote to standard output so far: its log. */
  out(): string;
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
  /** Where it listens, once it has said so. Rejects when it ends instead, with what it said. */
  greeted: Promise<string>;
  ended: Promise<Ended>;
};

export type Running = Launched & { url: string };

export function requireExecutable(): string {
  assert(existsSync(EXECUTABLE), `there is no ${EXECUTABLE}: run 'npm run build' first`);
  return EXECUTABLE;
}

function spawn(args: readonly string[], { cwd, environment = {}, command }: Surroundings) {
  return Bun.spawn([...(command ?? [requireExecutable()]), ...args], {
    cwd,
    env: environment,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
}

/** Runs a command to its end. */
export async function runExecutable(args: readonly string[], around: Surroundings): Promise<Ended> {
  const child = spawn(args, around);
  const [out, notes] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, notes };
}

/** Starts `serve` and waits for nothing. */
export function launchExecutable(around: Surroundings): Launched {
  const child = spawn(['serve'], around);
  const [out, notes] = [collect(child.stdout), collect(child.stderr)];
  const greeted = notes.until(/is running at (\S+)\n[^]*Reference.*\n[^]*\n$/);
  // Whoever does not wait for the greeting has no use for its absence.
  greeted.catch(() => undefined);
  return {
    pid: child.pid,
    notes: notes.text,
    out: out.text,
    signal: (name) => child.kill(name),
    greeted,
    ended: (async () => ({
      code: await child.exited,
      out: await out.whole,
      notes: await notes.whole,
    }))(),
  };
}

/** Starts `serve` and waits until it has said where it listens. @throws when it ends instead, with what it said */
export async function startExecutable(around: Surroundings): Promise<Running> {
  const launched = launchExecutable(around);
  return { ...launched, url: await launched.greeted };
}

function collect(stream: ReadableStream<Uint8Array>) {
  let text = '';
  let heard = Promise.withResolvers<void>();
  let isOver = false;
  const whole = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      text += decoder.decode(piece, { stream: true });
      heard.resolve();
      heard = Promise.withResolvers();
    }
    isOver = true;
    heard.resolve();
    return text;
  })();
  return {
    text: () => text,
    whole,
    /** Resolves with the first group of a pattern, when what was said matches it. */
    async until(pattern: RegExp): Promise<string> {
      for (;;) {
        const match = pattern.exec(text);
        if (match !== null) return match[1] ?? '';
        if (isOver) throw new Error(`the process ended and said only: ${text}`);
        await heard.promise;
      }
    },
  };
}

/** The operator key that a first start left in a data folder. */
export function readOperatorKey(dataDir: string): string {
  return readFileSync(join(dataDir, 'operator.key'), 'utf8').trim();
}

export type Caller = (method: string, path: string, options?: CallOptions) => Promise<HttpAnswer>;
type CallOptions = { key?: string; body?: unknown; idempotencyKey?: string; headers?: Environment };
export type HttpAnswer = { status: number; json: Record<string, unknown> };

/** How long a request may take that waits for a job, and then some. */
const PATIENCE_MS = 90_000;

/** Asks a gateway over a socket. @throws when no answer comes */
export function callerOf(url: string, patienceMs = PATIENCE_MS): Caller {
  return async (method, path, { key, body, idempotencyKey, headers } = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal: AbortSignal.timeout(patienceMs),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
    };
  };
}
