// A real database for a test, in a folder of its own, with a clock in the test's hands. Knows no feature.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../src/runtime/log.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { Connection } from '../../src/store/db.ts';
import { openHandle, type Handle } from '../../src/store/driver.ts';
import { openSqlite, type SqliteStore } from '../../src/store/sqlite.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createSeededRandom } from './seeded-random.ts';

export type { Handle };

export type TestDatabase = {
  readonly store: SqliteStore;
  readonly dir: string;
  readonly clock: ManualClock;
  readonly random: Random;
  /** Every line that was logged, parsed. */
  readonly log: Record<string, unknown>[];
  /** Closes the database and opens it again. */
  reopen(): Promise<void>;
  /** Closes the database, if it is open, and deletes its folder. */
  close(): Promise<void>;
};

export function openDatabase(options: { seed?: number; maxPages?: number } = {}): TestDatabase {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const clock = createManualClock();
  const log: Record<string, unknown>[] = [];
  const write = (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>);
  const { maxPages } = options;
  const open = () =>
    openSqlite({
      dataDir: dir,
      clock,
      log: createLog({ level: 'debug', write }),
      ...(maxPages === undefined ? {} : { maxPages }),
    });
  let store = open();
  return {
    get store() {
      return store;
    },
    dir,
    clock,
    random: createSeededRandom(options.seed ?? 1),
    log,
    async reopen() {
      await store.close();
      store = open();
    },
    async close() {
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The driver's connection under a connection of ours. */
export function handleOf(connection: Connection): Handle {
  return (connection.q as unknown as { $client: Handle }).$client;
}

/** Opens a database file beside the store, as somebody with a shell would. */
export function openByHand(store: Pick<SqliteStore, 'file'>): Handle {
  return openHandle(store.file, {});
}

/** The message of what was thrown, or rejected with. */
export async function faultOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'no fault';
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
