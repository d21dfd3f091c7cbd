// Who is let in: every way of having no usable key looks the same from outside, and no key is taken from where one
// does not belong.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { DAY_MS, HOUR_MS } from '../../src/runtime/clock.ts';
import { OPERATOR_KEY, type Answer } from '../support/world.ts';
import { freshKey, makeJob, openScene, type Scene } from './scenario.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene.world.close());

/** A failure counts towards the throttle; none of these tests is about it. */
async function usageWith(headers: Record<string, string>, path = '/v1/usage'): Promise<Answer> {
  scene.world.clock.advance(10_000);
  return scene.world.call('GET', path, { headers });
}

function withoutRequestId({ bytes }: Answer): string {
  return new TextDecoder().decode(bytes).replaceAll(/req_[0-9a-z]{26}/g, 'req');
}

/** A customer's key that has stopped working. */
async function keyOfStopped(customer: object): Promise<string> {
  const { world } = scene;
  const { id, testKey } = await world.customer();
  await world.operator('PATCH', `/api/public/customers/${id}`, { body: customer });
  return testKey;
}

async function makeKey(body: object): Promise<{ apiKey: string; path: string }> {
  const base = `/api/public/customers/${scene.customer.id}/api-keys`;
  const made = await scene.world.operator('POST', base, { body: { mode: 'test', ...body } });
  const { keyId } = made.json['key'] as { keyId: string };
  return { apiKey: String(made.json['apiKey']), path: `${base}/${keyId}` };
}

const WAYS: Record<string, () => Promise<string> | string> = {
  unknown: () => 'ak_live_0000000000000000000000000000000000d4xPvL',
  mistyped: () => scene.customer.testKey.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')),
  'of another form': () => 'bye_0123456789',
  'ten kilobytes long': () => 'a'.repeat(10_000),
  expired: async () => {
    const expiresAt = new Date(scene.world.clock.now() + HOUR_MS).toISOString();
    const { apiKey } = await makeKey({ expiresAt });
    expect((await usageWith({ authorization: `Bearer ${apiKey}` })).status).toBe(200);
    scene.world.clock.advance(HOUR_MS);
    return apiKey;
  },
  revoked: async () => {
    const { apiKey, path } = await makeKey({});
    expect((await usageWith({ authorization: `Bearer ${apiKey}` })).status).toBe(200);
    await scene.world.operator('DELETE', path);
    return apiKey;
  },
  deleted: async () => {
    const { apiKey, path } = await makeKey({});
    await scene.world.operator('DELETE', `${path}?purge=true`);
    return apiKey;
  },
  'past the grace of a rotation': async () => {
    const { apiKey, path } = await makeKey({});
    await scene.world.operator('POST', `${path}/rotate`, { body: { graceHours: 1 } });
    scene.world.clock.advance(HOUR_MS);
    return apiKey;
  },
  'of a suspended customer': () => keyOfStopped({ status: 'suspended' }),
  'of a closed customer': () => keyOfStopped({ status: 'closed' }),
  'the operator’s': () => OPERATOR_KEY,
};

describe('a key that is', () => {
  for (const [name, make] of Object.entries(WAYS)) {
    test(`${name} gets the one 401 of them all`, async () => {
      const answer = await usageWith({ authorization: `Bearer ${await make()}` });
      const reference = await usageWith({ authorization: 'Bearer nothing' });
      expect(answer.status).toBe(401);
      expect(withoutRequestId(answer)).toBe(withoutRequestId(reference));
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect([...answer.headers.keys()]).toEqual([...reference.headers.keys()]);
    });
  }
});

test('a suspended customer’s key works again when the customer does', async () => {
  const { world } = scene;
  const { id, testKey } = await world.customer();
  const path = `/api/public/customers/${id}`;
  const job = await makeJob(world, testKey);
  await world.operator('PATCH', path, { body: { status: 'suspended', statusReason: 'unpaid' } });
  await world.advance(10_000);
  expect((await world.operator('GET', `/api/jobs/${job}`)).json).toMatchObject({
    job: { state: 'completed' },
  });
  expect((await usageWith({ authorization: `Bearer ${testKey}` })).status).toBe(401);
  await world.operator('PATCH', path, { body: { status: 'active' } });
  expect((await usageWith({ authorization: `Bearer ${testKey}` })).status).toBe(200);
});

