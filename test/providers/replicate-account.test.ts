// Replicate besides its orders: what its credentials turn out to be, how a lost order is found again, its signed
// callbacks, and the fake in front of Replicate's own client.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import Replicate, { validateWebhook } from 'replicate';
import { createReplicate } from '../../src/providers/replicate.ts';
import type { Order } from '../../src/providers/provider.ts';
import { startFakeReplicate, type FakeReplicate } from '../fakes/replicate.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = {
  model: 'bfl/flux-schnell',
  type: 'image',
  prompt: 'a pier',
  width: 1024,
  height: 1024,
};
const NOW_MS = 1_800_000_000_000;
const NOW_S = NOW_MS / 1000;
const MINUTE_MS = 60_000;

let fake = await startFakeReplicate(TEST_KEY);
afterAll(() => fake.close());
beforeEach(async () => {
  fake.close();
  fake = await startFakeReplicate(TEST_KEY);
});

function bench(more: Partial<AdapterBenchOptions> = {}) {
  return openAdapterBench({ provider: createReplicate(), baseUrl: fake.baseUrl, order: IMAGE, ...more });
}

async function submit(prompt: string, more: Partial<AdapterBenchOptions> = {}): Promise<string> {
  const { provider, context } = bench(more);
  const outcome = await provider.submit({ ...IMAGE, prompt }, 'att_1', context);
  return outcome.kind === 'pending' ? outcome.providerJobId : outcome.kind;
}

describe('the credential of Replicate', () => {
  const verify = (more: Partial<AdapterBenchOptions> = {}) => {
    const { provider, context } = bench(more);
    return provider.upstream?.verify(context);
  };

  test('tells whose it is', async () => {
    expect(await verify()).toEqual({ kind: 'ok', remoteId: 'pier-studio', balance: null, slots: null });
  });

  test('is refused in words that do not quote it', async () => {
    const told = await verify({ credential: { kind: 'api_key', apiKey: 'another-key' } });
    expect(told).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(told)).not.toContain('another-key');
  });

  for (const fault of ['error', 'html', 'empty', 'reset', 'hang'] as const) {
    test(`is not judged by ${fault}`, async () => {
      fake.faults.account = fault;
      expect(await verify({ deadlineMs: 150 })).toMatchObject({ kind: 'unreachable' });
    });
  }
});

describe('a lost order', () => {
  const find = (more: Partial<AdapterBenchOptions> = {}, sentAt = NOW_MS, taken: string[] = []) => {
    const { provider, context, clock } = bench(more);
    clock.advance(3 * MINUTE_MS);
    return provider.upstream?.findSubmitted?.(
      IMAGE,
      { attemptId: 'att_1', sentAt, taken: new Set(taken) },
      context,
    );
  };

  test('is found among others, on whatever page it stands', async () => {
    const id = await submit('a pier');
    for (const prompt of ['1', '2', '3', '4', '5']) await submit(prompt);
    expect(await find()).toMatchObject({ kind: 'pending', providerJobId: id });
  });

  test('was never taken when the list goes far enough back and does not hold it', async () => {
    expect(await find()).toMatchObject({ kind: 'failed', fault: 'provider' });
    await submit('another pier');
    expect(await find()).toMatchObject({ kind: 'failed', fault: 'provider' });
    fake.now = () => NOW_MS - 10 * MINUTE_MS;
    await submit('a pier');
    expect(await find()).toMatchObject({ kind: 'failed', fault: 'provider' });
  });

  test('may come yet when it was sent a moment ago', async () => {
    expect(await find({}, NOW_MS + 2 * MINUTE_MS)).toMatchObject({ kind: 'unknown' });
  });

  test('is none that belongs to another attempt, and is not guessed among several', async () => {
    const first = await submit('a pier');
    const second = await submit('a pier');
    expect(await find()).toMatchObject({ kind: 'unknown' });
    expect(await find({}, NOW_MS, [first])).toMatchObject({ kind: 'pending', providerJobId: second });
    const own = 'https://gateway.example/callbacks/own';
    const third = await submit('a pier', { callbackUrl: own });
    await submit('a pier', { callbackUrl: 'https://gateway.example/callbacks/other' });
    const told = await find({ callbackUrl: own }, NOW_MS, [first, second]);
    expect(told).toMatchObject({ kind: 'pending', providerJobId: third });
  });

  test('is not judged by a list that cannot be read, does not end, or hides what was asked', async () => {
    for (const fault of ['html', 'empty', 'reset', 'hang'] as const) {
      fake.faults.list = fault;
      expect(await find({ deadlineMs: 150 })).toMatchObject({ kind: 'unknown' });
    }
    fake.faults.list = 'endless';
    expect(await find()).toMatchObject({ kind: 'unknown' });
    await submit('another pier');
    fake.faults.list = 'without_inputs';
    expect(await find()).toMatchObject({ kind: 'unknown' });
    await submit('one more');
    expect(await find()).toMatchObject({ kind: 'unknown' });
  });
});

