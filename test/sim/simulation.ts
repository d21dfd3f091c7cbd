// One simulated life of a gateway, from its first customer to its last job: load, bad weather, deaths between any two
// moments, and an auditor after every tick. The same seed lives the same life.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { nextTurn } from '../../src/runtime/clock.ts';
import { makeTempFolder } from '../support/temp-folder.ts';
import { finalChecks } from './final-checks.ts';
import { setStage, type SimStage } from './sim-stage.ts';

export type SimulationOptions = {
  seed: number;
  /** How many orders are to be accepted. */
  jobs: number;
  /** Ticks between two audits of everything; each tick is audited for what it has changed. */
  wholeAuditEvery?: number;
  onTick?: (accepted: number) => void;
};

export type SimulationReport = SimStage['counts'] & {
  seed: number;
  jobs: number;
  simulatedMs: number;
  /** Jobs by the state in which they ended. */
  endings: Record<string, number>;
  /** Attempts by what became of them. */
  attempts: Record<string, number>;
  /** A fingerprint of the books: two lives of one seed have the same. */
  digest: string;
};

const SECOND_MS = 1000;
const MIN_TICK_MS = 20;
const MAX_TICK_MS = 3 * SECOND_MS;
const ACTS_A_TICK = 16;
const CHANCES = { death: 1 / 250, drain: 1 / 500, jump: 1 / 400, night: 1 / 800 } as const;
const MAX_DOWN_MS = 90 * SECOND_MS;
const NIGHT_TICKS = 200;
const JUMPS_MS = [-86_400_000, -3_600_000, -60_000, 60_000, 3_600_000, 86_400_000] as const;
/** After a jump no process dies before it has looked at its clock. */
const SPARED_TICKS = 60;
const WHOLE_AUDIT_EVERY = 1000;
/** Turns without anything happening after which nothing will, before time goes on. */
const QUIET_TURNS = 4;
/** A life that takes longer runs in a circle. */
const MAX_TICKS = { aJob: 20, more: 5000 } as const;
const MAX_FAULTS_TOLD = 10;