describe('a key is not taken', () => {
  const places: Record<string, () => [Record<string, string>, string?]> = {
    'from the query': () => [{}, `/v1/usage?access_token=${scene.customer.testKey}`],
    'from the query under the name of the scheme': () => [{}, `/v1/usage?Bearer=${scene.customer.testKey}`],
    'from a cookie': () => [{ cookie: `authorization=Bearer ${scene.customer.testKey}` }],
    'from X-API-Key': () => [{ 'x-api-key': scene.customer.testKey }],
  };
  for (const [name, place] of Object.entries(places)) {
    test(name, async () => {
      const answer = await usageWith(...place());
      expect({ status: answer.status, code: answer.code }).toEqual({
        status: 401,
        code: 'authentication_required',
      });
    });
  }
  const schemes = ['Basic', 'Token', 'BearerX', 'Bearer:'];
  for (const scheme of schemes) {
    test(`under the scheme ${scheme}`, async () => {
      const answer = await usageWith({ authorization: `${scheme} ${scene.customer.testKey}` });
      expect(answer.code).toBe('authentication_failed');
    });
  }
});

for (const scheme of ['bearer', 'BEARER', 'BeArEr']) {
  test(`the scheme may be written ${scheme}`, async () => {
    expect((await usageWith({ authorization: `${scheme} ${scene.customer.testKey}` })).status).toBe(200);
  });
}

describe('on the operator API', () => {
  test('neither a customer’s key nor none is taken', async () => {
    for (const headers of [
      { authorization: `Bearer ${scene.customer.liveKey}` },
      { 'x-api-key': scene.customer.testKey },
    ]) {
      expect((await usageWith(headers, '/api/overview')).code).toBe('authentication_failed');
    }
    expect((await usageWith({}, '/api/overview')).code).toBe('authentication_required');
    expect((await usageWith({ cookie: `key=${OPERATOR_KEY}` }, '/api/overview')).code).toBe(
      'authentication_required',
    );
  });

  test('the key may come in X-API-Key', async () => {
    expect((await usageWith({ 'x-api-key': OPERATOR_KEY }, '/api/overview')).status).toBe(200);
    expect((await usageWith({ 'x-api-key': OPERATOR_KEY.slice(0, -1) }, '/api/overview')).status).toBe(401);
  });
});

describe('a job that is not one’s own', () => {
  const routes = [
    ['GET', ''],
    ['GET', '/result'],
    ['POST', '/cancel'],
  ] as const;
  for (const [method, suffix] of routes) {
    test(`is not there for ${method} ${suffix}, in the same words as one that never was`, async () => {
      const { world, customer, stranger, jobId } = scene;
      const answers = [];
      for (const [key, id] of [
        [stranger.testKey, jobId],
        [customer.liveKey, jobId],
        [customer.testKey, 'job_01m7xyqn02e3fa7ae8dqfy7sce'],
        [customer.testKey, 'job_x'],
        [customer.testKey, '%00'],
        [customer.testKey, '..%2f..%2fusage'],
      ] as const) {
        const answer = await world.call(method, `/v1/jobs/${id}${suffix}`, { key });
        expect(answer.status).toBe(404);
        answers.push(withoutRequestId(answer));
      }
      expect(new Set(answers).size).toBe(1);
    });
  }

  test('is in no list either', async () => {
    const { world, customer, stranger } = scene;
    for (const key of [stranger.testKey, customer.liveKey]) {
      expect((await world.call('GET', '/v1/jobs', { key })).json).toMatchObject({
        jobs: [],
        nextCursor: null,
      });
    }
  });
});

test('an idempotency key belongs to a customer and a mode, and to no API key', async () => {
  const { world, customer, stranger } = scene;
  world.clock.advance(DAY_MS);
  const idempotencyKey = freshKey();
  const { apiKey } = await makeKey({});
  const submit = async (key: string) =>
    (
      await world.call('POST', '/v1/images/generate', {
        key,
        idempotencyKey,
        body: { prompt: '[test:fail]' },
      })
    ).json;
  const first = await submit(customer.testKey);
  expect(await submit(apiKey)).toMatchObject({ jobId: first['jobId'], idempotentReplay: true });
  const foreign = await submit(stranger.testKey);
  expect(foreign).toMatchObject({ idempotentReplay: false });
  expect(foreign['jobId']).not.toBe(first['jobId']);
  // Live has no provider here: the refusal is about that, and not a replay of the test job.
  expect(await submit(customer.liveKey)).toMatchObject({ code: 'provider_unavailable' });
});
