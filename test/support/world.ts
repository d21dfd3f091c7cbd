// A whole gateway for a test: the real app on a real database in a folder of its own, with time, randomness and
// network in the test's hands. Every answer is held against what its route declares.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createApp, type App } from '../../src/app.ts';
import { parseMasterKey, type MasterKey } from '../../src/crypto.ts';
import { assert } from '../../src/errors.ts';
import { createMediaDisk, type MediaStore } from '../../src/media/index.ts';
import { createSandbox, type Paint, type Provider } from '../../src/providers/index.ts';
import { createLog } from '../../src/runtime/log.ts';
import type { Runtime } from '../../src/runtime/index.ts';
import { openSqlite, type SqliteStore } from '../../src/store/sqlite.ts';
import { createFakeNet, type FakeNet } from './fake-net.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { checkAnswer, type Answer } from './answers.ts';
import {
  createLife,
  mortalMedia,
  mortalNet,
  mortalProvider,
  mortalStore,
  type GateKeeper,
  type Life,
} from './mortal.ts';
import { createSeededRandom } from './seeded-random.ts';
import { makeTempFolder } from './temp-folder.ts';
import { tinyMp4, tinyPng } from './tiny-media.ts';

export type { Answer } from './answers.ts';

export const OPERATOR_KEY = 'operator-key-of-the-tests-0123456789';
export const PUBLIC_URL = 'http://localhost';
const MASTER_KEY_TEXT = 'bWFzdGVyIGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGU=';

export type WorldOptions = {
  seed?: number;
  /** Besides the sandbox. */
  providers?: readonly Provider[];
  /** Instead of tiny files. */
  paint?: Paint;
  maxPages?: number;
  freeBytes?: () => number;
  trustedProxies?: readonly string[];
  /** Instead of a folder on disk. */
  mediaStore?: MediaStore;
  /** Asked at each gate between the app and its outside; may end the process or fail the call there. */
  gateKeeper?: GateKeeper;
};

export type CallOptions = {
  /** A bearer key. */
  key?: string;
  body?: unknown;
  /** Instead of a JSON body. */
  text?: string;
  /** The same, of no type but what the headers say. */
  bytes?: Uint8Array;
  headers?: Record<string, string>;
  idempotencyKey?: string;
};

export type TestCustomer = { id: string; liveKey: string; testKey: string };

