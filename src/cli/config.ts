// `sluice config`: every setting as it is in force, and where it comes from.
import { parseConfig, reportConfig } from '../config.ts';
import { CONFIG_OPTION, EXIT, JSON_OPTION, printJson, type Command } from './command.ts';
import { readSettings } from './settings.ts';
import { table } from './table.ts';

export const config: Command = {
  name: 'config',
  summary: 'show the settings in force',
  details:
    'Each setting with its value and where that comes from: the environment, the file, or the default. Secrets are ' +
    'not shown. A wrong setting ends it with the sentence that would stop the gateway.',
  options: { ...CONFIG_OPTION, ...JSON_OPTION },
  example: 'sluice config --config /etc/sluice.conf',
  async run(invocation) {
    const { environment, file } = readSettings(invocation);
    parseConfig(environment, file);
    const settings = reportConfig(environment, file);
    if (invocation.values['json'] === true) printJson(invocation, { ok: true, settings });
    else {
      const rows = settings.map(({ name, value, source }) => [name, value, source]);
      invocation.terminal.print(table(['SETTING', 'VALUE', 'SOURCE'], rows));
    }
    return EXIT.ok;
  },
};
