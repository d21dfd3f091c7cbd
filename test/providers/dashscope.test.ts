// Alibaba's Model Studio: its adapter over a real socket against the fake, and every way in which it can go wrong.
import { afterAll, describe, expect, test } from 'bun:test';
import { createDashscope } from '../../src/providers/dashscope.ts';
import type { Credential, Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startDashscopeFake, type DashscopeFake, type DashscopeFaults } from '../fakes/dashscope.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { TEST_KEY, type AdapterBench } from './adapter-bench.ts';
import {
  ATTEMPT_ID,
  BAD,
  benchAt,
  carryOut,
  createFakes,
  failed,
  REFERENCE,
  submit,
  UNKNOWN,
  type Ending,
  type Options,
} from './film-scene.ts';

const wall = createManualClock();
const fakes = createFakes(() => startDashscopeFake({ apiKey: TEST_KEY, now: wall.now }));
const startFake = fakes.start;
afterAll(fakes.close);

const WAN_3: Order = {
  model: 'alibaba/wan-3.0',
  type: 'video',
  prompt: 'a pier at dawn',
  width: 1280,
  height: 720,
  durationSeconds: 5,
  hasAudio: true,
};
const WAN_27: Order = { ...WAN_3, model: 'alibaba/wan-2.7' };
const WAN_26: Order = { ...WAN_3, model: 'alibaba/wan-2.6' };

function bench(fake: DashscopeFake, order: Order = WAN_3, options: Options = {}): AdapterBench {
  return benchAt(fake, { provider: createDashscope(), order, ...options });
}

const calm = await startFake();
const failing = await startFake({ poll: 'failed' });
const refusing = await startFake({ submit: 'arrears' });
const rejecting = await startFake({ submit: 'policy' });

for (const order of [WAN_3, WAN_27, WAN_26]) {
  const scenes: Record<Scenario, (() => AdapterBench) | null> = {
    image: null,
    video: () => bench(calm, { ...order, width: 1440, height: 1440 }),
    'with reference': () => bench(calm, { ...order, reference: REFERENCE, seed: 7 }),
    fails: () => bench(failing, order),
    refuses: () => bench(refusing, order),
    rejects: () => bench(rejecting, order),
  };
  providerContract({
    name: `dashscope, ${order.model}`,
    open: (scenario) => scenes[scenario]?.() ?? null,
    strangeJobId: '0385dc79-5ff8-4d82-bcb6-000000000000',
    isDeterministic: false,
  });
}

describe('an order that Model Studio does not take, or does not say so', () => {
  const cases: [NonNullable<DashscopeFaults['submit']>, Ending, number][] = [
    ['key', failed('credential'), 0],
    ['arrears', failed('balance'), 0],
    ['denied', failed('model'), 0],
    ['unpurchased', failed('model'), 0],
    ['model', failed('model'), 0],
    ['throttled', failed('rate'), 0],
    ['quota', failed('rate'), 0],
    ['policy', { kind: 'rejected', code: 'content_policy_violation' }, 0],
    ['media', { kind: 'rejected', code: 'file_load_error' }, 0],
    ['server', UNKNOWN, 0],
    ...BAD.map((fault): [typeof fault, Ending, number] => [fault, UNKNOWN, 0]),
    ['taken_500', UNKNOWN, 1],
    ['taken_reset', UNKNOWN, 1],
    ['taken_hang', UNKNOWN, 1],
    ['taken_html', UNKNOWN, 1],
    ['taken_empty', UNKNOWN, 1],
  ];
  for (const [fault, ending, taken] of cases) {
    test(`${fault}: ${Object.values(ending).join(', ')}`, async () => {
      const fake = await startFake({ submit: fault });
      const told = await submit(bench(fake));
      expect(told).toMatchObject(ending);
      expect(fake.tasks).toHaveLength(taken);
      expect(JSON.stringify(told)).not.toContain(TEST_KEY);
    });
  }

  test('is tried again when the provider says so, and nothing is made up otherwise', async () => {
    const stage = bench(await startFake({ submit: 'wait' }));
    expect(await submit(stage)).toMatchObject({ ...failed('rate'), retryAt: stage.clock.now() + 7000 });
    expect(await submit(bench(await startFake({ submit: 'throttled' })))).not.toHaveProperty('retryAt');
  });

  test('a wrong parameter is the order’s fault, and another key the credential’s', async () => {
    const fake = await startFake();
    const wrong = { ...WAN_3, durationSeconds: 31 };
    expect(await submit(bench(fake, wrong))).toMatchObject({ kind: 'rejected', code: 'invalid_input' });
    const credential: Credential = { kind: 'api_key', apiKey: 'another' };
    expect(await submit(bench(fake, WAN_3, { credential }))).toMatchObject(failed('credential'));
    expect(fake.tasks).toHaveLength(0);
  });

  test('nobody listens: it was certainly not taken', async () => {
    const gone = await startFake();
    gone.close();
    expect(await submit(bench(gone))).toMatchObject(failed('provider'));
  });
});

