// A database that has been lived in, to be broken by hand: copies of it without the triggers and constraints that keep
// its books, so that the auditor can be shown every fault that it is there to find.
import Database from '#sqlite';
import { closeSync, copyFileSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeTempFolder } from '../support/temp-folder.ts';
import { live } from './life.ts';
import { openReader, type Reader } from './reader.ts';
import { setStage, type SimStage } from './sim-stage.ts';
import { leaveStage } from './simulation.ts';

export type Ruins = {
  /** The life that was lived in it, as its people remember it. */
  readonly stage: SimStage;
  /** A copy to break. */
  copy(): Ruin;
  remove(): void;
};

export type Ruin = {
  /** What an auditor reads it through. */
  reader: Reader;
  /** Changes at least one row, past every rule of the schema. @throws Error when there was none to change */
  harm(sql: string): void;
  /** Overwrites the first page of a table with nonsense. */
  tear(table: string): void;
  close(): void;
};

/** Lives for a while and ends in the middle of it, with jobs open and ended. */
export async function makeRuins({ seed, jobs }: { seed: number; jobs: number }): Promise<Ruins> {
  const dir = makeTempFolder('sluice-ruins-');
  const stage = await setStage(dir, seed);
  await live(stage, { seed, jobs });
  await leaveStage(stage);
  dropGuards(dir);
  let copies = 0;
  return {
    stage,
    copy() {
      copies += 1;
      const folder = join(dir, String(copies));
      mkdirSync(folder);
      copyFileSync(join(dir, 'sluice.db'), join(folder, 'sluice.db'));
      return openRuin(folder);
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Takes away what would keep the books from being broken. */
function dropGuards(folder: string): void {
  const writer = new Database(join(folder, 'sluice.db'));
  const guards = writer
    .prepare<[], { type: string; name: string }>(
      `SELECT type, name FROM sqlite_schema WHERE type = 'trigger' OR (type = 'index' AND sql IS NOT NULL)`,
    )
    .all();
  for (const { type, name } of guards) writer.exec(`DROP ${type} ${name}`);
  writer.close();
}

function openRuin(folder: string): Ruin {
  const writer = new Database(join(folder, 'sluice.db'));
  writer.pragma('foreign_keys = OFF');
  writer.pragma('ignore_check_constraints = ON');
  // Nothing of it needs to outlive the test.
  writer.pragma('synchronous = OFF');
  const reader = openReader(folder);
  return {
    reader,
    harm(sql) {
      const { changes } = writer.prepare(sql).run();
      if (changes === 0) throw new Error(`there is nothing to harm by: ${sql}`);
    },
    tear(table) {
      const page = Number(
        writer.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(table),
      );
      const pageSize = Number(writer.pragma('page_size', { simple: true }));
      // What has been changed so far lies in the log, which would cover it.
      writer.pragma('wal_checkpoint(TRUNCATE)');
      const file = openSync(join(folder, 'sluice.db'), 'r+');
      writeSync(file, new Uint8Array(pageSize).fill(0xff), 0, pageSize, (page - 1) * pageSize);
      closeSync(file);
    },
    close() {
      reader.close();
      writer.close();
    },
  };
}
