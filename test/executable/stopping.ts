// The end of the executable: orderly on SIGTERM with a job under way, taken up again by the next start, and never two
// at once on one folder.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callerOf, runExecutable, startExecutable, type Running } from '../support/executable.ts';

const SLOW_MS = 60_000;
const MAX_DRAIN_MS = 25_000;

let dir: string;
let running: Running;
let key: string;
const environment = { PORT: '0' };

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-stopping-'));
  running = await startExecutable({ cwd: dir, environment });
  key = /ak_test_\w+/.exec(running.notes())?.[0] ?? '';
});
afterAll(async () => {
  running.signal('SIGKILL');
  await running.ended;
  rmSync(dir, { recursive: true, force: true });
});

test('a second one on the folder is refused with one sentence', async () => {
  const { code, notes } = await runExecutable(['serve'], { cwd: dir, environment });
  expect(notes).toMatch(/^sluice: Another Sluice is running on the data folder [^\n]*\n$/);
  expect(code).toBe(3);
});

test(
  'SIGTERM answers who waits, ends with 0, and the next start finishes the job',
  async () => {
    const order = {
      key,
      idempotencyKey: 'drained',
      body: { prompt: 'Drained' },
      headers: { prefer: 'wait=60' },
    };
    const waiting = callerOf(running.url)('POST', '/v1/images/generate', order);
    const isAccepted = async () =>
      ((await callerOf(running.url)('GET', '/v1/jobs', { key })).json['jobs'] as unknown[]).length > 0;
    while (!(await isAccepted())) await Bun.sleep(10);
    const stoppedAt = performance.now();
    running.signal('SIGTERM');
    const answer = await waiting;
    expect([200, 202]).toContain(answer.status);
    expect((await running.ended).code).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(MAX_DRAIN_MS);

    running = await startExecutable({ cwd: dir, environment });
    const path = `/v1/jobs/${String(answer.json['jobId'])}?wait=30`;
    expect((await callerOf(running.url)('GET', path, { key })).json['status']).toBe('completed');
    // A first key is shown once.
    expect(running.notes()).not.toContain('ak_test_');
  },
  SLOW_MS,
);
