// What a command of `sluice` is: a name, what its help says, its options, and what it does with the world it is given.
import type { ParseArgsConfig } from 'node:util';
import type { RawSettings } from '../config.ts';

export type Options = NonNullable<ParseArgsConfig['options']>;
export type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

/** The process as a command sees it, so that a test can stand in for it. */
export type Terminal = {
  environment: RawSettings;
  /** What was asked for. */
  print(line: string): void;
  /** What happens on the way, and what goes wrong. */
  note(line: string): void;
  /** Calls back on SIGTERM and SIGINT. */
  onStop(handler: () => void): void;
  /** Ends the process at once. */
  exit(code: number): never;
};

export type Invocation = { terminal: Terminal; values: OptionValues; positionals: readonly string[] };

export type Command = {
  name: string;
  summary: string;
  /** What stands after the name, such as `create --name NAME`. */
  usage: string;
  /** More about it, a paragraph at most. */
  details?: string;
  options: Options;
  /** What each option means, in the order of the help. */
  optionHelp: Readonly<Record<string, string>>;
  example: string;
  run(invocation: Invocation): Promise<number>;
};

/** What the process ends with. */
export const EXIT = {
  ok: 0,
  /** It was tried and did not work, or `doctor` has findings. */
  failed: 1,
  /** The command line is not one. */
  usage: 2,
  /** A setting or the data folder keeps the gateway from starting. */
  cannotStart: 3,
} as const;

/** Every command reads its settings like the server does. */
export const CONFIG_OPTION = { config: { type: 'string' } } as const satisfies Options;
export const CONFIG_HELP = {
  config: 'FILE    a file of settings, one NAME=value a line; the environment wins',
};
export const JSON_OPTION = { json: { type: 'boolean' } } as const satisfies Options;
export const JSON_HELP = { json: '        print JSON, for scripts' };
