// The two keys of a data folder: there, for their owner only, and the right ones. What they are is never said.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MIN_OPERATOR_KEY_LENGTH, type Config } from '../config.ts';
import {
  isMasterKeyOf,
  loadMasterKey,
  MASTER_KEY_FILE,
  readSecret,
  type DataFolder,
} from '../data-folder.ts';
import { StartFault } from '../errors.ts';
import { createSystemRandom } from '../runtime/random.ts';
import type { Connection } from '../store/db.ts';
import { readMeta } from '../store/meta.ts';
import { fine, wrong, type Finding } from './finding.ts';

/** Whether a gateway has run on this database. */
export async function hasStarted(on: Connection): Promise<boolean> {
  return (await readMeta(on, 'master-key-check')) !== null;
}

export async function examineMasterKey(config: Config, folder: DataFolder, on: Connection): Promise<Finding> {
  const check = 'master key';
  const seal = await readMeta(on, 'master-key-check');
  if (seal === null) return fine(check, 'none yet: the first start makes one');
  const source =
    config.masterKey === null
      ? (config.masterKeyFile ?? join(folder.dir, MASTER_KEY_FILE))
      : 'SLUICE_MASTER_KEY';
  try {
    const masterKey = loadMasterKey(config, folder, { random: createSystemRandom(), mayMake: false });
    if (isMasterKeyOf(seal, masterKey))
      return fine(check, `${source} is the one that the database was made with`);
    const advice =
      'put the right one in its place; without it the sealed credentials in the database are lost';
    return wrong(check, `${source} is not the one that the database was made with`, advice);
  } catch (thrown) {
    if (!(thrown instanceof StartFault)) throw thrown;
    return wrong(check, thrown.message, 'put the master key in place, for its owner only');
  }
}

/** There must be a key only once a gateway has run here. */
export function examineOperatorKey(
  config: Config,
  { operatorKeyFile }: DataFolder,
  isNeeded: boolean,
): Finding {
  const check = 'operator key';
  if (config.operatorKeys !== null)
    return fine(check, `${config.operatorKeys.length} from MY_PRIVATE_API_KEY`);
  if (!existsSync(operatorKeyFile)) {
    if (!isNeeded) return fine(check, 'none yet: the first start makes one');
    return wrong(
      check,
      `${operatorKeyFile} is missing`,
      'the next start makes a new one; scripts need it then',
    );
  }
  try {
    if (readSecret(operatorKeyFile).trim().length >= MIN_OPERATOR_KEY_LENGTH)
      return fine(check, operatorKeyFile);
    const advice = 'delete it, and the next start makes a new one';
    return wrong(check, `${operatorKeyFile} holds fewer than ${MIN_OPERATOR_KEY_LENGTH} characters`, advice);
  } catch (thrown) {
    if (!(thrown instanceof StartFault)) throw thrown;
    return wrong(check, thrown.message, `chmod 600 ${operatorKeyFile}, as its owner`);
  }
}
