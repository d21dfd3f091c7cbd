// Everything that takes part in one simulation, put together from a seed.
import type { Log } from '../../src/runtime/index.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { createAuditor, type Auditor } from './auditor.ts';
import { createSend, type Send } from './client.ts';
import { createDice, type Dice } from './dice.ts';
import { createFaultyProvider, type SubmitWitness } from './faulty-provider.ts';
import { createLimitWatch } from './limit-watch.ts';
import { createMemoryMedia } from './memory-media.ts';
import { openReader, type Reader } from './reader.ts';
import { createSimClock, type SimClock } from './sim-clock.ts';
import { createSimGateway, type SimGateway } from './sim-gateway.ts';
import { createSimNet } from './sim-net.ts';
import { createWeather, type Weather } from './weather.ts';
import { createWorkload, type Workload } from './workload.ts';

export type SimStage = {
  dice: Dice;
  clock: SimClock;
  weather: Weather;
  gateway: SimGateway;
  reader: Reader;
  auditor: Auditor;
  workload: Workload;
  /** What was found wrong since the last look. */
  faults: string[];
  counts: Record<
    'ticks' | 'deaths' | 'failedStarts' | 'drains' | 'jumps' | 'nights' | 'requests' | 'unanswered',
    number
  >;
  /** How often each type of error was answered. */
  answers: Record<string, number>;
  /** The tick after which everything is audited next. */
  nextWholeAudit: number;
  /** Since when no process began and nobody set the clock. */
  calm: { since: number };
};

const PROVIDERS = [
  { id: 'leonardo', submitIsRepeatable: false, canCancel: true, hasAccounts: true, trouble: 0.35 },
  { id: 'other', submitIsRepeatable: true, canCancel: false, hasAccounts: false, trouble: 0.35 },
  { id: 'third', submitIsRepeatable: false, canCancel: true, hasAccounts: false, trouble: 0.6 },
] as const;
const REPEATABLE = [
  'sandbox',
  ...PROVIDERS.flatMap(({ id, submitIsRepeatable }) => (submitIsRepeatable ? [id] : [])),
];

export async function setStage(dir: string, seed: number): Promise<SimStage> {
  const dice = createDice(seed);
  const clock = createSimClock();
  const faults: string[] = [];
  const say = (fault: string) => void faults.push(fault);
  const weather = createWeather(dice.fork('weather'));
  const media = createMemoryMedia(clock.now);
  // The auditor reads what the gateway makes, and the gateway's providers are watched by the auditor.
  const watch: { witness: SubmitWitness } = { witness: () => undefined };
  const witness: SubmitWitness = (submit) => watch.witness(submit);
  const gateway = createSimGateway({
    ...{ dir, clock, media, witness, keeper: weather.keeper },
    providers: PROVIDERS.map((traits) =>
      createFaultyProvider(traits, { dice: dice.fork(traits.id), weather, witness }),
    ),
    random: createSeededRandom(seed),
    log: createFaultLog(say),
    net: createSimNet(dice.fork('net'), clock),
    freeBytes: () => (weather.isDiskFull() ? 0 : Number.MAX_SAFE_INTEGER),
  });
  await gateway.start();
  const reader = openReader(dir);
  const auditor = createAuditor({ reader, clock, media, repeatable: REPEATABLE });
  watch.witness = auditor.witness;
  const calm = { since: clock.elapsedMs() };
  const { counts, answers, send } = countAnswers(createSend(gateway, say));
  const workload = createWorkload({
    ...{ dice: dice.fork('workload'), say, sleep: clock.sleep, send },
    watch: createLimitWatch({ elapsedMs: clock.elapsedMs, calmSinceMs: () => calm.since, say }),
  });
  return {
    ...{ dice, clock, weather, gateway, reader, auditor, workload, faults, counts, answers, calm },
    nextWholeAudit: 0,
  };
}

function countAnswers(inner: Send): Pick<SimStage, 'counts' | 'answers'> & { send: Send } {
  const counts = {
    ...{ ticks: 0, deaths: 0, failedStarts: 0, drains: 0, jumps: 0, nights: 0 },
    ...{ requests: 0, unanswered: 0 },
  };
  const answers: Record<string, number> = {};
  return {
    counts,
    answers,
    async send(...request) {
      counts.requests += 1;
      const answer = await inner(...request);
      if (answer === null) counts.unanswered += 1;
      else if (answer.code !== null) answers[answer.code] = (answers[answer.code] ?? 0) + 1;
      return answer;
    },
  };
}

/** Bugs of the product that one of its parts caught and logged are faults as well; what the weather breaks is none. */
function createFaultLog(say: (fault: string) => void): Log {
  const nothing = () => undefined;
  return {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error(fields, message) {
      const { err } = fields;
      if (message === 'the books do not balance') say(`${message}: ${JSON.stringify(fields)}`);
      if (!(err instanceof Error) || err.name === 'GatewayError') return;
      // A request is never to break over what the weather does, a step may.
      if (err.message.startsWith('broken ') && message !== 'a request failed') return;
      say(`${message}: ${err.stack ?? err.message}`);
    },
    isEnabled: () => false,
    flush: nothing,
  };
}
