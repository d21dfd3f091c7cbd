// A database whose process can die: what the next one finds is what lay in the files at that moment, without the
// farewell of an orderly close.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createLog } from '../../src/runtime/log.ts';
import type { Random } from '../../src/runtime/random.ts';
import { openSqlite, type SqliteStore } from '../../src/store/sqlite.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

export type MortalDatabase = {
  readonly store: SqliteStore;
  readonly random: Random;
  readonly crashes: number;
  /** Goes on with a copy of the files as they are now. */
  crash(): Promise<void>;
  close(): Promise<void>;
};

export function openMortalDatabase(): MortalDatabase {
  const dirs: string[] = [];
  const makeDir = (): string => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
    dirs.push(dir);
    return dir;
  };
  const open = (dataDir: string) =>
    openSqlite({ dataDir, clock: createManualClock(), log: createLog({ level: 'silent' }) });
  let store = open(makeDir());
  let crashes = 0;
  const remove = () => {
    for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
  };
  return {
    get store() {
      return store;
    },
    get crashes() {
      return crashes;
    },
    random: createSeededRandom(1),
    async crash() {
      crashes += 1;
      const left = store;
      const files = [left.file, `${left.file}-wal`].filter((file) => existsSync(file));
      const old = dirs.splice(0);
      const dir = makeDir();
      for (const file of files) copyFileSync(file, join(dir, basename(file)));
      store = open(dir);
      await left.close();
      for (const gone of old) rmSync(gone, { recursive: true });
    },
    async close() {
      await store.close();
      remove();
    },
  };
}
