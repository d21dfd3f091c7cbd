// The house rules as data: how large, who may import whom, and where the world comes in.

export const MAX_FILE_LINES = 400;
/** Of a function itself; the functions inside it count for themselves. */
export const MAX_FUNCTION_LINES = 60;

/** Files at the top of src that hold words and arithmetic, and may be used everywhere. */
const BASE = new Set([
  'errors.ts',
  'ids.ts',
  'credits.ts',
  'crypto.ts',
  'words.ts',
  'canonical-json.ts',
  'nearest-name.ts',
  'version.ts',
]);

/** Features that know only their own noun. */
const LEAVES = ['customers', 'keys', 'ledger', 'limits', 'catalog', 'media', 'idempotency', 'audit'];

/** What a folder of src may import besides itself and the base. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  store: ['runtime'],
  testcard: ['runtime'],
  providers: ['runtime'],
  scheduler: ['runtime', 'store'],
  ...Object.fromEntries(LEAVES.map((leaf) => [leaf, ['runtime', 'store']])),
  accounts: ['runtime', 'store', 'providers'],
  jobs: ['runtime', 'store', 'providers', 'accounts', ...LEAVES],
  operations: ['runtime', 'store', 'jobs', 'accounts', ...LEAVES],
  http: ['runtime', 'store', 'jobs', 'operations', 'accounts', 'health.ts', ...LEAVES],
  backup: ['runtime', 'store', 'media'],
};

/** Folders of which every file is a door: small things that are used one by one. */
const OPEN_FOLDERS = new Set(['runtime', 'build']);
/** The doors of the store: everything else in it is about one database or its schema. */
const STORE_DOORS = new Set(['store/db.ts', 'store/page.ts']);
/** A backup is a copy of the file itself, taken and put back with the folder's lock in mind. */
const BACKUP_DOORS = new Set(['store/database-file.ts', 'store/lock.ts']);
/** Where the parts are joined; these may open the database. The doctor looks at every part, and changes none. */
const COMPOSERS = new Set(['app.ts', 'gateway.ts', 'tasks.ts', 'first-start.ts', 'cli', 'doctor']);

/** Whether one file of src may import another; both relative to the root of the project. */
export function mayImport(from: string, to: string): boolean {
  if (to === 'package.json') return from === 'src/version.ts';
  // Files of a package that it does not offer by name, embedded as they are.
  if (to.startsWith('node_modules/')) return from === 'src/http/reference/index.ts';
  const [source, target] = [from.replace(/^src\//, ''), to.replace(/^src\//, '')];
  const [home, room] = [roomOf(source), roomOf(target)];
  if (home === room && source.includes('/')) return true;
  if (BASE.has(target)) return BASE.has(source) ? target !== 'version.ts' : true;
  // Ids and secrets are made from the runtime's clock and random bytes.
  if (BASE.has(source)) return target.startsWith('runtime/');
  if (COMPOSERS.has(home) || source === 'main.ts' || home === 'build') {
    return isDoor(target) || room === 'store' || !target.includes('/');
  }
  if (source === 'config.ts' || source === 'data-folder.ts' || source === 'health.ts') {
    return room === 'runtime' || target === 'config.ts';
  }
  if (home === 'backup' && BACKUP_DOORS.has(target)) return true;
  return (ALLOWED[home] ?? []).includes(room) && isDoor(target);
}

function roomOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path;
}

function isDoor(path: string): boolean {
  const room = roomOf(path);
  if (room === 'store') return STORE_DOORS.has(path);
  return !path.includes('/') || OPEN_FOLDERS.has(room) || path === `${room}/index.ts`;
}

/** What may be used in its homes only. Patterns see code without comments and strings. */
export const HOMES: readonly { what: string; pattern: RegExp; homes: readonly string[] }[] = [
  {
    what: 'the time of day',
    pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/g,
    homes: ['src/runtime/clock.ts'],
  },
  {
    what: 'timers',
    pattern: /\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b|\bBun\.sleep/g,
    homes: ['src/runtime/clock.ts'],
  },
  {
    what: 'randomness',
    pattern: /\bMath\.random\b|\bgetRandomValues\b|\brandomUUID|\brandomBytes\b/g,
    homes: ['src/runtime/random.ts'],
  },
  {
    what: 'the network',
    pattern: /(?<![.\w])fetch\(|\bhttps?\.request\b/g,
    homes: ['src/runtime/net.ts', 'src/runtime/net-exchange.ts'],
  },
  {
    what: 'the unguarded network of the tests',
    pattern: /\bcreateNetWith\b/g,
    homes: ['src/runtime/net.ts'],
  },
  { what: 'the process', pattern: /\bprocess\.\w+/g, homes: ['src/main.ts', 'src/build/'] },
  { what: 'the console', pattern: /\bconsole\.\w+/g, homes: ['src/build/'] },
  { what: 'classes', pattern: /\bclass \w+|\bthis\./g, homes: ['src/errors.ts'] },
];
