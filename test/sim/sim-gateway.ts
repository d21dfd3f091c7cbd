// The gateway of a simulation: the real app on a real database, running its own loop, in a process that can die at any
// gate and is then started again on the same folder.
import { createApp, type App } from '../../src/app.ts';
import { parseMasterKey } from '../../src/crypto.ts';
import type { MediaStore } from '../../src/media/index.ts';
import { createSandbox, type Paint, type Provider } from '../../src/providers/index.ts';
import type { Clock, Log, Net, Random } from '../../src/runtime/index.ts';
import { openSqlite, type SqliteStore } from '../../src/store/sqlite.ts';
import {
  createLife,
  mortalMedia,
  mortalNet,
  mortalProvider,
  mortalStore,
  type GateKeeper,
  type Life,
} from '../support/mortal.ts';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import type { SubmitWitness } from './faulty-provider.ts';
import type { SimClock } from './sim-clock.ts';

export type SimGateway = {
  isAlive(): boolean;
  /** Opens the folder, takes up what is open there and starts the loop. */
  start(): Promise<void>;
  /** Ends the process as kill -9 does. */
  kill(): void;
  /** Closes what a dead process has left open, as the system does. */
  bury(): Promise<void>;
  /** Null when the process dies before it has answered. */
  handle(request: Request): Promise<Response | null>;
  /** Stops as SIGTERM does; false when the process dies before it has. */
  drain(timeoutMs: number): Promise<boolean>;
  /** How much has happened at the gates; tells whether anything still happens. */
  activity(): number;
};

export type SimGatewayParts = {
  dir: string;
  clock: SimClock;
  random: Random;
  log: Log;
  net: Net;
  media: MediaStore;
  providers: readonly Provider[];
  keeper: GateKeeper;
  witness: SubmitWitness;
  freeBytes: () => number;
};

export const SIM_OPERATOR_KEY = 'operator-key-of-the-simulation-012345';
export const SIM_URL = 'http://localhost';
const MASTER_KEY = parseMasterKey('bWFzdGVyIGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGU=');

type Process = {
  app: App;
  store: SqliteStore;
  life: Life;
  endClock: () => void;
  /** What a piece of work comes to, or null when the process dies over it. */
  outliving<T>(work: Promise<T>): Promise<T | null>;
};

export function createSimGateway(parts: SimGatewayParts): SimGateway {
  const { keeper } = parts;
  let activity = 0;
  let process: Process | null = null;
  const counting: GateKeeper = (gate) => {
    activity += 1;
    return keeper(gate);
  };

  return {
    isAlive: () => process !== null && !process.life.isOver(),
    async start() {
      const life = createLife(counting);
      const { clock, end: endClock } = parts.clock.ofProcess();
      const store = openSqlite({ dataDir: parts.dir, clock, log: parts.log });
      const app = joinApp({ ...parts, store, life, clock });
      process = { app, store, life, endClock, outliving: createOutliving(life) };
      await process.outliving(app.resume());
      if (!life.isOver()) process.app.scheduler.start();
    },
    kill: () => process?.life.end(),
    async bury() {
      process?.endClock();
      await process?.store.close();
      process = null;
    },
    async handle(request) {
      if (process === null || process.life.isOver()) return null;
      const { app, outliving } = process;
      const response = await outliving(app.handle(request));
      activity += 1;
      return response;
    },
    async drain(timeoutMs) {
      if (process === null) return false;
      const { app, outliving } = process;
      return (await outliving(app.drain(timeoutMs).then(() => true))) ?? false;
    },
    activity: () => activity,
  };
}

/**
 * A race against the end of a life, for any number of racers: `Promise.race` would keep each of them in memory for as
 * long as the life goes on.
 */
function createOutliving(life: Life): Process['outliving'] {
  const racers = new Set<() => void>();
  const endTheRace = async () => {
    await life.over;
    for (const lose of racers) lose();
  };
  void endTheRace();
  return (work) =>
    new Promise((resolve, reject) => {
      const lose = () => resolve(null);
      racers.add(lose);
      void work.then(resolve, reject).finally(() => racers.delete(lose));
    });
}

type AppSetting = Omit<SimGatewayParts, 'clock'> & { clock: Clock; store: SqliteStore; life: Life };

function joinApp(parts: AppSetting): App {
  const { clock, random, net, witness, store, life } = parts;
  // The dead may still find out that their database is gone; nobody hears of it.
  const log: Log = {
    ...parts.log,
    error: (fields, message) => (life.isOver() ? undefined : parts.log.error(fields, message)),
  };
  if (MASTER_KEY === null) throw new Error('the key of the simulation is none');
  const sandbox = createSandbox({ paint: paintTiny });
  const witnessed: Provider = {
    ...sandbox,
    submit(order, attemptId, context) {
      witness({ provider: sandbox.id, attemptId, isKnown: false });
      return sandbox.submit(order, attemptId, context);
    },
  };
  return createApp({
    config: { trustedProxies: [], region: 'sim', providerUrls: {} },
    runtime: { clock, random, log, net: mortalNet(net, life) },
    store: mortalStore(store, life),
    dataDir: parts.dir,
    mediaDir: parts.dir,
    mediaStore: mortalMedia(parts.media, life),
    masterKey: MASTER_KEY,
    operatorKeys: [SIM_OPERATOR_KEY],
    providers: [witnessed, ...parts.providers].map((provider) => mortalProvider(provider, life)),
    publicUrl: () => SIM_URL,
    freeBytes: parts.freeBytes,
  });
}

const paintTiny: Paint = async ({ type, width, height }) =>
  type === 'image' ? tinyPng(width, height) : tinyMp4(width, height);
