// Replicate: the contract of all providers against a fake on a real socket, what each fault becomes, and what it is asked
// for.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { createReplicate } from '../../src/providers/replicate.ts';
import type { Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startFakeReplicate, type FakeReplicate, type ReplicateFaults } from '../fakes/replicate.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = {
  model: 'bfl/flux-schnell',
  type: 'image',
  prompt: 'a pier',
  width: 1024,
  height: 1024,
};
const VIDEO: Order = {
  model: 'bytedance/seedance-2.0',
  type: 'video',
  prompt: 'a pier',
  width: 1280,
  height: 720,
  durationSeconds: 5,
  hasAudio: true,
};
const REFERENCE = { bytes: tinyPng(512, 512), contentType: 'image/png', strength: 'MID' } as const;
const LARGE = { ...REFERENCE, bytes: new Uint8Array(300_000).fill(7) };
const WITH_REFERENCE: Order = { ...IMAGE, model: 'bfl/flux-2-pro', reference: REFERENCE };
const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';

const fake = await startFakeReplicate(TEST_KEY);
const failing = await startFakeReplicate(TEST_KEY);
const refusing = await startFakeReplicate(TEST_KEY);
const rejecting = await startFakeReplicate(TEST_KEY);
failing.faults.poll = 'failed';
refusing.faults.submit = 'no_balance';
rejecting.faults.poll = 'moderated';
afterAll(() => [fake, failing, refusing, rejecting].forEach(({ close }) => close()));
beforeEach(() => {
  fake.faults = { submit: null, upload: null, poll: null, list: null, account: null };
  fake.accepted = 0;
  fake.uploaded = null;
});

function bench(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}) {
  return openAdapterBench({ provider: createReplicate(), baseUrl: fake.baseUrl, order, ...more });
}

async function submit(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}) {
  const stage = bench(order, more);
  const outcome = await stage.provider.submit(order, ATTEMPT_ID, stage.context);
  return { ...stage, outcome, id: outcome.kind === 'pending' ? outcome.providerJobId : '' };
}

async function carryOut(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}, maxPolls = 8) {
  const stage = await submit(order, more);
  let last = stage.outcome;
  for (let polls = 0; last.kind === 'pending' && polls < maxPolls; polls++) {
    stage.clock.advance(Math.max(0, last.pollAt - stage.clock.now()));
    last = await stage.provider.poll(stage.id, stage.context);
  }
  return { ...stage, last };
}

const SCENARIOS: Record<Scenario, { order: Order; at: FakeReplicate }> = {
  image: { order: IMAGE, at: fake },
  video: { order: VIDEO, at: fake },
  'with reference': { order: WITH_REFERENCE, at: fake },
  fails: { order: IMAGE, at: failing },
  refuses: { order: IMAGE, at: refusing },
  rejects: { order: IMAGE, at: rejecting },
};

providerContract({
  name: 'replicate',
  open: (scenario) => {
    const { order, at } = SCENARIOS[scenario];
    return bench(order, { baseUrl: at.baseUrl });
  },
  strangeJobId: 'ufawqhfynnddngldkgtslldrkq',
  isDeterministic: false,
});

const FAILED = { kind: 'failed', code: 'provider_error' } as const;
const SLOW = new Set(['hang', 'slow', 'enormous']);
const patienceFor = (fault: string) => (SLOW.has(fault) ? 150 : 5000);

