// Files of the database that only their owner may read, from the first moment on and whatever the umask is.
import { chmodSync, closeSync, openSync, statSync } from 'node:fs';
import { messageOf, StartFault } from '../errors.ts';

/**
 * Makes the file when there is none, and closes it to others when there is one.
 * @throws StartFault when this user may not
 */
export function makePrivate(file: string): void {
  try {
    createMissing(file);
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
  } catch (thrown) {
    throw new StartFault(
      `The file ${file} cannot be kept for its owner only (${messageOf(thrown)}): ` +
        'it must belong to the user that runs Sluice.',
      { cause: thrown },
    );
  }
}

/** A file that exists is not opened here: closing it would drop the locks that this process holds on it. */
function createMissing(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
  }
}