describe('a task of Model Studio', () => {
  const unreachable: Ending = { kind: 'unreachable' };
  const cases: [NonNullable<DashscopeFaults['poll']>, Ending][] = [
    ['failed', failed('provider')],
    ['moderated', { kind: 'rejected', code: 'content_policy_violation' }],
    ['canceled', failed('provider')],
    ['forgotten', failed('provider')],
    ['no_output', failed('provider')],
    ['late_output', { kind: 'completed' }],
    ['unknown_state', { kind: 'pending' }],
    ['key', unreachable],
    ['throttled', unreachable],
    ['server', unreachable],
    ...BAD.map((fault): [typeof fault, Ending] => [fault, unreachable]),
  ];
  for (const [fault, ending] of cases) {
    test(`${fault}: ${Object.values(ending).join(', ')}`, async () => {
      const fake = await startFake({ poll: fault });
      expect(await carryOut(bench(fake))).toMatchObject(ending);
      expect(fake.tasks).toHaveLength(1);
    });
  }

  test('an output at a foreign host is not fetched', async () => {
    const stage = bench(await startFake({ poll: 'foreign_host' }));
    const done = await carryOut(stage);
    const [output] = done.kind === 'completed' ? done.outputs : [];
    if (output === undefined) throw new Error('there is no output');
    expect(stage.provider.openOutput(output, WAN_3, stage.context)).rejects.toThrow(
      'no host of the provider',
    );
  });

  test('an id in no form of its own is not asked for, nor stopped', async () => {
    const { provider, context } = bench(await startFake({ poll: 'reset' }));
    for (const id of ['', 'a/b', '../x', 'a?b=c', 'x'.repeat(101)]) {
      expect(await provider.poll(id, context)).toMatchObject(failed('provider'));
      expect(await provider.cancel?.(id, context)).toBe(false);
    }
  });

  test('is stopped once, and has failed then', async () => {
    const fake = await startFake();
    const stage = bench(fake);
    const taken = await submit(stage);
    if (taken.kind !== 'pending') throw new Error('it was not taken');
    expect(await stage.provider.cancel?.(taken.providerJobId, stage.context)).toBe(true);
    expect(await stage.provider.cancel?.(taken.providerJobId, stage.context)).toBe(false);
    expect(await stage.provider.poll(taken.providerJobId, stage.context)).toMatchObject(failed('provider'));
  });
});

