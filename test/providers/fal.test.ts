// fal: the contract of all providers against a fake on a real socket, what each fault becomes, and what it is asked for.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { createFal } from '../../src/providers/fal.ts';
import type { Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startFakeFal, type FakeFal, type FalFaults } from '../fakes/fal.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = { model: 'bfl/flux-schnell', type: 'image', prompt: 'a pier', width: 1024, height: 768 };
const VIDEO: Order = {
  model: 'bytedance/seedance-2.0-fast',
  type: 'video',
  prompt: 'a pier',
  width: 1280,
  height: 720,
  durationSeconds: 5,
  hasAudio: true,
};
const REFERENCE = { bytes: tinyPng(512, 512), contentType: 'image/png', strength: 'MID' } as const;
const WITH_REFERENCE: Order = { ...IMAGE, model: 'bfl/flux-2-pro', reference: REFERENCE };
const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';
const NO_FAULTS: FalFaults = { submit: null, status: null, result: null, platform: null };

const fake = await startFakeFal(TEST_KEY);
const failing = await startFakeFal(TEST_KEY);
const refusing = await startFakeFal(TEST_KEY);
const rejecting = await startFakeFal(TEST_KEY);
failing.faults.result = 'broken';
refusing.faults.submit = 'no_balance';
rejecting.faults.result = 'moderated';
afterAll(() => [fake, failing, refusing, rejecting].forEach(({ close }) => close()));
beforeEach(() => {
  fake.faults = { ...NO_FAULTS };
  fake.accepted = 0;
});

function bench(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}) {
  return openAdapterBench({ provider: createFal(), baseUrl: fake.baseUrl, order, ...more });
}

async function submit(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}) {
  const stage = bench(order, more);
  return { ...stage, outcome: await stage.provider.submit(order, ATTEMPT_ID, stage.context) };
}

/** Orders, and polls until something else than `pending` is said or the patience is over. */
async function carryOut(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}, maxPolls = 8) {
  const { provider, context, clock, outcome } = await submit(order, more);
  const id = outcome.kind === 'pending' ? outcome.providerJobId : '';
  let last = outcome;
  for (let polls = 0; last.kind === 'pending' && polls < maxPolls; polls++) {
    clock.advance(Math.max(0, last.pollAt - clock.now()));
    last = await provider.poll(id, context);
  }
  return { last, id, provider, context, clock };
}

const SCENARIOS: Record<Scenario, { order: Order; at: FakeFal }> = {
  image: { order: IMAGE, at: fake },
  video: { order: VIDEO, at: fake },
  'with reference': { order: WITH_REFERENCE, at: fake },
  fails: { order: IMAGE, at: failing },
  refuses: { order: IMAGE, at: refusing },
  rejects: { order: IMAGE, at: rejecting },
};

providerContract({
  name: 'fal',
  open: (scenario) => {
    const { order, at } = SCENARIOS[scenario];
    return bench(order, { baseUrl: at.baseUrl });
  },
  strangeJobId: 'fal-ai/flux/requests/req-of-somebody-else',
  isDeterministic: false,
});

const FAILED = { kind: 'failed', code: 'provider_error' } as const;
const SLOW = new Set(['hang', 'slow', 'enormous']);
const patienceFor = (fault: string) => (SLOW.has(fault) ? 150 : 5000);

const SUBMITS: readonly (readonly [NonNullable<FalFaults['submit']>, object, number])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }, 0],
  ['forbidden', { ...FAILED, fault: 'credential' }, 0],
  ['no_balance', { ...FAILED, fault: 'balance' }, 0],
  ['moderation', { kind: 'rejected', code: 'content_policy_violation' }, 0],
  ['rate', { ...FAILED, fault: 'rate' }, 0],
  ['error_before', { kind: 'unknown' }, 0],
  ['reset_before', { kind: 'unknown' }, 0],
  ['error_after', { kind: 'unknown' }, 1],
  ['service_after', { kind: 'unknown' }, 1],
  ['reset', { kind: 'unknown' }, 1],
  ['hang', { kind: 'unknown' }, 1],
  ['slow', { kind: 'unknown' }, 1],
  ['html', { kind: 'unknown' }, 1],
  ['empty', { kind: 'unknown' }, 1],
  ['not_json', { kind: 'unknown' }, 1],
  ['enormous', { kind: 'unknown' }, 1],
];

