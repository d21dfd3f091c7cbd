// Leonardo.Ai: its adapter over a real socket against the fake, and every way in which it can go wrong.
import { afterAll, describe, expect, test } from 'bun:test';
import { startLeonardoFake, type LeonardoFake, type LeonardoFaults } from '../fakes/leonardo.ts';
import { createLeonardo } from '../../src/providers/leonardo.ts';
import type { AttemptOutcome, Order } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBench } from './adapter-bench.ts';

const wall = createManualClock();
const session = { token: 'session-canary-41', cookie: 'sid=cookie-canary-42' };
const fakes: LeonardoFake[] = [];
afterAll(() => fakes.forEach((fake) => fake.close()));

async function startFake(options: { session?: typeof session } = {}): Promise<LeonardoFake> {
  const fake = await startLeonardoFake({ now: wall.now, apiKey: TEST_KEY, ...options });
  fakes.push(fake);
  return fake;
}

const IMAGE: Order = {
  model: 'openai/gpt-image-2',
  type: 'image',
  prompt: 'a pier at dawn',
  width: 1376,
  height: 768,
  quality: 'LOW',
};
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
const REFERENCE = { bytes: tinyPng(640, 480), contentType: 'image/png', strength: 'HIGH' } as const;

type Options = Partial<Parameters<typeof openAdapterBench>[0]>;

function bench(fake: LeonardoFake, order: Order, options: Options = {}): AdapterBench {
  const provider = createLeonardo();
  return openAdapterBench({ provider, baseUrl: fake.baseUrl, order, giveUp: fake.stalled, ...options });
}

function submit({ provider, order, context }: AdapterBench): Promise<AttemptOutcome> {
  return provider.submit(order, 'att_1', context);
}

/** What an order comes to that was taken and is polled until it ends or is not to be had. */
async function carryOut(stage: AdapterBench): Promise<AttemptOutcome> {
  let outcome = await submit(stage);
  for (let polls = 0; outcome.kind === 'pending' && polls < 10; polls++) {
    stage.clock.advance(outcome.pollAt - stage.clock.now());
    outcome = await stage.provider.poll(outcome.providerJobId, stage.context);
  }
  return outcome;
}

const calm = await startFake();
const refusing = await startFake();
refusing.faults.create = 'error-tokens';
const moderating = await startFake();
moderating.faults.create = 'error-moderation-word';
const failing = await startFake();
failing.faults.poll = 'failed';

const SCENES: Record<Scenario, () => AdapterBench> = {
  image: () => bench(calm, IMAGE),
  video: () => bench(calm, VIDEO),
  'with reference': () => bench(calm, { ...VIDEO, reference: REFERENCE }),
  fails: () => bench(failing, IMAGE),
  refuses: () => bench(refusing, IMAGE),
  rejects: () => bench(moderating, IMAGE),
};

providerContract({
  name: 'leonardo',
  open: (scenario) => SCENES[scenario](),
  strangeJobId: 'image.8d1f4c1e-0000-4000-8000-000000000000',
  isDeterministic: false,
});

type Ending = { kind: string; code?: string; fault?: string; retryAt?: number };

describe('an order that is not taken', () => {
  const cases: [NonNullable<LeonardoFaults['create']>, Ending][] = [
    ['error-key', { kind: 'failed', code: 'provider_error', fault: 'credential' }],
    ['error-hook', { kind: 'failed', code: 'provider_error', fault: 'credential' }],
    ['error-tokens', { kind: 'failed', code: 'provider_error', fault: 'balance' }],
    ['error-rate', { kind: 'failed', code: 'provider_error', fault: 'rate' }],
    ['error-model', { kind: 'failed', code: 'provider_error', fault: 'model' }],
    ['error-moderation', { kind: 'rejected', code: 'content_policy_violation' }],
    ['error-moderation-word', { kind: 'rejected', code: 'content_policy_violation' }],
    ['error-init-image', { kind: 'rejected', code: 'file_load_error' }],
    ['error-service', { kind: 'unknown' }],
    ['error-internal', { kind: 'unknown' }],
    ['reset', { kind: 'unknown' }],
    ['hang', { kind: 'unknown' }],
    ['html', { kind: 'unknown' }],
    ['empty', { kind: 'unknown' }],
    ['not_json', { kind: 'unknown' }],
    ['enormous', { kind: 'unknown' }],
    ['slow', { kind: 'unknown' }],
  ];
  for (const [fault, ending] of cases) {
    test(`${fault}: ${Object.values(ending).join(', ')}`, async () => {
      const fake = await startFake();
      fake.faults.create = fault;
      expect(await submit(bench(fake, IMAGE))).toMatchObject(ending);
      expect(fake.generations).toHaveLength(0);
    });
  }

  test('is tried again when the provider says so', async () => {
    const fake = await startFake();
    fake.faults.create = 'error-rate-later';
    const stage = bench(fake, IMAGE);
    expect(await submit(stage)).toMatchObject({ fault: 'rate', retryAt: stage.clock.now() + 17_000 });
  });

  test('was certainly not sent when nobody listens', async () => {
    const fake = await startFake();
    fake.close();
    expect(await submit(bench(fake, IMAGE))).toMatchObject({ kind: 'failed', fault: 'provider' });
  });

  test('is our fault when a field is wrong, whatever the status', async () => {
    const outcome = await submit(bench(calm, { ...IMAGE, width: 1375 }));
    expect(outcome).toMatchObject({ kind: 'rejected', code: 'invalid_input' });
  });

  test('does not blame the key for a wrong address', async () => {
    const outcome = await submit(bench(calm, IMAGE, { baseUrl: `${calm.origin}/api` }));
    expect(outcome).toMatchObject({ kind: 'failed', fault: 'provider' });
  });

  test('tells neither keys nor ids of accounts', async () => {
    const fake = await startFake();
    fake.faults.create = 'error-tokens';
    const outcome = await submit(bench(fake, IMAGE));
    expect(JSON.stringify(outcome)).toContain('not enough api tokens');
    expect(JSON.stringify(outcome)).not.toContain(fake.userId);
  });
});

