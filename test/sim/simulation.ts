// One simulated life of a gateway, from its first customer to its last job: load, bad weather, deaths between any two
// moments, and an auditor after every tick. The same seed lives the same life.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { makeTempFolder } from '../support/temp-folder.ts';
import { finalChecks } from './final-checks.ts';
import { comeToRest, judge, live, type LifeOptions } from './life.ts';
import { setStage, type SimStage } from './sim-stage.ts';

export type SimulationReport = SimStage['counts'] & {
  seed: number;
  jobs: number;
  simulatedMs: number;
  /** What the weather did. */
  weather: Record<string, number>;
  /** Answers by the type of their error. */
  answers: Record<string, number>;
  /** Jobs by the state in which they ended. */
  endings: Record<string, number>;
  /** Attempts by what became of them. */
  attempts: Record<string, number>;
  /** A fingerprint of the books: two lives of one seed have the same. */
  digest: string;
};

/** @throws Error that names the seed and the tick when anything is found wrong */
export async function simulate(options: LifeOptions): Promise<SimulationReport> {
  const dir = makeTempFolder('sluice-sim-');
  try {
    const stage = await setStage(dir, options.seed);
    try {
      await live(stage, options);
      await comeToRest(stage, options);
      stage.faults.push(...stage.auditor.whole(), ...finalChecks(stage.reader, stage.workload));
      judge(stage, options);
      return report(stage, options);
    } finally {
      await leaveStage(stage);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export async function leaveStage({ gateway, reader }: SimStage): Promise<void> {
  gateway.kill();
  await gateway.bury();
  reader.close();
}

function report(stage: SimStage, { seed }: LifeOptions): SimulationReport {
  const { reader, counts, answers, clock, workload, weather } = stage;
  type Tally = { name: string; count: number };
  const tally = (sql: string) =>
    Object.fromEntries(
      reader
        .prepare<[], Tally>(sql)
        .all()
        .map(({ name, count }) => [name, count]),
    );
  const heads = reader
    .prepare<[], { head: string }>('SELECT head FROM wallets ORDER BY customer_id, mode')
    .all();
  return {
    ...counts,
    seed,
    jobs: workload.acknowledged.size,
    simulatedMs: clock.elapsedMs(),
    weather: weather.counts,
    answers,
    endings: tally('SELECT state AS name, count(*) AS count FROM jobs GROUP BY state'),
    attempts: tally('SELECT outcome AS name, count(*) AS count FROM attempts GROUP BY outcome'),
    digest: createHash('sha256').update(JSON.stringify(heads)).digest('hex').slice(0, 16),
  };
}
