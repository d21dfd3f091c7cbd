// `sluice config`, and the one sentence with which a wrong setting stops every command.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { SETTING_NAMES } from '../../src/config.ts';
import { makeFolder, runSluice, type Folder } from './terminal.ts';

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
});
afterAll(() => folder.remove());

const SECRET = 'k3y-of-an-operator-that-nobody-may-see-0001';

function settingsFile(content: string): string {
  const path = folder.beside(`settings-${Bun.hash(content)}`);
  writeFileSync(path, content);
  return path;
}

describe('config', () => {
  test('prints every setting with its value and source; the environment wins over the file', async () => {
    const path = settingsFile('# of a test\nPORT=9001\nHOST="0.0.0.0"\n');
    const environment = { PORT: '9000', MY_PRIVATE_API_KEY: SECRET };
    const { code, json } = await runSluice(['config', '--json', '--config', path], { environment });
    expect(code).toBe(0);
    const settings = json()['settings'] as { name: string; value: string; source: string }[];
    expect(settings.map(({ name }) => name)).toEqual(SETTING_NAMES);
    const row = (wanted: string) => settings.find(({ name }) => name === wanted);
    expect(row('PORT')).toMatchObject({ value: '9000', source: 'environment' });
    expect(row('HOST')).toMatchObject({ value: '0.0.0.0', source: 'file' });
    expect(row('SLUICE_REGION')).toMatchObject({ value: 'local', source: 'default' });
    expect(row('MY_PRIVATE_API_KEY')).toMatchObject({ value: '(set, hidden)', source: 'environment' });
  });

  test('never shows a secret, in no form of output', async () => {
    const environment = { MY_PRIVATE_API_KEY: SECRET, SLUICE_MASTER_KEY: 'ab'.repeat(32) };
    for (const args of [['config'], ['config', '--json']]) {
      const { code, out, notes } = await runSluice(args, { environment });
      expect(code).toBe(0);
      expect(out).toContain('MY_PRIVATE_API_KEY');
      for (const secret of Object.values(environment)) expect(out + notes).not.toContain(secret);
    }
  });

  test('is a table for people', async () => {
    const { out } = await runSluice(['config'], { environment: { PORT: '9000' } });
    expect(out.split('\n')[0]).toMatch(/^SETTING +VALUE +SOURCE$/);
    expect(out).toMatch(/^PORT +9000 +environment$/m);
  });
});

describe('a wrong setting stops a command with 3 and one sentence that names it', () => {
  const WRONG: [Record<string, string>, string][] = [
    [{ PORT: '70000' }, 'PORT "70000" is not a whole number from 0 to 65535.'],
    [{ PORT: 'eighty' }, 'PORT'],
    [{ SLUICE_PUBLIC_URL: 'example' }, 'SLUICE_PUBLIC_URL'],
    [{ SLUICE_PUBLIC_URL: 'ftp://example.com' }, 'SLUICE_PUBLIC_URL'],
    [{ SLUICE_MEDIA: '/srv' }, 'SLUICE_MEDIA'],
    [{ DATABASE_URL: 'mysql://u:hidden-password@h/db' }, 'DATABASE_URL'],
    [{ MY_PRIVATE_API_KEY: 'hidden-short-key' }, 'MY_PRIVATE_API_KEY'],
    [{ MY_PRIVATE_API_KEY: `${SECRET},hidden-second-key` }, 'MY_PRIVATE_API_KEY'],
    [{ MY_PRIVATE_API_KEY: 'change-me-change-me-change-me-change-me' }, 'MY_PRIVATE_API_KEY'],
    [{ SLUICE_MASTER_KEY: 'hidden-master-key' }, 'SLUICE_MASTER_KEY'],
    [{ SLUICE_PUBLIC_URL: 'https://me:hidden-password@example.com' }, 'SLUICE_PUBLIC_URL'],
    [{ SLUICE_TRUSTED_PROXIES: 'my proxy' }, 'SLUICE_TRUSTED_PROXIES'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
    [{ SLUICE_DATADIR: '/srv' }, 'SLUICE_DATADIR is not a setting of Sluice'],
    [{ SLUICE_MASTER_KEY: 'ab'.repeat(32), SLUICE_MASTER_KEY_FILE: '/k' }, 'SLUICE_MASTER_KEY_FILE'],
  ];
  for (const [environment, named] of WRONG) {
    test(Object.entries(environment).join(' ').slice(0, 60), async () => {
      for (const command of ['config', 'serve', 'doctor']) {
        const { code, out, notes } = await runSluice([command], { environment });
        expect(code).toBe(3);
        expect(out).toBe('');
        expect(notes).toContain(named);
        expect(notes.split('\n')).toHaveLength(1);
        expect(notes).not.toMatch(/hidden|change-me/);
        expect(notes).not.toContain(SECRET);
      }
    });
  }

  test('in a file too, where a line is wrong, and where there is none', async () => {
    const CASES: [string, string][] = [
      ['PROT=1\n', 'PROT is not a setting'],
      ['PORT=1\nHOST 0.0.0.0\n', 'Line 2'],
      [`PORT=1\n${SECRET}\n`, 'Line 2'],
    ];
    for (const [content, named] of CASES) {
      const { code, notes } = await runSluice(['config', '--config', settingsFile(content)]);
      expect([code, notes]).toEqual([3, expect.stringContaining(named)]);
      expect(notes).not.toContain(SECRET);
    }
    const { code, notes } = await runSluice(['config', '--config', folder.beside('nowhere')]);
    expect([code, notes]).toEqual([3, expect.stringContaining('nowhere cannot be read')]);
  });
});
