// `sluice serve` as a process: its greeting, what keeps it from starting, and its end.
import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openDatabaseFile } from '../../src/store/database-file.ts';
import { openHandle } from '../../src/store/driver.ts';
import { runProcess, serve, type Serving } from './process.ts';
import { makeScene } from './scene.ts';
import type { Folder } from './terminal.ts';

const { newFolder, atEnd } = makeScene();

const NOBODY = 65_534;
/** Only the super-user can start a process as somebody else, and only from a checkout that is not closed to others. */
const CAN_BE_ANOTHER =
  process.getuid?.() === 0 &&
  Bun.which('setpriv') !== null &&
  (await runProcess(['--version'], { environment: {}, userId: NOBODY })).code === 0;

async function start(folder: Folder, settings: Record<string, string> = {}): Promise<Serving> {
  const serving = await serve({ SLUICE_DATA_DIR: folder.dir, ...settings });
  atEnd(() => {
    serving.signal('SIGKILL');
    return serving.ended;
  });
  return serving;
}

function keyOf(serving: Serving): string {
  return /ak_test_[0-9A-Za-z]{38}/.exec(serving.notes())?.[0] ?? '';
}

describe('the first start', () => {
  test('prints a key that works and a line that can be pasted; the second one does not', async () => {
    const folder = newFolder();
    const first = await start(folder);
    await first.said('lighthouse');
    const { url, options } = pasted(first.notes());
    expect(url).toStartWith(`${first.url}/v1/`);
    const response = await fetch(url, options);
    expect(response.status).toBe(200);
    const { status, result } = (await response.json()) as { status: string; result: { url: string } };
    expect(status).toBe('completed');
    const image = await (await fetch(result.url)).bytes();
    expect(Buffer.from(image.subarray(1, 4)).toString()).toBe('PNG');
    first.signal('SIGTERM');
    expect((await first.ended).code).toBe(0);

    const second = await start(folder);
    expect(second.notes()).not.toMatch(/ak_test_|curl/);
    const again = await fetch(`${second.url}/v1/usage`, {
      headers: { authorization: `Bearer ${keyOf(first)}` },
    });
    expect(again.status).toBe(200);
  }, 30_000);

  test('shuts everybody else out of what it makes, also under a careless umask', async () => {
    const folder = newFolder();
    mkdirSync(folder.dir, { mode: 0o755 });
    writeFileSync(join(folder.dir, 'README.md'), 'as a clone has it');
    const { url } = await start(folder);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const mode = (name: string) => statSync(join(folder.dir, name)).mode & 0o777;
    expect([mode('.'), mode('media')]).toEqual([0o700, 0o700]);
    for (const name of [
      'sluice.db',
      'sluice.db-wal',
      'sluice.lock',
      'master.key',
      'operator.key',
      'server.json',
    ]) {
      expect([name, mode(name)]).toEqual([name, 0o600]);
    }
  });
});

