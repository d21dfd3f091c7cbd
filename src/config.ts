// Every setting once: its name, what it may be, its default and its meaning. A wrong value stops the start with
// one sentence that names the setting, the fault and what is allowed. Reads a record; knows no environment.
import { isIP } from 'node:net';
import * as v from 'valibot';
import { messageOf, StartFault } from './errors.ts';
import { nearestName } from './nearest-name.ts';
import { LOG_LEVELS } from './runtime/log.ts';

/** Where a value came from, for `sluice config`. */
export type SettingSource = 'environment' | 'file' | 'default';

type Setting<Value> = {
  /** Parses a text; throws valibot's error. Gets undefined when nothing is set. */
  schema: v.GenericSchema<string | undefined, Value>;
  meaning: string;
  /** What the reference shows as the default. */
  default: string;
  isSecret?: true;
};

const setting = <Value>(options: Setting<Value>): Setting<Value> => options;

const text = v.pipe(v.string(), v.trim(), v.nonEmpty('is empty'));

const port = v.pipe(
  text,
  v.regex(/^\d{1,5}$/, 'is not a whole number from 0 to 65535'),
  v.transform(Number),
  v.maxValue(65_535, 'is not a whole number from 0 to 65535'),
);

const publicUrl = v.pipe(
  text,
  v.check((value) => URL.canParse(value), 'is not a URL such as https://api.example.com'),
  v.transform((value) => new URL(value)),
  v.check(
    (url) => url.protocol === 'https:' || url.protocol === 'http:',
    'does not begin with https:// or http://',
  ),
  v.check((url) => url.search + url.hash + url.username + url.password === '', 'has more than host and path'),
  // Not `href`, which keeps a bare question mark.
  v.transform((url) => (url.origin + url.pathname).replace(/\/+$/, '')),
);

/** The operator's keys are long enough not to be guessed, and not the text of an example. */
export const MIN_OPERATOR_KEY_LENGTH = 32;
const PLACEHOLDER = /change.?me|example|placeholder|secret.?key|your.?key|^(.)\1+$/i;

const operatorKeys = v.pipe(
  text,
  v.transform((value) => value.split(',').map((key) => key.trim())),
  v.everyItem(
    (key) => key.length >= MIN_OPERATOR_KEY_LENGTH,
    `holds a key of fewer than ${MIN_OPERATOR_KEY_LENGTH} characters`,
  ),
  v.everyItem((key) => /^[\x21-\x7e]+$/.test(key), 'holds a key with a space or a character outside ASCII'),
  v.everyItem((key) => !PLACEHOLDER.test(key), 'holds a placeholder instead of a key of your own'),
);

/** The providers with accounts, and what each is called. */
export const PROVIDER_NAMES = {
  bfl: 'Black Forest Labs',
  byteplus: 'BytePlus ModelArk',
  dashscope: 'Alibaba Model Studio (DashScope)',
  fal: 'fal',
  google: 'the Gemini API',
  kling: 'Kling',
  leonardo: 'Leonardo',
  luma: 'Luma',
  minimax: 'MiniMax',
  openai: 'OpenAI',
  replicate: 'Replicate',
  runway: 'Runway',
} as const;

type ProviderId = keyof typeof PROVIDER_NAMES;
const PROVIDER_IDS = Object.keys(PROVIDER_NAMES) as ProviderId[];

function urlName<Id extends ProviderId>(id: Id): `SLUICE_${Uppercase<Id>}_URL` {
  return `SLUICE_${id.toUpperCase() as Uppercase<Id>}_URL`;
}

const providerUrl = (id: ProviderId) =>
  setting({
    schema: v.optional(publicUrl),
    default: "the provider's own",
    meaning: `The base of the API of ${PROVIDER_NAMES[id]}; a private host is allowed for its calls only.`,
  });

const addressList = v.pipe(
  text,
  v.transform((value) => value.split(',').map((item) => item.trim())),
  v.everyItem(isAddressOrRange, 'holds something other than addresses and CIDR ranges'),
);

