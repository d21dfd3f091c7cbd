// The copy that is taken by itself before a database gets another schema: the database alone, because stored files do
// not change with it.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StartFault } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { stampOf } from './disk.ts';
import { makeBackup } from './make.ts';
import { MANIFEST_FILE, parseManifest } from './manifest.ts';

export type UpgradeBackup = {
  dataDir: string;
  backupsDir: string;
  mediaDir: string;
  /** The schema that the database is about to get; stands in the folder's name. */
  toVersion: number;
  clock: Clock;
};

/**
 * To be called with the data folder locked.
 * @returns the folder of the copy
 * @throws StartFault when it cannot be made: without it nothing is upgraded
 */
export async function backupBeforeUpgrade(order: UpgradeBackup): Promise<string> {
  const { dataDir, mediaDir, backupsDir, toVersion, clock } = order;
  const prefix = `before-schema-${toVersion}-`;
  const to = join(backupsDir, prefix + stampOf(clock.now()));
  const made = await makeBackup({ dataDir, mediaDir, to, clock, hasMedia: false, progress: () => {} });
  if (made.kind === 'refused') {
    throw new StartFault(
      `The database needs an upgrade and no copy of it could be made first: ${made.fault}.`,
    );
  }
  const same = await findEqual(backupsDir, { prefix, not: to, sha256: made.manifest.database.sha256 });
  if (same === null) return to;
  // An upgrade that fails is tried again at every start; that must not fill the disk with equal copies.
  rmSync(to, { recursive: true });
  return same;
}

async function findEqual(
  backupsDir: string,
  wanted: { prefix: string; not: string; sha256: string },
): Promise<string | null> {
  for (const name of readdirSync(backupsDir)) {
    const folder = join(backupsDir, name);
    if (!name.startsWith(wanted.prefix) || folder === wanted.not) continue;
    const file = Bun.file(join(folder, MANIFEST_FILE));
    const manifest = (await file.exists()) ? parseManifest(await file.text()) : null;
    if (manifest?.database.sha256 === wanted.sha256) return folder;
  }
  return null;
}
