// fal besides its orders: what its credentials turn out to be, its signed callbacks, and the fake in front of fal's own
// client.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { createFalClient } from '@fal-ai/client';
import { createFal } from '../../src/providers/fal.ts';
import type { Order } from '../../src/providers/provider.ts';
import { startFakeFal, type FakeFal } from '../fakes/fal.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = { model: 'bfl/flux-schnell', type: 'image', prompt: 'a pier', width: 1024, height: 768 };

const fake = await startFakeFal(TEST_KEY);
afterAll(() => fake.close());
beforeEach(() => {
  fake.faults = { submit: null, status: null, result: null, platform: null };
  fake.keyFetches = 0;
});

function bench(more: Partial<AdapterBenchOptions> = {}) {
  return openAdapterBench({ provider: createFal(), baseUrl: fake.baseUrl, order: IMAGE, ...more });
}

describe('the credential of fal', () => {
  const verify = async (more: Partial<AdapterBenchOptions> = {}) => {
    const { provider, context } = bench(more);
    return provider.upstream?.verify(context);
  };

  test('tells the balance when it is one of an administrator', async () => {
    const balance = { unit: 'USD', available: '24.5' } as const;
    expect(await verify()).toEqual({ kind: 'ok', remoteId: 'pier-studio', balance, slots: null });
  });

  test('is good without that, too', async () => {
    fake.faults.platform = 'not_admin';
    expect(await verify()).toEqual({ kind: 'ok', remoteId: null, balance: null, slots: null });
  });

  for (const [fault, kind] of [
    ['bad_key', 'refused'],
    ['locked_out', 'refused'],
    ['html', 'unreachable'],
    ['empty', 'unreachable'],
    ['reset', 'unreachable'],
    ['hang', 'unreachable'],
  ] as const) {
    test(`is ${kind} by ${fault}`, async () => {
      fake.faults.platform = fault;
      expect(await verify({ deadlineMs: 150 })).toMatchObject({ kind });
    });
  }
});

describe('a callback of fal', () => {
  const NOW_S = 1_800_000_000;
  const model = IMAGE.model;
  /** What is read from a callback, after `change`, by one adapter. */
  function reader() {
    const { provider, context, clock } = bench();
    const read = (callback: ReturnType<FakeFal['callback']>, of = model) =>
      provider.upstream?.readCallback?.({ ...callback, model: of }, context);
    return { read, clock };
  }

  test('is about the order that its request is, and is one however often it comes', async () => {
    const { read } = reader();
    const { provider, context } = bench();
    const outcome = await provider.submit(IMAGE, 'att_1', context);
    const id = outcome.kind === 'pending' ? outcome.providerJobId : '';
    const callback = fake.callback(id.split('/').at(-1) ?? '', NOW_S);
    expect(await read(callback)).toBe(id);
    expect(await read(callback)).toBe(id);
    expect(fake.keyFetches).toBe(1);
  });

  test('is nobody’s when it is changed, late, early, bare, or of an unknown model', async () => {
    const { read } = reader();
    const good = fake.callback('req-1', NOW_S);
    const other = fake.callback('req-2', NOW_S);
    const changed = (name: string, value: string) => ({
      ...good,
      headers: { ...good.headers, [name]: value },
    });
    const bad = [
      { ...good, body: other.body },
      { ...good, body: new TextEncoder().encode('{}') },
      { ...good, body: new TextEncoder().encode('<html>') },
      { ...good, headers: {} },
      changed('x-fal-webhook-timestamp', String(NOW_S + 1)),
      changed('x-fal-webhook-timestamp', 'soon'),
      changed('x-fal-webhook-user-id', 'another'),
      changed('x-fal-webhook-request-id', 'req-2'),
      changed('x-fal-webhook-signature', '00'.repeat(64)),
      changed('x-fal-webhook-signature', 'not hex'),
      fake.callback('req-1', NOW_S - 301),
      fake.callback('req-1', NOW_S + 301),
    ];
    for (const callback of bad) expect(await read(callback)).toBeNull();
    expect(await read(good, 'nobody/nothing')).toBeNull();
    expect(await read(good)).toBe('fal-ai/flux/requests/req-1');
    expect(await read(fake.callback('req-1', NOW_S - 299))).not.toBeNull();
  });

  test('is read with new keys, which forgers cannot make us fetch at their pace', async () => {
    const { read, clock } = reader();
    expect(await read(fake.callback('req-1', NOW_S))).not.toBeNull();
    fake.rotate();
    for (let times = 0; times < 5; times++) expect(await read(fake.callback('req-1', NOW_S))).toBeNull();
    expect(fake.keyFetches).toBe(1);
    clock.advance(60_000);
    expect(await read(fake.callback('req-1', NOW_S))).not.toBeNull();
    expect(fake.keyFetches).toBe(2);
  });
});

describe("fal's own client takes the fake for fal", () => {
  const client = createFalClient({
    credentials: TEST_KEY,
    retry: { maxRetries: 0 },
    fetch: ((to: string, init: RequestInit) => {
      const { pathname, search } = new URL(to);
      return fetch(fake.baseUrl + pathname + search, init);
    }) as typeof fetch,
  });

  test('it orders, waits for and reads a picture', async () => {
    const input = { prompt: 'a pier', image_size: { width: 512, height: 256 } };
    const { request_id: requestId } = await client.queue.submit('fal-ai/flux/schnell', { input });
    expect((await client.queue.status('fal-ai/flux/schnell', { requestId })).status).toBe('IN_QUEUE');
    await client.queue.subscribeToStatus('fal-ai/flux/schnell', { requestId, pollInterval: 1 });
    const { data } = await client.queue.result('fal-ai/flux/schnell', { requestId });
    expect(data.images[0]).toMatchObject({ width: 512, height: 256 });
    const picture = await fetch(data.images[0]?.url ?? '');
    expect(await picture.bytes()).toEqual(tinyPng(512, 256));
  });

  test('it reads its errors', async () => {
    const wrong = client.queue.submit('fal-ai/flux/schnell', {
      input: { prompt: 'a pier', num_images: 1.5 },
    });
    expect(await wrong.catch((thrown: unknown) => thrown)).toMatchObject({
      name: 'ValidationError',
      status: 422,
    });
    fake.faults.submit = 'bad_key';
    const refused = client.queue.submit('fal-ai/flux/schnell', { input: { prompt: 'a pier' } });
    expect(await refused.catch((thrown: unknown) => thrown)).toMatchObject({ name: 'ApiError', status: 401 });
  });
});
