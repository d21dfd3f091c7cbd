// What makes a retry the same request, and for how long an idempotency key is remembered.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { DAY_MS } from '../../../src/runtime/clock.ts';
import { openWorld, type Answer, type TestCustomer, type World } from '../../support/world.ts';
import { freshKey } from '../scenario.ts';

let world: World;
let customer: TestCustomer;

beforeEach(async () => {
  world = await openWorld();
  customer = await world.customer();
});
afterEach(() => world.close());

function order(text: string, idempotencyKey: string): Promise<Answer> {
  return world.call('POST', '/v1/videos/generate', { key: customer.testKey, idempotencyKey, text });
}

const FIRST = '{"prompt":"caf\u00e9","duration":15,"metadata":{"order":"1"}}';

describe('it is the same request', () => {
  const same: Record<string, string> = {
    'with white space': ' { "prompt" : "caf\u00e9" ,\n "duration" : 15, "metadata" : { "order" : "1" } } ',
    'in another order': '{"metadata":{"order":"1"},"duration":15,"prompt":"caf\u00e9"}',
    'with a number in another spelling': '{"prompt":"caf\u00e9","duration":15.0,"metadata":{"order":"1"}}',
    'with a number in yet another': '{"prompt":"caf\u00e9","duration":1.5e1,"metadata":{"order":"1"}}',
    'with characters escaped': String.raw`{"prompt":"caf\u00e9","duration":15,"metadata":{"order":"1"}}`,
    'with other labels': '{"prompt":"caf\u00e9","duration":15,"metadata":{"order":"2"}}',
    'without labels': '{"prompt":"caf\u00e9","duration":15}',
  };
  for (const [name, text] of Object.entries(same)) {
    test(name, async () => {
      const key = freshKey();
      const first = await order(FIRST, key);
      expect((await order(text, key)).json).toEqual({ ...first.json, idempotentReplay: true });
    });
  }

  test('under a key in quotes, or with spaces around it', async () => {
    const first = await order(FIRST, 'my-key');
    for (const key of ['"my-key"', '  my-key ', 'my-key']) {
      expect((await order(FIRST, key)).json).toEqual({ ...first.json, idempotentReplay: true });
    }
    expect((await order(FIRST, 'My-key')).json).toMatchObject({ idempotentReplay: false });
  });
});

describe('it is another request', () => {
  const other: Record<string, string> = {
    'with the prompt composed otherwise': '{"prompt":"cafe\u0301","duration":15,"metadata":{"order":"1"}}',
    'with a space more': '{"prompt":"caf\u00e9 ","duration":15}',
    'with a default that was left out': '{"prompt":"caf\u00e9","duration":15,"motionHasAudio":true}',
    'with another value': '{"prompt":"caf\u00e9","duration":14}',
    'with a field less': '{"prompt":"caf\u00e9"}',
  };
  for (const [name, text] of Object.entries(other)) {
    test(name, async () => {
      const key = freshKey();
      await order(FIRST, key);
      const conflict = await order(text, key);
      expect(conflict).toMatchObject({ status: 409, code: 'idempotency_key_conflict' });
      expect(conflict.json).toMatchObject({ error: { retryable: false } });
    });
  }

  test('but not before it is one at all: what is no valid request is told so', async () => {
    const key = freshKey();
    await order(FIRST, key);
    expect((await order('{"prompt":"caf\u00e9","duration":16}', key)).code).toBe('invalid_input');
  });
});

describe('a key is bound by acceptance alone', () => {
  const refusals: Record<string, [text: string, code: string]> = {
    'after a wrong value': ['{"prompt":"a","duration":16}', 'invalid_input'],
    'after broken JSON': ['{"prompt":"a"', 'invalid_json'],
    'after a bad reference': [
      '{"prompt":"a","referenceImage":"https://127.0.0.1/a.png"}',
      'invalid_reference_image',
    ],
    'after a lack of providers': ['{"prompt":"[test:503]"}', 'provider_unavailable'],
  };
  for (const [name, [text, code]] of Object.entries(refusals)) {
    test(name, async () => {
      const key = freshKey();
      expect((await order(text, key)).code).toBe(code as never);
      expect((await order(FIRST, key)).json).toMatchObject({ idempotentReplay: false });
    });
  }
});

test('a key is remembered for 30 days, to the millisecond, and then makes a new job', async () => {
  const key = freshKey();
  const first = await order(FIRST, key);
  await world.advance(60_000);
  world.clock.advance(30 * DAY_MS - 60_001);
  expect((await order(FIRST, key)).json).toMatchObject({
    jobId: first.json['jobId'],
    idempotentReplay: true,
  });
  world.clock.advance(1);
  const fresh = await order('{"prompt":"another"}', key);
  expect(fresh.json).toMatchObject({ idempotentReplay: false });
  expect(fresh.json['jobId']).not.toBe(first.json['jobId']);
});

test('expired keys are swept, and living ones are not', async () => {
  const [old, young] = [freshKey(), freshKey()];
  await order(FIRST, old);
  await world.advance(60_000);
  world.clock.advance(29 * DAY_MS);
  await order(FIRST, young);
  await world.advance(60_000);
  world.clock.advance(DAY_MS);
  await world.advance(3_600_000);
  const { q, t } = world.store.read;
  expect((await q.select().from(t.idempotencyKeys)).map((row) => row.key)).toEqual([young]);
});
