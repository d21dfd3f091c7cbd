// The composition root: from a configuration and a runtime to a gateway that answers requests and does its work.
// Everything is joined here and nowhere else, and nothing here decides anything.
import { createAccounts } from './accounts/index.ts';
import { createAudit } from './audit/index.ts';
import { createCatalog } from './catalog/index.ts';
import type { Config } from './config.ts';
import { deriveKey, hmacBase64Url, type MasterKey } from './crypto.ts';
import { createCustomers } from './customers/index.ts';
import { createHealth, type Health } from './health.ts';
import { createHttp, type DeclaredRoute, type Handle } from './http/index.ts';
import { createIdempotency } from './idempotency/index.ts';
import { makeId } from './ids.ts';
import { createJobs } from './jobs/index.ts';
import { createKeys } from './keys/index.ts';
import { createLedger } from './ledger/index.ts';
import { createLimits } from './limits/index.ts';
import { createMedia, createMediaDisk, type MediaStore } from './media/index.ts';
import { createOperations, type Operations } from './operations/index.ts';
import type { Provider } from './providers/index.ts';
import type { Runtime } from './runtime/index.ts';
import { createScheduler, createTaskWorker, type Scheduler } from './scheduler/index.ts';
import type { SqliteStore } from './store/sqlite.ts';
import { houseTasks } from './tasks.ts';

export type App = {
  handle: Handle;
  routes: readonly DeclaredRoute[];
  operations: Operations;
  scheduler: Scheduler;
  health: Health;
  /** Takes up what an earlier process left open. To be called once, when it is certain that none is alive. */
  resume(): Promise<void>;
  /** Stops taking work, lets those who wait go on, and waits for what is under way, up to a time. */
  drain(timeoutMs: number): Promise<void>;
};

export type AppParts = {
  config: Pick<Config, 'trustedProxies' | 'region' | 'providerUrls'>;
  runtime: Runtime;
  store: SqliteStore;
  dataDir: string;
  mediaDir: string;
  masterKey: MasterKey;
  operatorKeys: readonly string[];
  providers: readonly Provider[];
  /** The base of every link that is handed out; asked each time, because a free port is known only late. */
  publicUrl: () => string;
  /** Instead of the folder `mediaDir`; for tests of what a failing store does. */
  mediaStore?: MediaStore;
  /** For tests that need a full disk. */
  freeBytes?: (dir: string) => number;
};

export function createApp(parts: AppParts): App {
  const { runtime, store: db, masterKey } = parts;
  const { clock, random } = runtime;
  const audit = createAudit({ random });
  const catalog = createCatalog({ db });
  const customers = createCustomers({ random });
  const idempotency = createIdempotency();
  const keys = createKeys({ random });
  const ledger = createLedger({ random });
  const limits = createLimits({ clock });
  const store = parts.mediaStore ?? createMediaDisk(parts.mediaDir);
  const media = createMedia({ db, store, linkKey: deriveKey(masterKey, 'media-links'), clock, random });
  const owner = makeId('node', { now: clock.now(), random });
  const leaves = { audit, catalog, customers, idempotency, keys, ledger, limits, media };
  const health = createHealth({
    dataDir: parts.dataDir,
    clock,
    probe: db.probe,
    ...(parts.freeBytes === undefined ? {} : { freeBytes: parts.freeBytes }),
  });
  const { requireRoom } = health;
  const { providers } = parts;
  const { providerUrls } = parts.config;
  const accounts = createAccounts({ db, runtime, providers, providerUrls, masterKey });
  const jobs = createJobs({ db, runtime, ...leaves, accounts, providers, requireRoom, owner });
  const operations = createOperations({ db, ...leaves, accounts, jobs });
  const addressKey = deriveKey(masterKey, 'address-hash');
  const http = createHttp({
    ...{ db, runtime, health, accounts, jobs, operations, ...leaves },
    operatorKeys: parts.operatorKeys,
    trustedProxies: parts.config.trustedProxies,
    hashAddress: (address) => hmacBase64Url(addressKey, address),
    publicUrl: parts.publicUrl,
    schedulerLagMs: () => scheduler.lagMs(),
  });
  const tasks = houseTasks({
    db,
    runtime,
    engine: jobs.engine,
    takeUses: http.takeKeyUses,
    accounts,
    ...leaves,
  });
  const taskWorker = createTaskWorker({ db, clock, log: runtime.log, tasks });
  const scheduler = createScheduler({ clock, log: runtime.log, workers: [jobs.engine, taskWorker] });
  db.subscribe('job-due', scheduler.nudge);
  db.subscribe('job-ended', scheduler.nudge);

  return {
    handle: http.handle,
    routes: http.routes,
    operations,
    scheduler,
    health,
    async resume() {
      const open = await jobs.engine.takeOver();
      if (open > 0) runtime.log.info({ jobs: open }, 'resuming jobs of an earlier run');
    },
    async drain(timeoutMs) {
      health.startDraining();
      jobs.engine.stop();
      jobs.endings.releaseAll();
      await Promise.race([scheduler.stop(), clock.sleep(timeoutMs)]);
      await jobs.engine.handBack();
    },
  };
}
