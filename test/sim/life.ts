// How a simulated life goes by: ticks in which people act and the gateway works, and what happens to its process and
// machine in between. After every tick the auditor looks.
import { nextTurn } from '../../src/runtime/clock.ts';
import type { SimStage } from './sim-stage.ts';

export type LifeOptions = {
  seed: number;
  /** How many orders are to be accepted. */
  jobs: number;
  /** After how many ticks everything is audited for the first time; each tick is audited for what it has changed. */
  wholeAuditAfter?: number;
  onTick?: (stage: SimStage) => void;
};

const SECOND_MS = 1000;
const MIN_TICK_MS = 20;
const MAX_TICK_MS = 3 * SECOND_MS;
const ACTS_A_TICK = 16;
const CHANCES = { death: 1 / 250, drain: 1 / 250, jump: 1 / 250, night: 1 / 800 } as const;
const MAX_DOWN_MS = 90 * SECOND_MS;
const NIGHT_TICKS = 200;
const JUMPS_MS = [-86_400_000, -3_600_000, -60_000, 60_000, 3_600_000, 86_400_000] as const;
/** After a jump no process dies before it has looked at its clock. */
const SPARED_TICKS = 60;
const DRAIN_MS = 25 * SECOND_MS;
/** Ticks to the first audit of everything, and how much later each further one comes, so that they take a share. */
const WHOLE_AUDIT = { after: 1000, growth: 1.6 } as const;
/** Turns without anything happening after which nothing will, before time goes on. */
const QUIET_TURNS = 4;
/** A life that takes longer runs in a circle, and one in which nothing is accepted for so long is none. */
const MAX_TICKS = { aJob: 5, more: 5000, withoutJob: 2500 } as const;
const MAX_FAULTS_TOLD = 10;

/** Lives until so many orders were accepted. @throws Error that names seed and tick when anything is found wrong */
export async function live(stage: SimStage, options: LifeOptions): Promise<void> {
  const { workload, weather, dice, counts } = stage;
  await workload.settleIn();
  weather.begin();
  let [accepted, acceptedAt] = [0, counts.ticks];
  while (workload.acknowledged.size < options.jobs) {
    workload.act(dice.between(0, 2 * ACTS_A_TICK));
    await tick(stage, options, dice.between(MIN_TICK_MS, MAX_TICK_MS));
    await trouble(stage, options);
    if (workload.acknowledged.size > accepted)
      [accepted, acceptedAt] = [workload.acknowledged.size, counts.ticks];
    if (counts.ticks - acceptedAt > MAX_TICKS.withoutJob) stage.faults.push('nothing is accepted any more');
  }
}

/** The weather clears, clients find out about what they lost, and every job comes to its end. */
export async function comeToRest(stage: SimStage, options: LifeOptions): Promise<void> {
  const { weather, workload, auditor } = stage;
  weather.clear();
  const pass = () => tick(stage, options, MAX_TICK_MS);
  const passWhile = async (work: Promise<void>) => {
    let isDone = false;
    void work.then(() => (isDone = true));
    while (!isDone) await pass();
  };
  while (workload.underWay() > 0) await pass();
  await passWhile(workload.recover());
  do await pass();
  while (auditor.openJobs() > 0);
  await passWhile(workload.readRecent());
}

/** Moves time once, with everything that this sets in motion, and lets the auditor look. */
async function tick(stage: SimStage, options: LifeOptions, ms: number): Promise<void> {
  const { clock, weather, gateway, counts, auditor, faults } = stage;
  counts.ticks += 1;
  weather.turn();
  await rest(stage);
  clock.advance(ms);
  await rest(stage);
  const isServing = gateway.isAlive() && !weather.isDiskBroken();
  faults.push(...auditor.tick(isServing ? ms : 0));
  if (counts.ticks >= stage.nextWholeAudit) {
    faults.push(...auditor.whole());
    stage.nextWholeAudit = Math.max(
      options.wholeAuditAfter ?? WHOLE_AUDIT.after,
      Math.ceil(counts.ticks * WHOLE_AUDIT.growth),
    );
  }
  if (counts.ticks > MAX_TICKS.more + MAX_TICKS.aJob * options.jobs)
    faults.push('it does not come to its end');
  judge(stage, options);
  options.onTick?.(stage);
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

/** Somebody looks after the process and starts it until it runs. */
async function restart(stage: SimStage): Promise<void> {
  const { gateway, clock, dice, counts, weather } = stage;
  counts.deaths += 1;
  for (;;) {
    await gateway.bury();
    if (dice.isHit(0.5)) clock.advance(dice.between(0, MAX_DOWN_MS));
    weather.turn();
    // A start on a broken disk ends at once.
    await gateway.start().catch(() => gateway.kill());
    stage.calm.since = clock.elapsedMs();
    if (gateway.isAlive()) return;
    counts.failedStarts += 1;
  }
}

/** What happens to a process and its machine from outside. */
async function trouble(stage: SimStage, options: LifeOptions): Promise<void> {
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
    stage.calm.since = clock.elapsedMs();
  }
  if (dice.isHit(CHANCES.night)) {
    counts.nights += 1;
    for (let left = NIGHT_TICKS; left > 0; left--) await tick(stage, options, MAX_TICK_MS);
  }
}

/** A restart as an operator makes one, while everybody goes on working. */
async function drain(stage: SimStage, options: LifeOptions): Promise<void> {
  const { gateway, workload, counts, dice, clock, auditor } = stage;
  counts.drains += 1;
  const startedMs = clock.elapsedMs();
  let end: 'drained' | 'died' | 'broke' | null = null;
  // What a broken disk keeps it from handing back is taken over by the next process.
  void gateway.drain(DRAIN_MS).then(
    (isDrained) => (end = isDrained ? 'drained' : 'died'),
    () => (end = 'broke'),
  );
  const isOver = () => end !== null;
  while (!isOver()) {
    workload.act(dice.between(0, 4));
    await tick(stage, options, SECOND_MS);
  }
  // Somebody has started the next one already.
  if (end === 'died') return;
  if (end === 'drained') stage.faults.push(...auditor.drained());
  if (clock.elapsedMs() - startedMs > DRAIN_MS + 2 * SECOND_MS) stage.faults.push('a drain takes too long');
  judge(stage, options);
  gateway.kill();
  await gateway.bury();
  await gateway.start().catch(() => gateway.kill());
  stage.calm.since = clock.elapsedMs();
  if (!gateway.isAlive()) await restart(stage);
}

/** @throws Error that names seed and tick, when anything was found wrong */
export function judge({ faults, counts }: SimStage, { seed, jobs }: LifeOptions): void {
  if (faults.length === 0) return;
  const told = faults.slice(0, MAX_FAULTS_TOLD).join('\n  ');
  const more = faults.length > MAX_FAULTS_TOLD ? `\n  and ${faults.length - MAX_FAULTS_TOLD} more` : '';
  const again = `npm run simulate -- --seed ${seed} --jobs ${jobs}`;
  throw new Error(`seed ${seed}, tick ${counts.ticks} (again: ${again})\n  ${told}${more}`);
}
