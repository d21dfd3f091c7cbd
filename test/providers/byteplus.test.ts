// BytePlus ModelArk: its adapter over a real socket against the fake, and every way in which it can go wrong.
import { afterAll, describe, expect, test } from 'bun:test';
import { startByteplusFake, type ByteplusFake, type ByteplusFaults } from '../fakes/byteplus.ts';
import { createByteplus } from '../../src/providers/byteplus.ts';
import type { AttemptOutcome, Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBench } from './adapter-bench.ts';

const wall = createManualClock();
const fakes: ByteplusFake[] = [];
afterAll(() => fakes.forEach((fake) => fake.close()));

async function startFake(faults: Partial<ByteplusFaults> = {}): Promise<ByteplusFake> {
  const fake = await startByteplusFake({ now: wall.now, apiKey: TEST_KEY });
  fakes.push(fake);
  Object.assign(fake.faults, faults);
  return fake;
}

const VIDEO: Order = {
  model: 'bytedance/seedance-2.0-fast',
  type: 'video',
  prompt: 'a pier at dawn',
  width: 1280,
  height: 720,
  durationSeconds: 5,
  hasAudio: true,
  seed: 7,
};
const IMAGE: Order = {
  model: 'bytedance/seedream-4.0',
  type: 'image',
  prompt: 'a pier at dawn',
  width: 1312,
  height: 736,
};
const REFERENCE = { bytes: tinyPng(640, 480), contentType: 'image/png', strength: 'HIGH' } as const;
const CALLBACK = 'https://gateway.example/callbacks/secret';

type Options = Partial<Parameters<typeof openAdapterBench>[0]>;

function bench(fake: ByteplusFake, order: Order, options: Options = {}): AdapterBench {
  const { baseUrl, stalled: giveUp } = fake;
  return openAdapterBench({ provider: createByteplus(), baseUrl, order, giveUp, ...options });
}

function submit({ provider, order, context }: AdapterBench, attemptId = 'att_1'): Promise<AttemptOutcome> {
  return provider.submit(order, attemptId, context);
}

async function carryOut(stage: AdapterBench): Promise<AttemptOutcome> {
  let outcome = await submit(stage);
  for (let polls = 0; outcome.kind === 'pending' && polls < 10; polls++) {
    stage.clock.advance(outcome.pollAt - stage.clock.now());
    outcome = await stage.provider.poll(outcome.providerJobId, stage.context);
  }
  return outcome;
}

const calm = await startFake();
const refusing = await startFake({ create: 'error-overdue' });
const moderating = await startFake({ create: 'error-prompt' });
const failing = await startFake({ poll: 'failed' });

const SCENES: Record<Scenario, () => AdapterBench> = {
  image: () => bench(calm, IMAGE),
  video: () => bench(calm, VIDEO),
  'with reference': () => bench(calm, { ...VIDEO, reference: REFERENCE }),
  fails: () => bench(failing, VIDEO),
  refuses: () => bench(refusing, IMAGE),
  rejects: () => bench(moderating, VIDEO),
};

providerContract({
  name: 'byteplus',
  open: (scenario) => SCENES[scenario](),
  strangeJobId: 'cgt-20260101000000-zzzzz',
  isDeterministic: false,
});

type Ending = { kind: string; code?: string; fault?: string };