export type World = {
  readonly app: App;
  readonly store: SqliteStore;
  readonly clock: ManualClock;
  readonly net: FakeNet;
  readonly dir: string;
  /** Every line that was logged, parsed. */
  readonly log: Record<string, unknown>[];
  /** Calls the app as HTTP would. `expect` fails the test when the status is another. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  operator(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** A customer with a live and a test key. */
  customer(options?: {
    credits?: number;
    plan?: string;
    limits?: Record<string, number>;
  }): Promise<TestCustomer>;
  /** Does all work that is due now, without moving time; less when the process dies over it. */
  settle(): Promise<void>;
  /** Moves time forward step by step, doing all work at its instant; stops when the process dies over it. */
  advance(ms: number): Promise<void>;
  /** Whether a gate keeper has ended the process. */
  isDead(): boolean;
  /** Another app on the same store, as a second process would be: with leases of its own. */
  openNode(): App;
  /** Drops the app as a dying process would, with all it has in hand, and opens the same folder again. */
  crash(): Promise<void>;
  /** Opens the folder again after the test closed the store itself. */
  reopen(): Promise<void>;
  close(): Promise<void>;
};

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const dir = makeTempFolder('sluice-test-');
  const clock = createManualClock();
  const net = createFakeNet();
  const random = createSeededRandom(options.seed ?? 1);
  const log: Record<string, unknown>[] = [];
  const write = (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>);
  const runtime: Runtime = { clock, random, net, log: createLog({ level: 'debug', write }) };
  let opened = openApp({ dir, runtime, options });
  await opened.app.resume();

  async function call(method: string, path: string, callOptions: CallOptions = {}): Promise<Answer> {
    const answering = opened.app.handle(makeRequest(method, path, callOptions));
    const response = await Promise.race([answering, opened.life.over]);
    if (response === undefined) throw new Error('the process died over the request');
    return checkAnswer(opened.app.routes, { method, path, response });
  }

  /** Null when nothing is planned, or nobody is left to do it. */
  async function runDue(): Promise<number | null> {
    return (await Promise.race([opened.app.scheduler.runDue(), opened.life.over])) ?? null;
  }

  function operator(method: string, path: string, callOptions: CallOptions = {}): Promise<Answer> {
    return call(method, path, { key: OPERATOR_KEY, ...callOptions });
  }

  const world: World = {
    get app() {
      return opened.app;
    },
    get store() {
      return opened.store;
    },
    clock,
    net,
    dir,
    log,
    call,
    operator,
    async customer({ credits: initialCredits = 0, plan = 'enterprise', limits } = {}) {
      const created = await operator('POST', '/api/public/customers', {
        body: { name: 'Test', plan, initialCredits },
      });
      const { customerId } = created.json['customer'] as { customerId: string };
      const path = `/api/public/customers/${customerId}`;
      if (limits !== undefined) await operator('PATCH', path, { body: { limits } });
      const makeKey = async (mode: string) =>
        (await operator('POST', `${path}/api-keys`, { body: { mode } })).json['apiKey'] as string;
      return { id: customerId, liveKey: await makeKey('live'), testKey: await makeKey('test') };
    },
    async settle() {
      await runDue();
    },
    isDead: () => opened.life.isOver(),
    openNode: () => joinApp(opened.store, { dir, runtime, options, life: opened.life }),
    async advance(ms) {
      // By the clock that nobody sets: what happens meanwhile may set the other.
      const targetMs = clock.elapsedMs() + ms;
      for (;;) {
        const nextAt = await runDue();
        if (opened.life.isOver()) return;
        const waitMs = Math.max(1, (nextAt ?? Infinity) - clock.now());
        if (clock.elapsedMs() + waitMs > targetMs) break;
        clock.advance(waitMs);
      }
      clock.advance(targetMs - clock.elapsedMs());
      await runDue();
    },
    async crash() {
      opened.life.end();
      await opened.store.close();
      await world.reopen();
    },
    async reopen() {
      opened = openApp({ dir, runtime, options });
      await opened.app.resume();
    },
    async close() {
      await opened.store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return world;
}

function openApp({ dir, runtime, options }: { dir: string; runtime: Runtime; options: WorldOptions }) {
  const { clock, log } = runtime;
  const store = openSqlite({
    dataDir: dir,
    clock,
    log,
    ...(options.maxPages === undefined ? {} : { maxPages: options.maxPages }),
  });
  const life = createLife(options.gateKeeper);
  return { app: joinApp(store, { dir, runtime, options, life }), store, life };
}

type AppSetting = { dir: string; runtime: Runtime; options: WorldOptions; life: Life };

function joinApp(store: SqliteStore, { dir, runtime, options, life }: AppSetting): App {
  const mediaDir = join(dir, 'media');
  const providers = [createSandbox({ paint: options.paint ?? paintTiny }), ...(options.providers ?? [])];
  return createApp({
    config: { trustedProxies: options.trustedProxies ?? [], region: 'test', providerUrls: {} },
    runtime: { ...runtime, net: mortalNet(runtime.net, life) },
    store: mortalStore(store, life),
    dataDir: dir,
    mediaDir,
    mediaStore: mortalMedia(options.mediaStore ?? createMediaDisk(mediaDir), life),
    masterKey: masterKey(),
    operatorKeys: [OPERATOR_KEY],
    providers: providers.map((provider) => mortalProvider(provider, life)),
    publicUrl: () => PUBLIC_URL,
    freeBytes: options.freeBytes ?? (() => Number.MAX_SAFE_INTEGER),
  });
}

const paintTiny: Paint = async ({ type, width, height }) =>
  type === 'image' ? tinyPng(width, height) : tinyMp4(width, height);

function masterKey(): MasterKey {
  const key = parseMasterKey(MASTER_KEY_TEXT);
  assert(key !== null, 'the key of the tests is one');
  return key;
}

function makeRequest(
  method: string,
  path: string,
  { key, body, text, bytes, headers, idempotencyKey }: CallOptions,
): Request {
  const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
  return new Request(PUBLIC_URL + path, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(content === undefined ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      ...headers,
    },
    ...(content === undefined ? {} : { body: content }),
    ...(bytes === undefined ? {} : { body: new Blob([Uint8Array.from(bytes)]) }),
  });
}
