// Kling: its adapter over a real socket against the fake, and every way in which it can go wrong.
import { afterAll, describe, expect, test } from 'bun:test';
import { createKling } from '../../src/providers/kling.ts';
import type { Credential, Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startKlingFake, type KlingFake, type KlingFaults } from '../fakes/kling.ts';
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
const fakes = createFakes(() => startKlingFake({ apiKey: TEST_KEY, now: wall.now }));
const startFake = fakes.start;
afterAll(fakes.close);

const FILM: Order = {
  model: 'kling/kling-3.0',
  type: 'video',
  prompt: 'a pier at dawn',
  width: 1280,
  height: 720,
  durationSeconds: 5,
  hasAudio: true,
};
const LEGACY: Order = { ...FILM, model: 'kling/kling-2.6', width: 1920, height: 1080 };
const WIDE = { width: 1920, height: 1080 };

function bench(fake: KlingFake, order: Order = FILM, options: Options = {}): AdapterBench {
  return benchAt(fake, { provider: createKling(), order, ...options });
}

const calm = await startFake();
const failing = await startFake({ poll: 'failed' });
const refusing = await startFake({ submit: '1102' });
const rejecting = await startFake({ submit: '1301' });

for (const [name, order] of [
  ['kling', FILM],
  ['kling, legacy', LEGACY],
] as const) {
  const scenes: Record<Scenario, (() => AdapterBench) | null> = {
    image: null,
    video: () => bench(calm, { ...order, width: 1080, height: 1920 }),
    'with reference': () => bench(calm, { ...order, reference: REFERENCE, ...WIDE }),
    fails: () => bench(failing, order),
    refuses: () => bench(refusing, order),
    rejects: () => bench(rejecting, order),
  };
  providerContract({
    name,
    open: (scenario) => scenes[scenario]?.() ?? null,
    strangeJobId: order === FILM ? 'tasks.893605946402000000' : 'text2video.893605946402000000',
    isDeterministic: false,
  });
}

describe('an order that Kling does not take, or does not say so', () => {
  const cases: [NonNullable<KlingFaults['submit']>, Ending, number][] = [
    ['1002', failed('credential'), 0],
    ['1101', failed('balance'), 0],
    ['1102', failed('balance'), 0],
    ['1103', failed('model'), 0],
    ['1203', failed('model'), 0],
    ['1301', { kind: 'rejected', code: 'content_policy_violation' }, 0],
    ['1302', failed('rate'), 0],
    ['1303', failed('rate'), 0],
    ['doubled', UNKNOWN, 0],
    ['5000', UNKNOWN, 0],
    ['5001', UNKNOWN, 0],
    ...BAD.map((fault): [typeof fault, Ending, number] => [fault, UNKNOWN, 0]),
    ['taken_500', UNKNOWN, 1],
    ['taken_reset', UNKNOWN, 1],
    ['taken_hang', UNKNOWN, 1],
    ['taken_html', UNKNOWN, 1],
  ];
  for (const order of [FILM, LEGACY]) {
    for (const [fault, ending, taken] of cases) {
      test(`${order.model}, ${fault}: ${Object.values(ending).join(', ')}`, async () => {
        const fake = await startFake({ submit: fault });
        const told = await submit(bench(fake, order));
        expect(told).toMatchObject(ending);
        expect(fake.tasks).toHaveLength(taken);
        expect(JSON.stringify(told)).not.toContain(TEST_KEY);
      });
    }
  }

  test('is tried again when the provider says so, and nothing is made up otherwise', async () => {
    const stage = bench(await startFake({ submit: 'wait' }));
    expect(await submit(stage)).toMatchObject({ ...failed('rate'), retryAt: stage.clock.now() + 7000 });
    expect(await submit(bench(await startFake({ submit: '1303' })))).not.toHaveProperty('retryAt');
  });

  test('an unknown parameter is the order’s fault, and another key the credential’s', async () => {
    const fake = await startFake();
    const wrong = { ...FILM, durationSeconds: 16 };
    expect(await submit(bench(fake, wrong))).toMatchObject({ kind: 'rejected', code: 'invalid_input' });
    const credential: Credential = { kind: 'api_key', apiKey: 'another' };
    expect(await submit(bench(fake, FILM, { credential }))).toMatchObject(failed('credential'));
    expect(fake.tasks).toHaveLength(0);
  });

  test('nobody listens: it was certainly not taken', async () => {
    const gone = await startFake();
    gone.close();
    expect(await submit(bench(gone))).toMatchObject(failed('provider'));
  });
});