describe('a start that cannot be ends with 3 and one sentence', () => {
  async function refused(folder: Folder, settings: Record<string, string> = {}): Promise<string> {
    const environment = { SLUICE_DATA_DIR: folder.dir, PORT: '0', ...settings };
    const { code, out, notes } = await runProcess(['serve'], { environment });
    expect([code, out]).toEqual([3, '']);
    expect(notes.trimEnd().split('\n')).toHaveLength(1);
    expect(notes).toStartWith('sluice: ');
    return notes;
  }

  test('on a folder where one runs', async () => {
    const folder = newFolder();
    await start(folder);
    expect(await refused(folder)).toContain('Another Sluice is running on the data folder');
  });

  test('on a port where something listens', async () => {
    const { url } = await start(newFolder());
    const port = new URL(url).port;
    expect(await refused(newFolder(), { PORT: port })).toMatch(
      new RegExp(`127\\.0\\.0\\.1:${port} .*another PORT`),
    );
  });

  test('on a host that this machine does not have', async () => {
    expect(await refused(newFolder(), { HOST: '192.0.2.1' })).toContain('choose another PORT or HOST');
  });

  test('with the data of a newer build, a damaged database or a foreign file', async () => {
    const folder = newFolder();
    const file = join(folder.dir, 'sluice.db');
    await folder.sluice('migrate');
    const handle = openHandle(file, {});
    handle.exec("INSERT INTO schema_migrations VALUES (99, 'later', 'h', 0)");
    handle.close();
    expect(await refused(folder)).toContain('newer than this build');
    const bytes = readFileSync(file);
    bytes.fill(0x5a, 4096, 30 * 4096);
    writeFileSync(file, bytes);
    expect(await refused(folder)).toMatch(/damaged/);
  });

  test('without the database of the files that are stored', async () => {
    const folder = newFolder();
    await folder.sluice('migrate');
    const shard = join(folder.dir, 'media', 'sc');
    mkdirSync(shard, { recursive: true });
    writeFileSync(join(shard, 'file_01m7xyqn02e3fa7ae8dqfy7sce'), 'x');
    // Lost whole, and left empty as by a copy that was cut off.
    for (const spoil of [rmSync, (file: string) => writeFileSync(file, '')]) {
      spoil(join(folder.dir, 'sluice.db'));
      expect(await refused(folder)).toMatch(/holds stored files, and .* has no database that knows them/);
    }
    expect(existsSync(join(shard, 'file_01m7xyqn02e3fa7ae8dqfy7sce'))).toBe(true);
  });

  test('with a wrong setting, whose value is not shown where it is secret', async () => {
    const notes = await refused(newFolder(), { MY_PRIVATE_API_KEY: 'hidden-and-short' });
    expect(notes).toContain('MY_PRIVATE_API_KEY');
    expect(notes).not.toContain('hidden');
  });

  // Nothing is read-only to the super-user, so that it has to be somebody else who starts.
  test.if(CAN_BE_ANOTHER)('on a folder that cannot be written', async () => {
    const folder = newFolder();
    mkdirSync(folder.dir);
    chmodSync(folder.beside(''), 0o755);
    chmodSync(folder.dir, 0o555);
    const settings = { SLUICE_DATA_DIR: folder.dir, PORT: '0' };
    const { code, out, notes } = await runProcess(['serve'], { environment: settings, userId: NOBODY });
    expect([code, out]).toEqual([3, '']);
    expect(notes.trimEnd().split('\n')).toEqual([expect.stringContaining('cannot be written')]);
    chownSync(folder.dir, NOBODY, NOBODY);
    const doctor = await runProcess(['doctor'], { environment: settings, userId: NOBODY });
    expect([doctor.code, doctor.notes, doctor.out]).toEqual([
      1,
      '',
      expect.stringContaining('cannot be written'),
    ]);
  });
});

test.if(CAN_BE_ANOTHER)('somebody else is told so, by every command, in a sentence', async () => {
  const folder = newFolder();
  await folder.sluice('migrate');
  await folder.sluice('customers', 'create', '--name', 'Acme');
  chmodSync(folder.beside(''), 0o755);
  const environment = { SLUICE_DATA_DIR: folder.dir, PORT: '0' };
  const doctor = await runProcess(['doctor'], { environment, userId: NOBODY });
  expect([doctor.code, doctor.notes]).toEqual([1, '']);
  expect(doctor.out).toMatch(/BAD +data folder +\S+ belongs to user 0, and this is user 65534/);
  for (const args of [['serve'], ['customers', 'list'], ['backup'], ['migrate']]) {
    const { code, out, notes } = await runProcess(args, { environment, userId: NOBODY });
    expect([args, code, out, notes.trimEnd().split('\n').length]).toEqual([args, 3, '', 1]);
  }
});