/** @throws Error that names the seed and the tick when anything is found wrong */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const dir = makeTempFolder('sluice-sim-');
  try {
    const stage = await setStage(dir, options.seed);
    try {
      await live(stage, options);
      await comeToRest(stage, options);
      return report(stage, options);
    } finally {
      stage.gateway.kill();
      await stage.gateway.bury();
      stage.reader.close();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function live(stage: SimStage, options: SimulationOptions): Promise<void> {
  const { workload, weather, dice } = stage;
  await workload.settleIn();
  weather.begin();
  while (workload.accepted() < options.jobs) {
    workload.act(dice.between(0, 2 * ACTS_A_TICK));
    await tick(stage, options, dice.between(MIN_TICK_MS, MAX_TICK_MS));
    await trouble(stage, options);
  }
}

/** Moves time once, with everything that this sets in motion, and lets the auditor look. */
async function tick(stage: SimStage, options: SimulationOptions, ms: number): Promise<void> {
  const { clock, weather, gateway, counts, auditor, workload } = stage;
  counts.ticks += 1;
  weather.turn();
  await rest(stage);
  clock.advance(ms);
  await rest(stage);
  const isServing = gateway.isAlive() && !weather.isDiskBroken();
  stage.faults.push(...auditor.tick(isServing ? ms : 0));
  if (counts.ticks % (options.wholeAuditEvery ?? WHOLE_AUDIT_EVERY) === 0)
    stage.faults.push(...auditor.whole());
  if (counts.ticks > MAX_TICKS.more + MAX_TICKS.aJob * options.jobs)
    stage.faults.push('it does not come to its end');
  judge(stage, options);
  options.onTick?.(workload.accepted());
  if (!gateway.isAlive()) await restart(stage);
}

/** Lets everything happen that can happen without time going by. */
async function rest({ gateway, clock }: SimStage): Promise<void> {
  let seen = -1;
  for (let quiet = 0; quiet < QUIET_TURNS;) {
    await nextTurn();
    const activity = gateway.activity() + clock.activity();
    quiet = activity === seen ? quiet + 1 : 0;
    seen = activity;
  }
}

async function restart(stage: SimStage): Promise<void> {
  const { gateway, clock, dice, counts, weather } = stage;
  do {
    counts.deaths += 1;
    await gateway.bury();
    if (dice.isHit(0.5)) clock.advance(dice.between(0, MAX_DOWN_MS));
    weather.turn();
    // A start on a broken disk ends at once, and whoever looks after the process tries again.
    await gateway.start().catch(() => gateway.kill());
  } while (!gateway.isAlive());
}

/** What happens to a process and its machine from outside. */
async function trouble(stage: SimStage, options: SimulationOptions): Promise<void> {
  const { dice, weather, gateway, clock, counts } = stage;
  if (weather.mayDie() && dice.isHit(CHANCES.death)) {
    // Also in the middle of what the next acts set in motion.
    stage.workload.act(dice.between(0, ACTS_A_TICK));
    for (let turns = dice.between(0, 6); turns > 0; turns--) await nextTurn();
    gateway.kill();
    await restart(stage);
  }
  if (weather.mayDie() && dice.isHit(CHANCES.drain)) await drain(stage, options);
  if (dice.isHit(CHANCES.jump)) {
    counts.jumps += 1;
    weather.spare(SPARED_TICKS);
    clock.jump(dice.pick(JUMPS_MS));
  }
  if (dice.isHit(CHANCES.night)) {
    for (let left = NIGHT_TICKS; left > 0; left--) await tick(stage, options, MAX_TICK_MS);
  }
}

/** A restart as an operator makes one, while everybody goes on working. */
async function drain(stage: SimStage, options: SimulationOptions): Promise<void> {
  const { gateway, workload, counts, dice } = stage;
  counts.drains += 1;
  let hasDrained = false;
  const draining = gateway.drain(25 * SECOND_MS).then(() => (hasDrained = true));
  while (!hasDrained && gateway.isAlive()) {
    workload.act(dice.between(0, 4));
    await tick(stage, options, SECOND_MS);
  }
  if (!gateway.isAlive()) return;
  await draining;
  gateway.kill();
  await gateway.bury();
  await gateway.start().catch(() => gateway.kill());
  if (!gateway.isAlive()) await restart(stage);
}

/** The weather clears, clients find out about what they lost, and every job comes to its end. */
async function comeToRest(stage: SimStage, options: SimulationOptions): Promise<void> {
  const { weather, workload, auditor, reader, faults } = stage;
  weather.clear();
  const pass = () => tick(stage, options, MAX_TICK_MS);
  while (workload.underWay() > 0) await pass();
  for (;;) {
    let lost: number | null = null;
    void workload.recover().then((left) => (lost = left));
    while (lost === null) await pass();
    if (lost === 0) break;
  }
  do await pass();
  while (auditor.openJobs() > 0);
  faults.push(...auditor.whole(), ...finalChecks(reader, workload));
  judge(stage, options);
}

function judge({ faults, counts }: SimStage, { seed, jobs }: SimulationOptions): void {
  if (faults.length === 0) return;
  const told = faults.slice(0, MAX_FAULTS_TOLD).join('\n  ');
  const more = faults.length > MAX_FAULTS_TOLD ? `\n  and ${faults.length - MAX_FAULTS_TOLD} more` : '';
  const again = `npm run simulate -- --seed ${seed} --jobs ${jobs}`;
  throw new Error(`seed ${seed}, tick ${counts.ticks} (again: ${again})\n  ${told}${more}`);
}

function report(
  { reader, counts, clock, workload }: SimStage,
  { seed }: SimulationOptions,
): SimulationReport {
  const tally = (sql: string) =>
    Object.fromEntries(
      reader
        .prepare<[], { name: string; count: number }>(sql)
        .all()
        .map(({ name, count }) => [name, count]),
    );
  const heads = reader
    .prepare<[], { head: string }>('SELECT head FROM wallets ORDER BY customer_id, mode')
    .all();
  return {
    ...counts,
    seed,
    jobs: workload.accepted(),
    simulatedMs: clock.elapsedMs(),
    endings: tally('SELECT state AS name, count(*) AS count FROM jobs GROUP BY state'),
    attempts: tally('SELECT outcome AS name, count(*) AS count FROM attempts GROUP BY outcome'),
    digest: createHash('sha256').update(JSON.stringify(heads)).digest('hex').slice(0, 16),
  };
}
