// The crash loop: the real executable under load over real sockets, killed with SIGKILL at random points of its life,
// from the first start through migration, resuming and serving, and started again, N times. Nothing that was
// acknowledged may be lost, nothing charged twice. `bun test/crash/main.ts --kills 100`, after `npm run build`.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import { createDice } from '../sim/dice.ts';
import {
  callerOf,
  launchExecutable,
  readOperatorKey,
  runExecutable,
  startExecutable,
  type Launched,
} from '../support/executable.ts';
import { createLoad } from './load.ts';
import { createDiary, type Diary } from './record.ts';
import { judgeDeath, judgeEnd } from './verdict.ts';

const CUSTOMERS = 4;
const LIMITS = {
  generationsPerMinute: 1e6,
  requestsPerMinute: 1e6,
  concurrentImages: 1000,
  concurrentVideos: 1000,
};
/** When the process dies, counted from its start or from its greeting. */
const DEATHS = { firstStart: [5, 120], start: [0, 150], load: [20, 1500] } as const;
/** How often it dies where, in relation to each other. */
const PLACES = { firstStart: 10, start: 40, load: 50 } as const;
/** Every so many deaths all the rules are held against the whole database. */
const THOROUGH_EVERY = 25;

const { values } = parseArgs({ options: { kills: { type: 'string' }, seed: { type: 'string' } } });
const kills = Number(values.kills ?? 100);
const seed = Number(values.seed ?? Math.floor(performance.timeOrigin) % 1_000_000);
const folder = mkdtempSync(join(tmpdir(), 'sluice-crash-'));
const cwd = join(folder, 'gateway');
mkdirSync(cwd);
const startedAt = performance.now();

const diary = createDiary();
const dice = createDice(seed);
const port = freePort();
const around = { cwd, environment: { PORT: String(port), LOG_LEVEL: 'error' } };

console.log(`crash loop: ${kills} kills, seed ${seed}`);
await openBooks();
const operatorKey = readOperatorKey(join(cwd, 'data'));
const load = createLoad({ url: `http://127.0.0.1:${port}`, diary, dice: dice.fork('load'), operatorKey });
try {
  for (let kill = 1; kill <= kills && diary.faults.length === 0; kill++) await dieOnce(kill);
  await settle();
} catch (thrown) {
  // A start that was refused, as a rule.
  diary.faults.push(messageOf(thrown));
}
report();

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const { port: free = 0 } = server;
  void server.stop(true);
  return free;
}

/** The customers, made by a gateway that is left in peace. */
async function openBooks(): Promise<void> {
  const running = await startExecutable(around);
  const call = callerOf(running.url);
  const key = readOperatorKey(join(cwd, 'data'));
  for (let index = 0; index < CUSTOMERS; index++) {
    const made = await call('POST', '/api/public/customers', {
      key,
      body: { name: `Customer ${index}`, plan: 'scale' },
    });
    const { customerId } = made.json['customer'] as { customerId: string };
    const path = `/api/public/customers/${customerId}`;
    await call('PATCH', path, { key, body: { limits: LIMITS } });
    const { json } = await call('POST', `${path}/api-keys`, { key, body: { mode: 'test' } });
    diary.customers.push({ id: customerId, key: String(json['apiKey']) });
  }
  running.signal('SIGTERM');
  await running.ended;
}

async function dieOnce(kill: number): Promise<void> {
  const place = dice.draw(PLACES);
  if (place === 'firstStart') return dieAtFirstStart(kill);
  const launched = launchExecutable(around);
  if (place === 'load') await launched.greeted;
  const [earliest, latest] = DEATHS[place];
  await Bun.sleep(dice.between(earliest, latest));
  await killNow(launched);
  const isThorough = kill % THOROUGH_EVERY === 0;
  const where = { dataDir: join(cwd, 'data'), scratch: join(folder, 'copy') };
  diary.faults.push(...judgeDeath(where, diary, { isThorough }));
  if (isThorough) console.log(progressOf(kill, diary));
}

/** In a folder of its own: whatever the first start had done, the next one works and finds nothing wrong. */
async function dieAtFirstStart(kill: number): Promise<void> {
  const empty = join(folder, `first-${kill}`);
  mkdirSync(empty);
  const first = { cwd: empty, environment: { PORT: '0', LOG_LEVEL: 'error' } };
  const launched = launchExecutable(first);
  await Bun.sleep(dice.between(...DEATHS.firstStart));
  await killNow(launched);
  const running = await startExecutable(first);
  running.signal('SIGTERM');
  await running.ended;
  await askDoctor(empty);
  rmSync(empty, { recursive: true });
}

async function killNow({ signal, ended }: Launched): Promise<void> {
  signal('SIGKILL');
  const { code, notes } = await ended;
  // 128 + 9 is a death by SIGKILL; anything else is one of its own, which is worth a look.
  if (code !== 137) diary.faults.push(`the gateway ended by itself with ${code}: ${notes}`);
}

async function askDoctor(dir: string): Promise<void> {
  const { code, out } = await runExecutable(['doctor'], { cwd: dir });
  if (code !== 0) diary.faults.push(`the doctor finds fault: ${out}`);
}

/** One more life in peace, until everything has ended. */
async function settle(): Promise<void> {
  const running = await startExecutable(around);
  await load.stop();
  await load.settle();
  running.signal('SIGTERM');
  const { code, notes } = await running.ended;
  if (code !== 0) diary.faults.push(`the last stop ended with ${code}: ${notes}`);
  await askDoctor(cwd);
  diary.faults.push(...judgeEnd(join(cwd, 'data'), diary));
}

function progressOf(kill: number, { orders, counts }: Diary): string {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return `${kill} kills, ${orders.length} orders, ${counts.lostAnswers} lost answers, ${seconds} s`;
}

function report(): void {
  const { orders, credits, counts, faults } = diary;
  const ended = (ending: string) => orders.filter((order) => order.ending === ending).length;
  for (const fault of faults) console.log(`FAULT ${fault}`);
  console.log(
    `${orders.length} orders: ${ended('completed')} completed, ${ended('failed')} failed, ${ended('canceled')} ` +
      `canceled; ${credits.length} payments; ${counts.requests} requests, ${counts.lostAnswers} lost answers, ` +
      `${counts.retries} retries, ${counts.replays} replays`,
  );
  const acknowledged = orders.filter(({ jobId }) => jobId !== null).length;
  if (faults.length === 0) {
    console.log(
      `${acknowledged} jobs acknowledged: 0 lost, 0 charged twice; books balance, integrity check ok`,
    );
    rmSync(folder, { recursive: true });
  } else {
    console.log(`${acknowledged} jobs acknowledged; the data folder is left in ${folder}`);
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`${kills} kills, ${faults.length} faults, seed ${seed}, ${seconds} s`);
  console.log(faults.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed');
  // The load may still be asking a gateway that is gone.
  process.exit(faults.length === 0 ? 0 : 1);
}