describe('SIGTERM', () => {
  test('answers who waits, hands open jobs back and ends with 0; the next start finishes them', async () => {
    const folder = newFolder();
    const first = await start(folder);
    const headers = { authorization: `Bearer ${keyOf(first)}`, 'content-type': 'application/json' };
    const order = (idempotencyKey: string, extra: Record<string, string> = {}) =>
      fetch(`${first.url}/v1/images/generate`, {
        method: 'POST',
        headers: { ...headers, 'idempotency-key': idempotencyKey, ...extra },
        body: JSON.stringify({ prompt: 'a bay' }),
      });
    const open = (await (await order('open')).json()) as { jobId: string };
    const waiting = order('waiting', { prefer: 'wait=60' });
    // The second job is accepted once the first request's row and its own are there.
    await acceptedJobs(folder, 2);
    first.signal('SIGTERM');
    const answered = await waiting;
    expect([200, 202]).toContain(answered.status);
    const { jobId } = (await answered.json()) as { jobId: string };
    const { code, notes } = await first.ended;
    expect([code, notes]).toEqual([0, expect.stringContaining('Stopping')]);
    expect(existsSync(join(folder.dir, 'server.json'))).toBe(false);

    const second = await start(folder);
    for (const id of [open.jobId, jobId]) {
      const job = (await (await fetch(`${second.url}/v1/jobs/${id}?wait=30`, { headers })).json()) as object;
      expect(job).toMatchObject({ jobId: id, status: 'completed', chargedCredits: 20 });
    }
    const usage = (await (await fetch(`${second.url}/v1/usage`, { headers })).json()) as object;
    expect(usage).toMatchObject({ creditsBalance: 100_000 - 40, creditsReserved: 0 });
  }, 60_000);

  test('a second time ends it at once, and nothing accepted is lost', async () => {
    const folder = newFolder();
    const first = await start(folder);
    const headers = { authorization: `Bearer ${keyOf(first)}`, 'content-type': 'application/json' };
    const upload = await endlessUpload(first.url, keyOf(first));
    atEnd(upload.end);
    // Sent after the upload began, so that when it is answered the upload is under way.
    const accepted = await fetch(`${first.url}/v1/images/generate`, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': 'one' },
      body: JSON.stringify({ prompt: 'a bay' }),
    });
    expect(accepted.status).toBe(202);
    first.signal('SIGTERM');
    await first.said('Stopping');
    first.signal('SIGTERM');
    expect((await first.ended).code).toBe(1);

    const second = await start(folder);
    const { jobId } = (await accepted.json()) as { jobId: string };
    const job = await fetch(`${second.url}/v1/jobs/${jobId}`, { headers });
    expect(await job.json()).toMatchObject({ jobId, chargedCredits: 20, error: null });
  }, 60_000);
});

/** A request that goes on for as long as nobody ends it: the gateway waits for it when it is told to stop. */
async function endlessUpload(url: string, key: string): Promise<{ end: () => void }> {
  const { hostname, port } = new URL(url);
  const socket = await Bun.connect({ hostname, port: Number(port), socket: { data: () => undefined } });
  const head = [
    'POST /v1/images/generate HTTP/1.1',
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${key}`,
    'Content-Type: application/json',
    'Content-Length: 1000',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n{"prompt":`);
  socket.flush();
  return { end: () => void socket.end() };
}

/** Waits until so many jobs are in the database, as an onlooker sees it. */
async function acceptedJobs({ dir }: Folder, count: number): Promise<void> {
  for (;;) {
    const database = openDatabaseFile(join(dir, 'sluice.db'));
    const jobs = await database.read.q.$count(database.read.t.jobs);
    database.close();
    if (jobs >= count) return;
    await new Promise(setImmediate);
  }
}

/** The request of the curl line in the greeting. */
function pasted(greeting: string): { url: string; options: RequestInit } {
  const line = greeting.slice(greeting.indexOf('curl ')).replaceAll('\\\n', ' ');
  const words = Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');
  const after = (flag: string) => words.flatMap((word, at) => (word === flag ? [words[at + 1] ?? ''] : []));
  const headers = after('-H').map((header): [string, string] => {
    const [name = '', ...value] = header.split(': ');
    return [name, value.join(': ')];
  });
  const url = words.find((word) => word.startsWith('http')) ?? '';
  return { url, options: { method: 'POST', headers, body: after('-d')[0] ?? '' } };
}