const SUBMITS: readonly (readonly [NonNullable<ReplicateFaults['submit']>, object, number])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }, 0],
  ['forbidden', { ...FAILED, fault: 'model' }, 0],
  ['no_balance', { ...FAILED, fault: 'balance' }, 0],
  ['moderation', { kind: 'rejected', code: 'content_policy_violation' }, 0],
  ['rate', { ...FAILED, fault: 'rate', retryAt: 1_800_000_007_000 }, 0],
  ['rate_with_hint', { ...FAILED, fault: 'rate', retryAt: 1_800_000_009_000 }, 0],
  ['error_before', { kind: 'unknown' }, 0],
  ['reset_before', { kind: 'unknown' }, 0],
  ['error_after', { kind: 'unknown' }, 1],
  ['reset', { kind: 'unknown' }, 1],
  ['hang', { kind: 'unknown' }, 1],
  ['slow', { kind: 'unknown' }, 1],
  ['html', { kind: 'unknown' }, 1],
  ['empty', { kind: 'unknown' }, 1],
  ['not_json', { kind: 'unknown' }, 1],
  ['enormous', { kind: 'unknown' }, 1],
];
const UPLOADS: readonly (readonly [NonNullable<ReplicateFaults['upload']>, object])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }],
  ['refused', { kind: 'rejected', code: 'file_load_error' }],
  ...(['error', 'reset', 'hang', 'html', 'empty', 'not_json'] as const).map(
    (fault) => [fault, { ...FAILED, fault: 'provider' }] as const,
  ),
];

describe('what Replicate answers to an order', () => {
  for (const [fault, outcome, accepted] of SUBMITS) {
    test(`${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.submit = fault;
      const told = await submit(IMAGE, { deadlineMs: patienceFor(fault) });
      expect(told.outcome).toMatchObject(outcome);
      expect(fake.accepted).toBe(accepted);
      expect(JSON.stringify(told.outcome)).not.toContain(TEST_KEY);
    });
  }

  for (const [fault, outcome] of UPLOADS) {
    test(`an upload with ${fault} is ${Object.values(outcome).join(', ')}, and nothing is ordered`, async () => {
      fake.faults.upload = fault;
      const order = { ...WITH_REFERENCE, reference: LARGE };
      expect((await submit(order, { deadlineMs: patienceFor(fault) })).outcome).toMatchObject(outcome);
      expect(fake.accepted).toBe(0);
    });
  }

  test('another key is refused, and nothing is taken where nobody listens', async () => {
    const other = await submit(IMAGE, { credential: { kind: 'api_key', apiKey: 'another' } });
    expect(other.outcome).toMatchObject({ ...FAILED, fault: 'credential' });
    const gone = await startFakeReplicate(TEST_KEY);
    gone.close();
    expect((await submit(IMAGE, { baseUrl: gone.baseUrl })).outcome).toMatchObject({
      ...FAILED,
      fault: 'provider',
    });
    expect(fake.accepted).toBe(0);
  });
});

const POLLS: readonly (readonly [NonNullable<ReplicateFaults['poll']>, object])[] = [
  ['failed', { ...FAILED, fault: 'provider' }],
  ['moderated', { kind: 'rejected', code: 'content_policy_violation' }],
  ['nsfw', { kind: 'rejected', code: 'content_policy_violation' }],
  ['canceled', { ...FAILED, fault: 'provider' }],
  ['aborted', { ...FAILED, fault: 'provider' }],
  ['removed', { ...FAILED, fault: 'provider' }],
  ['none', { ...FAILED, fault: 'provider' }],
  ['unknown_state', { kind: 'pending' }],
  ['rate', { kind: 'unreachable' }],
  ...(['error', 'reset', 'hang', 'slow', 'html', 'empty', 'not_json', 'enormous'] as const).map(
    (fault) => [fault, { kind: 'unreachable' }] as const,
  ),
];

describe('what Replicate answers about an order', () => {
  for (const [fault, outcome] of POLLS) {
    test(`${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.poll = fault;
      expect((await carryOut(IMAGE, { deadlineMs: patienceFor(fault) })).last).toMatchObject(outcome);
    });
  }

  test('a prediction without output is asked about again before it counts as failed', async () => {
    fake.faults.poll = 'none';
    const { last, id, provider, context } = await carryOut(IMAGE, {}, 3);
    expect(last.kind).toBe('pending');
    expect((await provider.poll(id, context)).kind).toBe('failed');
    fake.faults.poll = null;
    expect((await provider.poll(id, context)).kind).toBe('completed');
  });

  test('the older an order, the less often it is asked about, within bounds', async () => {
    const { provider, context, clock, id } = await submit();
    fake.faults.poll = 'unknown_state';
    const gap = async () => {
      const told = await provider.poll(id, context);
      return told.kind === 'pending' ? told.pollAt - clock.now() : Number.NaN;
    };
    expect(await gap()).toBe(1000);
    clock.advance(30_000);
    expect(await gap()).toBe(5000);
    clock.advance(3_600_000);
    expect(await gap()).toBe(10_000);
  });
});

