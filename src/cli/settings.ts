// The settings of a command: the environment, and the file that `--config` names.
import { readFileSync } from 'node:fs';
import { parseConfig, parseSettingsFile, type Config, type RawSettings } from '../config.ts';
import { messageOf, StartFault } from '../errors.ts';
import { textOf, type Invocation } from './command.ts';

/** @throws StartFault */
export function readSettings(invocation: Invocation): { environment: RawSettings; file: RawSettings } {
  const { environment } = invocation.terminal;
  const path = textOf(invocation, 'config');
  if (path === undefined) return { environment, file: {} };
  try {
    return { environment, file: parseSettingsFile(readFileSync(path, 'utf8')) };
  } catch (thrown) {
    if (thrown instanceof StartFault) throw thrown;
    throw new StartFault(`The settings file ${path} cannot be read (${messageOf(thrown)}).`, {
      cause: thrown,
    });
  }
}

/** @throws StartFault */
export function readConfig(invocation: Invocation): Config {
  const { environment, file } = readSettings(invocation);
  return parseConfig(environment, file);
}
