// What a command of `sluice` is: a name, what its help says, its options, and what it does with the world it is given.
import type { RawSettings } from '../config.ts';

/** The process as a command sees it, so that a test can stand in for it. */
export type Terminal = {
  environment: RawSettings;
  processId: number;
  /** Who runs the process; null where the system has no such number. */
  userId: number | null;
  /** What was asked for. */
  print(line: string): void;
  /** What happens on the way, and what goes wrong. */
  note(line: string): void;
  /** Calls back on SIGTERM and SIGINT. */
  onStop(handler: () => void): void;
  /** Whether a process of this machine is alive. */
  isAlive(processId: number): boolean;
  /** Ends the process at once. */
  exit(code: number): never;
};

export type Option = {
  help: string;
  /** What stands for its value in the help, such as `FILE`; without one the option is a switch. */
  value?: string;
  isNumber?: true;
  isRequired?: true;
};

export type OptionValues = Readonly<Record<string, string | number | boolean | undefined>>;

export type Invocation = { terminal: Terminal; values: OptionValues; positionals: readonly string[] };

export type Command = {
  /** One word, or two where several commands are about one noun (`keys create`). */
  name: string;
  summary: string;
  /** What stands after the name, in order; one that ends in `?` may be left out. */
  takes?: readonly string[];
  /** More about it, a paragraph at most. */
  details?: string;
  options: Readonly<Record<string, Option>>;
  example: string;
  /** @returns what the process ends with */
  run(invocation: Invocation): Promise<number>;
};

/** What the process ends with. */
export const EXIT = {
  ok: 0,
  /** It was tried and did not work, or there are findings. */
  failed: 1,
  /** The command line is not one. */
  usage: 2,
  /** A setting or the data folder keeps it from starting. */
  cannotStart: 3,
} as const;

/** Every command reads its settings like the server does. */
export const CONFIG_OPTION: Readonly<Record<string, Option>> = {
  config: { value: 'FILE', help: 'a file of settings, one NAME=value a line; the environment wins' },
};
export const JSON_OPTION: Readonly<Record<string, Option>> = {
  json: { help: 'print JSON, for scripts' },
};

export function printJson({ terminal }: Invocation, value: unknown): void {
  terminal.print(JSON.stringify(value, null, 2));
}

/** An option's text, where it was given. */
export function textOf({ values }: Invocation, option: string): string | undefined {
  const value = values[option];
  return typeof value === 'string' ? value : undefined;
}

export function numberOf({ values }: Invocation, option: string): number | undefined {
  const value = values[option];
  return typeof value === 'number' ? value : undefined;
}
