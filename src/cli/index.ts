// The commands of `sluice`, one line each, and how a command line becomes one of them.
import { GatewayError, messageOf, StartFault } from '../errors.ts';
import { VERSION } from '../version.ts';
import { backup } from './backup.ts';
import { EXIT, printJson, type Command, type Invocation, type Terminal } from './command.ts';
import { config } from './config.ts';
import { CUSTOMER_COMMANDS } from './customers.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { commandHelp, nounHelp, overallHelp } from './help.ts';
import { KEY_COMMANDS } from './keys.ts';
import { migrate } from './migrate.ts';
import { parseLine } from './parse.ts';
import { restore } from './restore.ts';
import { serve } from './serve.ts';

export { EXIT_CODES, commandHelp } from './help.ts';

export const COMMANDS: readonly Command[] = [
  serve,
  demo,
  migrate,
  config,
  doctor,
  backup,
  restore,
  ...CUSTOMER_COMMANDS,
  ...KEY_COMMANDS,
];

/** Runs a command line and returns what the process ends with. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  const words = args[0] === 'help' ? [...args.slice(1), '--help'] : args;
  const [first, second] = words;
  if (first === '--version' || first === '-v') {
    terminal.print(VERSION);
    return EXIT.ok;
  }
  if (first === undefined || first === '--help' || first === '-h') {
    terminal.print(overallHelp(COMMANDS));
    return first === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = COMMANDS.find(({ name }) => name === first || name === `${first} ${second}`);
  if (command === undefined) return withoutCommand(words, terminal);
  return runCommand(command, words.slice(command.name.split(' ').length), terminal);
}

/** A noun alone, or nothing that is known. */
function withoutCommand([first = '', second]: readonly string[], terminal: Terminal): number {
  const ofNoun = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  const isHelp = second === '--help' || second === '-h';
  if (ofNoun.length > 0 && (second === undefined || isHelp)) {
    terminal.print(nounHelp(first, ofNoun));
    return isHelp ? EXIT.ok : EXIT.usage;
  }
  const unknown = ofNoun.length > 0 ? `${first} ${second}` : first;
  const list = ofNoun.length > 0 ? `sluice ${first} --help` : 'sluice --help';
  terminal.note(`sluice: there is no command "${unknown}"; '${list}' lists them.`);
  return EXIT.usage;
}

async function runCommand(command: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  const line = parseLine(command, args);
  if (line.kind === 'help') {
    terminal.print(commandHelp(command));
    return EXIT.ok;
  }
  if (line.kind === 'wrong') {
    const hint = `'sluice ${command.name} --help' says what it takes`;
    terminal.note(`sluice ${command.name}: ${line.fault}; ${hint}.`);
    return EXIT.usage;
  }
  const invocation = { terminal, values: line.values, positionals: line.positionals };
  try {
    return await command.run(invocation);
  } catch (thrown) {
    return explain(thrown, command, invocation);
  }
}

function explain(thrown: unknown, { name }: Command, invocation: Invocation): number {
  const { terminal, values } = invocation;
  if (thrown instanceof StartFault) {
    terminal.note(`sluice: ${thrown.message}`);
    return EXIT.cannotStart;
  }
  if (thrown instanceof GatewayError) {
    terminal.note(`sluice ${name}: ${thrown.message}`);
    const { code, message } = thrown;
    if (values['json'] === true)
      printJson(invocation, thrown.cause ?? { ok: false, code, error: { message } });
    return EXIT.failed;
  }
  terminal.note(`sluice ${name}: an unexpected fault: ${messageOf(thrown)}`);
  if (thrown instanceof Error && thrown.stack !== undefined) terminal.note(thrown.stack);
  return EXIT.failed;
}
