// An account at Leonardo.Ai: whether its credential works and what it can spend, what became of a submit whose answer
// was lost, and which orders it can take at all.
import { afterAll, describe, expect, test } from 'bun:test';
import { startLeonardoFake, type LeonardoFake, type LeonardoFaults } from '../fakes/leonardo.ts';
import { createLeonardo } from '../../src/providers/leonardo.ts';
import type { AttemptOutcome, Order, Verified } from '../../src/providers/provider.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openAdapterBench, TEST_KEY, type AdapterBench } from './adapter-bench.ts';

const MINUTE_MS = 60_000;
const session = { token: 'session-canary-41', cookie: 'sid=cookie-canary-42' };
const fakes: LeonardoFake[] = [];
afterAll(() => fakes.forEach((fake) => fake.close()));

const IMAGE: Order = {
  model: 'openai/gpt-image-2',
  type: 'image',
  prompt: 'a pier at dawn',
  width: 1376,
  height: 768,
};
const VIDEO: Order = {
  ...IMAGE,
  model: 'bytedance/seedance-2.0-fast',
  type: 'video',
  width: 1280,
  height: 720,
  durationSeconds: 5,
};

type Scene = AdapterBench & { fake: LeonardoFake };
type Options = Partial<Parameters<typeof openAdapterBench>[0]> & { session?: typeof session };

async function openScene({ session: given, ...options }: Options = {}): Promise<Scene> {
  const wall = createManualClock();
  const signedIn = given === undefined ? {} : { session: given };
  const fake = await startLeonardoFake({ now: wall.now, apiKey: TEST_KEY, ...signedIn });
  fakes.push(fake);
  const { baseUrl, stalled: giveUp } = fake;
  const bench = openAdapterBench({ provider: createLeonardo(), baseUrl, order: IMAGE, giveUp, ...options });
  return { ...bench, fake };
}

function verify({ provider, context }: AdapterBench): Promise<Verified> {
  return provider.upstream?.verify(context) ?? Promise.reject(new Error('it cannot verify'));
}

describe('a credential', () => {
  test('that works tells who we are, what can be spent and how much at once', async () => {
    const scene = await openScene();
    const balance = { unit: 'credits', available: '1500', subscription: '1200', paid: '300' } as const;
    expect(await verify(scene)).toEqual({ kind: 'ok', remoteId: scene.fake.userId, balance, slots: 10 });
    Object.assign(scene.fake.balances, { subscription: 0.1, paid: 0.25 });
    expect(await verify(scene)).toMatchObject({ balance: { available: '0.35', paid: '0.25' } });
    scene.fake.balances.paid = null;
    expect(await verify(scene)).toMatchObject({ balance: { available: '0.1', paid: '0' } });
  });

  const faults: [NonNullable<LeonardoFaults['me']>, Verified['kind']][] = [
    ['error-key', 'refused'],
    ['error-hook', 'refused'],
    ['error-rate', 'unreachable'],
    ['error-service', 'unreachable'],
    ['html', 'unreachable'],
    ['nobody', 'unreachable'],
    ['reset', 'unreachable'],
    ['hang', 'unreachable'],
  ];
  for (const [fault, kind] of faults) {
    test(`is ${kind} after ${fault}`, async () => {
      const scene = await openScene();
      scene.fake.faults.me = fault;
      const verified = await verify(scene);
      expect(verified).toMatchObject({ kind, reason: expect.stringMatching(/\S/) });
    });
  }

  test('that is wrong is refused, and not repeated in the reason', async () => {
    const credential = { kind: 'api_key', apiKey: 'wrong-canary-9' } as const;
    const verified = await verify(await openScene({ credential }));
    expect(verified.kind).toBe('refused');
    expect(JSON.stringify(verified)).not.toContain('canary');
  });

  test('may be a session: its token, and its cookie where it has one', async () => {
    const whole = { kind: 'session', ...session } as const;
    const scene = await openScene({ session, credential: whole });
    expect((await verify(scene)).kind).toBe('ok');
    expect((await scene.provider.submit(IMAGE, 'att_1', scene.context)).kind).toBe('pending');
    const bare = await openScene({ session, credential: { ...whole, cookie: null } });
    expect(await verify(bare)).toMatchObject({ kind: 'refused' });
    expect(await bare.provider.submit(IMAGE, 'att_1', bare.context)).toMatchObject({ fault: 'credential' });
  });
});

