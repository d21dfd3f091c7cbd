// `sluice restore`: puts a backup in the place of a data folder's database and stored files.
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { restoreBackup, type Manifest } from '../backup/index.ts';
import { loadMasterKey, isMasterKeyOf, locateDataFolder, type DataFolder } from '../data-folder.ts';
import type { Config } from '../config.ts';
import { StartFault } from '../errors.ts';
import { createSystemClock } from '../runtime/clock.ts';
import { createSystemRandom } from '../runtime/random.ts';
import { DATABASE_FILE, openDatabaseFile } from '../store/database-file.ts';
import { readMeta } from '../store/meta.ts';
import { CONFIG_OPTION, EXIT, JSON_OPTION, printJson, type Command, type Invocation } from './command.ts';
import { summaryOf } from './backup.ts';
import { readConfig } from './settings.ts';

export const restore: Command = {
  name: 'restore',
  summary: 'put a backup in place, with the gateway stopped',
  takes: ['FOLDER'],
  details:
    'Checks every hash of the backup before anything is changed. Data that is there is refused, or with --force moved ' +
    'aside into a folder named "replaced-…". The keys of the data folder stay: the master key must be the one that the ' +
    'backup was made with.',
  options: {
    force: { help: 'move data that is there aside' },
    ...CONFIG_OPTION,
    ...JSON_OPTION,
  },
  example: 'sluice restore /mnt/backups/sluice-monday --force',
  async run(invocation) {
    const { terminal, values, positionals } = invocation;
    const config = readConfig(invocation);
    const folder = locateDataFolder(config);
    const from = resolve(positionals[0] ?? '');
    const { dir: dataDir, mediaDir, restoreMarkFile: markFile } = folder;
    refuseWrongUser(dataDir, terminal.userId);
    const outcome = await restoreBackup({
      ...{ from, dataDir, mediaDir, markFile },
      isForced: values['force'] === true,
      clock: createSystemClock(),
      progress: terminal.note,
    });
    if (outcome.kind === 'refused') {
      terminal.note(`sluice restore: ${outcome.fault}.`);
      if (values['json'] === true) printJson(invocation, { ok: false, fault: outcome.fault });
      return EXIT.failed;
    }
    const masterKey = await judgeMasterKey(config, folder);
    report(invocation, { ...outcome, from, folder, masterKey });
    return EXIT.ok;
  },
};

/** What the super-user puts in place belongs to the super-user, and the gateway could not write it. */
function refuseWrongUser(dataDir: string, userId: number | null): void {
  const owner = statSync(dataDir, { throwIfNoEntry: false })?.uid ?? userId;
  if (userId !== 0 || owner === 0) return;
  throw new StartFault(`The data folder ${dataDir} belongs to user ${owner}: run the restore as that user.`);
}

/** `absent` also when it cannot be read. */
type KeyVerdict = 'right' | 'wrong' | 'absent' | 'any';

const KEY_NOTES: Readonly<Record<KeyVerdict, string>> = {
  right: 'The master key here is the one that the backup was made with.',
  wrong:
    'The master key here is NOT the one that the backup was made with: put that one in its place, or the gateway will not start.',
  any: 'The backup was made before a gateway ran on it: any master key will do.',
  absent: 'Before the gateway starts, put the master key in place that the backup was made with.',
};

async function judgeMasterKey(config: Config, folder: DataFolder): Promise<KeyVerdict> {
  const database = openDatabaseFile(join(folder.dir, DATABASE_FILE));
  try {
    const check = await readMeta(database.read, 'master-key-check');
    if (check === null) return 'any';
    const masterKey = loadMasterKey(config, folder, { random: createSystemRandom(), mayMake: false });
    return isMasterKeyOf(check, masterKey) ? 'right' : 'wrong';
  } catch (thrown) {
    if (thrown instanceof StartFault) return 'absent';
    throw thrown;
  } finally {
    database.close();
  }
}

type Report = {
  manifest: Manifest;
  movedTo: readonly string[];
  from: string;
  folder: DataFolder;
  masterKey: KeyVerdict;
};

function report(invocation: Invocation, { manifest, movedTo, from, folder, masterKey }: Report): void {
  const { terminal, values } = invocation;
  const { dir } = folder;
  if (values['json'] === true) {
    const { createdAt, schemaVersion, counts, media } = summaryOf({ folder: from, manifest });
    printJson(invocation, {
      ok: true,
      dataDir: dir,
      createdAt,
      schemaVersion,
      counts,
      media,
      movedTo,
      masterKey,
    });
  } else terminal.print(`${dir} has the data of ${manifest.createdAt}`);
  for (const path of movedTo) terminal.note(`What was there before lies in ${path}.`);
  terminal.note(KEY_NOTES[masterKey]);
}
