// Every route of the source, asked of the executable over a socket and of the source itself: both give the same
// answer to nobody, to a customer and to the operator. So nothing was lost or changed on the way into the executable.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  callerOf,
  readOperatorKey,
  startExecutable,
  type Caller,
  type Running,
} from '../support/executable.ts';
import { openWorld, OPERATOR_KEY, type World } from '../support/world.ts';

const SLOW_MS = 60_000;
const CALLERS = ['nobody', 'customer', 'operator'] as const;
type Keys = Record<(typeof CALLERS)[number], string | undefined>;

let dir: string;
let running: Running;
let call: Caller;
let world: World;
let keys: { executable: Keys; source: Keys };

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-routes-'));
  running = await startExecutable({ cwd: dir, environment: { PORT: '0' } });
  call = callerOf(running.url);
  world = await openWorld();
  const { testKey } = await world.customer({ plan: 'free' });
  keys = {
    executable: {
      nobody: undefined,
      customer: /ak_test_\w+/.exec(running.notes())?.[0],
      operator: readOperatorKey(join(dir, 'data')),
    },
    source: { nobody: undefined, customer: testKey, operator: OPERATOR_KEY },
  };
});
afterAll(async () => {
  running.signal('SIGKILL');
  await running.ended;
  await world.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A request to a route about things that do not exist. */
function requestTo(method: string, path: string, key: string | undefined) {
  const hasBody = !['GET', 'HEAD', 'DELETE'].includes(method);
  return {
    path: path.replace(/:\w+/g, 'nothing').replace('*', 'nothing'),
    options: {
      ...(key === undefined ? {} : { key }),
      ...(hasBody ? { body: {} } : {}),
      idempotencyKey: 'probe',
    },
  };
}

const shown = ({ status, json }: { status: number; json: Record<string, unknown> }) =>
  `${status} ${JSON.stringify(json['code'] ?? null)}`;

describe.each([...CALLERS])('asked by %s', (caller) => {
  test(
    'every route gives the same answer as from source',
    async () => {
      const differences: string[] = [];
      for (const { method, path } of world.app.routes) {
        const [probe, model] = [
          requestTo(method, path, keys.executable[caller]),
          requestTo(method, path, keys.source[caller]),
        ];
        const actual = shown(await call(method, probe.path, probe.options));
        const wanted = shown(await world.call(method, model.path, model.options));
        if (actual !== wanted || /route_not_found|^5/.test(actual)) {
          differences.push(`${method} ${path}: ${actual}, from source ${wanted}`);
        }
      }
      expect(differences).toEqual([]);
    },
    SLOW_MS,
  );
});

test('the description of the API names the same operations', async () => {
  const operationsOf = (document: Record<string, unknown>) =>
    Object.entries(document['paths'] as Record<string, object>)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
      .sort();
  const { json: actual } = await call('GET', '/openapi.json');
  const { json: wanted } = await world.call('GET', '/openapi.json');
  expect(operationsOf(actual)).toEqual(operationsOf(wanted));
});
