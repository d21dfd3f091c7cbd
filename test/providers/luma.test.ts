// Luma: the contract of all providers against a fake on a real socket, what each fault becomes, what it is asked for, and
// how a lost order is found again.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { createLuma } from '../../src/providers/luma.ts';
import type { Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startFakeLuma, type FakeLuma, type LumaFaults } from '../fakes/luma.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = { model: 'luma/photon-1', type: 'image', prompt: 'a pier', width: 1920, height: 1080 };
const VIDEO: Order = {
  ...IMAGE,
  model: 'luma/ray-2',
  type: 'video',
  width: 1280,
  height: 720,
  durationSeconds: 5,
};
const REFERENCE = { bytes: tinyPng(512, 512), contentType: 'image/png', strength: 'MID' } as const;
const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';
const NOW_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;

let fake = await startFakeLuma(TEST_KEY);
const working = await startFakeLuma(TEST_KEY);
const failing = await startFakeLuma(TEST_KEY);
const refusing = await startFakeLuma(TEST_KEY);
const rejecting = await startFakeLuma(TEST_KEY);
failing.faults.poll = 'failed';
refusing.faults.submit = 'no_balance';
rejecting.faults.poll = 'moderated';
afterAll(() => [fake, working, failing, refusing, rejecting].forEach(({ close }) => close()));
beforeEach(async () => {
  fake.close();
  fake = await startFakeLuma(TEST_KEY);
});

function bench(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}) {
  return openAdapterBench({ provider: createLuma(), baseUrl: fake.baseUrl, order, ...more });
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

/** Links that Luma fetches are the only references that it takes. */
const SCENARIOS: Record<Scenario, { order: Order; at: FakeLuma } | null> = {
  image: { order: IMAGE, at: working },
  video: { order: VIDEO, at: working },
  'with reference': null,
  fails: { order: IMAGE, at: failing },
  refuses: { order: IMAGE, at: refusing },
  rejects: { order: IMAGE, at: rejecting },
};

providerContract({
  name: 'luma',
  open: (scenario) => {
    const stage = SCENARIOS[scenario];
    if (stage === null) return null;
    return bench(stage.order, { baseUrl: stage.at.baseUrl });
  },
  strangeJobId: '5f3a1c0e-9d5c-4a54-8f0e-999999999999',
  isDeterministic: false,
});

const FAILED = { kind: 'failed', code: 'provider_error' } as const;
const MODERATED = { kind: 'rejected', code: 'content_policy_violation' } as const;
const SLOW = new Set(['hang', 'slow', 'enormous']);
const patienceFor = (fault: string) => (SLOW.has(fault) ? 150 : 5000);

const SUBMITS: readonly (readonly [NonNullable<LumaFaults['submit']>, object, number])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }, 0],
  ['no_balance', { ...FAILED, fault: 'balance' }, 0],
  ['moderation', MODERATED, 0],
  ['rate', { ...FAILED, fault: 'rate' }, 0],
  ['rate_with_hint', { ...FAILED, fault: 'rate', retryAt: NOW_MS + 9000 }, 0],
  ['error_before', { kind: 'unknown' }, 0],
  ['reset_before', { kind: 'unknown' }, 0],
  ['error_after', { kind: 'unknown' }, 1],
  ...(['reset', 'hang', 'slow', 'html', 'empty', 'not_json', 'enormous'] as const).map(
    (fault) => [fault, { kind: 'unknown' }, 1] as const,
  ),
];
const POLLS: readonly (readonly [NonNullable<LumaFaults['poll']>, object])[] = [
  ['failed', { ...FAILED, fault: 'provider' }],
  ['moderated', MODERATED],
  ['none', { ...FAILED, fault: 'provider' }],
  ['unknown_state', { kind: 'pending' }],
  ['rate', { kind: 'unreachable' }],
  ...(['error', 'reset', 'hang', 'slow', 'html', 'empty', 'not_json', 'enormous'] as const).map(
    (fault) => [fault, { kind: 'unreachable' }] as const,
  ),
];

describe('what Luma answers', () => {
  for (const [fault, outcome, accepted] of SUBMITS) {
    test(`to an order: ${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.submit = fault;
      const told = await submit(IMAGE, { deadlineMs: patienceFor(fault) });
      expect(told.outcome).toMatchObject(outcome);
      expect(fake.accepted).toBe(accepted);
      expect(JSON.stringify(told.outcome)).not.toContain(TEST_KEY);
    });
  }

  for (const [fault, outcome] of POLLS) {
    test(`about an order: ${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.poll = fault;
      expect((await carryOut(IMAGE, { deadlineMs: patienceFor(fault) })).last).toMatchObject(outcome);
    });
  }

  test('another key is refused, and nothing is taken where nobody listens', async () => {
    const other = await submit(IMAGE, { credential: { kind: 'api_key', apiKey: 'another' } });
    expect(other.outcome).toMatchObject({ ...FAILED, fault: 'credential' });
    fake.close();
    expect((await submit()).outcome).toMatchObject({ ...FAILED, fault: 'provider' });
  });

  test('the older an order, the less often it is asked about, within bounds', async () => {
    fake.faults.poll = 'unknown_state';
    const { provider, context, clock, id } = await submit();
    const gap = async () => {
      const told = await provider.poll(id, context);
      return told.kind === 'pending' ? told.pollAt - clock.now() : Number.NaN;
    };
    expect(await gap()).toBe(2000);
    clock.advance(30_000);
    expect(await gap()).toBe(5000);
    clock.advance(3_600_000);
    expect(await gap()).toBe(10_000);
  });
});

