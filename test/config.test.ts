// Settings: each with values that are good and values that are not, which stop the start with one sentence that names
// the setting and the fault and never shows a secret.
import { describe, expect, test } from 'bun:test';
import {
  parseConfig,
  parseSettingsFile,
  PROVIDER_NAMES,
  reportConfig,
  SETTING_NAMES,
  SETTINGS,
  type Config,
  type RawSettings,
  type SettingName,
} from '../src/config.ts';
import { StartFault } from '../src/errors.ts';

const OPERATOR_KEY = 'k3y-of-the-operator-0123456789abcdef';
const MASTER_KEY = 'bWFzdGVyIGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGU=';

/** The one sentence that stops a start. */
function sentenceOf(start: () => unknown): string {
  try {
    start();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(StartFault);
    const { message } = thrown as StartFault;
    expect(message).toMatch(/^[A-Z][^\n]*[.?]$/);
    return message;
  }
  throw new Error('nothing was refused');
}

test('without any setting everything has its default', () => {
  expect(parseConfig({})).toEqual({
    port: 8080,
    host: '127.0.0.1',
    publicUrl: null,
    dataDir: 'data',
    mediaDir: null,
    operatorKeys: null,
    masterKey: null,
    masterKeyFile: null,
    trustedProxies: [],
    region: 'local',
    providerUrls: {},
    logLevel: 'info',
  });
});

const PROVIDER_IDS = Object.keys(PROVIDER_NAMES);

const GOOD: [SettingName, string, keyof Config, unknown][] = [
  ['PORT', '0', 'port', 0],
  ['PORT', ' 65535 ', 'port', 65_535],
  ['HOST', '0.0.0.0', 'host', '0.0.0.0'],
  ['HOST', '::', 'host', '::'],
  ['SLUICE_PUBLIC_URL', 'https://api.example.com', 'publicUrl', 'https://api.example.com'],
  ['SLUICE_PUBLIC_URL', 'https://api.example.com/', 'publicUrl', 'https://api.example.com'],
  ['SLUICE_PUBLIC_URL', 'https://api.example.com/?', 'publicUrl', 'https://api.example.com'],
  ['SLUICE_PUBLIC_URL', 'http://localhost:9000/a/b//', 'publicUrl', 'http://localhost:9000/a/b'],
  ['SLUICE_DATA_DIR', '/srv/sluice', 'dataDir', '/srv/sluice'],
  ['SLUICE_MEDIA', 'file:/srv/media', 'mediaDir', '/srv/media'],
  ['SLUICE_MEDIA', 'file:///srv/media', 'mediaDir', '/srv/media'],
  ['SLUICE_MEDIA', 'file:media', 'mediaDir', 'media'],
  ['MY_PRIVATE_API_KEY', OPERATOR_KEY, 'operatorKeys', [OPERATOR_KEY]],
  [
    'MY_PRIVATE_API_KEY',
    `${OPERATOR_KEY} , ${OPERATOR_KEY}2`,
    'operatorKeys',
    [OPERATOR_KEY, `${OPERATOR_KEY}2`],
  ],
  ['SLUICE_MASTER_KEY', MASTER_KEY, 'masterKey', MASTER_KEY],
  ['SLUICE_MASTER_KEY', 'ab'.repeat(32), 'masterKey', 'ab'.repeat(32)],
  ['SLUICE_MASTER_KEY_FILE', '/run/secrets/key', 'masterKeyFile', '/run/secrets/key'],
  [
    'SLUICE_TRUSTED_PROXIES',
    '10.0.0.0/8, 192.0.2.1,2001:db8::/32, ::1',
    'trustedProxies',
    ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '::1'],
  ],
  ['SLUICE_REGION', 'eu-west-1', 'region', 'eu-west-1'],
  ...PROVIDER_IDS.map((id): (typeof GOOD)[number] => [
    `SLUICE_${id.toUpperCase()}_URL` as SettingName,
    'http://127.0.0.1:9000/v1/',
    'providerUrls',
    { [id]: 'http://127.0.0.1:9000/v1' },
  ]),
  ['LOG_LEVEL', 'silent', 'logLevel', 'silent'],
];