describe('what became of a submit', () => {
  type Sent = { sentAt?: number; taken?: ReadonlySet<string> };

  function find({ provider, context, clock, order }: Scene, sent: Sent = {}): Promise<AttemptOutcome> {
    const found = provider.upstream?.findSubmitted?.(
      order,
      { attemptId: 'att_1', sentAt: clock.now(), ...sent },
      context,
    );
    return found ?? Promise.reject(new Error('it cannot look'));
  }

  async function lose(scene: Scene, order: Order = scene.order): Promise<string> {
    scene.fake.faults.created = 'reset';
    expect((await scene.provider.submit(order, 'att_1', scene.context)).kind).toBe('unknown');
    return scene.fake.generations.at(-1)?.id ?? '';
  }

  test('is found in the list, and goes on from there', async () => {
    for (const order of [IMAGE, VIDEO]) {
      const scene = await openScene({ order });
      const providerJobId = `${order.type}.${await lose(scene)}`;
      expect(await find(scene)).toMatchObject({ kind: 'pending', providerJobId });
      await scene.provider.poll(providerJobId, scene.context);
      expect(await scene.provider.poll(providerJobId, scene.context)).toMatchObject({ kind: 'completed' });
    }
  });

  test('needs no second look at who we are when that is known', async () => {
    const first = await openScene();
    await lose(first);
    first.fake.faults.me = 'error-key';
    expect((await find(first)).kind).toBe('unknown');
    const account = { ...first.account, remoteId: first.fake.userId };
    expect((await find({ ...first, context: { ...first.context, account } })).kind).toBe('pending');
  });

  test('is none of those that differ, are too old or too young, or belong to another attempt', async () => {
    const scene = await openScene();
    const id = await lose(scene);
    const [one] = scene.fake.generations;
    if (one === undefined) throw new Error('there is no generation');
    const now = scene.clock.now();
    for (const change of [
      { prompt: 'a pier at dusk' },
      { width: 1024 },
      { height: 1376 },
      { createdAt: now - 2 * MINUTE_MS },
      { createdAt: now + 3 * MINUTE_MS },
    ]) {
      scene.fake.generations[0] = { ...one, ...change };
      expect(await find(scene)).toMatchObject({ kind: 'unknown' });
    }
    scene.fake.generations[0] = one;
    expect(await find(scene)).toMatchObject({ kind: 'pending' });
    for (const taken of [`image.${id}`, `image.${id}.6f2c`]) {
      expect(await find(scene, { taken: new Set([taken]) })).toMatchObject({ kind: 'unknown' });
    }
  });

  test('is certainly nothing only when the provider has had time to list it', async () => {
    const scene = await openScene();
    const now = scene.clock.now();
    expect(await find(scene, { sentAt: now - MINUTE_MS })).toMatchObject({ kind: 'unknown' });
    expect(await find(scene, { sentAt: now - 2 * MINUTE_MS })).toMatchObject({ kind: 'failed' });
  });

  test('cannot be told when two are like it', async () => {
    const scene = await openScene();
    const [first, second] = [await lose(scene), await lose(scene)];
    expect(await find(scene)).toMatchObject({ kind: 'unknown' });
    const taken = new Set([`image.${first}`]);
    expect(await find(scene, { taken })).toMatchObject({ kind: 'pending', providerJobId: `image.${second}` });
  });

  test('is looked for on as many pages as reach back far enough', async () => {
    const scene = await openScene();
    const id = await lose(scene);
    const [one] = scene.fake.generations;
    if (one === undefined) throw new Error('there is no generation');
    const others = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        ...one,
        id: `other-${index}`,
        prompt: 'something else',
      }));
    scene.fake.generations.push(...others(120));
    expect(await find(scene)).toMatchObject({ kind: 'pending', providerJobId: `image.${id}` });
    scene.fake.generations.push(...others(120));
    const late = { sentAt: scene.clock.now() - 2 * MINUTE_MS };
    expect(await find(scene, late)).toMatchObject({ kind: 'unknown' });
  });

  test('is not looked for further back than it was sent', async () => {
    const scene = await openScene();
    await lose(scene);
    const sentAt = scene.clock.now() - 2 * MINUTE_MS;
    const [one] = scene.fake.generations;
    if (one === undefined) throw new Error('there is no generation');
    const old = { ...one, createdAt: sentAt - 2 * MINUTE_MS };
    scene.fake.generations.splice(0, 1, ...Array.from({ length: 250 }, () => old));
    expect(await find(scene, { sentAt })).toMatchObject({ kind: 'failed' });
  });

  for (const fault of ['error-key', 'error-rate', 'error-service', 'html', 'reset', 'hang'] as const) {
    test(`cannot be told when there is no list: ${fault}`, async () => {
      const scene = await openScene();
      await lose(scene);
      scene.fake.faults.list = fault;
      expect(await find(scene)).toMatchObject({ kind: 'unknown' });
    });
  }
});

describe('an order', () => {
  const { canTake } = createLeonardo();
  const fits: Order[] = [
    IMAGE,
    { ...IMAGE, width: 3584, height: 2016, quality: 'HIGH', prompt: 'x'.repeat(9999) },
    VIDEO,
    { ...VIDEO, width: 496, height: 864, durationSeconds: 15 },
    { ...VIDEO, model: 'bytedance/seedance-2.0', width: 1920, height: 1080 },
    { ...VIDEO, model: 'bytedance/seedance-2.5', durationSeconds: 30 },
  ];
  for (const order of fits) {
    test(`that fits is taken: ${order.model} ${order.width}x${order.height}`, async () => {
      expect(canTake(order)).toBe(true);
      const scene = await openScene({ order });
      expect((await scene.provider.submit(order, 'att_1', scene.context)).kind).toBe('pending');
    });
  }

  test('that does not fit is for others', () => {
    const misfits: Order[] = [
      { ...IMAGE, model: 'bfl/flux-schnell' },
      { ...IMAGE, model: 'constructor' },
      { ...IMAGE, width: 1380 },
      { ...IMAGE, width: 256, height: 256 },
      { ...IMAGE, width: 3840, height: 2160 },
      { ...IMAGE, width: 2048, height: 640 },
      { ...IMAGE, quality: 'xhigh' },
      { ...IMAGE, prompt: 'x'.repeat(10_000) },
      { ...VIDEO, durationSeconds: 3 },
      { ...VIDEO, durationSeconds: 16 },
      { ...VIDEO, width: 1920, height: 1080 },
      { ...VIDEO, width: 1281 },
      { ...VIDEO, prompt: 'x'.repeat(5001) },
      { ...VIDEO, model: 'bytedance/seedance-2.0', width: 3840, height: 2160 },
      { ...VIDEO, model: 'bytedance/seedance-2.0-mini', width: 1920, height: 1080 },
    ];
    expect(misfits.filter(canTake)).toEqual([]);
  });
});
