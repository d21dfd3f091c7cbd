// `sluice doctor`: examines a data folder and says what to do about each finding.
import { locateDataFolder } from '../data-folder.ts';
import { examine, type Finding } from '../doctor/index.ts';
import { createSystemClock } from '../runtime/clock.ts';
import { CONFIG_OPTION, EXIT, JSON_OPTION, printJson, type Command } from './command.ts';
import { findServer, type Presence } from './server-file.ts';
import { readConfig } from './settings.ts';

const CHECK_WIDTH = 14;

export const doctor: Command = {
  name: 'doctor',
  summary: 'examine the data folder; says what to do about each finding',
  details:
    'Looks at which models come to their end, the data folder and who may read it, the disk, the database and its schema, the clock, the keys, the ' +
    'stored files (by sample), the books and the audit. Changes nothing, and may be run while the gateway runs. Ends ' +
    'with 0 when all is well and with 1 when there are findings.',
  options: { ...CONFIG_OPTION, ...JSON_OPTION },
  example: 'sluice doctor --json',
  async run(invocation) {
    const { terminal, values } = invocation;
    const config = readConfig(invocation);
    const server = findServer(locateDataFolder(config).dir, terminal);
    const checks = await examine({ config, clock: createSystemClock(), userId: terminal.userId });
    const findings = checks.filter(({ isOk }) => !isOk).length;
    if (values['json'] === true)
      printJson(invocation, { ok: findings === 0, server: server.kind, findings, checks });
    else {
      terminal.print(`ok    ${'gateway'.padEnd(CHECK_WIDTH)}${describeServer(server)}`);
      for (const check of checks) terminal.print(describe(check));
      terminal.print(
        findings === 0 ? 'All is well.' : `${findings} ${findings === 1 ? 'finding' : 'findings'}.`,
      );
    }
    return findings === 0 ? EXIT.ok : EXIT.failed;
  },
};

function describe({ check, isOk, detail, advice }: Finding): string {
  const line = `${isOk ? 'ok  ' : 'BAD '}  ${check.padEnd(CHECK_WIDTH)}${detail}`;
  return advice === null ? line : `${line}\n      ${''.padEnd(CHECK_WIDTH)}-> ${advice}`;
}

function describeServer(server: Presence): string {
  switch (server.kind) {
    case 'running':
      return `runs at ${server.note.url} (process ${server.note.pid})`;
    case 'busy':
      return 'starts or stops, or another command is at work';
    case 'stopped':
      return 'does not run on this folder';
  }
}
