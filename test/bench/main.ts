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
    connections: { type: 'string', default: '64' },
    out: { type: 'string', default: join(tmpdir(), 'sluice-bench.json') },
  },
});

const CASES = [
  { name: 'floor', server: 'floor-server.ts', shots: 'accept' },
  { name: 'accept', server: 'gateway-server.ts', shots: 'accept' },
  { name: 'constant', server: 'floor-server.ts', shots: 'read' },
  { name: 'read', server: 'gateway-server.ts', shots: 'read' },
] as const;

async function runCase({ server, shots }: (typeof CASES)[number]): Promise<LoadResult> {
  const running = await startServer(server);
  const order = {
    server: running.report,
    shots,
    connections: Number(values.connections),
    warmUpMs: 1500,
    measureMs: Number(values.seconds) * 1000,
  };
  const load = Bun.spawn([process.execPath, join(import.meta.dir, 'load-worker.ts'), JSON.stringify(order)], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const text = await new Response(load.stdout).text();
  await running.stop();
  return JSON.parse(text) as LoadResult;
}

const rounds: Round[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  const results: Partial<Round> = {};
  for (const benchCase of CASES) results[benchCase.name] = await runCase(benchCase);
  rounds.push(results as Round);
  process.stderr.write(`round ${round + 1} of ${values.rounds} done\n`);
}
const scratch = mkdtempSync(join(tmpdir(), 'sluice-start-'));
const report: BenchReport = { rounds, start: await measureStart(scratch) };
rmSync(scratch, { recursive: true, force: true });
await Bun.write(values.out, `${JSON.stringify(report, null, 2)}\n`);
printReport(report, values.out);
