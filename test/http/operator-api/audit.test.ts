// Every change by an operator: made once under an idempotency key, written down once with what was before and after,
// and without a secret.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import { openWorld, type Answer, type TestCustomer, type World } from '../../support/world.ts';
import { callFrom } from '../callers.ts';
import { countEverything, freshKey, makeJob, walk } from '../scenario.ts';

let world: World;
let customer: TestCustomer;

beforeAll(async () => {
  world = await openWorld({ providers: [createScriptedProvider()] });
  customer = await world.customer({ credits: 1000 });
});
afterAll(() => world.close());

type Event = {
  seq: number;
  action: string;
  target: string;
  before: unknown;
  after: unknown;
  actor: string;
  summary: string;
};
type Change = { method: string; path: string; body?: object };
type Case = {
  change: () => Promise<Change> | Change;
  /** With the same key, another request. */
  other: object;
  event: { action: string; before: unknown; after: unknown };
};

const base = () => `/api/public/customers/${customer.id}`;

async function newKeyPath(): Promise<string> {
  const { json } = await world.operator('POST', `${base()}/api-keys`, {
    body: { mode: 'test', name: 'old' },
  });
  return `${base()}/api-keys/${(json['key'] as { keyId: string }).keyId}`;
}

const something = expect.anything();

const CASES: Record<string, Case> = {
  'a customer is made': {
    change: () => ({ method: 'POST', path: '/api/public/customers', body: { name: 'New' } }),
    other: { name: 'Newer' },
    event: { action: 'customer.create', before: null, after: expect.objectContaining({ name: 'New' }) },
  },
  'a customer is changed': {
    change: () => ({ method: 'PATCH', path: base(), body: { name: 'Changed' } }),
    other: { name: 'Changed again' },
    event: {
      action: 'customer.change',
      before: expect.objectContaining({ name: 'Test' }),
      after: expect.objectContaining({ name: 'Changed' }),
    },
  },
  'a key is made': {
    change: () => ({ method: 'POST', path: `${base()}/api-keys`, body: { mode: 'live' } }),
    other: { mode: 'test' },
    event: { action: 'key.create', before: null, after: expect.objectContaining({ mode: 'live' }) },
  },
  'a key is changed': {
    change: async () => ({ method: 'PATCH', path: await newKeyPath(), body: { name: 'new' } }),
    other: { name: 'newer' },
    event: {
      action: 'key.change',
      before: expect.objectContaining({ name: 'old' }),
      after: expect.objectContaining({ name: 'new' }),
    },
  },
  'a key is rotated': {
    change: async () => ({ method: 'POST', path: `${await newKeyPath()}/rotate`, body: { graceHours: 5 } }),
    other: { graceHours: 6 },
    event: {
      action: 'key.rotate',
      before: expect.objectContaining({ rotatedAt: null, successorId: null }),
      after: {
        previous: expect.objectContaining({ rotatedAt: something, successorId: something }),
        successor: expect.objectContaining({ rotatedAt: null }),
      },
    },
  },
  'a key is revoked': {
    change: async () => ({ method: 'DELETE', path: await newKeyPath() }),
    other: {},
    event: {
      action: 'key.revoke',
      before: expect.objectContaining({ revokedAt: null }),
      after: expect.objectContaining({ revokedAt: expect.any(Number) }),
    },
  },
  'a key is deleted': {
    change: async () => ({ method: 'DELETE', path: `${await newKeyPath()}?purge=true` }),
    other: {},
    event: { action: 'key.delete', before: expect.objectContaining({ name: 'old' }), after: null },
  },
  'credits are topped up': {
    change: () => ({
      method: 'POST',
      path: `${base()}/credits`,
      body: { operation: 'top_up', amount: 5, reason: 'order 1' },
    }),
    other: { operation: 'top_up', amount: 6, reason: 'order 1' },
    event: {
      action: 'credits.top_up',
      before: expect.objectContaining({ available: something }),
      after: expect.objectContaining({ balanceDelta: 5 }),
    },
  },
  'credits are adjusted': {
    change: () => ({
      method: 'POST',
      path: `${base()}/credits`,
      body: { operation: 'adjust', amount: -5, reason: 'x' },
    }),
    other: { operation: 'adjust', amount: -6, reason: 'x' },
    event: {
      action: 'credits.adjust',
      before: expect.objectContaining({ available: something }),
      after: expect.objectContaining({ balanceDelta: -5 }),
    },
  },
  'a plan is changed': {
    change: () => ({ method: 'PATCH', path: '/api/plans/scale', body: { requestsPerMinute: 301 } }),
    other: { requestsPerMinute: 302 },
    event: {
      action: 'plan.change',
      before: { id: 'scale', settings: expect.objectContaining({ requestsPerMinute: 300 }) },
      after: { id: 'scale', settings: expect.objectContaining({ requestsPerMinute: 301 }) },
    },
  },
  'a price is set': {
    change: () => ({ method: 'PUT', path: '/api/pricing', body: price(21) }),
    other: price(22),
    event: {
      action: 'price.set',
      before: [expect.objectContaining({ version: 0 })],
      after: [expect.objectContaining({ version: 1 })],
    },
  },
  'a job is refunded': {
    change: async () => {
      const id = await makeJob(world, customer.liveKey);
      await world.advance(10_000);
      return { method: 'POST', path: `/api/jobs/${id}/refund`, body: { reason: 'unusable' } };
    },
    other: { reason: 'ugly' },
    event: { action: 'job.refund', before: { refunded: 0 }, after: { refunded: 21 } },
  },
};

