// Opens SQLite files: the only importer of the driver. Its native code is unpacked into the temporary folder when it
// comes out of the executable, and a folder that does not allow that is said in one sentence.
import Database from '#sqlite';
import { tmpdir } from 'node:os';
import { messageOf, StartFault } from '../errors.ts';

export type Handle = InstanceType<typeof Database>;
type HandleOptions = {
  readonly?: boolean;
  /** How long a statement waits for another process's lock, in milliseconds. */
  timeout?: number;
};

/** @throws StartFault when the driver cannot be loaded; what SQLite throws when the file cannot be opened */
export function openHandle(file: string, options: HandleOptions): Handle {
  try {
    return new Database(file, options);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_DLOPEN_FAILED')) throw thrown;
    throw new StartFault(
      `The database driver cannot be loaded (${messageOf(thrown)}): the executable unpacks it into the temporary ` +
        `folder ${tmpdir()}, which must be writable and not mounted noexec; TMPDIR names another.`,
      { cause: thrown },
    );
  }
}
