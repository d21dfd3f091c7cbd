// The recurring tasks of the gateway: their names, when they run (in UTC), and the feature that does the work.
import type { Accounts } from './accounts/index.ts';
import type { Catalog } from './catalog/index.ts';
import type { Idempotency } from './idempotency/index.ts';
import type { Jobs } from './jobs/index.ts';
import type { Keys } from './keys/index.ts';
import type { Ledger } from './ledger/index.ts';
import type { Limits } from './limits/index.ts';
import type { Media } from './media/index.ts';
import type { Runtime } from './runtime/index.ts';
import type { Task } from './scheduler/index.ts';
import type { SqliteStore } from './store/sqlite.ts';

export type TaskParts = {
  db: SqliteStore;
  runtime: Runtime;
  accounts: Accounts;
  catalog: Catalog;
  engine: Jobs['engine'];
  idempotency: Idempotency;
  keys: Keys;
  ledger: Ledger;
  limits: Limits;
  media: Media;
  /** When keys were used since the last call. */
  takeUses: () => Map<string, number>;
};

/** Rows or files in one go: a transaction, or a stretch of file work, that nobody notices. */
const BATCH = 1000;
/** Batches a run; what is left after that waits for the next one. */
const MAX_BATCHES = 200;

/** Goes on for as long as batches come back full. */
async function inBatches(work: (limit: number) => Promise<number>): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch++) if ((await work(BATCH)) < BATCH) return;
}

export function houseTasks(parts: TaskParts): Task[] {
  const { db, runtime, accounts, engine, idempotency, keys, ledger, limits, media, takeUses } = parts;
  const own = (name: string, cron: string, run: () => Promise<void>): Task => ({
    name,
    cron,
    isShared: false,
    run,
  });
  const shared = (name: string, cron: string, run: () => Promise<void>): Task => ({
    name,
    cron,
    isShared: true,
    run,
  });

  return [
    own('renew-leases', '*/20 * * * * *', engine.renewLeases),
    own('checkpoint', '*/30 * * * * *', async () => db.checkpoint('PASSIVE')),
    own('forget-idle-windows', '*/1 * * * *', async () => limits.forgetIdle()),
    own('note-key-uses', '*/10 * * * * *', async () => {
      const uses = takeUses();
      if (uses.size > 0) await db.transaction((tx) => keys.touch(tx, uses));
    }),
    own('delete-expired-media', '*/1 * * * *', () => inBatches(media.deleteExpired)),
    own('delete-expired-uploads', '*/1 * * * *', () => inBatches(media.uploads.deleteExpired)),
    shared('sweep-orphaned-media', '17 4 * * *', () => inBatches(media.sweepOrphans)),
    shared('prune-idempotency-keys', '7 * * * *', () =>
      inBatches((limit) => db.transaction((tx) => idempotency.prune(tx, limit))),
    ),
    shared('refresh-accounts', '*/5 * * * *', accounts.refreshAll),
    shared('watch-account-expiry', '*/1 * * * *', accounts.watchExpiry),
    shared('audit-books', '37 * * * *', async () => {
      const report = await ledger.audit(db.read);
      for (const fault of report.faults) runtime.log.error(fault, 'the books do not balance');
      if (report.faults.length === 0) runtime.log.info({ wallets: report.wallets }, 'the books balance');
    }),
  ];
}