describe('an order that is not taken', () => {
  const cases: [NonNullable<ByteplusFaults['create']>, Ending][] = [
    ['error-key', { kind: 'failed', fault: 'credential' }],
    ['error-account', { kind: 'failed', fault: 'credential' }],
    ['error-overdue', { kind: 'failed', fault: 'balance' }],
    ['error-limit', { kind: 'failed', fault: 'balance' }],
    ['error-quota', { kind: 'failed', fault: 'balance' }],
    ['error-queue', { kind: 'failed', fault: 'rate' }],
    ['error-rate', { kind: 'failed', fault: 'rate' }],
    ['error-overload', { kind: 'failed', fault: 'provider' }],
    ['error-moderator', { kind: 'failed', fault: 'provider' }],
    ['error-not-open', { kind: 'failed', fault: 'model' }],
    ['error-access', { kind: 'failed', fault: 'model' }],
    ['error-endpoint', { kind: 'failed', fault: 'model' }],
    ['error-prompt', { kind: 'rejected', code: 'content_policy_violation' }],
    ['error-face', { kind: 'rejected', code: 'content_policy_violation' }],
    ['error-image', { kind: 'rejected', code: 'file_load_error' }],
    ['error-internal', { kind: 'unknown' }],
    ['reset', { kind: 'unknown' }],
    ['hang', { kind: 'unknown' }],
    ['html', { kind: 'unknown' }],
    ['empty', { kind: 'unknown' }],
    ['not_json', { kind: 'unknown' }],
    ['enormous', { kind: 'unknown' }],
    ['slow', { kind: 'unknown' }],
  ];
  for (const order of [VIDEO, IMAGE]) {
    for (const [fault, ending] of cases) {
      test(`${order.type}, ${fault}: ${Object.values(ending).join(', ')}`, async () => {
        const fake = await startFake({ create: fault });
        expect(await submit(bench(fake, order))).toMatchObject(ending);
        expect([fake.tasks.length, fake.pictures.length]).toEqual([0, 0]);
      });
    }
  }

  test('is tried again when the provider says so', async () => {
    const fake = await startFake({ create: 'error-rate' });
    fake.how.retryAfter = '17';
    const stage = bench(fake, VIDEO);
    expect(await submit(stage)).toMatchObject({ fault: 'rate', retryAt: stage.clock.now() + 17_000 });
  });

  test('was certainly not sent when nobody listens', async () => {
    const fake = await startFake();
    fake.close();
    expect(await submit(bench(fake, VIDEO))).toMatchObject({ kind: 'failed', fault: 'provider' });
  });

  test('tells neither keys nor numbers of accounts', async () => {
    const fake = await startFake({ create: 'error-not-open' });
    const outcome = JSON.stringify(await submit(bench(fake, VIDEO)));
    expect(outcome).toContain('has not activated the model');
    expect(outcome).not.toContain('2107624789');
  });

  test('is bad input when a field is wrong', async () => {
    for (const order of [
      { ...VIDEO, durationSeconds: 60 },
      { ...IMAGE, width: 100 },
    ]) {
      const outcome = await submit(bench(calm, order));
      expect(outcome).toMatchObject({ kind: 'rejected', code: 'invalid_input' });
    }
  });
});