describe('a callback of Replicate', () => {
  const ID = 'gm3qorzdhgbfurvjtvhg6dckhu';
  function reader() {
    const { provider, context, clock } = bench();
    const read = (callback: ReturnType<FakeReplicate['callback']>) =>
      provider.upstream?.readCallback?.(callback, context);
    return { read, clock };
  }

  test('is about the prediction that it holds, however often it comes', async () => {
    const { read } = reader();
    expect(await read(fake.callback(ID, NOW_S))).toBe(ID);
    expect(await read(fake.callback(ID, NOW_S - 299))).toBe(ID);
    expect(fake.secretFetches).toBe(1);
  });

  test('is nobody’s when it is changed, late, early or bare', async () => {
    const { read } = reader();
    const good = fake.callback(ID, NOW_S);
    const changed = (name: string, value: string) => ({
      ...good,
      headers: { ...good.headers, [name]: value },
    });
    const bad = [
      { ...good, body: fake.callback('anotherprediction', NOW_S).body },
      { ...good, body: new TextEncoder().encode('{}') },
      { ...good, headers: {} },
      changed('webhook-id', 'msg_2'),
      changed('webhook-timestamp', String(NOW_S + 1)),
      changed('webhook-timestamp', 'soon'),
      changed('webhook-signature', 'v1,AAAA'),
      changed('webhook-signature', good.headers['webhook-signature']?.replaceAll('v1,', 'v2,') ?? ''),
      fake.callback(ID, NOW_S - 301),
      fake.callback(ID, NOW_S + 301),
    ];
    for (const callback of bad) expect(await read(callback)).toBeNull();
    expect(await read(good)).toBe(ID);
  });

  test('is read with a new secret, which forgers cannot make us fetch at their pace', async () => {
    const { read, clock } = reader();
    expect(await read(fake.callback(ID, NOW_S))).toBe(ID);
    fake.rotate();
    for (let times = 0; times < 5; times++) expect(await read(fake.callback(ID, NOW_S))).toBeNull();
    expect(fake.secretFetches).toBe(1);
    clock.advance(MINUTE_MS);
    expect(await read(fake.callback(ID, NOW_S))).toBe(ID);
  });
});

describe("Replicate's own client takes the fake for Replicate", () => {
  const client = () => new Replicate({ auth: TEST_KEY, baseUrl: fake.baseUrl, useFileOutput: false });

  test('it makes, lists and cancels predictions, and uploads', async () => {
    const input = { prompt: 'a pier', aspect_ratio: '16:9', num_outputs: 1 };
    const model = 'black-forest-labs/flux-schnell';
    const made = await client().predictions.create({ model, input });
    const ended = await client().wait(made, { interval: 1 });
    expect(ended.status).toBe('succeeded');
    const [url] = ended.output as string[];
    expect(await (await fetch(url ?? '')).bytes()).toEqual(tinyPng(1344, 768));
    const other = await client().predictions.create({ model, input });
    expect((await client().predictions.cancel(other.id)).status).toBe('canceled');
    expect((await client().predictions.list()).results).toHaveLength(2);
    expect((await client().files.create(Buffer.from('a picture'))).size).toBe(9);
    expect((await client().accounts.current()).username).toBe('pier-studio');
  });

  test('it reads its errors and takes its callbacks for signed', async () => {
    const wrong = client().predictions.create({
      model: 'black-forest-labs/flux-schnell',
      input: { steps: 4 },
    });
    expect(await wrong.catch((thrown: unknown) => thrown)).toMatchObject({ name: 'ApiError' });
    const { key } = await client().webhooks.default.secret.get();
    const { headers, body } = fake.callback('abc', NOW_S);
    const request = new Request('https://gateway.example', { method: 'POST', headers, body });
    expect(await validateWebhook(request, key)).toBe(true);
    expect(
      await validateWebhook(new Request(request.url, { method: 'POST', headers, body: '{}' }), key),
    ).toBe(false);
  });
});
