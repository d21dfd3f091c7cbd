// The examination of a data folder, while the gateway runs or not: looks at everything, takes no lock and changes
// nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createAudit } from '../audit/index.ts';
import type { Config } from '../config.ts';
import { locateDataFolder, type DataFolder } from '../data-folder.ts';
import { messageOf } from '../errors.ts';
import { createLedger } from '../ledger/index.ts';
import { hasStoredFiles } from '../media/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { createSystemRandom } from '../runtime/random.ts';
import { DATABASE_FILE, openDatabaseFile, type DatabaseFile } from '../store/database-file.ts';
import { fine, wrong, type Finding } from './finding.ts';
import { examineDisk, examineFolder } from './folder.ts';
import { examineMedia } from './media.ts';
import { examineModels } from './models.ts';
import { examineAudit, examineBooks, examineClock, examineDatabase, examineSchema } from './records.ts';
import { examineMasterKey, examineOperatorKey, hasStarted } from './secrets.ts';

export type { Finding } from './finding.ts';

export type Examination = {
  config: Config;
  clock: Clock;
  /** Who runs this process; null where the system has no such number. */
  userId: number | null;
  /** For tests that need a full disk. */
  freeBytes?: (dir: string) => number;
};

/** All checks in order. A check that cannot be made is a finding too. */
export async function examine(examination: Examination): Promise<Finding[]> {
  const folder = locateDataFolder(examination.config);
  const findings = [examineModels(examination.clock), ...examineFolder(folder, examination.userId)];
  if (!existsSync(folder.dir)) return findings;
  findings.push(...examineDisk(folder, examination.freeBytes));
  const file = join(folder.dir, DATABASE_FILE);
  if (!existsSync(file)) return [...findings, await examineAbsence(folder)];
  return [
    ...findings,
    ...(await withDatabase(file, (database) => examineRecords(database, folder, examination))),
  ];
}

async function examineAbsence({ mediaDir }: DataFolder): Promise<Finding> {
  // A folder that this user may not look into is a finding of its own.
  const hasFiles = await hasStoredFiles(mediaDir).catch(() => false);
  if (!hasFiles) return fine('database', 'none yet: the first start makes it');
  const advice = "put the database back, as with 'sluice restore', or set SLUICE_MEDIA to an empty folder";
  return wrong('database', `is missing, and ${mediaDir} holds stored files`, advice);
}

async function withDatabase(
  file: string,
  work: (database: DatabaseFile) => Promise<Finding[]>,
): Promise<Finding[]> {
  let database: DatabaseFile;
  try {
    database = openDatabaseFile(file);
  } catch (thrown) {
    return [
      wrong('database', messageOf(thrown), "see to the file, or put a backup in place with 'sluice restore'"),
    ];
  }
  try {
    return await work(database);
  } finally {
    database.close();
  }
}

async function examineRecords(
  database: DatabaseFile,
  folder: DataFolder,
  { config, clock }: Examination,
): Promise<Finding[]> {
  const { read } = database;
  const random = createSystemRandom();
  const checks: [string, () => Finding | Finding[] | Promise<Finding | Finding[]>][] = [
    ['database', () => examineDatabase(database, join(folder.dir, DATABASE_FILE))],
    ['schema', () => examineSchema(database)],
    ['clock', () => examineClock(read, clock)],
    ['master key', () => examineMasterKey(config, folder, read)],
    ['operator key', async () => examineOperatorKey(config, folder, await hasStarted(read))],
    ['media', () => examineMedia(read, folder.mediaDir, clock)],
    ['books', () => examineBooks(read, createLedger({ random }))],
    ['audit', () => examineAudit(read, createAudit({ random }))],
  ];
  const findings: Finding[] = [];
  for (const [check, examineIt] of checks) {
    try {
      findings.push(...[await examineIt()].flat());
    } catch (thrown) {
      findings.push(
        wrong(check, `could not be checked: ${messageOf(thrown)}`, 'see to the other findings first'),
      );
    }
  }
  return findings;
}
