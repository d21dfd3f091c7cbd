// A golden file: comments, a request as a person would write it, a rule, and the answer as the gateway gives it. The
// request is the source; the answer is written by the gateway and read by people when it changes.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dir, 'job-api');
const RULE = '-'.repeat(80);

export type GoldenFile = {
  name: string;
  /** What was done before the request; the name of a setting. */
  given: string;
  /** The comments and the request, as they stand in the file. */
  head: string;
  request: { method: string; path: string; headers: Record<string, string>; body: string | null };
  answer: string;
};

export function readGoldenFiles(): GoldenFile[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.http'))
    .sort()
    .map((file) => parse(file.replace('.http', ''), readFileSync(join(FOLDER, file), 'utf8')));
}

export function writeGoldenFile(file: GoldenFile, answer: string): void {
  writeFileSync(join(FOLDER, `${file.name}.http`), `${file.head}\n${RULE}\n${answer}`);
}

function parse(name: string, text: string): GoldenFile {
  const [head = '', answer = ''] = text.split(`\n${RULE}\n`);
  const lines = head.split('\n');
  const given =
    /^# Given (.*)\.$/.exec(lines.find((line) => line.startsWith('# Given ')) ?? '')?.[1] ?? 'a customer';
  const [requestLine = '', ...rest] = lines.filter((line) => !line.startsWith('#'));
  const [method = '', path = ''] = requestLine.split(' ');
  const blank = rest.indexOf('');
  const headerLines = blank === -1 ? rest : rest.slice(0, blank);
  const headers = Object.fromEntries(headerLines.map((line) => line.split(/: (.*)/s).slice(0, 2)));
  const body = blank === -1 ? null : rest.slice(blank + 1).join('\n');
  return { name, given, head: head.trimEnd(), request: { method, path, headers, body }, answer };
}