function price(credits: number) {
  return { prices: [{ model: 'openai/gpt-image-2', rule: { per: 'job', rates: [{ credits }] } }] };
}

async function newestEvents(count: number): Promise<Event[]> {
  return (await world.operator('GET', `/api/audit?limit=${count}`)).json['events'] as Event[];
}

describe('when', () => {
  for (const [name, { change, other, event }] of Object.entries(CASES)) {
    test(`${name}, a retry changes nothing, another request is a conflict, and the audit has one line`, async () => {
      const { method, path, body } = await change();
      const [last] = await newestEvents(1);
      const idempotencyKey = freshKey();
      const call = (sent: object | undefined): Promise<Answer> =>
        world.operator(method, path, { body: sent, idempotencyKey });
      const first = await call(body);
      expect(first.json['ok']).toBe(true);
      expect(first.headers.get('cache-control')).toBe('no-store');
      const after = await countEverything(world);

      const retry = await call(body);
      expect(retry.status).toBe(first.status);
      expect(retry.headers.get('idempotency-replayed')).toBe('true');
      // A secret is for the first answer alone.
      const shown = 'apiKey' in first.json ? { ...first.json, apiKey: null } : first.json;
      expect(retry.json).toEqual(shown);
      if (method !== 'DELETE')
        expect(await call(other)).toMatchObject({ status: 409, code: 'idempotency_key_conflict' });
      expect(await countEverything(world)).toEqual(after);

      const [line] = await newestEvents(1);
      expect(line?.seq).toBe((last?.seq ?? 0) + 1);
      expect(line).toMatchObject({ ...event, actor: 'operator:private-key' });
      expect(line?.summary.length).toBeGreaterThan(5);
      expect(JSON.stringify(line)).not.toMatch(/ak_(live|test)_\w{9}|hash":"[^0]{0}[0-9a-f]{64}","prev/);
    });
  }
});

test('a change that is refused leaves no line', async () => {
  const [last] = await newestEvents(1);
  await world.operator('PATCH', base(), { body: { plan: 'gold' } });
  await world.operator('POST', `${base()}/credits`, {
    body: { operation: 'adjust', amount: -1e9, reason: 'x' },
  });
  await world.call('PATCH', base(), { key: customer.liveKey, body: { name: 'x' } });
  expect((await newestEvents(1))[0]?.seq).toBe(last?.seq ?? 0);
});

test('of 50 retries at once one makes the change', async () => {
  const idempotencyKey = freshKey();
  const before = await countEverything(world);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      world.operator('POST', `${base()}/api-keys`, { body: { mode: 'test' }, idempotencyKey }),
    ),
  );
  expect(answers.filter(({ json }) => json['apiKey'] !== null).length).toBe(1);
  expect(new Set(answers.map(({ json }) => (json['key'] as { keyId: string }).keyId)).size).toBe(1);
  expect(await countEverything(world)).toMatchObject({
    keys: (before['keys'] ?? 0) + 1,
    audit: (before['audit'] ?? 0) + 1,
  });
});

test('a line names the request, and the address only as a hash that tells equal ones', async () => {
  const headers = {
    authorization: 'Bearer operator-key-of-the-tests-0123456789',
    'content-type': 'application/json',
  };
  const make = async (socket: string) => {
    const request = { method: 'POST', body: JSON.stringify({ mode: 'test' }) };
    return callFrom(world, `${base()}/api-keys`, { socket, headers, ...request });
  };
  const answers = [await make('203.0.113.1'), await make('203.0.113.1'), await make('203.0.113.2')];
  const lines = (await newestEvents(3)).toReversed() as (Event & { ip: string; requestId: string })[];
  expect(lines.map(({ requestId }) => requestId)).toEqual(
    answers.map(({ headers: sent }) => sent.get('x-request-id') ?? ''),
  );
  expect(lines[0]?.ip).toBe(String(lines[1]?.ip));
  expect(lines[0]?.ip).not.toBe(lines[2]?.ip);
  expect(JSON.stringify(lines)).not.toContain('203.0.113');
});

test('the audit is filtered, and walked page by page', async () => {
  const { json } = await world.operator('GET', `/api/audit?action=plan.change&target=scale`);
  expect((json['events'] as Event[]).map(({ action, target }) => [action, target])).toEqual([
    ['plan.change', 'scale'],
  ]);
  const seqs = (await walk<Event>(world, ['/api/audit?limit=3', 'events'])).map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, at) => seqs.length - at));
  const wrong = await world.operator('GET', '/api/audit?cursor=abc');
  expect(wrong).toMatchObject({ status: 400, json: { error: { param: 'cursor' } } });
  expect((await world.operator('GET', '/api/audit/verify')).json).toMatchObject({
    audit: { events: seqs.length, fault: null },
  });
});
