// An account at BytePlus ModelArk or its twin in China: whether its key works, what became of a submit whose answer was
// lost, what a callback is about, and which orders it can take at all.
import { afterAll, describe, expect, test } from 'bun:test';
import { startByteplusFake, type ByteplusFake, type ByteplusFaults } from '../fakes/byteplus.ts';
import { createByteplus } from '../../src/providers/byteplus.ts';
import { estimateCost } from '../../src/providers/cost.ts';
import type { AttemptOutcome, Order, ProviderContext, Verified } from '../../src/providers/provider.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openAdapterBench, TEST_KEY, type AdapterBench } from './adapter-bench.ts';

const MINUTE_MS = 60_000;
const CHINA = 'https://ark.cn-beijing.volces.com/api/v3';
const fakes: ByteplusFake[] = [];
afterAll(() => fakes.forEach((fake) => fake.close()));

const VIDEO: Order = {
  model: 'bytedance/seedance-2.0-fast',
  type: 'video',
  prompt: 'a pier at dawn',
  width: 1280,
  height: 720,
  durationSeconds: 5,
};
const IMAGE: Order = {
  model: 'bytedance/seedream-4.0',
  type: 'image',
  prompt: 'a pier',
  width: 2048,
  height: 2048,
};

type Scene = AdapterBench & { fake: ByteplusFake };

async function openScene(options: Partial<Parameters<typeof openAdapterBench>[0]> = {}): Promise<Scene> {
  const wall = createManualClock();
  const fake = await startByteplusFake({ now: wall.now, apiKey: TEST_KEY });
  fakes.push(fake);
  const { baseUrl, stalled: giveUp } = fake;
  const bench = openAdapterBench({ provider: createByteplus(), baseUrl, order: VIDEO, giveUp, ...options });
  return { ...bench, fake };
}

function verify({ provider, context }: AdapterBench): Promise<Verified> {
  return provider.upstream?.verify(context) ?? Promise.reject(new Error('it cannot verify'));
}

describe('a key', () => {
  test('works when it may list tasks; nobody tells a balance', async () => {
    expect(await verify(await openScene())).toEqual({
      kind: 'ok',
      remoteId: null,
      balance: null,
      slots: null,
    });
  });

  const faults: [NonNullable<ByteplusFaults['list']>, Verified['kind']][] = [
    ['error-key', 'refused'],
    ['error-account', 'refused'],
    ['error-overdue', 'refused'],
    ['error-access', 'refused'],
    ['error-rate', 'unreachable'],
    ['error-internal', 'unreachable'],
    ['html', 'unreachable'],
    ['empty', 'unreachable'],
    ['reset', 'unreachable'],
    ['hang', 'unreachable'],
  ];
  for (const [fault, kind] of faults) {
    test(`is ${kind} after ${fault}`, async () => {
      const scene = await openScene();
      scene.fake.faults.list = fault;
      const verified = await verify(scene);
      expect(verified).toMatchObject({ kind, reason: expect.stringMatching(/\S/) });
      expect(JSON.stringify(verified)).not.toContain('2107624789');
    });
  }
});