describe('what Luma is asked for', () => {
  const callbackUrl = 'https://gateway.example/callbacks/abc';

  test('a picture and a film, in words', async () => {
    await submit(IMAGE, { callbackUrl });
    const common = { prompt: 'a pier', aspect_ratio: '16:9' };
    expect(fake.ordered).toEqual({ ...common, model: 'photon-1', format: 'jpg', callback_url: callbackUrl });
    await submit(VIDEO);
    expect(fake.ordered).toEqual({ ...common, model: 'ray-2', resolution: '720p', duration: '5s' });
  });

  for (const [model, size, durationSeconds] of [
    ['luma/ray-2', '3840x2160', 9],
    ['luma/ray-flash-2', '624x832', 5],
    ['luma/photon-flash-1', '1440x1440', undefined],
  ] as const) {
    test(`${model} is made`, async () => {
      const [width = 0, height = 0] = size.split('x').map(Number);
      const film = durationSeconds === undefined ? {} : ({ type: 'video', durationSeconds } as const);
      expect((await carryOut({ ...IMAGE, model, width, height, ...film })).last).toMatchObject({
        kind: 'completed',
      });
    });
  }

  test('what it cannot make is known without asking', async () => {
    const { canTake } = createLuma();
    const cannot: Order[] = [
      { ...IMAGE, model: 'luma/ray-9' },
      { ...IMAGE, model: 'valueOf' },
      { ...IMAGE, type: 'video' },
      { ...IMAGE, width: 1024 },
      { ...IMAGE, seed: 7 },
      { ...IMAGE, quality: 'LOW' },
      { ...IMAGE, reference: REFERENCE },
      { ...VIDEO, durationSeconds: 6 },
      { ...VIDEO, hasAudio: true },
    ];
    expect(cannot.filter((order) => canTake(order))).toEqual([]);
    expect((await submit({ ...IMAGE, seed: 7 })).outcome).toMatchObject({ ...FAILED, fault: 'model' });
    expect(fake.accepted).toBe(0);
  });

  test('its callback names the order that is then asked about, and anything else names none', async () => {
    const { provider, context, id } = await submit(IMAGE, { callbackUrl });
    const read = (callback: ReturnType<FakeLuma['callback']>) =>
      provider.upstream?.readCallback?.(callback, context);
    expect(await read(fake.callback(id))).toBe(id);
    for (const text of ['', '{}', '<html>', '{"id":"../x","state":"completed"}']) {
      expect(await read({ headers: {}, body: new TextEncoder().encode(text) })).toBeNull();
    }
  });
});

describe('a lost order', () => {
  const find = (more: Partial<AdapterBenchOptions> = {}, sentAt = NOW_MS, taken: string[] = []) => {
    const { provider, context, clock } = bench(IMAGE, more);
    clock.advance(3 * MINUTE_MS);
    const sent = { attemptId: ATTEMPT_ID, sentAt, taken: new Set(taken) };
    return provider.upstream?.findSubmitted?.(IMAGE, sent, context);
  };
  const order = async (prompt: string, more: Partial<AdapterBenchOptions> = {}) =>
    (await submit({ ...IMAGE, prompt }, more)).id;

  test('is found among others, in whatever order they are listed', async () => {
    fake.now = () => NOW_MS - 60 * MINUTE_MS;
    for (let index = 0; index < 60; index++) await order(`pier ${index}`);
    fake.now = () => NOW_MS;
    const id = await order('a pier');
    expect(await find()).toMatchObject({ kind: 'pending', providerJobId: id });
    fake.faults.list = 'oldest_first';
    expect(await find()).toMatchObject({ kind: 'pending', providerJobId: id });
  });

  test('was never taken when the list goes far enough back and does not hold it', async () => {
    expect(await find()).toMatchObject({ ...FAILED });
    await order('another pier');
    fake.now = () => NOW_MS - 10 * MINUTE_MS;
    await order('a pier');
    expect(await find()).toMatchObject({ ...FAILED });
    expect(await find({}, NOW_MS + 2 * MINUTE_MS)).toMatchObject({ kind: 'unknown' });
  });

  test('is none that belongs to another attempt, and is not guessed', async () => {
    const first = await order('a pier');
    const second = await order('a pier');
    expect(await find()).toMatchObject({ kind: 'unknown' });
    expect(await find({}, NOW_MS, [first])).toMatchObject({ kind: 'pending', providerJobId: second });
    await order('a pier', { callbackUrl: 'https://gateway.example/callbacks/other' });
    expect(await find({}, NOW_MS, [first])).toMatchObject({ kind: 'pending', providerJobId: second });
    for (const fault of ['html', 'empty', 'reset', 'hang', 'endless', 'without_requests'] as const) {
      fake.faults.list = fault;
      expect(await find({ deadlineMs: 150 })).toMatchObject({ kind: 'unknown' });
    }
  });
});

describe('the credential of Luma', () => {
  const verify = (more: Partial<AdapterBenchOptions> = {}) => {
    const { provider, context } = bench(IMAGE, more);
    return provider.upstream?.verify(context);
  };

  test('tells the balance, which is counted in cents', async () => {
    const balance = { unit: 'USD', available: '150.2550' } as const;
    expect(await verify()).toEqual({ kind: 'ok', remoteId: null, balance, slots: null });
    expect(await verify({ credential: { kind: 'api_key', apiKey: 'another' } })).toMatchObject({
      kind: 'refused',
    });
  });

  for (const fault of ['error', 'html', 'empty', 'reset', 'hang'] as const) {
    test(`is not judged by ${fault}`, async () => {
      fake.faults.credits = fault;
      expect(await verify({ deadlineMs: 150 })).toMatchObject({ kind: 'unreachable' });
    });
  }
});