describe('a task of Kling', () => {
  const cases: [NonNullable<KlingFaults['poll']>, Ending][] = [
    ['failed', failed('provider')],
    ['risk', { kind: 'rejected', code: 'content_policy_violation' }],
    ['no_output', failed('provider')],
    ['late_output', { kind: 'completed' }],
    ['unknown_state', { kind: 'pending' }],
    ['1203', failed('provider')],
    ['1002', { kind: 'unreachable' }],
    ['1302', { kind: 'unreachable' }],
    ['5000', { kind: 'unreachable' }],
    ...BAD.map((fault): [typeof fault, Ending] => [fault, { kind: 'unreachable' }]),
  ];
  for (const order of [FILM, LEGACY]) {
    for (const [fault, ending] of cases) {
      test(`${order.model}, ${fault}: ${Object.values(ending).join(', ')}`, async () => {
        const fake = await startFake({ poll: fault });
        expect(await carryOut(bench(fake, order))).toMatchObject(ending);
        expect(fake.tasks).toHaveLength(1);
      });
    }
  }

  test('says what it has cost: in units, in money, or not', async () => {
    const fake = await startFake();
    expect(await carryOut(bench(fake))).toMatchObject({ cost: { amount: '3', unit: 'credits' } });
    expect(await carryOut(bench(await startFake(), LEGACY))).toMatchObject({
      cost: { amount: '3.5', unit: 'credits' },
    });
    const paid = await startFake();
    paid.how.billing = 'USD';
    expect(await carryOut(bench(paid))).toMatchObject({ cost: { amount: '0.42', unit: 'USD' } });
    const free = await startFake();
    free.how.billing = 'none';
    expect(await carryOut(bench(free))).not.toHaveProperty('cost');
  });

  test('an output at a foreign host is not fetched', async () => {
    const stage = bench(await startFake({ poll: 'foreign_host' }));
    const done = await carryOut(stage);
    const [output] = done.kind === 'completed' ? done.outputs : [];
    if (output === undefined) throw new Error('there is no output');
    expect(stage.provider.openOutput(output, FILM, stage.context)).rejects.toThrow('no host of the provider');
  });

  test('an id in no form of its own is not asked for', async () => {
    const { provider, context } = bench(await startFake({ poll: 'reset' }));
    for (const id of ['', 'tasks', 'tasks.1&x=2', 'lipsync.1', 'tasks.']) {
      expect(await provider.poll(id, context)).toMatchObject(failed('provider'));
    }
  });
});

describe('what Kling is asked for', () => {
  test('a path of its own for each newer model, and settings that it knows', async () => {
    const fake = await startFake();
    await submit(bench(fake, FILM, { callbackUrl: 'https://gateway.example/callbacks/1' }));
    expect(fake.tasks[0]?.body).toEqual({
      prompt: 'a pier at dawn',
      settings: { resolution: '720p', aspect_ratio: '16:9', duration: 5, audio: 'native' },
      options: {
        external_task_id: ATTEMPT_ID,
        watermark_info: { enabled: false },
        callback_url: 'https://gateway.example/callbacks/1',
      },
    });
  });

  test('a reference as the first frame, bare, without the ratio that it has itself', async () => {
    const fake = await startFake();
    await submit(bench(fake, { ...FILM, reference: REFERENCE }));
    const frame = { type: 'first_frame', url: Buffer.from(REFERENCE.bytes).toString('base64') };
    expect(fake.tasks[0]?.body).toMatchObject({ contents: [{ type: 'prompt' }, frame] });
    expect(fake.tasks[0]?.body['settings']).toEqual({ resolution: '720p', duration: 5, audio: 'native' });
    await submit(bench(await startFake(), { ...LEGACY, reference: REFERENCE }));
  });

  test('the older ones by their name, with everything as text', async () => {
    const fake = await startFake();
    await submit(bench(fake, LEGACY, { callbackUrl: 'https://gateway.example/callbacks/1' }));
    expect(fake.tasks[0]?.body).toEqual({
      ...{ model_name: 'kling-v2-6', prompt: 'a pier at dawn', mode: 'pro', duration: '5', sound: 'on' },
      ...{ aspect_ratio: '16:9', external_task_id: ATTEMPT_ID },
    });
  });

  for (const model of Object.keys(createKling().upstream?.models ?? {})) {
    test(`${model} is made`, async () => {
      const order = {
        ...FILM,
        model,
        width: 1440,
        height: 1440,
        hasAudio: model !== 'kling/kling-2.5-turbo',
      };
      const stage = bench(await startFake(), order);
      expect(stage.provider.canTake(order)).toBe(true);
      expect(await carryOut(stage)).toMatchObject({ kind: 'completed' });
    });
  }

  test('what it cannot make is known without asking', () => {
    const { canTake } = createKling();
    const cannot: Partial<Order>[] = [
      { model: 'kling/kling-1.0' },
      { type: 'image' },
      { seed: 7 },
      { width: 1281 },
      { durationSeconds: 2 },
      { durationSeconds: 16 },
      { prompt: 'a'.repeat(2501) },
      { reference: { ...REFERENCE, contentType: 'image/webp' } },
      { model: 'kling/kling-2.6' },
      { model: 'kling/kling-2.6', hasAudio: false, durationSeconds: 6 },
      { model: 'kling/kling-2.6', hasAudio: false, width: 3840, height: 2160 },
      { model: 'kling/kling-2.5-turbo' },
      { model: 'kling/kling-3.0-turbo', hasAudio: false },
    ];
    expect(cannot.filter((change) => canTake({ ...FILM, ...change }))).toEqual([]);
    expect(canTake({ ...FILM, hasAudio: false })).toBe(true);
  });
});