describe('what became of a submit', () => {
  type Sent = { sentAt?: number; attemptId?: string; taken?: ReadonlySet<string> };

  function find({ provider, context, clock, order }: Scene, sent: Sent = {}): Promise<AttemptOutcome> {
    const all = { attemptId: 'att_1', sentAt: clock.now(), ...sent };
    const found = provider.upstream?.findSubmitted?.(order, all, context);
    return found ?? Promise.reject(new Error('it cannot look'));
  }

  async function lose(scene: Scene, attemptId = 'att_1', order = VIDEO): Promise<string> {
    scene.fake.faults.created = 'reset';
    expect((await scene.provider.submit(order, attemptId, scene.context)).kind).toBe('unknown');
    return scene.fake.tasks.at(-1)?.id ?? '';
  }

  test('is found among the tasks by the mark of its attempt, and goes on from there', async () => {
    const scene = await openScene();
    const providerJobId = await lose(scene);
    await lose(scene, 'att_2');
    expect(await find(scene)).toMatchObject({ kind: 'pending', providerJobId });
    for (let polls = 0; polls < 2; polls++) await scene.provider.poll(providerJobId, scene.context);
    expect(await scene.provider.poll(providerJobId, scene.context)).toMatchObject({ kind: 'completed' });
  });

  test('is none of another model, another time or another attempt', async () => {
    const scene = await openScene();
    const id = await lose(scene);
    const [task] = scene.fake.tasks;
    if (task === undefined) throw new Error('there is no task');
    const { createdAt } = task;
    for (const ageMs of [2 * MINUTE_MS, -4 * MINUTE_MS]) {
      task.createdAt = createdAt - ageMs;
      expect(await find(scene)).toMatchObject({ kind: 'unknown' });
    }
    task.createdAt = createdAt;
    expect(await find(scene, { attemptId: 'att_2' })).toMatchObject({ kind: 'unknown' });
    expect(await find(scene, { taken: new Set([id]) })).toMatchObject({ kind: 'unknown' });
    const other = { ...scene, order: { ...VIDEO, model: 'bytedance/seedance-2.0-mini' } };
    expect(await find(other)).toMatchObject({ kind: 'unknown' });
    expect(await find(scene)).toMatchObject({ kind: 'pending' });
  });

  test('cannot be told when two are like it, or when the list does not say all', async () => {
    const scene = await openScene();
    await lose(scene);
    await lose(scene);
    expect(await find(scene)).toMatchObject({ kind: 'unknown' });
    scene.fake.tasks.length = 0;
    scene.fake.how.listTotal = 501;
    expect(await find(scene, { sentAt: scene.clock.now() - 3 * MINUTE_MS })).toMatchObject({
      kind: 'unknown',
    });
  });

  test('is certainly nothing only when the provider has had time to list it', async () => {
    const scene = await openScene();
    const now = scene.clock.now();
    expect(await find(scene, { sentAt: now - MINUTE_MS })).toMatchObject({ kind: 'unknown' });
    expect(await find(scene, { sentAt: now - 2 * MINUTE_MS })).toMatchObject({ kind: 'failed' });
  });

  test('cannot be told of a picture', async () => {
    const scene = await openScene({ order: IMAGE });
    expect(await find(scene, { sentAt: 0 })).toMatchObject({ kind: 'unknown' });
  });

  for (const fault of ['error-key', 'error-rate', 'error-internal', 'html', 'reset', 'hang'] as const) {
    test(`cannot be told when there is no list: ${fault}`, async () => {
      const scene = await openScene();
      await lose(scene);
      scene.fake.faults.list = fault;
      expect(await find(scene, { sentAt: scene.clock.now() })).toMatchObject({ kind: 'unknown' });
    });
  }
});

describe('a callback', () => {
  const read = async (text: string) => {
    const { provider, context } = await openScene();
    const body = new TextEncoder().encode(text);
    return provider.upstream?.readCallback?.({ headers: {}, body }, context);
  };

  test('names the task that it is about, to be looked at', async () => {
    expect(await read('{"id":"cgt-1","status":"succeeded","content":{}}')).toBe('cgt-1');
  });

  test('is about nothing when it is none', async () => {
    const texts = [
      '',
      'null',
      '[]',
      '{}',
      '{"id":7}',
      '{"id":"../x"}',
      '{"id":""}',
      '\u0000',
      '{"id":"a b"}',
    ];
    expect(await Promise.all(texts.map(read))).toEqual(texts.map(() => null));
  });
});

describe('an account in China', () => {
  /** Its base URL is the one in China; what goes there is led to the fake. */
  async function openChina(order: Order): Promise<Scene> {
    const scene = await openScene({ order });
    scene.fake.how.isInChina = true;
    const { net } = scene.context;
    const destination = { kind: 'operator', origin: scene.fake.origin } as const;
    const led = <R extends { url: string }>(request: R): R => ({
      ...request,
      url: request.url.replace(CHINA, scene.fake.baseUrl),
      destination,
    });
    const context: ProviderContext = {
      ...scene.context,
      account: { ...scene.account, baseUrl: CHINA, destination: { kind: 'public' } },
      net: {
        fetch: (request) => net.fetch(led(request)),
        download: (request, sink) => net.download(led(request), sink),
      },
    };
    return { ...scene, context };
  }

  test('is spoken to in the ids of the place, and costs its money', async () => {
    const { provider, fake, context, clock } = await openChina(VIDEO);
    let outcome = await provider.submit(VIDEO, 'att_1', context);
    expect(fake.tasks[0]?.body).toMatchObject({ model: 'doubao-seedance-2-0-fast-260128' });
    for (let polls = 0; outcome.kind === 'pending' && polls < 5; polls++) {
      clock.advance(outcome.pollAt - clock.now());
      outcome = await provider.poll(outcome.providerJobId, context);
    }
    expect(outcome).toMatchObject({ kind: 'completed', cost: { amount: '4.0293', unit: 'CNY' } });
  });

  test('draws with the models of the place', async () => {
    for (const [model, raw] of [
      ['bytedance/seedream-5.0-pro', 'doubao-seedream-5-0-pro-260628'],
      ['bytedance/seedream-4.5', 'doubao-seedream-4-5-251128'],
    ] as const) {
      const order = { ...IMAGE, model };
      const { provider, fake, context } = await openChina(order);
      expect((await provider.submit(order, 'att_1', context)).kind).toBe('completed');
      expect(fake.pictures[0]).toMatchObject({ model: raw });
    }
  });
});