describe('an order that was taken', () => {
  for (const fault of ['error-internal', 'reset', 'hang', 'html', 'empty', 'not_json', 'slow'] as const) {
    test(`is of unknown outcome when the answer is lost: ${fault}`, async () => {
      for (const order of [VIDEO, IMAGE]) {
        const fake = await startFake({ created: fault });
        expect((await submit(bench(fake, order))).kind).toBe('unknown');
        expect([...fake.tasks, ...fake.pictures]).toHaveLength(1);
      }
    });
  }

  const endings: [NonNullable<ByteplusFaults['poll']>, Ending][] = [
    ['failed', { kind: 'failed', code: 'provider_error' }],
    ['failed_in_words', { kind: 'failed', code: 'provider_error' }],
    ['moderated', { kind: 'rejected', code: 'content_policy_violation' }],
    ['mismatch', { kind: 'rejected', code: 'invalid_input' }],
    ['expired', { kind: 'failed', code: 'provider_timeout' }],
    ['cancelled', { kind: 'failed', code: 'provider_error' }],
    ['no_output', { kind: 'failed', code: 'provider_error' }],
    ['late_output', { kind: 'completed' }],
    ['link_object', { kind: 'completed' }],
    ['loud_state', { kind: 'completed' }],
    ['unknown_state', { kind: 'pending' }],
    ['error-key', { kind: 'unreachable' }],
    ['error-rate', { kind: 'unreachable' }],
    ['error-internal', { kind: 'unreachable' }],
    ['reset', { kind: 'unreachable' }],
    ['hang', { kind: 'unreachable' }],
    ['html', { kind: 'unreachable' }],
    ['empty', { kind: 'unreachable' }],
    ['not_json', { kind: 'unreachable' }],
    ['enormous', { kind: 'unreachable' }],
    ['slow', { kind: 'unreachable' }],
  ];
  for (const [fault, ending] of endings) {
    test(`and is polled: ${fault} means ${Object.values(ending).join(', ')}`, async () => {
      const fake = await startFake({ poll: fault });
      const outcome = await carryOut(bench(fake, VIDEO));
      expect(outcome).toMatchObject(ending);
      expect(JSON.stringify(outcome)).not.toContain('2107624789');
      expect(fake.tasks).toHaveLength(1);
    });
  }

  for (const [fault, ending] of [
    ['none', { kind: 'failed', fault: 'provider' }],
    ['failed', { kind: 'failed', fault: 'provider' }],
    ['moderated', { kind: 'rejected', code: 'content_policy_violation' }],
  ] as const) {
    test(`and comes without a picture: ${fault}`, async () => {
      const fake = await startFake({ picture: fault });
      expect(await submit(bench(fake, IMAGE))).toMatchObject(ending);
      expect(fake.pictures).toHaveLength(1);
    });
  }

  test('says exactly what was ordered, and no more than the model knows', async () => {
    const fake = await startFake();
    await submit(bench(fake, { ...VIDEO, reference: REFERENCE }, { callbackUrl: CALLBACK }));
    const image_url = { url: `data:image/png;base64,${Buffer.from(REFERENCE.bytes).toString('base64')}` };
    expect(fake.tasks[0]?.body).toEqual({
      model: 'dreamina-seedance-2-0-fast-260128',
      content: [
        { type: 'text', text: VIDEO.prompt },
        { type: 'image_url', image_url, role: 'reference_image' },
      ],
      resolution: '720p',
      ratio: '16:9',
      duration: 5,
      generate_audio: true,
      watermark: false,
      execution_expires_after: expect.any(Number),
      callback_url: CALLBACK,
    });
    const first = { ...VIDEO, model: 'bytedance/seedance-1.0-pro', width: 1248, height: 704 };
    await submit(bench(fake, { ...first, reference: REFERENCE }));
    const body = fake.tasks[1]?.body ?? {};
    expect(body).toMatchObject({ seed: 7, resolution: '720p', ratio: '16:9' });
    expect(body).not.toHaveProperty('generate_audio');
    expect(JSON.stringify(body)).toContain('first_frame');
    await submit(bench(fake, { ...IMAGE, reference: REFERENCE }));
    expect(fake.pictures[0]).toMatchObject({ size: '1312x736', watermark: false, image: [image_url.url] });
  });

  test('costs what its tokens cost by the list', async () => {
    const outcome = await carryOut(bench(calm, VIDEO));
    expect(outcome).toMatchObject({ cost: { amount: '0.60984', unit: 'USD' } });
  });

  test('is polled less often as it ages', async () => {
    const fake = await startFake({ poll: 'unknown_state' });
    const stage = bench(fake, VIDEO);
    const taken = await submit(stage);
    const waits: number[] = [];
    for (const ageMs of [0, 60_000, 300_000]) {
      const [task] = fake.tasks;
      if (task === undefined || taken.kind !== 'pending') throw new Error('it was not taken');
      task.createdAt = stage.clock.now() - ageMs;
      const outcome = await stage.provider.poll(taken.providerJobId, stage.context);
      waits.push('pollAt' in outcome ? outcome.pollAt - stage.clock.now() : 0);
    }
    expect(waits).toEqual([5000, 10_000, 15_000]);
  });

  test('is fetched from the hosts of the provider only', async () => {
    const fake = await startFake({ poll: 'foreign_host' });
    const stage = bench(fake, VIDEO);
    const ended = await carryOut(stage);
    const [output] = ended.kind === 'completed' ? ended.outputs : [];
    if (output === undefined) throw new Error('there is no output');
    const opening = stage.provider.openOutput(output, VIDEO, stage.context);
    expect(await opening.then(String, String)).toContain('no host of the provider');
  });

  test('is no task when its id is nonsense', async () => {
    const { provider, context } = bench(calm, VIDEO);
    for (const id of ['', '../tasks', 'a b', 'x?y']) {
      expect(await provider.poll(id, context)).toMatchObject({ kind: 'failed' });
      expect(await provider.cancel?.(id, context)).toBe(false);
    }
  });
});

describe('stopping', () => {
  test('is for what is queued, and never deletes what has ended', async () => {
    const fake = await startFake();
    const stage = bench(fake, VIDEO);
    const taken = await submit(stage);
    if (taken.kind !== 'pending') throw new Error('it was not taken');
    const [task] = fake.tasks;
    if (task === undefined) throw new Error('there is no task');
    for (const status of ['running', 'succeeded', 'failed', 'expired', 'cancelled']) {
      task.status = status;
      expect(await stage.provider.cancel?.(taken.providerJobId, stage.context)).toBe(false);
      expect(fake.tasks).toHaveLength(1);
    }
  });

  for (const fault of ['error-not-cancelable', 'error-internal', 'reset', 'hang'] as const) {
    test(`has not happened when nothing says so: ${fault}`, async () => {
      const fake = await startFake({ remove: fault });
      const stage = bench(fake, VIDEO);
      const taken = await submit(stage);
      const id = taken.kind === 'pending' ? taken.providerJobId : '';
      expect(await stage.provider.cancel?.(id, stage.context)).toBe(false);
    });
  }
});
