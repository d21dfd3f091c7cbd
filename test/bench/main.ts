// `npm run bench`: the gateway against a floor that was measured in the same run, on the same machine, by the same
// load. Absolute figures say how fast this machine is; the ratios say what the gateway costs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureStart } from './start.ts';
import type { LoadResult } from './load.ts';
import { printReport, type BenchReport, type Round } from './report.ts';
import { startServer } from './process.ts';

const { values } = parseArgs({
  options: {
    /** Each round measures every case once, in turn, so that a slow minute of the machine hits all of them. */
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    /** How many requests are under way at once: acceptance at each of them, reading at the last. */
    connections: { type: 'string', default: '1,4,16,64' },
    out: { type: 'string', default: join(tmpdir(), 'sluice-bench.json') },
  },
});

const levels = values.connections.split(',').map(Number);
const most = Math.max(...levels);

async function measure(server: string, shots: 'accept' | 'read', connections: number): Promise<LoadResult> {
  const running = await startServer(server);
  const measureMs = Number(values.seconds) * 1000;
  const order = { server: running.report, shots, connections, warmUpMs: 1500, measureMs };
  const load = Bun.spawn([process.execPath, join(import.meta.dir, 'load-worker.ts'), JSON.stringify(order)], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const text = await new Response(load.stdout).text();
  await running.stop();
  return JSON.parse(text) as LoadResult;
}

async function measureRound(): Promise<Round> {
  const accepting: Round['accepting'] = [];
  for (const connections of levels) {
    accepting.push({
      connections,
      floor: await measure('floor-server.ts', 'accept', connections),
      accept: await measure('gateway-server.ts', 'accept', connections),
    });
  }
  return {
    accepting,
    reading: {
      connections: most,
      constant: await measure('floor-server.ts', 'read', most),
      read: await measure('gateway-server.ts', 'read', most),
    },
  };
}

const rounds: Round[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  rounds.push(await measureRound());
  process.stderr.write(`round ${round + 1} of ${values.rounds} done\n`);
}
const scratch = mkdtempSync(join(tmpdir(), 'sluice-start-'));
const report: BenchReport = { rounds, start: await measureStart(scratch) };
rmSync(scratch, { recursive: true, force: true });
await Bun.write(values.out, `${JSON.stringify(report, null, 2)}\n`);
printReport(report, values.out);
