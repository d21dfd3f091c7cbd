// Replaying a golden request in a world of its own, and its answer as text in which ids, instants and signatures have
// names instead of values.
import { assert } from '../../src/errors.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { PUBLIC_URL, type World } from '../support/world.ts';
import { readGoldenFiles, writeGoldenFile, type GoldenFile } from './exchange-file.ts';
import { openPlace, SETTINGS } from './settings.ts';

/** @returns the answer as it stands in the file */
export async function replay(file: GoldenFile): Promise<string> {
  const place = await openPlace();
  const startedAt = place.world.clock.now();
  const prepare = SETTINGS[file.given];
  assert(prepare !== undefined, `${file.name} is given something that there is: ${file.given}`);
  const { testKey, liveKey } = place.customer;
  const names = { testKey, liveKey, ...(await prepare(place)) };
  const response = await answerOf(place.world, toRequest(file, names));
  const text = await render(response, startedAt);
  await place.world.close();
  return text;
}

/** Writes what the gateway answers now into every file. */
export async function rewriteGoldenFiles(): Promise<string[]> {
  const changed: string[] = [];
  for (const file of readGoldenFiles()) {
    const answer = await replay(file);
    if (answer === file.answer) continue;
    writeGoldenFile(file, answer);
    changed.push(file.name);
  }
  return changed;
}

function toRequest({ request }: GoldenFile, names: Record<string, string>): Request {
  const fill = (text: string) => text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole);
  const { method, path, headers, body } = request;
  return new Request(PUBLIC_URL + fill(path), {
    method,
    headers: Object.entries(headers).map(([name, value]): [string, string] => [name, fill(value)]),
    ...(body === null ? {} : { body: bodyOf(fill(body)) }),
  });
}

/** The text itself, or the file that a line such as `< png 320 x 256` stands for. */
function bodyOf(text: string): string | Blob {
  const [, width, height] = /^< png (\d+) x (\d+)$/.exec(text) ?? [];
  if (width === undefined || height === undefined) return text;
  return new Blob([Uint8Array.from(tinyPng(Number(width), Number(height)))]);
}

/** Time goes on for those who wait, and for nobody else. */
async function answerOf(world: World, request: Request): Promise<Response> {
  if (!request.headers.has('prefer') && !request.url.includes('wait=')) return world.app.handle(request);
  let isAnswered = false;
  const answering = world.app.handle(request).finally(() => {
    isAnswered = true;
  });
  for (let turn = 0; turn < 100 && !isAnswered; turn++) await new Promise(setImmediate);
  if (!isAnswered) await world.advance(10_000);
  return answering;
}

async function render(response: Response, startedAt: number): Promise<string> {
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).sort();
  const text = [String(response.status), ...headers, '', await renderBody(response)].join('\n');
  return nameValues(text, startedAt);
}

async function renderBody(response: Response): Promise<string> {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('application/json')) return `${JSON.stringify(await response.json(), null, 2)}\n`;
  const { length } = await response.bytes();
  return length === 0 ? '' : `<${length} bytes>\n`;
}

function nameValues(text: string, startedAt: number): string {
  const seen = new Map<string, string>();
  const counts = new Map<string, number>();
  const numberOf = (prefix: string, id: string) => {
    if (!seen.has(id)) {
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      seen.set(id, `${prefix}_${counts.get(prefix)}`);
    }
    return seen.get(id) ?? id;
  };
  const instant = (at: number) => `<start + ${(at - startedAt) / 1000} s>`;
  return text
    .replaceAll(/\b(cus|key|job|att|led|evt|file|upl|req|aud)_[0-9a-z]{26}\b/g, (id, prefix: string) =>
      numberOf(prefix, id),
    )
    .replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, (iso) => instant(Date.parse(iso)))
    .replaceAll(
      /(x-ratelimit-reset: |exp=)(\d+)/g,
      (_, before: string, at: string) => before + instant(Number(at) * 1000),
    )
    .replaceAll(/sig=[\w-]{43}/g, 'sig=<signature>')
    .replaceAll(/"[0-9a-f]{64}"/g, '"<sha-256>"')
    .replaceAll(/"nextCursor": "[^"]+"/g, '"nextCursor": "<cursor>"');
}
