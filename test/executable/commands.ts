// The commands of the executable that end by themselves.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../../src/version.ts';
import { runExecutable, startExecutable } from '../support/executable.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-commands-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('--version prints the version and leaves nothing behind', async () => {
  expect(await runExecutable(['--version'], { cwd: dir })).toEqual({
    code: 0,
    out: `${VERSION}\n`,
    notes: '',
  });
  expect(readdirSync(dir)).toEqual([]);
});

test('--help lists the commands, and each has a help with an example', async () => {
  const { code, out } = await runExecutable(['--help'], { cwd: dir });
  expect(code).toBe(0);
  const commands = Array.from(out.matchAll(/^ {2}(\w+) {2,}\S/gm), ([, name]) => name ?? '');
  expect(commands).toContain('serve');
  expect(commands).toContain('doctor');
  for (const name of commands) {
    const help = await runExecutable([name, '--help'], { cwd: dir });
    expect({ name, code: help.code, hasExample: help.out.includes('Example:') }).toEqual({
      name,
      code: 0,
      hasExample: true,
    });
  }
});

test('without a command it says so and ends with 2', async () => {
  expect((await runExecutable([], { cwd: dir })).code).toBe(2);
  expect((await runExecutable(['fly'], { cwd: dir })).code).toBe(2);
});

test('config prints where each setting comes from', async () => {
  const { code, out } = await runExecutable(['config', '--json'], {
    cwd: dir,
    environment: { PORT: '9000' },
  });
  expect(code).toBe(0);
  expect(out).toMatch(/"PORT"[^}]*"9000"[^}]*"environment"/);
});

test('doctor finds nothing wrong beside a gateway that runs, nor after its end', async () => {
  const running = await startExecutable({ cwd: dir, environment: { PORT: '0' } });
  const beside = await runExecutable(['doctor'], { cwd: dir });
  running.signal('SIGTERM');
  expect((await running.ended).code).toBe(0);
  const after = await runExecutable(['doctor', '--json'], { cwd: dir });
  expect([beside.code, after.code]).toEqual([0, 0]);
  expect(JSON.parse(after.out)).toMatchObject({ ok: true, findings: 0 });
});
