// OpenAI: the contract of all providers against a fake on a real socket, what each fault becomes, and the fake in front
// of OpenAI's own client.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import OpenAI, { toFile } from 'openai';
import { createOpenai } from '../../src/providers/openai.ts';
import type { AttemptOutcome, Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startFakeOpenai, type OpenaiFault } from '../fakes/openai.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = {
  model: 'openai/gpt-image-2',
  type: 'image',
  prompt: 'a pier',
  width: 1376,
  height: 768,
  quality: 'LOW',
};
const REFERENCE = { bytes: tinyPng(512, 512), contentType: 'image/png', strength: 'MID' } as const;
const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';

const fake = await startFakeOpenai(TEST_KEY);
const refusing = await startFakeOpenai(TEST_KEY);
refusing.faults.request = 'rate';
const rejecting = await startFakeOpenai(TEST_KEY);
rejecting.faults.request = 'moderation';
afterAll(() => [fake, refusing, rejecting].forEach(({ close }) => close()));
beforeEach(() => {
  fake.faults.request = null;
  fake.accepted = 0;
  fake.ordered = null;
});

function bench(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}) {
  return openAdapterBench({ provider: createOpenai(), baseUrl: fake.baseUrl, order, ...more });
}

function submit(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}): Promise<AttemptOutcome> {
  const { provider, context } = bench(order, more);
  return provider.submit(order, ATTEMPT_ID, context);
}

const SCENARIOS: Record<Scenario, { order: Order; baseUrl: string } | null> = {
  image: { order: IMAGE, baseUrl: fake.baseUrl },
  video: null,
  'with reference': { order: { ...IMAGE, reference: REFERENCE }, baseUrl: fake.baseUrl },
  // What is made while we wait cannot fail after it was accepted.
  fails: null,
  refuses: { order: IMAGE, baseUrl: refusing.baseUrl },
  rejects: { order: IMAGE, baseUrl: rejecting.baseUrl },
};

providerContract({
  name: 'openai',
  open: (scenario) => {
    const stage = SCENARIOS[scenario];
    return stage && bench(stage.order, { baseUrl: stage.baseUrl });
  },
  strangeJobId: 'req_of_somebody_else',
  isDeterministic: false,
});

const FAILED = { kind: 'failed', code: 'provider_error' } as const;
const FAULTS: readonly (readonly [OpenaiFault, object, number])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }, 0],
  ['forbidden_page', { ...FAILED, fault: 'provider' }, 0],
  ['unverified', { ...FAILED, fault: 'model' }, 0],
  ['no_model', { ...FAILED, fault: 'model' }, 0],
  ['moderation', { kind: 'rejected', code: 'content_policy_violation' }, 0],
  ['bad_image', { kind: 'rejected', code: 'file_load_error' }, 0],
  ['no_balance', { ...FAILED, fault: 'balance' }, 0],
  ['hard_limit', { ...FAILED, fault: 'balance' }, 0],
  ['rate', { ...FAILED, fault: 'rate' }, 0],
  ['overloaded', { ...FAILED, fault: 'provider' }, 0],
  ['error_before', { kind: 'unknown' }, 0],
  ['error_after', { kind: 'unknown' }, 1],
  ['bad_gateway', { kind: 'unknown' }, 1],
  ['reset_before', { kind: 'unknown' }, 0],
  ['reset', { kind: 'unknown' }, 1],
  ['hang', { kind: 'unknown' }, 1],
  ['slow', { kind: 'unknown' }, 1],
  ['html', { kind: 'unknown' }, 1],
  ['empty', { kind: 'unknown' }, 1],
  ['not_json', { kind: 'unknown' }, 1],
  ['enormous', { kind: 'unknown' }, 1],
  ['no_image', { ...FAILED, fault: 'provider' }, 1],
  ['empty_image', { ...FAILED, fault: 'provider' }, 1],
];

