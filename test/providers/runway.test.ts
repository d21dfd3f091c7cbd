// Runway: the contract of all providers against a fake on a real socket, what each fault becomes, what it is asked for,
// and the fake in front of Runway's own client.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import RunwayML from '@runwayml/sdk';
import { createRunway } from '../../src/providers/runway.ts';
import type { Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startFakeRunway, type FakeRunway, type RunwayFaults } from '../fakes/runway.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = {
  model: 'runway/gen-4-image',
  type: 'image',
  prompt: 'a pier',
  width: 1280,
  height: 720,
};
const VIDEO: Order = { ...IMAGE, model: 'runway/gen-4.5', type: 'video', durationSeconds: 5 };
const REFERENCE = { bytes: tinyPng(512, 512), contentType: 'image/png', strength: 'MID' } as const;
const LARGE = { ...REFERENCE, bytes: new Uint8Array(3_800_000).fill(7) };
const WITH_REFERENCE: Order = { ...IMAGE, reference: REFERENCE };
const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';

const fake = await startFakeRunway(TEST_KEY);
const failing = await startFakeRunway(TEST_KEY);
const refusing = await startFakeRunway(TEST_KEY);
const rejecting = await startFakeRunway(TEST_KEY);
failing.faults.poll = 'failed';
refusing.faults.submit = 'no_balance';
rejecting.faults.poll = 'moderated_input';
afterAll(() => [fake, failing, refusing, rejecting].forEach(({ close }) => close()));
beforeEach(() => {
  fake.faults = { submit: null, upload: null, poll: null, organization: null };
  fake.accepted = 0;
  fake.deleted = 0;
  fake.uploaded = null;
});

function bench(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}) {
  return openAdapterBench({ provider: createRunway(), baseUrl: fake.baseUrl, order, ...more });
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

const SCENARIOS: Record<Scenario, { order: Order; at: FakeRunway }> = {
  image: { order: IMAGE, at: fake },
  video: { order: VIDEO, at: fake },
  'with reference': { order: WITH_REFERENCE, at: fake },
  fails: { order: IMAGE, at: failing },
  refuses: { order: IMAGE, at: refusing },
  rejects: { order: IMAGE, at: rejecting },
};

providerContract({
  name: 'runway',
  open: (scenario) => {
    const { order, at } = SCENARIOS[scenario];
    return bench(order, { baseUrl: at.baseUrl });
  },
  strangeJobId: '17f20503-6c24-4c16-946b-999999999999',
  isDeterministic: false,
});

const FAILED = { kind: 'failed', code: 'provider_error' } as const;
const MODERATED = { kind: 'rejected', code: 'content_policy_violation' } as const;
const SLOW = new Set(['hang', 'slow', 'enormous']);
const patienceFor = (fault: string) => (SLOW.has(fault) ? 150 : 5000);

const SUBMITS: readonly (readonly [NonNullable<RunwayFaults['submit']>, object, number])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }, 0],
  ['no_balance', { ...FAILED, fault: 'balance' }, 0],
  ['moderation', MODERATED, 0],
  ['rate', { ...FAILED, fault: 'rate' }, 0],
  ['rate_with_hint', { ...FAILED, fault: 'rate', retryAt: 1_800_000_009_000 }, 0],
  ['error_before', { kind: 'unknown' }, 0],
  ['reset_before', { kind: 'unknown' }, 0],
  ['error_after', { kind: 'unknown' }, 1],
  ['overloaded_after', { kind: 'unknown' }, 1],
  ...(['reset', 'hang', 'slow', 'html', 'empty', 'not_json', 'enormous'] as const).map(
    (fault) => [fault, { kind: 'unknown' }, 1] as const,
  ),
];
const UPLOADS: readonly (readonly [NonNullable<RunwayFaults['upload']>, object])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }],
  ...(['error', 'storage', 'reset', 'hang', 'html', 'empty', 'not_json'] as const).map(
    (fault) => [fault, { ...FAILED, fault: 'provider' }] as const,
  ),
];

describe('what Runway answers to an order', () => {
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
      const order = { ...IMAGE, reference: LARGE };
      const told = await submit(order, { deadlineMs: fault === 'hang' ? 300 : 5000 });
      expect(told.outcome).toMatchObject(outcome);
      expect(fake.accepted).toBe(0);
    });
  }

  test('another key is refused, and nothing is taken where nobody listens', async () => {
    const other = await submit(IMAGE, { credential: { kind: 'api_key', apiKey: 'another' } });
    expect(other.outcome).toMatchObject({ ...FAILED, fault: 'credential' });
    const gone = await startFakeRunway(TEST_KEY);
    gone.close();
    expect((await submit(IMAGE, { baseUrl: gone.baseUrl })).outcome).toMatchObject({
      ...FAILED,
      fault: 'provider',
    });
  });
});

