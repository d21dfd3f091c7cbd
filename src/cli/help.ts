// The help texts, made from what each command says of itself.
import { VERSION } from '../version.ts';
import { EXIT, type Command } from './command.ts';

const MAX_WIDTH = 100;

export const EXIT_CODES =
  `Exit codes: ${EXIT.ok} done, ${EXIT.failed} not done or findings, ${EXIT.usage} wrong command line, ` +
  `${EXIT.cannotStart} a setting or the data folder keeps it from starting.`;

export function overallHelp(commands: readonly Command[]): string {
  return [
    `Sluice ${VERSION}: the self-hosted gateway for image and video generation.`,
    '',
    'Usage: sluice COMMAND [OPTIONS]',
    '',
    ...columns(commands.map(({ name, summary }) => [name, summary])),
    '',
    "'sluice COMMAND --help' shows a command's options and an example; 'sluice --version' the version.",
    '',
    EXIT_CODES,
  ].join('\n');
}

/** The help of a noun that several commands share. */
export function nounHelp(noun: string, commands: readonly Command[]): string {
  return [
    `Usage: sluice ${noun} ACTION [OPTIONS]`,
    '',
    ...columns(commands.map(({ name, summary }) => [name, summary])),
    '',
    `'sluice ${noun} ACTION --help' shows its options and an example.`,
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const options = Object.entries(command.options).map(
    ([name, { value, help, isRequired }]): [string, string] => [
      value === undefined ? `--${name}` : `--${name} ${value}`,
      isRequired === true ? `${help} (required)` : help,
    ],
  );
  return [
    `sluice ${command.name}: ${command.summary}`,
    '',
    `Usage: sluice ${usageOf(command)}`,
    ...(command.details === undefined ? [] : ['', ...wrap(command.details)]),
    '',
    'Options:',
    ...columns([...options, ['--help', 'show this help']]),
    '',
    'Example:',
    `  ${command.example}`,
  ].join('\n');
}

function usageOf({ name, takes = [], options }: Command): string {
  const required = Object.entries(options).filter(([, { isRequired }]) => isRequired);
  return [
    name,
    ...takes.map((word) => (word.endsWith('?') ? `[${word.slice(0, -1)}]` : word)),
    ...required.map(([option, { value = '' }]) => `--${option} ${value}`),
    '[OPTIONS]',
  ].join(' ');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.flatMap(([left, right]) =>
    wrap(right, MAX_WIDTH - width - 2).map((line, at) => `  ${(at === 0 ? left : '').padEnd(width)}${line}`),
  );
}

function wrap(text: string, width = MAX_WIDTH): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
