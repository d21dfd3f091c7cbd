// `sluice customers` and `sluice keys`: the operator API from a shell, with a gateway beside it and without one.
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Listening } from '../../src/cli/listen.ts';
import { lockDataFolder } from '../../src/store/lock.ts';
import { startGateway } from './gateway.ts';
import { SLUICE } from './process.ts';
import { makeScene } from './scene.ts';
import type { Folder } from './terminal.ts';

const OPERATOR_KEY = 'operator-key-of-the-shell-tests-0123456789';
const { newFolder, atEnd } = makeScene();

/** A data folder with a database and nobody in it. */
async function freshFolder(environment: Record<string, string> = {}): Promise<Folder> {
  const folder = newFolder(environment);
  expect((await folder.sluice('migrate')).code).toBe(0);
  return folder;
}

async function withGateway(folder: Folder, settings: Record<string, string> = {}): Promise<Listening> {
  const listening = await startGateway(folder.dir, settings);
  atEnd(listening.stop);
  return listening;
}

async function makeCustomer(folder: Folder, ...options: string[]): Promise<string> {
  const { code, json } = await folder.sluice('customers', 'create', '--json', ...options);
  expect(code).toBe(0);
  return (json()['customer'] as { customerId: string }).customerId;
}

for (const isServed of [true, false]) {
  describe(isServed ? 'over HTTP, while a gateway runs' : 'in this process, when none runs', () => {
    async function open(): Promise<Folder> {
      const folder = await freshFolder();
      if (isServed) await withGateway(folder);
      return folder;
    }

    test('a customer is made, topped up, moved, suspended, let in, and closed', async () => {
      const folder = await open();
      const id = await makeCustomer(folder, '--name', 'Acme Studio', '--plan', 'pro', '--credits', '500');
      const shown = async () =>
        (await folder.sluice('customers', 'show', id, '--json')).json()['customer'] as object;
      expect(await shown()).toMatchObject({ name: 'Acme Studio', plan: 'pro', creditsBalance: 500 });

      const topUp = [
        'top-up',
        'acme studio',
        '--credits',
        '100',
        '--reason',
        'order 1',
        '--reference',
        'pay_1',
      ];
      const toppedUp = await folder.sluice('customers', ...topUp, '--json');
      expect(toppedUp.json()).toMatchObject({ ok: true, creditsBalance: 600, entry: { reason: 'order 1' } });
      const again = await folder.sluice('customers', ...topUp, '--json');
      expect([again.code, again.json()['code']]).toEqual([1, 'already_exists']);
      expect((await folder.sluice('customers', 'adjust', id, '--credits=-50')).out).toContain(
        'has 550 credits',
      );
      expect((await folder.sluice('customers', 'set-plan', id, 'scale')).out).toContain('scale');
      await folder.sluice('customers', 'suspend', id, '--reason', 'unpaid');
      expect(await shown()).toMatchObject({ plan: 'scale', status: 'suspended', statusReason: 'unpaid' });
      await folder.sluice('customers', 'activate', id);
      expect(await shown()).toMatchObject({ status: 'active', statusReason: null });

      const unsure = await folder.sluice('customers', 'close', id);
      expect([unsure.code, unsure.notes]).toEqual([2, expect.stringContaining('--yes')]);
      expect(await shown()).toMatchObject({ status: 'active' });
      expect((await folder.sluice('customers', 'close', id, '--yes')).code).toBe(0);
      expect(await shown()).toMatchObject({ status: 'closed' });
    });

    test('a key is made, rotated, revoked and deleted', async () => {
      const folder = await open();
      await makeCustomer(folder, '--name', 'Acme');
      const made = await folder.sluice(
        'keys',
        'create',
        '--mode',
        'live',
        '--preset',
        'read_only',
        '--name',
        'web',
      );
      expect(made.code).toBe(0);
      expect(made.out).toMatch(/^ak_live_[0-9A-Za-z]{38}$/);
      expect(made.notes).toContain('cannot be shown again');
      const prefix = made.out.slice(0, 16);

      const rotated = await folder.sluice('keys', 'rotate', prefix, '--grace-hours', '1', '--json');
      expect(rotated.json()).toMatchObject({
        apiKey: expect.stringMatching(/^ak_live_/),
        key: { name: 'web', preset: 'read_only' },
        previous: { prefix, status: 'rotated' },
      });
      const { keyId } = rotated.json()['key'] as { keyId: string };
      // The whole key, as it stands in a leak.
      expect((await folder.sluice('keys', 'revoke', made.out)).out).toMatch(/ revoked /);
      expect((await folder.sluice('keys', 'delete', keyId)).code).toBe(0);
      const left = (await folder.sluice('keys', 'list', '--json')).json()['keys'] as object[];
      expect(left).toEqual([expect.objectContaining({ prefix, status: 'revoked' })]);
      const table = await folder.sluice('keys', 'list');
      expect(table.out).toMatch(new RegExp(`^key_\\S+ +${prefix}… +live +revoked +web`, 'm'));
      expect(table.out).not.toContain(made.out);
    });

    test('refusals of the API end with 1, one sentence, and with --json its error body', async () => {
      const folder = await open();
      const { code, json, notes } = await folder.sluice(
        ...['customers', 'create', '--name', 'Acme', '--email', 'nobody', '--json'],
      );
      expect([code, notes.split('\n').length]).toEqual([1, 1]);
      expect(json()).toMatchObject({
        ok: false,
        code: 'invalid_input',
        requestId: expect.stringMatching(/^req_/),
      });
      const wrong = await folder.sluice('customers', 'create', '--name', 'Acme', '--email', 'nobody');
      expect([wrong.code, wrong.out]).toEqual([1, '']);
      expect(wrong.notes).toContain('email must be an e-mail address');
    });
  });
}