describe('an order that was taken', () => {
  for (const fault of [
    'error-service',
    'error-service-words',
    'reset',
    'hang',
    'html',
    'empty',
    'not_json',
    'slow',
  ] as const) {
    test(`is of unknown outcome when the answer is lost: ${fault}`, async () => {
      const fake = await startFake();
      fake.faults.created = fault;
      const stage = bench(fake, VIDEO);
      expect((await submit(stage)).kind).toBe('unknown');
      expect(fake.generations).toHaveLength(1);
    });
  }

  const shapes = [
    ['nested', 'DOLLARS', { amount: '0.0147', unit: 'USD' }],
    ['nested', 'CREDITS', { amount: '0.0147', unit: 'credits' }],
    ['nested', 'none', undefined],
    ['nested', 'new', undefined],
    ['flat', 'CREDITS', { amount: '14', unit: 'credits' }],
    ['flat', 'none', undefined],
    ['data', 'DOLLARS', { amount: '0.0147', unit: 'USD' }],
    ['array', 'DOLLARS', { amount: '0.0147', unit: 'USD' }],
  ] as const;
  for (const [shape, unit, cost] of shapes) {
    test(`is understood in the ${shape} shape, and costs ${cost?.unit ?? 'what nobody says'} (${unit})`, async () => {
      const fake = await startFake();
      Object.assign(fake.how, { shape, unit });
      const outcome = await submit(bench(fake, IMAGE));
      const providerJobId = `image.${fake.generations[0]?.id ?? ''}`;
      expect(outcome).toMatchObject({ kind: 'pending', providerJobId });
      expect(outcome).toHaveProperty(cost === undefined ? 'kind' : 'cost', cost ?? 'pending');
      if (cost === undefined) expect(outcome).not.toHaveProperty('cost');
    });
  }

  const endings: [NonNullable<LeonardoFaults['poll']>, Ending][] = [
    ['failed', { kind: 'failed', code: 'provider_error' }],
    ['no_output', { kind: 'failed', code: 'provider_error' }],
    ['late_output', { kind: 'completed' }],
    ['film_late', { kind: 'completed' }],
    ['nsfw', { kind: 'rejected', code: 'content_policy_violation' }],
    ['unknown_state', { kind: 'pending' }],
    ['error-key', { kind: 'unreachable' }],
    ['error-service', { kind: 'unreachable' }],
    ['error-rate', { kind: 'unreachable' }],
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
      const fake = await startFake();
      fake.faults.poll = fault;
      expect(await carryOut(bench(fake, VIDEO))).toMatchObject(ending);
      expect(fake.generations).toHaveLength(1);
    });
  }

  test('says exactly what was ordered, one of it and not for the public', async () => {
    const fake = await startFake();
    await submit(bench(fake, IMAGE));
    await submit(bench(fake, VIDEO));
    const [image, film] = fake.generations;
    const common = { prompt: 'a pier at dawn', quantity: 1 };
    expect(image).toMatchObject({ model: 'gpt-image-2', isPublic: false });
    expect(image?.parameters).toEqual({
      ...common,
      width: 1376,
      height: 768,
      quality: 'LOW',
      prompt_enhance: 'OFF',
    });
    expect(film).toMatchObject({ model: 'seedance-2.0-fast', isPublic: false });
    const sound = { duration: 5, motion_has_audio: true, seed: 7 };
    expect(film?.parameters).toEqual({ ...common, width: 1280, height: 720, ...sound });
  });

  test('asks three times for what is late, and no longer', async () => {
    const fake = await startFake();
    fake.faults.poll = 'no_output';
    await carryOut(bench(fake, IMAGE));
    expect(fake.generations[0]?.polls).toBe(1 + 4);
  });

  test('waits as long as the provider asks for', async () => {
    const fake = await startFake();
    const stage = bench(fake, IMAGE);
    const taken = await submit(stage);
    fake.faults.poll = 'error-rate-later';
    const outcome = await stage.provider.poll(
      'providerJobId' in taken ? taken.providerJobId : '',
      stage.context,
    );
    expect(outcome).toMatchObject({ kind: 'unreachable', retryAt: stage.clock.now() + 17_000 });
  });

  test('is polled sooner for an image than for a film, and less often as it ages', async () => {
    for (const [order, waits] of [
      [IMAGE, [3000, 3000, 5000]],
      [VIDEO, [10_000, 8000, 10_000]],
    ] as const) {
      const stage = bench(calm, order);
      const taken = await submit(stage);
      if (taken.kind !== 'pending') throw new Error('it was not taken');
      const first = await stage.provider.poll(taken.providerJobId, stage.context);
      const generation = calm.generations.at(-1);
      if (generation === undefined) throw new Error('there is no generation');
      generation.polls = 0;
      generation.createdAt -= 180_000;
      const later = await stage.provider.poll(taken.providerJobId, stage.context);
      const pollAt = [taken, first, later].map((outcome) => ('pollAt' in outcome ? outcome.pollAt : 0));
      expect(pollAt.map((at) => at - stage.clock.now())).toEqual([...waits]);
    }
  });

  test('is fetched from the hosts of the provider only', async () => {
    const fake = await startFake();
    fake.faults.poll = 'foreign_host';
    const stage = bench(fake, IMAGE);
    const ended = await carryOut(stage);
    const [output] = ended.kind === 'completed' ? ended.outputs : [];
    if (output === undefined) throw new Error('there is no output');
    expect(stage.provider.openOutput(output, IMAGE, stage.context)).rejects.toThrow(
      'no host of the provider',
    );
  });

  test('is no generation when its id is nonsense', async () => {
    const { provider, context } = bench(calm, IMAGE);
    for (const id of ['', 'image', 'image.', 'sound.x', 'image.a/../me', '../me']) {
      expect(await provider.poll(id, context)).toMatchObject({ kind: 'failed' });
    }
  });
});