function isAddressOrRange(item: string): boolean {
  const [address = '', bits, ...more] = item.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

export const SETTINGS = {
  PORT: setting({
    schema: v.optional(port, '8080'),
    default: '8080',
    meaning: 'The port to listen on; 0 lets the system pick a free one.',
  }),
  HOST: setting({
    schema: v.optional(text, '127.0.0.1'),
    default: '127.0.0.1',
    meaning: 'The address to listen on. Put a proxy with TLS in front before opening it to a network.',
  }),
  SLUICE_PUBLIC_URL: setting({
    schema: v.optional(publicUrl),
    default: 'http://HOST:PORT',
    meaning: 'The base of every URL that the gateway hands out.',
  }),
  SLUICE_DATA_DIR: setting({
    schema: v.optional(text, 'data'),
    default: 'data',
    meaning: 'The folder for the database, stored media, generated keys and backups.',
  }),
  SLUICE_MEDIA: setting({
    schema: v.optional(
      v.pipe(
        text,
        v.startsWith('file:', 'does not begin with file: (such as file:/srv/media)'),
        v.regex(/^file:\/*[^/]/, 'names no folder (such as file:/srv/media)'),
      ),
    ),
    default: 'file:media in the data folder',
    meaning: 'Where outputs are stored.',
  }),
  DATABASE_URL: setting({
    schema: v.optional(
      v.pipe(
        text,
        v.literal('sqlite', 'names a database that this version cannot use; leave it unset for SQLite'),
      ),
    ),
    default: 'unset: SQLite in the data folder',
    meaning: 'The database.',
    isSecret: true,
  }),
  MY_PRIVATE_API_KEY: setting({
    schema: v.optional(operatorKeys),
    default: 'generated into the data folder',
    meaning: `The operator's API key, ${MIN_OPERATOR_KEY_LENGTH} characters or more; several, separated by commas, while one is replaced.`,
    isSecret: true,
  }),
  SLUICE_MASTER_KEY: setting({
    schema: v.optional(
      v.pipe(text, v.regex(/^([0-9a-fA-F]{64}|[A-Za-z0-9+/_-]{43}=?)$/, 'is not 32 bytes in base64 or hex')),
    ),
    default: 'generated into the data folder',
    meaning: 'The key from which all other secrets of the gateway are derived: 32 bytes in base64 or hex.',
    isSecret: true,
  }),
  SLUICE_MASTER_KEY_FILE: setting({
    schema: v.optional(text),
    default: 'master.key in the data folder',
    meaning: 'A file that holds the master key.',
  }),
  SLUICE_TRUSTED_PROXIES: setting({
    schema: v.optional(addressList),
    default: 'none',
    meaning: 'Addresses and CIDR ranges of proxies whose X-Forwarded-For is believed.',
  }),
  SLUICE_REGION: setting({
    schema: v.optional(
      v.pipe(text, v.regex(/^[a-z0-9-]{1,32}$/, 'is not 1 to 32 of a-z, 0-9 and -')),
      'local',
    ),
    default: 'local',
    meaning: 'The name of the place where this gateway runs, as the API reports it.',
  }),
  SLUICE_BFL_URL: providerUrl('bfl'),
  SLUICE_BYTEPLUS_URL: providerUrl('byteplus'),
  SLUICE_DASHSCOPE_URL: providerUrl('dashscope'),
  SLUICE_FAL_URL: providerUrl('fal'),
  SLUICE_GOOGLE_URL: providerUrl('google'),
  SLUICE_KLING_URL: providerUrl('kling'),
  SLUICE_LEONARDO_URL: providerUrl('leonardo'),
  SLUICE_LUMA_URL: providerUrl('luma'),
  SLUICE_MINIMAX_URL: providerUrl('minimax'),
  SLUICE_OPENAI_URL: providerUrl('openai'),
  SLUICE_REPLICATE_URL: providerUrl('replicate'),
  SLUICE_RUNWAY_URL: providerUrl('runway'),
  LOG_LEVEL: setting({
    schema: v.optional(
      v.pipe(text, v.picklist(LOG_LEVELS, `is not one of ${LOG_LEVELS.join(', ')}`)),
      'info',
    ),
    default: 'info',
    meaning: 'The least severe log lines that are written.',
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

type Values = { [Name in SettingName]: v.InferOutput<(typeof SETTINGS)[Name]['schema']> };

export type Config = {
  port: number;
  host: string;
  /** Null until the port is known, when none is set. */
  publicUrl: string | null;
  dataDir: string;
  /** The folder of the media store; null means `media` in the data folder. */
  mediaDir: string | null;
  operatorKeys: readonly string[] | null;
  masterKey: string | null;
  masterKeyFile: string | null;
  trustedProxies: readonly string[];
  region: string;
  /** Where the operator has the API of a provider, by the provider's name; those not named are where they are. */
  providerUrls: Readonly<Record<string, string>>;
  logLevel: (typeof LOG_LEVELS)[number];
};

export type RawSettings = Readonly<Record<string, string | undefined>>;

/** One row of `sluice config`. */
export type SettingReport = {
  name: SettingName;
  value: string;
  source: SettingSource;
  default: string;
  meaning: string;
};

/**
 * The configuration from the environment and a file of the same names; the environment wins.
 * @throws StartFault naming the setting, what is wrong with its value and what is allowed
 */
export function parseConfig(environment: RawSettings, file: RawSettings = {}): Config {
  refuseUnknown(environment, (name) => name.startsWith('SLUICE_'));
  refuseUnknown(file, () => true);
  const values = Object.fromEntries(
    SETTING_NAMES.map((name) => [name, parseSetting(name, rawValue(name, environment, file).text)]),
  ) as Values;
  if (values.SLUICE_MASTER_KEY !== undefined && values.SLUICE_MASTER_KEY_FILE !== undefined) {
    throw new StartFault('SLUICE_MASTER_KEY and SLUICE_MASTER_KEY_FILE are both set; keep one of them.');
  }
  return {
    port: values.PORT,
    host: values.HOST,
    publicUrl: values.SLUICE_PUBLIC_URL ?? null,
    dataDir: values.SLUICE_DATA_DIR,
    mediaDir: values.SLUICE_MEDIA?.slice('file:'.length).replace(/^\/\/(?=\/)/, '') ?? null,
    operatorKeys: values.MY_PRIVATE_API_KEY ?? null,
    masterKey: values.SLUICE_MASTER_KEY ?? null,
    masterKeyFile: values.SLUICE_MASTER_KEY_FILE ?? null,
    trustedProxies: values.SLUICE_TRUSTED_PROXIES ?? [],
    region: values.SLUICE_REGION,
    providerUrls: Object.fromEntries(
      PROVIDER_IDS.flatMap((id) => {
        const url = values[urlName(id)];
        return url === undefined ? [] : [[id, url]];
      }),
    ),
    logLevel: values.LOG_LEVEL,
  };
}

/** All settings as they are in force, secrets masked. */
export function reportConfig(environment: RawSettings, file: RawSettings = {}): SettingReport[] {
  return SETTING_NAMES.map((name) => {
    const { text: raw, source } = rawValue(name, environment, file);
    const declared: Setting<unknown> = SETTINGS[name];
    const shown =
      raw === undefined ? declared.default : declared.isSecret ? '(set, hidden)' : withoutPassword(raw);
    return { name, value: shown, source, default: declared.default, meaning: declared.meaning };
  });
}

/** Reads `NAME=value` lines; `#` begins a comment line, and a value may stand in quotes. */
export function parseSettingsFile(content: string): RawSettings {
  const settings: Record<string, string> = {};
  for (const [index, line] of content.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const match = /^\s*([A-Z_][A-Z0-9_]*)\s*=\s*(?:"(.*)"|'(.*)'|(.*?))\s*$/.exec(line);
    if (match === null)
      throw new StartFault(`Line ${index + 1} of the settings file is not of the form NAME=value.`);
    const [, name = '', ...values] = match;
    if (Object.hasOwn(settings, name))
      throw new StartFault(`Line ${index + 1} of the settings file sets ${name} for a second time.`);
    settings[name] = values.find((value) => value !== undefined) ?? '';
  }
  return settings;
}

function rawValue(name: SettingName, environment: RawSettings, file: RawSettings) {
  // An empty variable counts as unset: that is how many tools "remove" one.
  if (environment[name]) return { text: environment[name], source: 'environment' as const };
  if (file[name]) return { text: file[name], source: 'file' as const };
  return { text: undefined, source: 'default' as const };
}

function parseSetting(name: SettingName, raw: string | undefined): unknown {
  const declared: Setting<unknown> = SETTINGS[name];
  try {
    return v.parse(declared.schema, raw);
  } catch (thrown) {
    const shown = declared.isSecret || raw === undefined ? '' : ` "${withoutPassword(raw)}"`;
    throw new StartFault(`${name}${shown} ${messageOf(thrown)}.`, { cause: thrown });
  }
}

/** A URL may carry a password where none is wanted. */
function withoutPassword(value: string): string {
  return value.replace(/\/\/[^/\s]*@/, '//…@');
}

function refuseUnknown(settings: RawSettings, isOurs: (name: string) => boolean): void {
  for (const name of Object.keys(settings)) {
    if (isOurs(name) && !Object.hasOwn(SETTINGS, name)) {
      const meant = nearestName(name, SETTING_NAMES);
      const hint = meant === null ? "'sluice config' lists them all." : `did you mean ${meant}?`;
      throw new StartFault(`${name} is not a setting of Sluice; ${hint}`);
    }
  }
}
