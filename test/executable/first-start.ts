// The executable alone in an empty folder, as somebody meets it who has downloaded nothing else: it starts, says what
// to do next, and what it says works.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMp4, readPngSize } from '../testcard/read-media.ts';
import {
  callerOf,
  readOperatorKey,
  requireExecutable,
  startExecutable,
  type Caller,
  type Running,
} from '../support/executable.ts';

const SLOW_MS = 90_000;
/** What `npm start` may take on a machine that is not busy, and room for one that is. */
const MAX_START_MS = 2000;

let dir: string;
let running: Running;
let call: Caller;
let testKey: string;
let startedInMs: number;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-alone-'));
  cpSync(requireExecutable(), join(dir, 'gateway'));
  const startedAt = performance.now();
  running = await startExecutable({ cwd: dir, environment: { PORT: '0' }, command: [join(dir, 'gateway')] });
  startedInMs = performance.now() - startedAt;
  call = callerOf(running.url);
  testKey = /ak_test_\w+/.exec(running.notes())?.[0] ?? '';
});
afterAll(async () => {
  running.signal('SIGTERM');
  await running.ended;
  rmSync(dir, { recursive: true, force: true });
});

type Result = { url: string; previewUrl?: string };

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return response.bytes();
}

describe('the first start', () => {
  test('is quick, and says where the data, the operator key and the reference are', () => {
    expect(startedInMs).toBeLessThan(MAX_START_MS);
    const notes = running.notes();
    expect(notes).toContain(join(dir, 'data'));
    expect(notes).toContain(join(dir, 'data', 'operator.key'));
    expect(notes).toContain(`${running.url}/docs`);
    expect(testKey).toMatch(/^ak_test_\w{38}$/);
  });

  test('writes to its data folder and to nothing else', () => {
    expect(readdirSync(dir).sort()).toEqual(['data', 'gateway']);
  });

  test('makes an operator key that works', async () => {
    const answer = await call('GET', '/api/overview', { key: readOperatorKey(join(dir, 'data')) });
    expect(answer.status).toBe(200);
  });

  test('serves its reference and the description of its API', async () => {
    expect((await call('GET', '/openapi.json')).json['openapi']).toMatch(/^3\.1/);
    const page = await fetch(`${running.url}/docs`);
    expect(page.status).toBe(200);
    const scripts = Array.from((await page.text()).matchAll(/<script[^>]+src="([^"]+)"/g), ([, src]) => src);
    expect(scripts.length).toBeGreaterThan(0);
    for (const src of scripts) await download(new URL(src ?? '', `${running.url}/docs`).href);
  });
});

describe('the first request', () => {
  test(
    'is the printed curl line, pasted, and makes an image',
    async () => {
      const line = running.notes().slice(running.notes().indexOf('curl '));
      const shell = Bun.spawn(['sh', '-c', line], { cwd: dir, stdout: 'pipe' });
      const answer = (await shell.stdout.json()) as { status: string; result: Result };
      expect(answer.status).toBe('completed');
      expect(readPngSize(await download(answer.result.url))).toEqual({ width: 1024, height: 1024 });
    },
    SLOW_MS,
  );

  test(
    'for a video makes one of the length that was asked for, with a picture of it',
    async () => {
      const answer = await call('POST', '/v1/videos/generate', {
        key: testKey,
        idempotencyKey: 'first-video',
        headers: { prefer: 'wait=60' },
        body: { prompt: 'Waves below a lighthouse', duration: 4, motionHasAudio: true },
      });
      expect(answer.json['status']).toBe('completed');
      const { url, previewUrl } = answer.json['result'] as Result;
      const film = readMp4(await download(url));
      expect(film.durationMs).toBe(4000);
      expect(film.tracks.map(({ handler }) => handler)).toEqual(['vide', 'soun']);
      expect(film.tracks[0]).toMatchObject({ codec: 'avc1', size: { width: 1280, height: 720 } });
      expect(readPngSize(await download(previewUrl ?? ''))).toEqual({ width: 1280, height: 720 });
    },
    SLOW_MS,
  );

  test('has its route in the log and in the idempotency check', async () => {
    // Elysia reads the source of its handlers; in a build that changes it too much the route is no longer known.
    const order = { key: testKey, idempotencyKey: 'same-key', body: { prompt: 'Two routes' } };
    expect((await call('POST', '/v1/images/generate', order)).status).toBe(202);
    expect((await call('POST', '/v1/videos/generate', order)).json['code']).toBe('idempotency_key_conflict');
    expect(running.out()).toContain('"route":"/v1/images/generate"');
    expect(running.out() + running.notes()).not.toContain('warning');
  });
});