const BAD: [SettingName, string, says: string][] = [
  ['PORT', 'http', 'is not a whole number from 0 to 65535'],
  ['PORT', '65536', 'is not a whole number from 0 to 65535'],
  ['PORT', '-1', 'is not a whole number from 0 to 65535'],
  ['PORT', '80.5', 'is not a whole number from 0 to 65535'],
  ['PORT', '0x50', 'is not a whole number from 0 to 65535'],
  ['HOST', ' ', 'is empty'],
  ['SLUICE_PUBLIC_URL', 'api.example.com', 'is not a URL such as https://api.example.com'],
  ['SLUICE_PUBLIC_URL', 'ftp://example.com', 'does not begin with https:// or http://'],
  ['SLUICE_PUBLIC_URL', 'https://example.com/?a=b', 'has more than host and path'],
  ['SLUICE_PUBLIC_URL', 'https://example.com/#a', 'has more than host and path'],
  ['SLUICE_DATA_DIR', ' ', 'is empty'],
  ['SLUICE_MEDIA', '/srv/media', 'does not begin with file: (such as file:/srv/media)'],
  ['SLUICE_MEDIA', 's3://bucket/prefix', 'does not begin with file: (such as file:/srv/media)'],
  ['SLUICE_MEDIA', 'file:', 'names no folder (such as file:/srv/media)'],
  ['SLUICE_MEDIA', 'file:///', 'names no folder (such as file:/srv/media)'],
  ['DATABASE_URL', 'postgres://db/sluice', 'names a database that this version cannot use'],
  ['MY_PRIVATE_API_KEY', 'too-short-to-be-a-key', 'holds a key of fewer than 32 characters'],
  ['MY_PRIVATE_API_KEY', `${OPERATOR_KEY},`, 'holds a key of fewer than 32 characters'],
  ['MY_PRIVATE_API_KEY', `${OPERATOR_KEY} and more`, 'holds a key with a space'],
  ['MY_PRIVATE_API_KEY', `${OPERATOR_KEY}ü`, 'holds a key with a space or a character outside ASCII'],
  ['MY_PRIVATE_API_KEY', 'change-me-change-me-change-me-change-me', 'holds a placeholder'],
  ['MY_PRIVATE_API_KEY', 'your-key-of-thirty-two-characters-here', 'holds a placeholder'],
  ['MY_PRIVATE_API_KEY', 'a'.repeat(40), 'holds a placeholder'],
  ['SLUICE_MASTER_KEY', MASTER_KEY.slice(4), 'is not 32 bytes in base64 or hex'],
  ['SLUICE_MASTER_KEY', 'password', 'is not 32 bytes in base64 or hex'],
  ['SLUICE_MASTER_KEY_FILE', ' ', 'is empty'],
  ['SLUICE_TRUSTED_PROXIES', 'proxy.example.com', 'holds something other than addresses and CIDR ranges'],
  ['SLUICE_TRUSTED_PROXIES', '10.0.0.1,', 'holds something other than addresses and CIDR ranges'],
  ['SLUICE_TRUSTED_PROXIES', '10.0.0.0/33', 'holds something other than addresses and CIDR ranges'],
  ['SLUICE_TRUSTED_PROXIES', '2001:db8::/129', 'holds something other than addresses and CIDR ranges'],
  ['SLUICE_TRUSTED_PROXIES', '999.0.0.1', 'holds something other than addresses and CIDR ranges'],
  ['SLUICE_TRUSTED_PROXIES', '10.0.0.0/8/8', 'holds something other than addresses and CIDR ranges'],
  ['SLUICE_TRUSTED_PROXIES', '10.0.0.0/', 'holds something other than addresses and CIDR ranges'],
  ['SLUICE_TRUSTED_PROXIES', 'fe80::1%eth0', 'holds something other than addresses and CIDR ranges'],
  ['SLUICE_REGION', 'EU West', 'is not 1 to 32 of a-z, 0-9 and -'],
  ...PROVIDER_IDS.map((id): (typeof BAD)[number] => [
    `SLUICE_${id.toUpperCase()}_URL` as SettingName,
    'api.example.com',
    'is not a URL such as',
  ]),
  ['LOG_LEVEL', 'loud', 'is not one of debug, info, warn, error, silent'],
];