describe('an order', () => {
  const { canTake, upstream } = createByteplus();

  test('that fits is taken', async () => {
    const fits: Order[] = [
      VIDEO,
      { ...VIDEO, width: 496, height: 864, durationSeconds: 15 },
      { ...VIDEO, model: 'bytedance/seedance-2.5', width: 1920, height: 1080, durationSeconds: 30 },
      { ...VIDEO, model: 'bytedance/seedance-2.0', width: 3840, height: 2160 },
      { ...VIDEO, model: 'bytedance/seedance-1.0-pro-fast', width: 1920, height: 1080, durationSeconds: 2 },
      { ...VIDEO, model: 'bytedance/seedance-1.0-pro', width: 1920, height: 1088 },
      IMAGE,
      { ...IMAGE, model: 'bytedance/seedream-5.0-pro', width: 1024, height: 1024 },
      { ...IMAGE, model: 'bytedance/seedream-5.0-flash' },
      { ...IMAGE, model: 'bytedance/seedream-5.0-lite', width: 4096, height: 4096 },
      { ...IMAGE, model: 'bytedance/seedream-4.5', width: 1440, height: 2560 },
    ];
    for (const order of fits) {
      expect(canTake(order)).toBe(true);
      const { provider, context } = await openScene({ order });
      expect(await provider.submit(order, 'att_1', context)).not.toHaveProperty('code');
    }
  });

  test('that does not fit is for others', () => {
    const misfits: Order[] = [
      { ...VIDEO, model: 'kling/kling-3.0' },
      { ...VIDEO, model: 'constructor' },
      { ...VIDEO, width: 1281 },
      { ...VIDEO, width: 1920, height: 1080 },
      { ...VIDEO, durationSeconds: 3 },
      { ...VIDEO, durationSeconds: 16 },
      { ...VIDEO, type: 'image' },
      { ...IMAGE, type: 'video' },
      { ...IMAGE, width: 512, height: 512 },
      { ...IMAGE, width: 8192, height: 8192 },
      { ...IMAGE, width: 16_000, height: 900 },
      { ...IMAGE, model: 'bytedance/seedream-4.5', width: 1024, height: 1024 },
      { ...IMAGE, model: 'bytedance/seedream-5.0-pro', width: 4096, height: 4096 },
    ];
    expect(misfits.filter(canTake)).toEqual([]);
  });

  test('is estimated by the resolution, where a price was published', () => {
    const usd = (order: Order) => {
      const cost = upstream?.models[order.model]?.cost ?? null;
      return (estimateCost(cost, order)?.micros ?? Number.NaN) / 1_000_000;
    };
    expect(usd(VIDEO)).toBeCloseTo(0.609, 2);
    expect(usd({ ...VIDEO, width: 864, height: 496 })).toBeCloseTo(0.2815, 2);
    expect(usd({ ...VIDEO, model: 'bytedance/seedance-2.0', width: 1920, height: 1080 })).toBeCloseTo(
      1.885,
      2,
    );
    expect(usd({ ...VIDEO, model: 'bytedance/seedance-2.5', width: 1920, height: 1080 })).toBeNaN();
    expect(usd({ ...VIDEO, model: 'bytedance/seedance-1.0-pro-fast' })).toBeNaN();
    expect(usd({ ...IMAGE, model: 'bytedance/seedream-5.0-pro' })).toBe(0.09);
    expect(usd({ ...IMAGE, model: 'bytedance/seedream-5.0-pro', width: 1024, height: 1024 })).toBe(0.045);
  });
});
