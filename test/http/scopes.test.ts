// Every customer route against every preset: what a key may do, and that nothing more.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { PRESETS, SCOPES, type Scope } from '../../src/keys/index.ts';
import { freshKey, openScene, type Scene } from './scenario.ts';

const JOB = '/v1/jobs/job_01m7xyqn02e3fa7ae8dqfy7sce';
const WANTED: Record<string, Scope> = {
  'POST /v1/images/generate': 'generation:write',
  'POST /v1/videos/generate': 'generation:write',
  'GET /v1/jobs': 'generation:read',
  'GET /v1/jobs/:jobId': 'generation:read',
  'GET /v1/jobs/:jobId/result': 'generation:read',
  'POST /v1/jobs/:jobId/cancel': 'generation:delete',
  'POST /v1/estimate': 'library:read',
  'GET /v1/models': 'library:read',
  'GET /v1/usage': 'account:read',
  'POST /v1/uploads': 'generation:write',
};

let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene.world.close());

async function makeKey(body: object): Promise<string> {
  const path = `/api/public/customers/${scene.customer.id}/api-keys`;
  return String(
    (await scene.world.operator('POST', path, { body: { mode: 'test', ...body } })).json['apiKey'],
  );
}

async function callAll(key: string, check: (route: string, wanted: Scope, code: string | null) => void) {
  for (const [route, wanted] of Object.entries(WANTED)) {
    const [method = '', path = ''] = route.replace('/v1/jobs/:jobId', JOB).split(' ');
    const body = path === '/v1/estimate' ? { type: 'image' } : { prompt: '[test:503]' };
    const options = method === 'POST' && !path.endsWith('cancel') ? { body, idempotencyKey: freshKey() } : {};
    const answer = await scene.world.call(method, path, { key, ...options });
    if (answer.code === 'insufficient_permissions') {
      expect(answer.status).toBe(403);
      expect(answer.json).toMatchObject({
        error: { message: `The key lacks the scope ${wanted}.`, details: { requiredScope: wanted } },
      });
    }
    check(route, wanted, answer.code);
    scene.world.clock.advance(1000);
  }
}

test('the table names every customer route', () => {
  const routes = scene.world.app.routes.filter(({ declaration }) => declaration.access.kind === 'customer');
  expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(Object.keys(WANTED).sort());
});

describe('a key with the preset', () => {
  for (const [preset, scopes] of Object.entries(PRESETS)) {
    test(preset, async () => {
      await callAll(await makeKey({ preset }), (route, wanted, code) => {
        const isRefused = code === 'insufficient_permissions';
        expect({ route, isRefused }).toEqual({
          route,
          isRefused: !(scopes as readonly Scope[]).includes(wanted),
        });
      });
    });
  }
});

describe('a key with one scope alone', () => {
  for (const scope of SCOPES) {
    test(scope, async () => {
      await callAll(await makeKey({ scopes: [scope] }), (route, wanted, code) => {
        expect({ route, isRefused: code === 'insufficient_permissions' }).toEqual({
          route,
          isRefused: wanted !== scope,
        });
      });
    });
  }
});

test('a change of scopes is in force at the next request', async () => {
  const { world, customer } = scene;
  const base = `/api/public/customers/${customer.id}/api-keys`;
  const made = await world.operator('POST', base, { body: { mode: 'test', preset: 'monitor_only' } });
  const key = String(made.json['apiKey']);
  const { keyId } = made.json['key'] as { keyId: string };
  expect((await world.call('GET', '/v1/usage', { key })).status).toBe(403);
  await world.operator('PATCH', `${base}/${keyId}`, { body: { preset: 'read_only' } });
  expect((await world.call('GET', '/v1/usage', { key })).status).toBe(200);
  await world.operator('PATCH', `${base}/${keyId}`, { body: { scopes: ['library:read'] } });
  expect((await world.call('GET', '/v1/usage', { key })).status).toBe(403);
});
