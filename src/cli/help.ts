// The help texts, made from what each command says of itself.
import { VERSION } from '../version.ts';
import { EXIT, type Command } from './command.ts';

const NAME_WIDTH = 12;
const OPTION_WIDTH = 10;

export function overallHelp(commands: readonly Command[]): string {
  return [
    `Sluice ${VERSION}: the self-hosted gateway for image and video generation.`,
    '',
    'Usage: sluice COMMAND [OPTIONS]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(NAME_WIDTH)}${summary}`),
    '',
    "'sluice COMMAND --help' shows a command's options and an example; 'sluice --version' the version.",
    '',
    `Exit codes: ${EXIT.ok} done, ${EXIT.failed} not done or findings, ${EXIT.usage} wrong command line, ` +
      `${EXIT.cannotStart} a setting or the data folder keeps it from starting.`,
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const options = Object.entries(command.optionHelp).map(
    ([name, help]) => `  --${name.padEnd(OPTION_WIDTH)}${help}`,
  );
  return [
    `sluice ${command.name}: ${command.summary}`,
    '',
    `Usage: sluice ${command.name} ${command.usage}`.trimEnd(),
    ...(command.details === undefined ? [] : ['', command.details]),
    ...(options.length === 0 ? [] : ['', 'Options:', ...options]),
    '',
    'Example:',
    `  ${command.example}`,
  ].join('\n');
}
