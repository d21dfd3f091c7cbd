// From the words after a command's name to its options and arguments. Whatever it does not know or miss is one
// sentence, and never a guess.
import { parseArgs } from 'node:util';
import type { Command, OptionValues } from './command.ts';

export type ParsedLine =
  | { kind: 'parsed'; values: OptionValues; positionals: string[] }
  | { kind: 'help' }
  | { kind: 'wrong'; fault: string };

const HELP = { type: 'boolean', short: 'h' } as const;

export function parseLine(command: Command, args: readonly string[]): ParsedLine {
  const parsed = parseArgs({
    args: [...args],
    options: { help: HELP, ...declaredOptions(command) },
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  if (parsed.values['help'] === true) return { kind: 'help' };
  const values: Record<string, string | number | boolean> = {};
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue;
    const read = readOption(command, token);
    if (typeof read === 'object') return { kind: 'wrong', fault: read.fault };
    values[token.name] = read;
  }
  const fault = missing(command, values) ?? wrongCount(command, parsed.positionals);
  if (fault !== null) return { kind: 'wrong', fault };
  return { kind: 'parsed', values, positionals: parsed.positionals };
}

function declaredOptions({ options }: Command) {
  return Object.fromEntries(
    Object.entries(options).map(([name, { value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
}

type OptionToken = {
  name: string;
  rawName: string;
  value?: string | undefined;
  inlineValue?: boolean | undefined;
};

function readOption(
  { options }: Command,
  { name, rawName, value, inlineValue }: OptionToken,
): string | number | true | { fault: string } {
  const option = options[name];
  if (option === undefined || !rawName.startsWith('--')) return { fault: `there is no option ${rawName}` };
  if (option.value === undefined) {
    return value === undefined ? true : { fault: `${rawName} takes no value` };
  }
  // What looks like the next option is not a value, unless it is tied to this one by `=`.
  if (value === undefined || value === '' || (inlineValue !== true && /^-./.test(value))) {
    return { fault: `${rawName} needs a value: ${rawName}=${option.value}` };
  }
  if (option.isNumber !== true) return value;
  return /^-?\d{1,15}$/.test(value) ? Number(value) : { fault: `${rawName} must be a whole number` };
}

function missing({ options }: Command, values: OptionValues): string | null {
  const name = Object.keys(options).find(
    (known) => options[known]?.isRequired && values[known] === undefined,
  );
  return name === undefined ? null : `--${name} is missing`;
}

function wrongCount({ takes = [] }: Command, positionals: string[]): string | null {
  const tooMuch = positionals[takes.length];
  if (tooMuch !== undefined) return `"${tooMuch}" is one word too many`;
  const absent = takes[positionals.length];
  return absent === undefined || absent.endsWith('?') ? null : `${absent} is missing`;
}