describe('what fal answers to an order', () => {
  for (const [fault, outcome, accepted] of SUBMITS) {
    test(`${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.submit = fault;
      const told = await submit(IMAGE, { deadlineMs: patienceFor(fault) });
      expect(told.outcome).toMatchObject(outcome);
      expect(fake.accepted).toBe(accepted);
      expect(JSON.stringify(told.outcome)).not.toContain(TEST_KEY);
    });
  }

  test('a hint of when to come back is kept', async () => {
    fake.faults.submit = 'rate_with_hint';
    const { outcome, clock } = await submit();
    expect(outcome).toMatchObject({ ...FAILED, fault: 'rate', retryAt: clock.now() + 7000 });
  });

  test('another key is refused, and nothing is taken where nobody listens', async () => {
    const other = await submit(IMAGE, { credential: { kind: 'api_key', apiKey: 'another' } });
    expect(other.outcome).toMatchObject({ ...FAILED, fault: 'credential' });
    const gone = await startFakeFal(TEST_KEY);
    gone.close();
    const nobody = await submit(IMAGE, { baseUrl: gone.baseUrl });
    expect(nobody.outcome).toMatchObject({ ...FAILED, fault: 'provider' });
    expect(fake.accepted).toBe(0);
  });
});

const STATUSES: readonly (readonly [NonNullable<FalFaults['status']>, object])[] = [
  ['error', { kind: 'unreachable' }],
  ['unknown_state', { kind: 'pending' }],
  ['says_error', { ...FAILED, fault: 'provider' }],
  ...(['reset', 'hang', 'slow', 'html', 'empty', 'not_json', 'enormous'] as const).map(
    (bad) => [bad, { kind: 'unreachable' }] as const,
  ),
];
const RESULTS: readonly (readonly [NonNullable<FalFaults['result']>, object])[] = [
  ['moderated', { kind: 'rejected', code: 'content_policy_violation' }],
  ['flagged', { kind: 'rejected', code: 'content_policy_violation' }],
  ['bad_image', { kind: 'rejected', code: 'file_load_error' }],
  ['broken', { ...FAILED, fault: 'provider' }],
  ['no_media', { ...FAILED, fault: 'provider' }],
  ['timed_out', { ...FAILED, fault: 'provider' }],
  ['cancelled', { ...FAILED, fault: 'provider' }],
  ['gone', { ...FAILED, fault: 'provider' }],
  ['none', { ...FAILED, fault: 'provider' }],
  ['reset', { kind: 'unreachable' }],
  ['hang', { kind: 'unreachable' }],
  ['html', { kind: 'unreachable' }],
  ['limited', { kind: 'unreachable' }],
];

describe('what fal answers about an order', () => {
  for (const [fault, outcome] of STATUSES) {
    test(`a status with ${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.status = fault;
      expect((await carryOut(IMAGE, { deadlineMs: patienceFor(fault) })).last).toMatchObject(outcome);
    });
  }

  for (const [fault, outcome] of RESULTS) {
    test(`a result with ${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.result = fault;
      expect((await carryOut(IMAGE, { deadlineMs: patienceFor(fault) })).last).toMatchObject(outcome);
    });
  }

  test('a result without output is asked for again before it counts as failed', async () => {
    fake.faults.result = 'none';
    const { last, id, provider, context } = await carryOut(IMAGE, {}, 4);
    expect(last.kind).toBe('pending');
    fake.faults.result = null;
    expect((await provider.poll(id, context)).kind).toBe('completed');
  });

  test('a limited poll leaves the order as it is, and a hint is kept', async () => {
    fake.faults.status = 'rate_with_hint';
    const { last, clock } = await carryOut();
    expect(last).toMatchObject({ kind: 'unreachable', retryAt: clock.now() + 7000 });
  });

  test('what stands in front of a result for long is no trouble of the order', async () => {
    for (const fault of ['html', 'limited'] as const) {
      fake.faults.result = fault;
      const { id, provider, context } = await carryOut();
      for (let times = 0; times < 6; times++) {
        expect((await provider.poll(id, context)).kind).toBe('unreachable');
      }
      fake.faults.result = null;
      expect((await provider.poll(id, context)).kind).toBe('completed');
    }
  });

  test('who is far behind in the queue is asked about less often, within bounds', async () => {
    const { provider, context, clock, outcome } = await submit();
    const id = outcome.kind === 'pending' ? outcome.providerJobId : '';
    const gap = async () => {
      const told = await provider.poll(id, context);
      return told.kind === 'pending' ? told.pollAt - clock.now() : Number.NaN;
    };
    expect(await gap()).toBe(1500);
    expect(await gap()).toBe(1000);
    fake.faults.status = 'queued_far';
    expect(await gap()).toBe(15_000);
  });

  test('a cancelled order has failed, and an ended one is not cancelled', async () => {
    const { provider, context, outcome } = await submit();
    const id = outcome.kind === 'pending' ? outcome.providerJobId : '';
    expect(await provider.cancel?.(id, context)).toBe(true);
    expect(await provider.poll(id, context)).toMatchObject({ ...FAILED, fault: 'provider' });
  });
});

describe('what fal is asked for', () => {
  test('a picture at its path, and what a callback needs', async () => {
    await submit({ ...IMAGE, seed: 7 }, { callbackUrl: 'https://gateway.example/callbacks/abc?x=1' });
    expect(fake.ordered).toEqual({
      endpoint: 'fal-ai/flux/schnell',
      input: { prompt: 'a pier', image_size: { width: 1024, height: 768 }, seed: 7 },
      webhook: 'https://gateway.example/callbacks/abc?x=1',
    });
  });

  test('a film in words, with its sound', async () => {
    await submit(VIDEO);
    const words = { aspect_ratio: '16:9', resolution: '720p', duration: '5', generate_audio: true };
    expect(fake.ordered).toMatchObject({
      endpoint: 'bytedance/seedance-2.0/fast/text-to-video',
      input: { prompt: 'a pier', ...words },
      webhook: null,
    });
  });

  test('a reference within the request', async () => {
    await submit(WITH_REFERENCE);
    const url = `data:image/png;base64,${Buffer.from(REFERENCE.bytes).toString('base64')}`;
    expect(fake.ordered).toMatchObject({ endpoint: 'fal-ai/flux-2-pro/edit', input: { image_urls: [url] } });
  });

  for (const [model, size, seconds] of [
    ['openai/gpt-image-2', '1376x768'],
    ['openai/gpt-image-2.5-flare', '1536x1024'],
    ['openai/gpt-image-2.5-sunburst', '1024x1024'],
    ['bfl/flux-dev', '1024x1024'],
    ['bfl/flux-1.1-pro', '1344x768'],
    ['bfl/flux-1.1-pro-ultra', '2688x1536'],
    ['bfl/flux-kontext-pro', '896x1152'],
    ['bfl/flux-kontext-max', '1024x1024'],
    ['bfl/flux-2-max', '2048x2048'],
    ['bytedance/seedream-5.0-pro', '1312x736'],
    ['bytedance/seedream-5.0-lite', '2560x1440'],
    ['google/nano-banana-2', '1200x896'],
    ['google/nano-banana-pro', '5504x3072'],
    ['bytedance/seedance-2.0', '1440x1440', 15],
    ['bytedance/seedance-2.0-mini', '496x864', 4],
    ['google/veo-3.1', '1920x1080', 8],
    ['google/veo-3.1-fast', '720x1280', 4],
    ['google/veo-3.1-lite', '1280x720', 6],
    ['kling/kling-3.0', '960x960', 3],
    ['alibaba/wan-2.7', '1632x1248', 2],
  ] as const) {
    test(`${model} is made, and with a reference where it takes one`, async () => {
      const [width = 0, height = 0] = size.split('x').map(Number);
      const type = seconds === undefined ? 'image' : 'video';
      const order: Order = {
        ...IMAGE,
        model,
        type,
        width,
        height,
        ...(seconds && { durationSeconds: seconds }),
      };
      const made = await carryOut(order);
      expect(made.last).toMatchObject({ kind: 'completed' });
      const referring = { ...order, reference: REFERENCE };
      const { canTake } = createFal();
      if (canTake(referring)) expect((await carryOut(referring)).last).toMatchObject({ kind: 'completed' });
      expect(canTake({ ...order, model: 'bfl/flux-9' })).toBe(false);
    });
  }

  test('what it cannot make is known without asking', async () => {
    const { canTake } = createFal();
    const cannot: Order[] = [
      { ...IMAGE, model: 'nobody/nothing' },
      { ...IMAGE, model: '__proto__' },
      { ...IMAGE, type: 'video' },
      { ...IMAGE, quality: 'LOW' },
      { ...IMAGE, reference: REFERENCE },
      { ...IMAGE, width: 4096, height: 4096 },
      { ...VIDEO, type: 'image' },
      { ...VIDEO, durationSeconds: 16 },
      { ...VIDEO, width: 1920, height: 1080 },
      { ...VIDEO, seed: 7 },
      { ...VIDEO, model: 'google/veo-3.1', durationSeconds: 5 },
    ];
    expect(cannot.filter((order) => canTake(order))).toEqual([]);
    const { outcome } = await submit({ ...VIDEO, seed: 7 });
    expect(outcome).toMatchObject({ ...FAILED, fault: 'model' });
    expect(fake.accepted).toBe(0);
  });
});
