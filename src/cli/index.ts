// The commands of `sluice`, one line each, and how a command line becomes one of them.
import { parseArgs } from 'node:util';
import { GatewayError, messageOf, StartFault } from '../errors.ts';
import { VERSION } from '../version.ts';
import { EXIT, type Command, type Terminal } from './command.ts';
import { commandHelp, overallHelp } from './help.ts';
import { serve } from './serve.ts';

const COMMANDS: readonly Command[] = [serve];

/** Runs a command line and returns what the process ends with. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--version' || name === '-v') {
    terminal.print(VERSION);
    return EXIT.ok;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    terminal.print(overallHelp(COMMANDS));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = COMMANDS.find((known) => known.name === name);
  if (command === undefined) {
    terminal.note(`sluice: there is no command "${name}"; 'sluice --help' lists them.`);
    return EXIT.usage;
  }
  return runCommand(command, rest, terminal);
}

async function runCommand(command: Command, args: string[], terminal: Terminal): Promise<number> {
  let parsed: ReturnType<typeof parseCommand>;
  try {
    parsed = parseCommand(command, args);
  } catch (thrown) {
    terminal.note(`sluice ${command.name}: ${messageOf(thrown)}`);
    terminal.note(`'sluice ${command.name} --help' says what it takes.`);
    return EXIT.usage;
  }
  if (parsed.values['help'] === true) {
    terminal.print(commandHelp(command));
    return EXIT.ok;
  }
  try {
    return await command.run({ terminal, ...parsed });
  } catch (thrown) {
    if (thrown instanceof StartFault) {
      terminal.note(`sluice: ${thrown.message}`);
      return EXIT.cannotStart;
    }
    if (thrown instanceof GatewayError) {
      terminal.note(`sluice ${command.name}: ${thrown.message}`);
      return EXIT.failed;
    }
    throw thrown;
  }
}

function parseCommand(command: Command, args: string[]) {
  const options = { ...command.options, help: { type: 'boolean', short: 'h' } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true });
  return { values: values as Record<string, string | boolean | undefined>, positionals };
}
