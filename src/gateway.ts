// From a configuration to an open gateway on its data folder: lock, database, keys, providers, app. Whatever is wrong
// stops it here, with one sentence.
import { createApp, type App } from './app.ts';
import type { Config } from './config.ts';
import { deriveKey, open, seal, type MasterKey } from './crypto.ts';
import {
  loadMasterKey,
  loadOperatorKeys,
  locateDataFolder,
  prepareDataFolder,
  type DataFolder,
} from './data-folder.ts';
import { StartFault } from './errors.ts';
import { createSandbox, type Paint, type Provider } from './providers/index.ts';
import type { Runtime } from './runtime/index.ts';
import { lockDataFolder } from './store/lock.ts';
import { readMeta, writeMeta } from './store/meta.ts';
import { openSqlite, type SqliteStore } from './store/sqlite.ts';
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

async function openLocked(
  { config, runtime, publicUrl, providers = [] }: GatewayOptions,
  folder: DataFolder,
  releaseLock: () => void,
): Promise<Gateway> {
  const { clock, random, log } = runtime;
  const store = openSqlite({ dataDir: folder.dir, clock, log });
  const check = await readMeta(store.read, 'master-key-check');
  const masterKey = loadMasterKey(config, folder, { random, mayMake: check === null });
  await proveMasterKey(store, masterKey, { check, runtime });
  const { keys: operatorKeys, file: operatorKeyFile } = loadOperatorKeys(config, folder, random);
  const testCards = createTestCards({ maxWorkers: MAX_PAINTERS, maxQueued: MAX_PAINTINGS_WAITING, clock });
  const app = createApp({
    config,
    runtime,
    store,
    dataDir: folder.dir,
    mediaDir: folder.mediaDir,
    masterKey,
    operatorKeys,
    providers: [createSandbox({ paint: paintWith(testCards) }), ...providers],
    publicUrl,
  });
  await app.resume();
  return {
    app,
    store,
    folder,
    operatorKeys,
    operatorKeyFile,
    async close() {
      await testCards.close();
      await store.close();
      releaseLock();
    },
  };
}

const CHECK_TEXT = 'sluice';
const CHECK_CONTEXT = 'meta/master-key-check';

/** A wrong master key must stop the start, and not make everything that was sealed unreadable one by one. */
async function proveMasterKey(
  store: SqliteStore,
  masterKey: MasterKey,
  { check, runtime }: { check: string | null; runtime: Runtime },
): Promise<void> {
  const key = deriveKey(masterKey, 'seal');
  if (check === null) {
    const sealed = seal(key, CHECK_TEXT, CHECK_CONTEXT, runtime.random);
    await store.transaction((tx) => writeMeta(tx, 'master-key-check', sealed));
  } else if (open(key, check, CHECK_CONTEXT) !== CHECK_TEXT) {
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
