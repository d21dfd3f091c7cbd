// How long the gateway takes from its start to the first 200, and what it holds in memory when nobody asks anything.
// The compiled executable when there is one, else the source.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

export type StartFigures = { subject: 'executable' | 'source'; firstAnswerMs: number[]; idleMb: number };

const ROOT = join(import.meta.dir, '..', '..');
const EXECUTABLE = join(ROOT, 'dist', 'sluice');
const STARTS = 5;
/** After this long without a request, what was needed for the start only has been let go. */
const IDLE_MS = 5000;
const MAX_START_MS = 10_000;

export async function measureStart(scratch: string): Promise<StartFigures> {
  const isCompiled = existsSync(EXECUTABLE);
  const command = isCompiled ? [EXECUTABLE] : [process.execPath, join(ROOT, 'src', 'main.ts')];
  const firstAnswerMs: number[] = [];
  let idleMb = 0;
  for (let start = 0; start < STARTS; start++) {
    // The first start makes keys and a database; the later ones are what a restart costs.
    const dataDir = join(scratch, start === 0 ? 'fresh' : 'used');
    mkdirSync(dataDir, { recursive: true });
    const port = await freePort();
    const begunMs = performance.now();
    const child = Bun.spawn([...command, 'serve'], {
      env: {
        PATH: process.env['PATH'] ?? '',
        PORT: String(port),
        SLUICE_DATA_DIR: dataDir,
        LOG_LEVEL: 'info',
      },
      stdout: 'ignore',
      stderr: 'ignore',
    });
    await firstAnswer(port, begunMs);
    firstAnswerMs.push(performance.now() - begunMs);
    if (start === STARTS - 1) {
      await Bun.sleep(IDLE_MS);
      idleMb = residentMb(child.pid);
    }
    child.kill('SIGTERM');
    await child.exited;
  }
  return { subject: isCompiled ? 'executable' : 'source', firstAnswerMs, idleMb };
}

async function firstAnswer(port: number, begunMs: number): Promise<void> {
  while (performance.now() - begunMs < MAX_START_MS) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
    if (response?.status === 200) return;
    await Bun.sleep(2);
  }
  throw new Error('the gateway did not answer in time');
}

function residentMb(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1024;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}