describe('what Model Studio is asked for', () => {
  const url = `data:image/png;base64,${Buffer.from(REFERENCE.bytes).toString('base64')}`;
  const bodyOf = async (order: Order) => {
    const fake = await startFake();
    expect(await submit(bench(fake, order))).toMatchObject({ kind: 'pending' });
    return fake.tasks[0]?.body;
  };

  test('Wan 3.0: one model for both, and sound when it is wanted', async () => {
    expect(await bodyOf({ ...WAN_3, hasAudio: false, seed: 7 })).toEqual({
      model: 'wan3.0-video',
      input: { prompt: 'a pier at dawn' },
      parameters: { resolution: '720P', ratio: '16:9', duration: 5, watermark: false, seed: 7, audio: false },
    });
    expect(await bodyOf({ ...WAN_3, reference: REFERENCE })).toEqual({
      model: 'wan3.0-video',
      input: { prompt: 'a pier at dawn', media: [{ type: 'first_frame', url }] },
      parameters: { resolution: '720P', duration: 5, watermark: false, audio: true },
    });
  });

  test('Wan 2.7: a model of its own for a first frame', async () => {
    expect(await bodyOf({ ...WAN_27, width: 832, height: 1104 })).toMatchObject({
      model: 'wan2.7-t2v',
      parameters: { resolution: '720P', ratio: '3:4', duration: 5, watermark: false },
    });
    expect(await bodyOf({ ...WAN_27, reference: REFERENCE })).toMatchObject({
      model: 'wan2.7-i2v',
      input: { media: [{ type: 'first_frame', url }] },
    });
  });

  test('Wan 2.6: pixels out of a list of its own, and an image beside the prompt', async () => {
    expect(await bodyOf(WAN_26)).toMatchObject({ model: 'wan2.6-t2v', parameters: { size: '1280*720' } });
    const narrow = { ...WAN_26, width: 1104, height: 832 };
    expect(await bodyOf(narrow)).toMatchObject({ parameters: { size: '1088*832' } });
    expect(await bodyOf({ ...WAN_26, reference: REFERENCE })).toEqual({
      model: 'wan2.6-i2v',
      input: { prompt: 'a pier at dawn', img_url: url },
      parameters: { resolution: '720P', duration: 5, watermark: false },
    });
  });

  test('what it cannot make is known without asking', () => {
    const { canTake } = createDashscope();
    const cannot: Partial<Order>[] = [
      { model: 'alibaba/wan-2.1' },
      { type: 'image' },
      { seed: -1 },
      { seed: 2 ** 31 },
      { width: 1281 },
      { durationSeconds: 1 },
      { durationSeconds: 31 },
      { prompt: 'a'.repeat(20_001) },
      { reference: { ...REFERENCE, bytes: new Uint8Array(10 * 1024 * 1024 + 1) } },
      { ...WAN_27, hasAudio: false },
      { ...WAN_27, width: 832, height: 480 },
      { ...WAN_27, durationSeconds: 16 },
      { ...WAN_26, durationSeconds: 6 },
    ];
    expect(cannot.filter((change) => canTake({ ...WAN_3, ...change }))).toEqual([]);
    expect(canTake({ ...WAN_3, width: 832, height: 480, durationSeconds: 30, hasAudio: false })).toBe(true);
  });
});

describe('an account of Model Studio', () => {
  const sentAt = wall.now();
  const find = ({ provider, context, order }: AdapterBench, taken: string[] = []) =>
    provider.upstream?.findSubmitted?.(
      order,
      { attemptId: ATTEMPT_ID, sentAt, taken: new Set(taken) },
      context,
    );

  test('works, is refused, or is not known', async () => {
    const verify = async (faults: Partial<DashscopeFaults>, options: Options = {}) => {
      const { provider, context } = bench(await startFake(faults), WAN_3, options);
      return provider.upstream?.verify(context);
    };
    expect(await verify({})).toEqual({ kind: 'ok', remoteId: null, balance: null, slots: null });
    expect(await verify({}, { credential: { kind: 'api_key', apiKey: 'another' } })).toMatchObject({
      kind: 'refused',
    });
    for (const list of ['server', 'throttled', 'html', 'reset', 'empty'] as const) {
      expect(await verify({ list })).toMatchObject({ kind: 'unreachable' });
    }
  });

  test('has not taken what it does not list after a while', async () => {
    const stage = bench(await startFake({ submit: 'reset' }));
    await submit(stage);
    expect(await find(stage)).toMatchObject(UNKNOWN);
    stage.clock.advance(120_000);
    expect(await find(stage)).toMatchObject(failed('provider'));
  });

  test('may have taken what looks like it, unless that is another model or known to be another', async () => {
    const fake = await startFake({ submit: 'taken_reset' });
    const stage = bench(fake);
    await submit(stage);
    stage.clock.advance(3_600_000);
    const told = await find(stage);
    expect(told).toMatchObject(UNKNOWN);
    expect(JSON.stringify(told)).not.toContain('5678901234567890');
    expect(await find(stage, [fake.tasks[0]?.id ?? ''])).toMatchObject(failed('provider'));
    expect(await find({ ...stage, order: WAN_27 })).toMatchObject(failed('provider'));
  });

  test('does not tell while it cannot be asked', async () => {
    for (const list of ['server', 'html', 'reset', 'empty'] as const) {
      const stage = bench(await startFake({ list }));
      stage.clock.advance(3_600_000);
      expect(await find(stage)).toMatchObject(UNKNOWN);
    }
  });
});