describe('a reference', () => {
  test('is uploaded to the storage, used and deleted at the end', async () => {
    for (const order of [IMAGE, VIDEO]) {
      const fake = await startFake();
      const stage = bench(fake, { ...order, reference: REFERENCE });
      const taken = await submit(stage);
      const [id = '', bytes] = [...fake.uploads].flat();
      expect(bytes).toEqual(new Uint8Array(REFERENCE.bytes));
      const item = { image: { id, type: 'UPLOADED' }, ...(order === VIDEO ? { strength: 'HIGH' } : {}) };
      expect(fake.generations[0]?.parameters['guidances']).toEqual({ image_reference: [item] });
      expect(taken).toMatchObject({ kind: 'pending' });
      expect((await carryOut(stage)).kind).toBe('completed');
      expect(fake.deleted).toHaveLength(1);
    }
  });

  test('is sent without its strength to whoever does not know that any more', async () => {
    const fake = await startFake();
    fake.how.knowsStrength = false;
    expect((await submit(bench(fake, { ...VIDEO, reference: REFERENCE }))).kind).toBe('pending');
    expect(fake.generations).toHaveLength(1);
    expect(JSON.stringify(fake.generations[0]?.parameters)).not.toContain('strength');
  });

  test('is uploaded when the fields of the form come as an object, too', async () => {
    const fake = await startFake();
    fake.how.fieldsAreText = false;
    expect((await submit(bench(fake, { ...IMAGE, reference: REFERENCE }))).kind).toBe('pending');
  });

  const faults: [Partial<LeonardoFaults>, Ending][] = [
    [{ initImage: 'error-key' }, { kind: 'failed', fault: 'credential' }],
    [{ initImage: 'error-extension' }, { kind: 'rejected', code: 'file_load_error' }],
    [{ initImage: 'error-rate' }, { kind: 'failed', fault: 'rate' }],
    [{ initImage: 'error-service' }, { kind: 'failed', fault: 'provider' }],
    [{ initImage: 'html' }, { kind: 'failed', fault: 'provider' }],
    [{ initImage: 'reset' }, { kind: 'failed', fault: 'provider' }],
    [{ storage: 'expired' }, { kind: 'failed', fault: 'provider' }],
    [{ storage: 'reset' }, { kind: 'failed', fault: 'provider' }],
    [{ storage: 'hang' }, { kind: 'failed', fault: 'provider' }],
    [{ storage: 'html' }, { kind: 'failed', fault: 'provider' }],
  ];
  for (const [fault, ending] of faults) {
    test(`that is not taken orders nothing: ${JSON.stringify(fault)}`, async () => {
      const fake = await startFake();
      Object.assign(fake.faults, fault);
      expect(await submit(bench(fake, { ...IMAGE, reference: REFERENCE }))).toMatchObject(ending);
      expect(fake.generations).toHaveLength(0);
    });
  }

  test('does not stay when the order is refused', async () => {
    const fake = await startFake();
    fake.faults.create = 'error-moderation';
    await submit(bench(fake, { ...IMAGE, reference: REFERENCE }));
    expect([fake.deleted.length, fake.uploads.size]).toEqual([1, 0]);
  });
});
