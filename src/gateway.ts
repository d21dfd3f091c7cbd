// From a configuration to an open gateway on its data folder: lock, database, keys, providers, app. Whatever is wrong
// stops it here, with one sentence.
import { createApp, type App } from './app.ts';
import { backupBeforeUpgrade } from './backup/index.ts';
import type { Config } from './config.ts';
import type { MasterKey } from './crypto.ts';
import {
  isMasterKeyOf,
  loadMasterKey,
  loadOperatorKeys,
  locateDataFolder,
  makeMasterKeyCheck,
  prepareDataFolder,
  refuseHalfRestored,
  type DataFolder,
} from './data-folder.ts';
import { messageOf, StartFault } from './errors.ts';
import { hasStoredFiles } from './media/index.ts';
import { createSandbox, PROVIDERS, type Paint, type Provider } from './providers/index.ts';
import type { Runtime } from './runtime/index.ts';
import { lockDataFolder } from './store/lock.ts';
import type { Migration } from './store/migrations/index.ts';
import { readMeta, writeMeta } from './store/meta.ts';
import { openSqlite, readMigrationPlan, rollBackJournal, type SqliteStore } from './store/sqlite.ts';
import { createTestCards } from './testcard/index.ts';

export type Gateway = {
  app: App;
  store: SqliteStore;
  folder: DataFolder;
  operatorKeys: readonly string[];
  /** The file of the generated operator key; null when the setting gives the keys. */
  operatorKeyFile: string | null;
  /** Closes everything and frees the folder. */
  close(): Promise<void>;
};

export type GatewayOptions = {
  config: Config;
  runtime: Runtime;
  /** The base of links, asked each time. */
  publicUrl: () => string;
  /** Besides the sandbox; for tests. */
  providers?: readonly Provider[];
};

/** Painting is work for the processor: one worker leaves the rest to requests. */
const MAX_PAINTERS = 2;
const MAX_PAINTINGS_WAITING = 1000;

/** @throws StartFault */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const folder = locateDataFolder(options.config);
  prepareDataFolder(folder);
  const lock = lockDataFolder(folder.dir);
  try {
    return await openLocked(options, folder, lock.release);
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

/**
 * The database of a locked data folder, brought to this build's schema. One of an older schema that has data is copied
 * into `backups/` first.
 * @throws StartFault
 */
export async function openDatabase(
  folder: DataFolder,
  runtime: Runtime,
  /** For tests of an upgrade. */
  migrations?: readonly Migration[],
): Promise<{ store: SqliteStore; backup: string | null }> {
  refuseHalfRestored(folder);
  const { clock, log } = runtime;
  const { dir: dataDir, backupsDir, mediaDir } = folder;
  rollBackJournal(dataDir);
  const plan = readMigrationPlan(dataDir, migrations);
  if (plan === null || plan.applied.length === 0) await refuseStrangeMedia(folder);
  const toVersion = plan?.pending.at(-1)?.id;
  let backup: string | null = null;
  if (plan !== null && plan.applied.length > 0 && toVersion !== undefined) {
    backup = await backupBeforeUpgrade({ dataDir, backupsDir, mediaDir, toVersion, clock });
    log.info({ backup, toVersion }, 'copied the database before its upgrade');
  }
  const store = openSqlite({ dataDir, clock, log, ...(migrations === undefined ? {} : { migrations }) });
  return { store, backup };
}

async function openLocked(
  options: GatewayOptions,
  folder: DataFolder,
  releaseLock: () => void,
): Promise<Gateway> {
  const { store } = await openDatabase(folder, options.runtime);
  try {
    const keys = await loadKeys(options, folder, store);
    return await openOn(store, { ...options, folder, ...keys, releaseLock });
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** A new database would know none of the files, and the next night would sweep them away. @throws StartFault */
async function refuseStrangeMedia({ dir, mediaDir }: DataFolder): Promise<void> {
  const hasFiles = await hasStoredFiles(mediaDir).catch((thrown: unknown) => {
    throw new StartFault(
      `The media folder ${mediaDir} cannot be read (${messageOf(thrown)}): give this user access to it.`,
      { cause: thrown },
    );
  });
  if (!hasFiles) return;
  throw new StartFault(
    `The media folder ${mediaDir} holds stored files, and ${dir} has no database that knows them: put the database ` +
      "back, as with 'sluice restore', or set SLUICE_MEDIA to an empty folder.",
  );
}

type LoadedKeys = { masterKey: MasterKey } & Pick<Gateway, 'operatorKeys' | 'operatorKeyFile'>;

async function loadKeys(
  { config, runtime }: GatewayOptions,
  folder: DataFolder,
  store: SqliteStore,
): Promise<LoadedKeys> {
  const { random } = runtime;
  const check = await readMeta(store.read, 'master-key-check');
  const masterKey = loadMasterKey(config, folder, { random, mayMake: check === null });
  await proveMasterKey(store, masterKey, { check, runtime });
  const { keys: operatorKeys, file: operatorKeyFile } = loadOperatorKeys(config, folder, random);
  return { masterKey, operatorKeys, operatorKeyFile };
}

async function openOn(
  store: SqliteStore,
  parts: GatewayOptions & LoadedKeys & { folder: DataFolder; releaseLock: () => void },
): Promise<Gateway> {
  const { config, runtime, folder, masterKey, operatorKeys, operatorKeyFile } = parts;
  const { clock } = runtime;
  const testCards = createTestCards({ maxWorkers: MAX_PAINTERS, maxQueued: MAX_PAINTINGS_WAITING, clock });
  const app = createApp({
    ...{ config, runtime, store, masterKey, operatorKeys },
    dataDir: folder.dir,
    mediaDir: folder.mediaDir,
    providers: [
      createSandbox({ paint: paintWith(testCards) }),
      ...PROVIDERS.map((createProvider) => createProvider()),
      ...(parts.providers ?? []),
    ],
    publicUrl: parts.publicUrl,
  });
  await app.resume();
  return {
    ...{ app, store, folder, operatorKeys, operatorKeyFile },
    async close() {
      await testCards.close();
      await store.close();
      parts.releaseLock();
    },
  };
}

/** A wrong master key must stop the start, and not make everything that was sealed unreadable one by one. */
async function proveMasterKey(
  store: SqliteStore,
  masterKey: MasterKey,
  { check, runtime }: { check: string | null; runtime: Runtime },
): Promise<void> {
  if (check === null) {
    const sealed = makeMasterKeyCheck(masterKey, runtime.random);
    await store.transaction((tx) => writeMeta(tx, 'master-key-check', sealed));
  } else if (!isMasterKeyOf(check, masterKey)) {
    throw new StartFault(
      'The master key is not the one that this database was made with: restore the right key, ' +
        'or the sealed credentials in it are lost.',
    );
  }
}

function paintWith(testCards: ReturnType<typeof createTestCards>): Paint {
  return async ({ type, prompt, width, height, label, seed, reference, durationSeconds, hasAudio }) => {
    const common = { width, height, prompt, seed, label, ...(reference === null ? {} : { reference }) };
    const card =
      type === 'image'
        ? await testCards.render({ kind: 'image', format: 'png', ...common })
        : await testCards.render({
            kind: 'video',
            durationMs: (durationSeconds ?? 1) * 1000,
            hasAudio: hasAudio ?? false,
            ...common,
          });
    return card.bytes;
  };
}