describe('a good value', () => {
  test.each(GOOD)('%s=%s', (name, value, field, parsed) => {
    expect(parseConfig({ [name]: value })[field]).toEqual(parsed as never);
  });
});

describe('a bad value', () => {
  test.each(BAD)('%s=%s', (name, value, says) => {
    const sentence = sentenceOf(() => parseConfig({ [name]: value }));
    expect(sentence).toStartWith(name);
    expect(sentence).toContain(says);
    const declared: { isSecret?: true } = SETTINGS[name];
    if (declared.isSecret === true) expect(sentence).not.toContain(value);
    else if (value.trim() !== '') expect(sentence).toContain(`"${value}"`);
    expect(sentenceOf(() => parseConfig({}, { [name]: value }))).toBe(sentence);
  });

  test('of an address does not show the password in it', () => {
    const sentence = sentenceOf(() => parseConfig({ SLUICE_PUBLIC_URL: 'https://me:hunter2@example.com' }));
    expect(sentence).toContain('has more than host and path');
    expect(sentence).not.toContain('hunter2');
    const onlyPassword = { SLUICE_PUBLIC_URL: 'https://:hunter2@example.com' };
    expect(sentenceOf(() => parseConfig(onlyPassword))).not.toContain('hunter2');
    const row = reportConfig(onlyPassword).find(({ name }) => name === 'SLUICE_PUBLIC_URL');
    expect(row?.value).not.toContain('hunter2');
  });

  test('every setting has a good one here, and a bad one', () => {
    const named = (rows: readonly (readonly [SettingName, ...unknown[]])[]) =>
      new Set(rows.map(([name]) => name));
    const onlyValueIsDefault = new Set<SettingName>(['DATABASE_URL']);
    expect(SETTING_NAMES.filter((name) => !named(GOOD).has(name) && !onlyValueIsDefault.has(name))).toEqual(
      [],
    );
    expect(SETTING_NAMES.filter((name) => !named(BAD).has(name))).toEqual([]);
  });
});

describe('settings together', () => {
  test('a master key and a file for it are one too many', () => {
    const both = { SLUICE_MASTER_KEY: MASTER_KEY, SLUICE_MASTER_KEY_FILE: '/key' };
    const sentence = sentenceOf(() => parseConfig(both));
    expect(sentence).toContain('SLUICE_MASTER_KEY and SLUICE_MASTER_KEY_FILE are both set');
    expect(sentence).not.toContain(MASTER_KEY);
  });

  test.each<[string, RawSettings, RawSettings, number]>([
    ['the environment wins over the file', { PORT: '1' }, { PORT: '2' }, 1],
    ['the file wins over the default', {}, { PORT: '2' }, 2],
    ['an empty variable counts as unset', { PORT: '' }, { PORT: '2' }, 2],
    ['an empty value in the file as well', {}, { PORT: '' }, 8080],
  ])('%s', (_, environment, file, port) => {
    expect(parseConfig(environment, file).port).toBe(port);
  });

  test('what the environment holds for others is not looked at', () => {
    expect(parseConfig({ PATH: '/bin', HOME: '/root', PORTS: 'x', DATABASE: 'y' }).port).toBe(8080);
  });
});