const POLLS: readonly (readonly [NonNullable<RunwayFaults['poll']>, object])[] = [
  ['failed', { ...FAILED, fault: 'provider' }],
  ['bad_output', { ...FAILED, fault: 'provider' }],
  ['third_party', { ...FAILED, fault: 'provider' }],
  ['moderated_input', MODERATED],
  ['moderated_output', MODERATED],
  ['moderated_early', MODERATED],
  ['bad_asset', { kind: 'rejected', code: 'file_load_error' }],
  ['cancelled', { ...FAILED, fault: 'provider' }],
  ['none', { ...FAILED, fault: 'provider' }],
  ['throttled', { kind: 'pending' }],
  ['unknown_state', { kind: 'pending' }],
  ['rate', { kind: 'unreachable' }],
  ...(['error', 'reset', 'hang', 'slow', 'html', 'empty', 'not_json', 'enormous'] as const).map(
    (fault) => [fault, { kind: 'unreachable' }] as const,
  ),
];

describe('what Runway answers about an order', () => {
  for (const [fault, outcome] of POLLS) {
    test(`${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.poll = fault;
      expect((await carryOut(IMAGE, { deadlineMs: patienceFor(fault) })).last).toMatchObject(outcome);
    });
  }

  test('it tells what an order will cost at most, and then what it has cost', async () => {
    const cost = { amount: '25', unit: 'credits' } as const;
    const { outcome, last } = await carryOut();
    expect(outcome).toMatchObject({ kind: 'pending', cost });
    expect(last).toMatchObject({ kind: 'completed', cost });
  });

  test('it is asked every five seconds at most, and less often about old tasks', async () => {
    fake.faults.poll = 'throttled';
    const { provider, context, clock, id } = await submit();
    const gap = async () => {
      const told = await provider.poll(id, context);
      return told.kind === 'pending' ? told.pollAt - clock.now() : Number.NaN;
    };
    expect(await gap()).toBe(5000);
    clock.advance(60_000);
    expect(await gap()).toBe(10_000);
    clock.advance(3_600_000);
    expect(await gap()).toBe(15_000);
  });

  test('a task that has ended is not deleted by a cancel that comes late', async () => {
    const { last, provider, context, id } = await carryOut();
    expect(last.kind).toBe('completed');
    expect(await provider.cancel?.(id, context)).toBe(false);
    expect(fake.deleted).toBe(0);
    const other = await submit();
    expect(await provider.cancel?.(other.id, context)).toBe(true);
    expect(fake.deleted).toBe(1);
    expect(await provider.poll(other.id, context)).toMatchObject({ ...FAILED, fault: 'provider' });
  });
});

describe('what Runway is asked for', () => {
  test('a film in pixels and seconds', async () => {
    await submit({ ...VIDEO, seed: 7 });
    const body = { model: 'gen4.5', promptText: 'a pier', ratio: '1280:720', duration: 5, seed: 7 };
    expect(fake.ordered).toEqual({ path: 'text_to_video', body });
  });

  test('a small reference within the request, and a large one uploaded without the key', async () => {
    const uri = `data:image/png;base64,${Buffer.from(REFERENCE.bytes).toString('base64')}`;
    await submit(WITH_REFERENCE);
    expect(fake.ordered?.body).toMatchObject({ referenceImages: [{ uri }] });
    await submit({ ...VIDEO, reference: REFERENCE });
    expect(fake.ordered).toMatchObject({ path: 'image_to_video', body: { promptImage: uri } });
    expect(fake.uploaded).toBeNull();
    await submit({ ...IMAGE, reference: LARGE });
    expect(fake.ordered?.body).toMatchObject({ referenceImages: [{ uri: 'runway://eyJ1cGxvYWQiOjF9' }] });
    expect(fake.uploaded?.length).toBe(LARGE.bytes.length);
  });

  for (const [model, size, seconds] of [
    ['runway/gen-4.5', '720x1280', 10],
    ['runway/gen-4-turbo', '1584x672', 2],
    ['runway/gen-4-image-turbo', '1024x1024', 0],
    ['google/veo-3.1', '1920x1080', 8],
    ['google/veo-3.1-fast', '720x1280', 4],
    ['bytedance/seedance-2.0', '3840x2160', 15],
    ['bytedance/seedance-2.0-fast', '960x960', 4],
    ['bytedance/seedance-2.0-mini', '496x864', 5],
  ] as const) {
    test(`${model} is made, with and without a reference as far as it can`, async () => {
      const [width = 0, height = 0] = size.split('x').map(Number);
      const film = seconds === 0 ? {} : ({ type: 'video', durationSeconds: seconds } as const);
      const order: Order = { ...IMAGE, model, width, height, ...film };
      const orders = [order, { ...order, reference: REFERENCE }].filter((one) => createRunway().canTake(one));
      expect(orders).not.toEqual([]);
      for (const one of orders) expect((await carryOut(one)).last).toMatchObject({ kind: 'completed' });
    });
  }

  test('what it cannot make is known without asking', async () => {
    const { canTake } = createRunway();
    const cannot: Order[] = [
      { ...IMAGE, model: 'nobody/nothing' },
      { ...IMAGE, model: 'toString' },
      { ...IMAGE, type: 'video' },
      { ...IMAGE, quality: 'LOW' },
      { ...IMAGE, width: 1281 },
      { ...IMAGE, prompt: 'a'.repeat(1001) },
      { ...IMAGE, model: 'runway/gen-4-image-turbo' },
      { ...VIDEO, model: 'runway/gen-4-turbo' },
      { ...VIDEO, durationSeconds: 11 },
      { ...VIDEO, hasAudio: true },
      { ...VIDEO, width: 960, height: 960 },
    ];
    expect(cannot.filter((order) => canTake(order))).toEqual([]);
    expect(canTake({ ...VIDEO, width: 960, height: 960, reference: REFERENCE })).toBe(true);
    expect((await submit({ ...VIDEO, hasAudio: true })).outcome).toMatchObject({ ...FAILED, fault: 'model' });
    expect(fake.accepted).toBe(0);
  });
});

describe('the credential of Runway', () => {
  const verify = (more: Partial<AdapterBenchOptions> = {}) => {
    const { provider, context } = bench(IMAGE, more);
    return provider.upstream?.verify(context);
  };

  test('tells the balance and how much runs at once', async () => {
    const balance = { unit: 'credits', available: '1250' } as const;
    expect(await verify()).toEqual({ kind: 'ok', remoteId: null, balance, slots: 5 });
  });

  test('is refused in words that do not quote it', async () => {
    const told = await verify({ credential: { kind: 'api_key', apiKey: 'another-key' } });
    expect(told).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(told)).not.toContain('another-key');
  });

  for (const fault of ['error', 'html', 'empty', 'reset', 'hang'] as const) {
    test(`is not judged by ${fault}`, async () => {
      fake.faults.organization = fault;
      expect(await verify({ deadlineMs: 150 })).toMatchObject({ kind: 'unreachable' });
    });
  }
});

describe("Runway's own client takes the fake for Runway", () => {
  const client = new RunwayML({ apiKey: TEST_KEY, baseURL: fake.baseUrl, maxRetries: 0 });

  test('it makes, reads and deletes tasks, uploads, and sees its balance', async () => {
    const made = await client.textToVideo.create({
      model: 'gen4.5',
      promptText: 'a pier',
      ratio: '1280:720',
      duration: 5,
    });
    expect(made.estimatedCost.credits).toBe(25);
    const states = [];
    for (let times = 0; times < 3; times++) states.push((await client.tasks.retrieve(made.id)).status);
    expect(states).toEqual(['PENDING', 'RUNNING', 'SUCCEEDED']);
    await client.tasks.delete(made.id);
    expect(fake.deleted).toBe(1);
    const file = new File([REFERENCE.bytes], 'a.png', { type: 'image/png' });
    expect((await client.uploads.createEphemeral({ file })).uri).toMatch(/^runway:\/\//);
    expect((await client.organization.retrieve()).creditBalance).toBe(1250);
  });

  test('it reads its errors', async () => {
    fake.faults.submit = 'bad_key';
    const refused = client.textToImage.create({
      model: 'gen4_image',
      promptText: 'a pier',
      ratio: '1280:720',
    });
    expect(await refused.catch((thrown: unknown) => thrown)).toMatchObject({ status: 401 });
  });
});