describe('what OpenAI answers to an order', () => {
  for (const [fault, outcome, accepted] of FAULTS) {
    test(`${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.request = fault;
      const told = await submit(IMAGE, {
        deadlineMs: ['hang', 'slow', 'enormous'].includes(fault) ? 250 : 5000,
      });
      expect(told).toMatchObject(outcome);
      expect(fake.accepted).toBe(accepted);
      const { reason } = told as { reason: string };
      expect(reason).not.toMatch(/canary|key-cana|9c51/);
    });
  }

  test('a hint of when to come back is kept, and nothing is made up without one', async () => {
    fake.faults.request = 'rate_with_hint';
    const { provider, context, clock } = bench();
    const told = await provider.submit(IMAGE, ATTEMPT_ID, context);
    expect(told).toMatchObject({ kind: 'failed', fault: 'rate', retryAt: clock.now() + 7000 });
    fake.faults.request = 'rate';
    expect(await submit()).not.toHaveProperty('retryAt');
  });

  test('another key than that of the account is refused', async () => {
    const told = await submit(IMAGE, { credential: { kind: 'api_key', apiKey: 'another' } });
    expect(told).toMatchObject({ ...FAILED, fault: 'credential' });
    expect(fake.accepted).toBe(0);
  });

  test('an address where nobody listens has certainly not taken it', async () => {
    const gone = await startFakeOpenai(TEST_KEY);
    gone.close();
    expect(await submit(IMAGE, { baseUrl: gone.baseUrl })).toMatchObject({ ...FAILED, fault: 'provider' });
  });

  test('the cost is counted from the tokens that it says it has used', async () => {
    // 10 tokens of text, 40 of pictures and 272 of the output: 50, 320 and 8160 millionths of a dollar.
    expect(await submit()).toMatchObject({ kind: 'completed', cost: { amount: '0.00853', unit: 'USD' } });
    const mini = { ...IMAGE, model: 'openai/gpt-image-1-mini', width: 1024, height: 1024 };
    expect(await submit(mini)).toMatchObject({ cost: { amount: '0.002296', unit: 'USD' } });
    fake.faults.request = 'no_usage';
    expect(await submit()).not.toHaveProperty('cost');
  });
});

describe('what OpenAI is asked for', () => {
  test('a picture in the ordered size and quality, and nothing that the model does not know', async () => {
    await submit();
    expect(fake.ordered).toMatchObject({ path: '/v1/images/generations', image: null });
    expect(fake.ordered?.fields).toEqual({
      model: 'gpt-image-2',
      prompt: 'a pier',
      size: '1376x768',
      quality: 'low',
      output_format: 'png',
    });
  });

  test('with a reference it is an edit, with the very bytes', async () => {
    await submit({ ...IMAGE, reference: REFERENCE });
    expect(fake.ordered?.path).toBe('/v1/images/edits');
    expect(await fake.ordered?.image?.bytes()).toEqual(new Uint8Array(REFERENCE.bytes));
    expect(fake.ordered?.image?.name).toBe('reference.png');
    expect(fake.ordered?.fields).not.toHaveProperty('input_fidelity');
    await submit({ ...IMAGE, reference: { ...REFERENCE, contentType: 'image/jpeg' } });
    expect(fake.ordered?.image).toMatchObject({ name: 'reference.jpg', type: 'image/jpeg' });
  });

  test('the strength of a reference becomes its fidelity, where the model has one', async () => {
    const order = { ...IMAGE, model: 'openai/gpt-image-1.5', width: 1536, height: 1024 };
    for (const [strength, fidelity] of [
      ['HIGH', 'high'],
      ['LOW', 'low'],
    ] as const) {
      await submit({ ...order, reference: { ...REFERENCE, strength } });
      expect(fake.ordered?.fields).toMatchObject({ input_fidelity: fidelity });
    }
  });

  for (const model of Object.keys(createOpenai().upstream?.models ?? {})) {
    test(`${model} is made`, async () => {
      const order = { ...IMAGE, model, width: 1024, height: 1024 };
      expect(bench(order).provider.canTake(order)).toBe(true);
      expect(await submit(order)).toMatchObject({ kind: 'completed' });
      expect(await submit({ ...order, reference: REFERENCE })).toMatchObject({ kind: 'completed' });
    });
  }

  test('what it cannot make is known without asking', () => {
    const { canTake } = createOpenai();
    const cannot: Partial<Order>[] = [
      { model: 'openai/dall-e-3' },
      { type: 'video' },
      { seed: 7 },
      { quality: 'MAX' },
      { width: 1000 },
      { width: 3088, height: 1024 },
      { width: 512, height: 512 },
      { width: 3840, height: 2176 },
      { prompt: 'a'.repeat(32_001) },
      { model: 'openai/gpt-image-1.5' },
    ];
    expect(cannot.filter((change) => canTake({ ...IMAGE, ...change }))).toEqual([]);
    expect(canTake({ ...IMAGE, model: 'openai/gpt-image-2.5-flare', quality: 'MAX' })).toBe(true);
    expect(canTake({ ...IMAGE, width: 3840, height: 2160 })).toBe(true);
  });
});

test('OpenAI can neither stop a picture, nor call back, nor say what is left', () => {
  const { cancel, upstream } = createOpenai();
  expect(cancel).toBeUndefined();
  expect(upstream?.capabilities).toEqual({ cancel: 'none', callback: 'none', hasBalance: false });
});

describe('the credential of OpenAI', () => {
  const verify = (more: Partial<AdapterBenchOptions> = {}) => {
    const { provider, context } = bench(IMAGE, more);
    return provider.upstream?.verify(context);
  };

  test('is good when it may list the models, or is restricted to less', async () => {
    const good = { kind: 'ok', remoteId: null, balance: null, slots: null } as const;
    expect(await verify()).toEqual(good);
    fake.faults.request = 'missing_scopes';
    expect(await verify()).toEqual(good);
  });

  for (const fault of ['bad_key', 'unverified'] as const) {
    test(`is refused by ${fault}, in words that do not quote it`, async () => {
      fake.faults.request = fault;
      const told = await verify();
      expect(told).toMatchObject({ kind: 'refused' });
      expect(JSON.stringify(told)).not.toMatch(/canary|key-cana|9c51/);
    });
  }

  for (const fault of [
    'forbidden_page',
    'error_before',
    'overloaded',
    'rate',
    'html',
    'empty',
    'reset',
    'hang',
  ] as const) {
    test(`is not judged by ${fault}`, async () => {
      fake.faults.request = fault;
      expect(await verify({ deadlineMs: 250 })).toMatchObject({ kind: 'unreachable' });
    });
  }
});

describe("OpenAI's own client takes the fake for OpenAI", () => {
  const client = () => new OpenAI({ apiKey: TEST_KEY, baseURL: fake.baseUrl, maxRetries: 0 });

  test('it makes a picture, edits one, and lists the models', async () => {
    const asked = { model: 'gpt-image-2', prompt: 'a pier', size: '1024x1024' } as const;
    const generated = await client().images.generate(asked);
    expect(Buffer.from(generated.data?.[0]?.b64_json ?? '', 'base64')).toEqual(
      Buffer.from(tinyPng(1024, 1024)),
    );
    expect(generated.usage?.output_tokens).toBe(272);
    const image = await toFile(REFERENCE.bytes, 'a.png', { type: 'image/png' });
    const edited = await client().images.edit({ ...asked, image });
    expect(edited.data).toHaveLength(1);
    expect(fake.accepted).toBe(2);
    const { data } = await client().models.list();
    expect(data.map(({ id }) => id)).toContain('gpt-image-2');
  });

  test('it reads its errors', async () => {
    fake.faults.request = 'moderation';
    const refused = client().images.generate({ model: 'gpt-image-2', prompt: 'a pier' });
    expect(await refused.catch((thrown: unknown) => thrown)).toMatchObject({
      status: 400,
      code: 'moderation_blocked',
    });
    fake.faults.request = null;
    const wrong = client().images.generate({ model: 'gpt-image-2', prompt: 'a pier', style: 'vivid' });
    expect(await wrong.catch((thrown: unknown) => thrown)).toMatchObject({ param: 'style' });
  });
});
