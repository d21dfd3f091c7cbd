// Answers of providers in their official shape, one file each under test/recordings/<provider>/: a status, headers and a
// body in which `{{name}}` stands for what differs from answer to answer.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `source` names the specification or the recording that the body was taken from, with its date. */
type Recording = {
  source: string;
  note?: string;
  status: number;
  headers?: Record<string, string>;
  body: unknown;
};

const FOLDER = join(import.meta.dir, '../recordings');
const known = new Map<string, Recording>();

/** The answer of `test/recordings/<path>.json`, with its placeholders filled in. */
export function recorded(path: string, values: Readonly<Record<string, unknown>> = {}): Response {
  const { status, headers = {}, body } = readRecording(path);
  const filled = JSON.stringify(fill(body, values, path));
  return new Response(filled, { status, headers: { 'content-type': 'application/json', ...headers } });
}

/** The body alone, for answers that hold several. */
export function recordedBody(path: string, values: Readonly<Record<string, unknown>> = {}): unknown {
  return fill(readRecording(path).body, values, path);
}

function readRecording(path: string): Recording {
  const before = known.get(path);
  if (before !== undefined) return before;
  const recording = JSON.parse(readFileSync(join(FOLDER, `${path}.json`), 'utf8')) as Recording;
  known.set(path, recording);
  return recording;
}

function fill(part: unknown, values: Readonly<Record<string, unknown>>, path: string): unknown {
  if (typeof part === 'string') {
    const name = /^\{\{(\w+)\}\}$/.exec(part)?.[1];
    if (name === undefined) return part;
    if (!Object.hasOwn(values, name)) throw new Error(`${path} needs a value for ${name}`);
    return values[name];
  }
  if (Array.isArray(part)) return part.map((item) => fill(item, values, path));
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([name, item]) => [name, fill(item, values, path)]));
}