describe('who is meant', () => {
  test('is found by id, name, e-mail address or external id, whole and in any case', async () => {
    const folder = await freshFolder();
    const id = await makeCustomer(
      folder,
      '--name',
      'Acme_Studio',
      '--email',
      'dev@acme.example',
      '--external-id',
      'crm-7',
    );
    await makeCustomer(folder, '--name', 'AcmexStudio', '--email', 'dev@acmex.example');
    for (const who of [id, 'Acme_Studio', 'acme_studio', 'DEV@acme.example', 'crm-7']) {
      const { code, json } = await folder.sluice('customers', 'show', who, '--json');
      expect([who, code, json()['customer']]).toEqual([who, 0, expect.objectContaining({ customerId: id })]);
    }
    for (const who of ['acme', 'cus_00000000000000000000000000', '%']) {
      const { code, notes } = await folder.sluice('customers', 'show', who);
      expect([who, code, notes.split('\n').length]).toEqual([who, 1, 1]);
    }
  });

  test('is asked for when several have the name', async () => {
    const folder = await freshFolder();
    const ids = [await makeCustomer(folder, '--name', 'Acme'), await makeCustomer(folder, '--name', 'Acme')];
    const { code, notes } = await folder.sluice('customers', 'suspend', 'acme');
    expect(code).toBe(1);
    for (const id of ids) expect(notes).toContain(id);
    const listed = (await folder.sluice('customers', 'list', '--json')).json()['customers'];
    expect(listed).toEqual([
      expect.objectContaining({ status: 'active' }),
      expect.objectContaining({ status: 'active' }),
    ]);
  });

  test('needs not be said for a key where there is one customer, and must be where there are two', async () => {
    const folder = await freshFolder();
    const none = await folder.sluice('keys', 'create');
    expect([none.code, none.notes]).toEqual([1, expect.stringContaining('no customer yet')]);
    await makeCustomer(folder, '--name', 'Acme');
    expect((await folder.sluice('keys', 'create')).out).toStartWith('ak_test_');
    await makeCustomer(folder, '--name', 'Other');
    const unclear = await folder.sluice('keys', 'create');
    expect([unclear.code, unclear.notes]).toEqual([1, expect.stringContaining('--customer')]);
    const said = await folder.sluice('keys', 'create', '--customer', 'other', '--json');
    const { prefix } = said.json()['key'] as { prefix: string };
    // A leaked key is revoked without knowing whose it is.
    const revoked = await folder.sluice('keys', 'revoke', prefix, '--json');
    expect(revoked.json()['key']).toMatchObject({ prefix, status: 'revoked' });
    const unknown = await folder.sluice('keys', 'revoke', 'ak_live_thatIsNotThere000000000000000000000000');
    expect([unknown.code, unknown.notes]).toEqual([1, expect.stringContaining('There is no key ak_live_')]);
    expect(unknown.notes).not.toContain('ak_live_thatIsNotThere');
  });

  test('is listed page by page', async () => {
    const folder = await freshFolder();
    await withGateway(folder);
    for (const name of ['One', 'Two', 'Three']) await makeCustomer(folder, '--name', name);
    const first = await folder.sluice('customers', 'list', '--limit', '2');
    expect(first.out.split('\n')).toHaveLength(3);
    const cursor = /--cursor (\S+)/.exec(first.notes)?.[1] ?? '';
    const second = await folder.sluice('customers', 'list', '--cursor', cursor);
    expect(second.out).toContain('One');
    expect(second.notes).toBe('');
    expect((await folder.sluice('customers', 'list', '--search', 'thr')).out.split('\n')).toHaveLength(2);
    expect((await folder.sluice('customers', 'list', '--status', 'closed')).notes).toBe('No customers.');
  });
});

