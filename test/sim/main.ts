// The simulated world at length: `npm run simulate -- --seed N --jobs N`. Without a seed every run lives another life;
// a fault names the seed that repeats it. The last line counts it as one suite.
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import type { SimStage } from './sim-stage.ts';
import { simulate, type SimulationReport } from './simulation.ts';

const JOBS = 1_000_000;
const PROGRESS_MS = 10_000;

const startedMs = performance.now();
let toldMs = startedMs;

try {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, jobs: { type: 'string' } } });
  const seed = wholeNumber('seed', values.seed) ?? Math.floor(performance.timeOrigin) % 1_000_000_000;
  const jobs = wholeNumber('jobs', values.jobs) ?? JOBS;
  console.log(`simulating ${jobs} jobs, seed ${seed}`);
  show(await simulate({ seed, jobs, onTick: showProgress }));
  console.log('1 passed, 0 failed');
} catch (thrown) {
  console.log(messageOf(thrown));
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}

function wholeNumber(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} is a whole number of up to 9 digits, not ${text}`);
  return Number(text);
}

function seconds(): number {
  return (performance.now() - startedMs) / 1000;
}

function showProgress({ workload, counts, clock }: SimStage): void {
  if (performance.now() - toldMs < PROGRESS_MS) return;
  toldMs = performance.now();
  const accepted = workload.acknowledged.size;
  const memory = `${Math.round(process.memoryUsage().rss / 1e6)} MB`;
  const rate = `${Math.round(accepted / seconds())} jobs/s`;
  const days = (clock.elapsedMs() / 86_400_000).toFixed(1);
  console.log(
    `${seconds().toFixed(0)} s: ${accepted} jobs, ${rate}, ${counts.ticks} ticks, ${days} days, ${counts.deaths} deaths, ${memory}`,
  );
}

function show(report: SimulationReport): void {
  const { endings, attempts, answers, weather, digest, seed: _, simulatedMs, ...counts } = report;
  const line = (name: string, numbers: Record<string, number>) =>
    console.log(
      `${name.padEnd(10)}${Object.entries(numbers)
        .map(([what, count]) => `${count} ${what}`)
        .join(', ')}`,
    );
  line('counts', counts);
  line('jobs', endings);
  line('attempts', attempts);
  line('errors', answers);
  line('weather', weather);
  console.log(
    `lived     ${(simulatedMs / 3_600_000).toFixed(1)} hours in ${seconds().toFixed(1)} s, digest ${digest}`,
  );
}
