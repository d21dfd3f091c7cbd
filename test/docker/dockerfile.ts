// Reads a Dockerfile as far as ours goes: stages and their instructions, with continued lines joined and comments left
// out. Refuses what it does not know, so that nothing of the file goes unproven.
import { assert } from '../../src/errors.ts';

const KNOWN = [
  'FROM',
  'WORKDIR',
  'COPY',
  'RUN',
  'ENV',
  'USER',
  'VOLUME',
  'EXPOSE',
  'STOPSIGNAL',
  'ENTRYPOINT',
  'CMD',
] as const;
type Keyword = (typeof KNOWN)[number];

export type Instruction = { keyword: Keyword; text: string };
export type Stage = { base: string; name: string | null; instructions: Instruction[] };
export type CopyOrder = { from: string | null; owner: string | null; sources: string[]; target: string };

export function parseDockerfile(content: string): Stage[] {
  const lines = content
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n/g, '')
    .split('\n')
    .filter((line) => line !== '');
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, word = '', text = ''] = /^(\w+)\s+(.*?)\s*$/.exec(line) ?? [];
    const keyword = KNOWN.find((known) => known === word);
    assert(keyword !== undefined, `the instruction ${word} is one that the proof knows`);
    if (keyword === 'FROM') {
      const [, base = '', name = null] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(text) ?? [];
      stages.push({ base, name, instructions: [] });
    } else stages.at(-1)?.instructions.push({ keyword, text });
  }
  return stages;
}

/** The texts of all instructions of a kind, in order. */
export function textsOf(stage: Stage, keyword: Keyword): string[] {
  return stage.instructions.filter((instruction) => instruction.keyword === keyword).map(({ text }) => text);
}

export function parseCopy(text: string): CopyOrder {
  const words = text.split(/\s+/);
  const option = (name: string) =>
    words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? null;
  const paths = words.filter((word) => !word.startsWith('--'));
  const target = paths.pop();
  assert(target !== undefined && paths.length > 0, 'a COPY has sources and a target');
  return { from: option('from'), owner: option('chown'), sources: paths, target };
}

/** `NAME=value` pairs without quotes. */
export function parseEnv(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(/\s+/).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}
