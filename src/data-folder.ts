// The data folder: made with the right modes, and the two keys that live in it. A key that exists is never made
// anew, because what was sealed or signed with it would be lost.
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from './config.ts';
import { makeMasterKey, parseMasterKey, randomBase62, type MasterKey } from './crypto.ts';
import { messageOf, StartFault } from './errors.ts';
import type { Random } from './runtime/random.ts';

export type DataFolder = {
  dir: string;
  mediaDir: string;
  backupsDir: string;
  /** The file of the generated operator key; it may not exist where the setting gives the keys. */
  operatorKeyFile: string;
};

export const MASTER_KEY_FILE = 'master.key';
export const OPERATOR_KEY_FILE = 'operator.key';

/** Where things are; touches nothing. */
export function locateDataFolder(config: Pick<Config, 'dataDir' | 'mediaDir'>): DataFolder {
  const dir = resolve(config.dataDir);
  return {
    dir,
    mediaDir: resolve(config.mediaDir ?? join(dir, 'media')),
    backupsDir: join(dir, 'backups'),
    operatorKeyFile: join(dir, OPERATOR_KEY_FILE),
  };
}

/** Makes the folder, for its owner only, and proves that it can be written. @throws StartFault */
export function prepareDataFolder(folder: DataFolder): void {
  try {
    mkdirSync(folder.dir, { recursive: true, mode: 0o700 });
    mkdirSync(folder.mediaDir, { recursive: true, mode: 0o700 });
    const probe = join(folder.dir, '.writable');
    writeFileSync(probe, '', { mode: 0o600 });
    unlinkSync(probe);
  } catch (thrown) {
    throw new StartFault(
      `The data folder ${folder.dir} cannot be written (${messageOf(thrown)}): give this user write access, ` +
        'or set SLUICE_DATA_DIR to another folder.',
      { cause: thrown },
    );
  }
}

/**
 * The master key: from the setting, from the file that it names, or from the data folder, where it is made once: a
 * database that was made with a key must not silently get another (`mayMake`).
 * @throws StartFault when it cannot be read, is malformed, or others may read its file
 */
export function loadMasterKey(
  config: Config,
  folder: DataFolder,
  { random, mayMake }: { random: Random; mayMake: boolean },
): MasterKey {
  if (config.masterKey !== null) return requireMasterKey(config.masterKey, 'SLUICE_MASTER_KEY');
  const file = config.masterKeyFile ?? join(folder.dir, MASTER_KEY_FILE);
  if (config.masterKeyFile === null && mayMake && !existsSync(file)) writeSecret(file, makeMasterKey(random));
  return requireMasterKey(readSecret(file), file);
}

/** The operator's keys, and whether this call made one. @throws StartFault */
export function loadOperatorKeys(
  config: Config,
  folder: DataFolder,
  random: Random,
): { keys: readonly string[]; file: string | null } {
  if (config.operatorKeys !== null) return { keys: config.operatorKeys, file: null };
  const file = folder.operatorKeyFile;
  // 43 base62 characters hold 256 bits; the prefix lets scanners recognise a leak.
  if (!existsSync(file)) writeSecret(file, `slo_${randomBase62(random, 43)}`);
  return { keys: [readSecret(file).trim()], file };
}

function requireMasterKey(text: string, source: string): MasterKey {
  const key = parseMasterKey(text);
  if (key === null) throw new StartFault(`${source} does not hold a master key: 32 bytes in base64 or hex.`);
  return key;
}

function readSecret(file: string): string {
  let mode: number;
  let content: string;
  try {
    mode = statSync(file).mode;
    content = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new StartFault(`The key file ${file} cannot be read (${messageOf(thrown)}).`, { cause: thrown });
  }
  if ((mode & 0o077) !== 0) {
    throw new StartFault(
      `The key file ${file} can be read by others: make it private with 'chmod 600 ${file}'.`,
    );
  }
  return content;
}

function writeSecret(file: string, content: string): void {
  writeFileSync(file, `${content}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(file, 0o600);
}
