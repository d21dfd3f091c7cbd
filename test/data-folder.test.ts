// The data folder: made for its owner only, and the two keys in it: made once, whole or not at all, and never used when
// they are not what they should be.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig, type RawSettings } from '../src/config.ts';
import {
  isMasterKeyOf,
  loadMasterKey,
  loadOperatorKeys,
  locateDataFolder,
  makeMasterKeyCheck,
  prepareDataFolder,
} from '../src/data-folder.ts';
import { StartFault } from '../src/errors.ts';
import { createSeededRandom } from './support/seeded-random.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
});
afterEach(() => {
  chmodSync(dir, 0o700);
  rmSync(dir, { recursive: true, force: true });
});

const random = createSeededRandom(1);
const setUp = (settings: RawSettings = {}) => {
  const config = parseConfig({ SLUICE_DATA_DIR: dir, ...settings });
  return { config, folder: locateDataFolder(config) };
};
const loadMaster = (settings: RawSettings = {}, mayMake = true) => {
  const { config, folder } = setUp(settings);
  return loadMasterKey(config, folder, { random, mayMake });
};
const loadOperator = (settings: RawSettings = {}) => {
  const { config, folder } = setUp(settings);
  return loadOperatorKeys(config, folder, random);
};
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const masterFile = () => join(dir, 'master.key');
const operatorFile = () => join(dir, 'operator.key');

/** The one sentence that stops a start. */
function sentenceOf(start: () => unknown): string {
  try {
    start();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(StartFault);
    const { message } = thrown as StartFault;
    expect(message).toMatch(/^[A-Z][^\n]*\.$/);
    return message;
  }
  throw new Error('nothing was refused');
}

describe('the folder', () => {
  test('is found without being touched', () => {
    const inside = join(dir, 'none');
    expect(locateDataFolder(parseConfig({ SLUICE_DATA_DIR: inside }))).toMatchObject({
      dir: inside,
      mediaDir: join(inside, 'media'),
      backupsDir: join(inside, 'backups'),
      operatorKeyFile: join(inside, 'operator.key'),
    });
    expect(existsSync(inside)).toBe(false);
    expect(setUp({ SLUICE_MEDIA: 'file:/srv/media' }).folder.mediaDir).toBe('/srv/media');
  });

  test('is made with all above it, for its owner only, whatever the umask is', () => {
    const before = process.umask(0);
    try {
      const path = join(dir, 'a', 'b');
      const folder = locateDataFolder(parseConfig({ SLUICE_DATA_DIR: path }));
      prepareDataFolder(folder);
      prepareDataFolder(folder);
      expect([modeOf(path), modeOf(folder.mediaDir)]).toEqual(['700', '700']);
      expect(readdirSync(path)).toEqual(['media']);
    } finally {
      process.umask(before);
    }
  });

  test('is refused where a file stands in its place', () => {
    const path = join(dir, 'file');
    writeFileSync(path, '');
    const folder = locateDataFolder(parseConfig({ SLUICE_DATA_DIR: path }));
    expect(sentenceOf(() => prepareDataFolder(folder))).toContain(
      `The data folder ${path} cannot be written`,
    );
  });
});

describe('the master key', () => {
  test('is made once, for its owner only, and then found', () => {
    const before = process.umask(0);
    const made = loadMaster();
    process.umask(before);
    expect(modeOf(masterFile())).toBe('600');
    expect(readdirSync(dir)).toEqual(['master.key']);
    expect(loadMaster()).toEqual(made);
    expect(loadMaster({}, false)).toEqual(made);
  });

  test('is not made anew for a database that has one', () => {
    expect(sentenceOf(() => loadMaster({}, false))).toContain(`The key file ${masterFile()} cannot be read`);
    expect(existsSync(masterFile())).toBe(false);
  });

  test('comes from the setting, and no file is made', () => {
    const text = Buffer.alloc(32, 7).toString('base64');
    expect(loadMaster({ SLUICE_MASTER_KEY: text })).toEqual(new Uint8Array(32).fill(7) as never);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('comes from the file that a setting names, which is never made', () => {
    const file = join(dir, 'elsewhere');
    expect(sentenceOf(() => loadMaster({ SLUICE_MASTER_KEY_FILE: file }))).toContain(file);
    writeFileSync(file, `${'07'.repeat(32)}\n`, { mode: 0o400 });
    expect(loadMaster({ SLUICE_MASTER_KEY_FILE: file })).toEqual(new Uint8Array(32).fill(7) as never);
  });

  test.each(['', 'x', 'AAAA'])('in a file that holds %p is refused, and the file stays', (content) => {
    writeFileSync(masterFile(), content, { mode: 0o600 });
    expect(sentenceOf(() => loadMaster())).toContain('does not hold a master key: 32 bytes in base64 or hex');
    expect(readFileSync(masterFile(), 'utf8')).toBe(content);
  });

  test.each([0o640, 0o604, 0o660, 0o666])('that others can read (%o) is refused, with what to do', (mode) => {
    loadMaster();
    chmodSync(masterFile(), mode);
    expect(sentenceOf(() => loadMaster())).toContain(`make it private with 'chmod 600 ${masterFile()}'`);
  });

  test('that was being written when the process died is made again', () => {
    writeFileSync(`${masterFile()}.part`, 'half', { mode: 0o644 });
    expect(loadMaster()).toHaveLength(32);
    expect([readdirSync(dir), modeOf(masterFile())]).toEqual([['master.key'], '600']);
  });

  test('leaves a proof with which another one is told', () => {
    const made = loadMaster();
    const check = makeMasterKeyCheck(made, random);
    expect(isMasterKeyOf(check, made)).toBe(true);
    expect(isMasterKeyOf(check, new Uint8Array(32) as typeof made)).toBe(false);
    expect(isMasterKeyOf('', made)).toBe(false);
    expect(check).not.toContain(readFileSync(masterFile(), 'utf8').trim());
  });

  test('that cannot be written is one sentence', () => {
    mkdirSync(`${masterFile()}.part`);
    writeFileSync(join(`${masterFile()}.part`, 'in the way'), '');
    expect(sentenceOf(() => loadMaster())).toContain(`The key file ${masterFile()} cannot be written`);
  });
});

describe("the operator's key", () => {
  test('is made once, for its owner only, and then found', () => {
    const { keys, file } = loadOperator();
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatch(/^slo_[0-9A-Za-z]{43}$/);
    expect([file, modeOf(operatorFile())]).toEqual([operatorFile(), '600']);
    expect(loadOperator().keys).toEqual(keys);
  });

  test('comes from the setting, and no file is made', () => {
    const text = 'k3y-of-the-operator-0123456789abcdef';
    expect(loadOperator({ MY_PRIVATE_API_KEY: text })).toEqual({ keys: [text], file: null });
    expect(readdirSync(dir)).toEqual([]);
  });

  // An empty key would be everybody's key.
  test.each(['', '\n', 'short', 'x'.repeat(31)])('in a file that holds %p is refused', (content) => {
    writeFileSync(operatorFile(), content, { mode: 0o600 });
    const sentence = sentenceOf(() => loadOperator());
    expect(sentence).toContain(
      `The key file ${operatorFile()} does not hold an operator key of 32 characters`,
    );
    expect(readFileSync(operatorFile(), 'utf8')).toBe(content);
  });

  test('that others can read is refused', () => {
    loadOperator();
    chmodSync(operatorFile(), 0o644);
    expect(sentenceOf(() => loadOperator())).toContain('can be read by others');
  });
});
