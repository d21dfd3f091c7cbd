// The data folder: made with the right modes, and the two keys that live in it. A key that exists is never made
// anew, because what was sealed or signed with it would be lost.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MIN_OPERATOR_KEY_LENGTH, type Config } from './config.ts';
import {
  deriveKey,
  makeMasterKey,
  open,
  parseMasterKey,
  randomBase62,
  seal,
  type MasterKey,
} from './crypto.ts';
import { messageOf, StartFault } from './errors.ts';
import type { Random } from './runtime/random.ts';

export type DataFolder = {
  dir: string;
  mediaDir: string;
  backupsDir: string;
  /** The file of the generated operator key; it may not exist where the setting gives the keys. */
  operatorKeyFile: string;
  /** Stands here while a restore exchanges the data. */
  restoreMarkFile: string;
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
    restoreMarkFile: join(dir, 'restore-under-way'),
  };
}

/** Makes the folder, for its owner only, and proves that it can be written. @throws StartFault */
export function prepareDataFolder(folder: DataFolder): void {
  try {
    mkdirSync(folder.dir, { recursive: true, mode: 0o700 });
    closeUnused(folder.dir);
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

/** What a fresh clone and a fresh volume have in it. A folder with anything else in it may serve others too. */
const UNUSED_ENTRIES = new Set(['.gitignore', 'README.md', 'lost+found']);

/** Shuts others out of a folder that is only now taken into use, as far as it is this user's to shut. */
function closeUnused(dir: string): void {
  if (!readdirSync(dir).every((name) => UNUSED_ENTRIES.has(name))) return;
  try {
    chmodSync(dir, 0o700);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM')) throw thrown;
  }
}

/** To be asked with the folder locked. @throws StartFault when a restore was killed while it exchanged the data */
export function refuseHalfRestored(folder: DataFolder): void {
  if (!existsSync(folder.restoreMarkFile)) return;
  throw new StartFault(
    `A restore into ${folder.dir} was interrupted half-way: run 'sluice restore FOLDER --force' again; ` +
      'what was there before lies in its folders named replaced-….',
  );
}

const CHECK_TEXT = 'sluice';
const CHECK_CONTEXT = 'meta/master-key-check';

/** A known text under the master key, to be kept in the database that is made with it. */
export function makeMasterKeyCheck(masterKey: MasterKey, random: Random): string {
  return seal(deriveKey(masterKey, 'seal'), CHECK_TEXT, CHECK_CONTEXT, random);
}

/** Whether a database with this check was made with this master key. */
export function isMasterKeyOf(check: string, masterKey: MasterKey): boolean {
  return open(deriveKey(masterKey, 'seal'), check, CHECK_CONTEXT) === CHECK_TEXT;
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
  return requireMasterKey(readSecret(file), `The key file ${file}`);
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
  const key = readSecret(file).trim();
  if (key.length < MIN_OPERATOR_KEY_LENGTH) {
    throw new StartFault(
      `The key file ${file} does not hold an operator key of ${MIN_OPERATOR_KEY_LENGTH} characters or more: ` +
        'put the right one there, or delete the file and the next start makes a new key.',
    );
  }
  return { keys: [key], file };
}

function requireMasterKey(text: string, source: string): MasterKey {
  const key = parseMasterKey(text);
  if (key === null) throw new StartFault(`${source} does not hold a master key: 32 bytes in base64 or hex.`);
  return key;
}

/** What a key file holds. @throws StartFault when it cannot be read, or others may read it */
export function readSecret(file: string): string {
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

/** Whole or not at all, and on disk before anything is made with it: half a key would be a lost key. */
function writeSecret(file: string, content: string): void {
  const partial = `${file}.part`;
  try {
    rmSync(partial, { force: true });
    writeFileSync(partial, `${content}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(partial, file);
    syncFolder(dirname(file));
  } catch (thrown) {
    throw new StartFault(`The key file ${file} cannot be written (${messageOf(thrown)}).`, { cause: thrown });
  }
}

/** Makes a new name in a folder durable. */
function syncFolder(dir: string): void {
  const handle = openSync(dir, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