test('a list that is longer than a pipe arrives whole, however late it is read', async () => {
  const folder = await freshFolder();
  const { url, gateway } = await withGateway(folder);
  const headers = { authorization: `Bearer ${gateway.operatorKeys[0]}`, 'content-type': 'application/json' };
  for (let customer = 0; customer <= 200; customer++) {
    const body = JSON.stringify({ name: 'x'.repeat(120), externalId: `${customer}-`.padEnd(200, 'y') });
    await fetch(`${url}/api/public/customers`, { method: 'POST', headers, body });
  }
  // The reader begins when it is told to, which is when the command has said its last word: on the other stream, and
  // after the list. The shell's own words only, because a machine may have no others.
  const late = `exec 3<&0; "$0" "$@" </dev/null | { read -r go <&3; while read -r line; do echo "$line"; done; }`;
  const child = Bun.spawn(['sh', '-c', late, ...SLUICE, 'customers', 'list', '--limit', '200'], {
    cwd: folder.beside(''),
    env: { ...process.env, SLUICE_DATA_DIR: folder.dir },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let notes = '';
  for await (const piece of child.stderr) {
    notes += new TextDecoder().decode(piece);
    if (notes.includes('--cursor')) break;
  }
  await child.stdin.write('go\n');
  await child.stdin.end();
  const out = await child.stdout.text();
  expect(out.length).toBeGreaterThan(PIPE_BYTES);
  expect(out.trimEnd().split('\n')).toHaveLength(201);
});

/** What a pipe of Linux holds until somebody reads. */
const PIPE_BYTES = 64 * 1024;

describe('the gateway is found', () => {
  test('by its note in the data folder, which is for its owner only and goes with it', async () => {
    const folder = await freshFolder();
    const note = join(folder.dir, 'server.json');
    const listening = await startGateway(folder.dir, {
      HOST: '0.0.0.0',
      SLUICE_PUBLIC_URL: 'https://api.example.com',
    });
    const { url, pid } = JSON.parse(readFileSync(note, 'utf8')) as { url: string; pid: number };
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(pid).toBe(process.pid);
    expect(statSync(note).mode & 0o777).toBe(0o600);
    expect((await folder.sluice('customers', 'list')).code).toBe(0);
    await listening.stop();
    expect(existsSync(note)).toBe(false);
  });

  test('not by a note that a killed one has left: the command does its work itself and removes it', async () => {
    const folder = await freshFolder();
    const note = join(folder.dir, 'server.json');
    const canary = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('mine now') });
    atEnd(() => canary.stop(true));
    writeFileSync(note, JSON.stringify({ url: `http://127.0.0.1:${canary.port}`, pid: process.pid }));
    await makeCustomer(folder, '--name', 'Acme');
    expect(existsSync(note)).toBe(false);
  });

  test('not by the note of a dead process while another one holds the folder', async () => {
    const folder = await freshFolder();
    writeFileSync(join(folder.dir, 'server.json'), '{"url":"http://127.0.0.1:9","pid":1999999999}');
    const lock = lockDataFolder(folder.dir);
    atEnd(lock.release);
    const { code, notes } = await folder.sluice('customers', 'list');
    expect([code, notes]).toEqual([3, expect.stringContaining('try again in a moment')]);
    writeFileSync(join(folder.dir, 'server.json'), 'not JSON');
    expect((await folder.sluice('customers', 'list')).code).toBe(3);
  });

  test('with the key of the settings, and a wrong one is said to be wrong', async () => {
    const folder = await freshFolder();
    await withGateway(folder, { MY_PRIVATE_API_KEY: OPERATOR_KEY });
    const withoutKey = await folder.sluice('customers', 'list');
    expect([withoutKey.code, withoutKey.notes]).toEqual([
      3,
      expect.stringContaining('operator.key cannot be read'),
    ]);
    const settings = folder.beside('settings');
    writeFileSync(settings, `MY_PRIVATE_API_KEY=${OPERATOR_KEY}\n`);
    expect((await folder.sluice('customers', 'list', '--config', settings)).code).toBe(0);
    writeFileSync(settings, `MY_PRIVATE_API_KEY=${OPERATOR_KEY}-and-more\n`);
    const wrong = await folder.sluice('customers', 'list', '--config', settings);
    expect([wrong.code, wrong.notes]).toEqual([
      3,
      expect.stringContaining('MY_PRIVATE_API_KEY is not the one'),
    ]);
    expect(wrong.notes).not.toContain(OPERATOR_KEY);
  });

  test('or nothing is made: a folder without a gateway is not filled by looking into it', async () => {
    const folder = newFolder();
    const { code, notes } = await folder.sluice('customers', 'list');
    expect([code, notes]).toEqual([3, expect.stringContaining('There is no gateway in')]);
    expect(existsSync(folder.dir)).toBe(false);
  });
});