describe('an unknown name', () => {
  test.each([
    ['SLUICE_DATADIR', 'did you mean SLUICE_DATA_DIR?'],
    ['SLUICE_TRUSTED_PROXY', "'sluice config' lists them all."],
    ['SLUICE_REGOIN', 'did you mean SLUICE_REGION?'],
    ['SLUICE_MASTERKEY', 'did you mean SLUICE_MASTER_KEY?'],
    ['SLUICE_NONSENSE', "'sluice config' lists them all."],
  ])('%s in the environment is refused: %s', (name, hint) => {
    expect(sentenceOf(() => parseConfig({ [name]: 'secret-value' }))).toBe(
      `${name} is not a setting of Sluice; ${hint}`,
    );
  });

  test.each([
    ['PORTS', 'did you mean PORT?'],
    ['LOGLEVEL', 'did you mean LOG_LEVEL?'],
    ['PATH', "'sluice config' lists them all."],
  ])('%s in the file is refused: %s', (name, hint) => {
    expect(sentenceOf(() => parseConfig({}, { [name]: 'x' }))).toContain(hint);
  });
});

test('a name that every object has is no setting', () => {
  expect(() => parseConfig({}, { ['constructor']: 'x' })).toThrow('constructor is not a setting of Sluice');
});

describe('a settings file', () => {
  test('is read line by line', () => {
    const content = [
      '\uFEFF# a comment',
      '',
      'PORT=1',
      '  HOST = 0.0.0.0  ',
      'SLUICE_REGION="eu"\r',
      "LOG_LEVEL='warn'",
      'SLUICE_DATA_DIR="/a b/#c"',
      'SLUICE_PUBLIC_URL=https://a.example/=?',
      'MY_PRIVATE_API_KEY=',
      '   # another',
    ].join('\n');
    expect(parseSettingsFile(content)).toEqual({
      PORT: '1',
      HOST: '0.0.0.0',
      SLUICE_REGION: 'eu',
      LOG_LEVEL: 'warn',
      SLUICE_DATA_DIR: '/a b/#c',
      SLUICE_PUBLIC_URL: 'https://a.example/=?',
      MY_PRIVATE_API_KEY: '',
    });
  });

  test.each([
    ['PORT 1', 'Line 1 of the settings file is not of the form NAME=value.'],
    ['PORT=1\nport=2', 'Line 2 of the settings file is not of the form NAME=value.'],
    ['export PORT=1', 'Line 1 of the settings file is not of the form NAME=value.'],
    ['MY_PRIVATE_API_KEY secret', 'Line 1 of the settings file is not of the form NAME=value.'],
    ['PORT=1\n\nPORT=2', 'Line 3 of the settings file sets PORT for a second time.'],
  ])('%j is refused', (content, sentence) => {
    expect(sentenceOf(() => parseSettingsFile(content))).toBe(sentence);
  });
});

describe('the report', () => {
  test('shows every setting with its value, where it came from, its default and its meaning', () => {
    const report = reportConfig({ PORT: '1' }, { SLUICE_REGION: 'eu', PORT: '2' });
    expect(report.map(({ name }) => name)).toEqual(SETTING_NAMES);
    const byName = Object.fromEntries(report.map((row) => [row.name, row]));
    expect(byName['PORT']).toMatchObject({ value: '1', source: 'environment', default: '8080' });
    expect(byName['SLUICE_REGION']).toMatchObject({ value: 'eu', source: 'file', default: 'local' });
    expect(byName['HOST']).toMatchObject({ value: '127.0.0.1', source: 'default' });
    for (const { meaning } of report) expect(meaning).toMatch(/^[A-Z].*\.$/);
  });

  test('never shows a secret', () => {
    const secrets = {
      MY_PRIVATE_API_KEY: OPERATOR_KEY,
      SLUICE_MASTER_KEY: MASTER_KEY,
      DATABASE_URL: 'postgres://me:hunter2@db',
    };
    const text = JSON.stringify(reportConfig(secrets));
    for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
    expect(text.match(/\(set, hidden\)/g)).toHaveLength(3);
  });
});
