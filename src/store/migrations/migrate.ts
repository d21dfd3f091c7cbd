// Brings a database to this build's schema: forward only, all pending steps in one transaction, each applied
// step remembered with the hash of its text. Refuses a database that a newer build has touched.
import { sha256Hex } from '../../crypto.ts';
import { StartFault } from '../../errors.ts';
import type { Instant } from '../../runtime/clock.ts';
import type { Migration } from './index.ts';

/** The few things the migrator asks of a database. */
export type MigrationTarget = {
  exec(sql: string): void;
  /** Runs `work` with the write lock held; commits at its end, undoes everything when it throws. */
  locked<T>(work: () => T): T;
  applied(): AppliedMigration[];
  record(applied: AppliedMigration): void;
};

export type AppliedMigration = { id: number; name: string; hash: string; appliedAt: Instant };

export type MigrationPlan = { applied: AppliedMigration[]; pending: Migration[] };

/**
 * What is done and what is left to do.
 * @throws StartFault when the database is from a newer build, or an applied migration differs from ours
 */
export function planMigrations(applied: AppliedMigration[], known: readonly Migration[]): MigrationPlan {
  for (const step of applied) {
    const ours = known.find((migration) => migration.id === step.id);
    if (ours === undefined) {
      throw new StartFault(
        `The database has schema version ${step.id} (${step.name}), which is newer than this build's version ` +
          `${known.length}: start the newer build, or restore the backup from before the upgrade.`,
      );
    }
    if (sha256Hex(ours.sql) !== step.hash) {
      throw new StartFault(
        `Migration ${step.id} (${step.name}) was applied with another text than this build has: ` +
          'the database belongs to another build of Sluice.',
      );
    }
  }
  return { applied, pending: known.filter((migration) => !applied.some((step) => step.id === migration.id)) };
}

/** Applies what is pending, under the write lock, and returns it. */
export function migrate(target: MigrationTarget, known: readonly Migration[], now: Instant): Migration[] {
  return target.locked(() => {
    const { pending } = planMigrations(target.applied(), known);
    for (const migration of pending) {
      target.exec(migration.sql);
      target.record({
        id: migration.id,
        name: migration.name,
        hash: sha256Hex(migration.sql),
        appliedAt: now,
      });
    }
    return pending;
  });
}