describe('what Replicate is asked for', () => {
  test('a picture, and a callback at its end', async () => {
    await submit({ ...IMAGE, seed: 7 }, { callbackUrl: 'https://gateway.example/callbacks/abc' });
    expect(fake.ordered).toMatchObject({
      model: 'black-forest-labs/flux-schnell',
      webhook: 'https://gateway.example/callbacks/abc',
    });
    const words = { aspect_ratio: '1:1', num_outputs: 1, megapixels: '1', output_format: 'jpg' };
    expect(fake.ordered?.input).toEqual({ prompt: 'a pier', seed: 7, ...words });
  });

  test('a small reference within the request, and a large one uploaded', async () => {
    await submit(WITH_REFERENCE);
    const url = `data:image/png;base64,${Buffer.from(REFERENCE.bytes).toString('base64')}`;
    expect(fake.ordered?.input).toMatchObject({ input_images: [url] });
    expect(fake.uploaded).toBeNull();
    await submit({ ...WITH_REFERENCE, reference: LARGE });
    expect(fake.uploaded).toEqual(LARGE.bytes);
    expect(fake.ordered?.input['input_images']).toEqual([expect.stringMatching(/^http.+\/files\/\w+$/)]);
    await submit({ ...WITH_REFERENCE, model: 'bfl/flux-kontext-pro', reference: REFERENCE });
    expect(fake.ordered?.input).toMatchObject({ input_image: url });
  });

  for (const [model, size, seconds] of [
    ['bfl/flux-dev', '1344x768'],
    ['bfl/flux-1.1-pro', '768x1344'],
    ['bfl/flux-1.1-pro-ultra', '2688x1536'],
    ['bfl/flux-kontext-pro', '1216x832'],
    ['bfl/flux-2-pro', '1440x1440'],
    ['bytedance/seedream-4.0', '2560x1440'],
    ['bytedance/seedream-4.5', '2048x2048'],
    ['google/nano-banana', '1344x768'],
    ['google/nano-banana-pro', '2752x1536'],
    ['luma/photon-1', '1920x1080'],
    ['bytedance/seedance-2.0-fast', '960x960', 15],
    ['google/veo-3.1', '1280x720', 8],
    ['google/veo-3.1-fast', '1080x1920', 4],
    ['kling/kling-3.0', '3840x2160', 3],
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
      const { last, provider } = await carryOut(order);
      expect(last).toMatchObject({ kind: 'completed' });
      const referring = { ...order, reference: REFERENCE };
      if (provider.canTake(referring)) expect((await carryOut(referring)).last.kind).toBe('completed');
    });
  }

  test('what it cannot make is known without asking', async () => {
    const { canTake } = createReplicate();
    const cannot: Order[] = [
      { ...IMAGE, model: 'nobody/nothing' },
      { ...IMAGE, model: 'constructor' },
      { ...IMAGE, type: 'video' },
      { ...IMAGE, quality: 'LOW' },
      { ...IMAGE, reference: REFERENCE },
      { ...IMAGE, width: 1000 },
      { ...IMAGE, model: 'bfl/flux-1.1-pro', width: 1536 },
      { ...VIDEO, type: 'image' },
      { ...VIDEO, durationSeconds: 16 },
      { ...VIDEO, seed: 7 },
    ];
    expect(cannot.filter((order) => canTake(order))).toEqual([]);
    expect((await submit({ ...VIDEO, seed: 7 })).outcome).toMatchObject({ ...FAILED, fault: 'model' });
    expect(fake.accepted).toBe(0);
  });
});
