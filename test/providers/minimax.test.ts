// MiniMax: its adapter over a real socket against the fake, both versions, and every way in which it can go wrong.
import { afterAll, describe, expect, test } from 'bun:test';
import { createMinimax } from '../../src/providers/minimax.ts';
import type { Credential, Order, Provider } from '../../src/providers/provider.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startMinimaxFake, type MinimaxFake, type MinimaxFaults } from '../fakes/minimax.ts';
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
const fakes = createFakes(() => startMinimaxFake({ apiKey: TEST_KEY, now: wall.now }));
const startFake = fakes.start;
afterAll(fakes.close);

const H3: Order = {
  model: 'minimax/h3',
  type: 'video',
  prompt: 'a pier at dawn',
  width: 1366,
  height: 768,
  durationSeconds: 5,
  hasAudio: true,
};
const HAILUO: Order = { ...H3, model: 'minimax/hailuo-2.3', durationSeconds: 6, hasAudio: false };

function bench(fake: MinimaxFake, order: Order = H3, options: Options = {}): AdapterBench {
  return benchAt(fake, { provider: createMinimax(), order, ...options });
}

const calm = await startFake();
const failing = await startFake({ poll: 'failed' });
const refusing = await startFake({ submit: 'balance' });
const rejecting = await startFake({ submit: 'policy' });
/** Version 1 cannot stop what it has begun. */
const { cancel: _, ...withoutCancel } = createMinimax();

for (const [name, order, provider, upright, strangeJobId] of [
  ['minimax', H3, createMinimax(), { width: 1440, height: 2560 }, 'v2.3f0c1c9e-0000-4000-8000-000000000000'],
  ['minimax, version 1', HAILUO, withoutCancel, { width: 1920, height: 1080 }, 'v1.106916112000000'],
] as const satisfies readonly (readonly [string, Order, Provider, object, string])[]) {
  const scenes: Record<Scenario, (() => AdapterBench) | null> = {
    image: null,
    video: () => bench(calm, { ...order, ...upright }, { provider }),
    'with reference': () => bench(calm, { ...order, reference: REFERENCE }, { provider }),
    fails: () => bench(failing, order, { provider }),
    refuses: () => bench(refusing, order, { provider }),
    rejects: () => bench(rejecting, order, { provider }),
  };
  providerContract({
    name,
    open: (scenario) => scenes[scenario]?.() ?? null,
    strangeJobId,
    isDeterministic: false,
  });
}

describe('an order that MiniMax does not take, or does not say so', () => {
  const cases: [NonNullable<MinimaxFaults['submit']>, Ending, number][] = [
    ['key', failed('credential'), 0],
    ['balance', failed('balance'), 0],
    ['rate', failed('rate'), 0],
    ['policy', { kind: 'rejected', code: 'content_policy_violation' }, 0],
    ['server', UNKNOWN, 0],
    ...BAD.map((fault): [typeof fault, Ending, number] => [fault, UNKNOWN, 0]),
    ['taken_500', UNKNOWN, 1],
    ['taken_reset', UNKNOWN, 1],
    ['taken_hang', UNKNOWN, 1],
    ['taken_html', UNKNOWN, 1],
    ['taken_empty', UNKNOWN, 1],
  ];
  for (const order of [H3, HAILUO]) {
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
    expect(await submit(bench(await startFake({ submit: 'rate' })))).not.toHaveProperty('retryAt');
  });

  test('a wrong parameter is the order’s fault, and another key the credential’s', async () => {
    const credential: Credential = { kind: 'api_key', apiKey: 'another' };
    for (const order of [H3, HAILUO]) {
      const fake = await startFake();
      const wrong = { ...order, durationSeconds: 99 };
      expect(await submit(bench(fake, wrong))).toMatchObject({ kind: 'rejected', code: 'invalid_input' });
      expect(await submit(bench(fake, order, { credential }))).toMatchObject(failed('credential'));
      expect(fake.tasks).toHaveLength(0);
    }
  });

  test('nobody listens: it was certainly not taken', async () => {
    const gone = await startFake();
    gone.close();
    expect(await submit(bench(gone))).toMatchObject(failed('provider'));
  });
});

describe('a task of MiniMax', () => {
  const unreachable: Ending = { kind: 'unreachable' };
  const cases: [NonNullable<MinimaxFaults['poll']>, Ending][] = [
    ['failed', failed('provider')],
    ['moderated', { kind: 'rejected', code: 'content_policy_violation' }],
    ['no_output', failed('provider')],
    ['late_output', { kind: 'completed' }],
    ['unknown_state', { kind: 'pending' }],
    ['key', unreachable],
    ['rate', unreachable],
    ['server', unreachable],
    ...BAD.map((fault): [typeof fault, Ending] => [fault, unreachable]),
  ];
  for (const order of [H3, HAILUO]) {
    for (const [fault, ending] of cases) {
      test(`${order.model}, ${fault}: ${Object.values(ending).join(', ')}`, async () => {
        const fake = await startFake({ poll: fault });
        expect(await carryOut(bench(fake, order))).toMatchObject(ending);
        expect(fake.tasks).toHaveLength(1);
      });
    }
  }

  for (const fault of ['cancelled', 'expired'] as const) {
    test(`${fault} by somebody else has failed`, async () => {
      const told = await carryOut(bench(await startFake({ poll: fault })));
      expect(told).toMatchObject(failed('provider'));
      expect(told).toHaveProperty('reason', expect.stringContaining(fault));
    });
  }

  test('a file that cannot be asked for now is asked for again', async () => {
    for (const fault of ['server', 'html', 'reset', 'empty'] as const) {
      const fake = await startFake({ file: fault });
      const stage = bench(fake, HAILUO);
      expect(await carryOut(stage)).toMatchObject(unreachable);
      fake.faults.file = null;
      expect(await stage.provider.poll(`v1.${fake.tasks[0]?.id}`, stage.context)).toMatchObject({
        kind: 'completed',
      });
    }
  });

  test('an output at a foreign host is not fetched', async () => {
    const stage = bench(await startFake({ poll: 'foreign_host' }));
    const done = await carryOut(stage);
    const [output] = done.kind === 'completed' ? done.outputs : [];
    if (output === undefined) throw new Error('there is no output');
    expect(stage.provider.openOutput(output, H3, stage.context)).rejects.toThrow('no host of the provider');
  });

  test('an id in no form of its own is not asked for, nor stopped', async () => {
    const { provider, context } = bench(await startFake({ poll: 'reset' }));
    for (const id of ['', 'v2', 'v2.1/2', 'v3.1', 'v1.1&x=2']) {
      expect(await provider.poll(id, context)).toMatchObject(failed('provider'));
      expect(await provider.cancel?.(id, context)).toBe(false);
    }
  });

  test('is stopped while it waits, and its record is not deleted afterwards', async () => {
    const fake = await startFake();
    const stage = bench(fake);
    const taken = await submit(stage);
    if (taken.kind !== 'pending') throw new Error('it was not taken');
    const { provider, context } = stage;
    expect(await provider.cancel?.(taken.providerJobId, context)).toBe(true);
    expect(fake.tasks[0]?.isCancelled).toBe(true);
    expect(await provider.cancel?.(taken.providerJobId, context)).toBe(false);
    const legacy = bench(fake, HAILUO);
    const other = await submit(legacy);
    if (other.kind !== 'pending') throw new Error('it was not taken');
    expect(await provider.cancel?.(other.providerJobId, context)).toBe(false);
    const gone = bench(await startFake({ poll: 'reset' }));
    expect(await provider.cancel?.(taken.providerJobId, gone.context)).toBe(false);
  });
});

describe('what MiniMax is asked for', () => {
  test('H3: words, a ratio and a resolution', async () => {
    const fake = await startFake();
    await submit(bench(fake));
    expect(fake.tasks[0]?.body).toEqual({
      ...{ model: 'MiniMax-H3', content: [{ type: 'text', text: 'a pier at dawn' }] },
      ...{ resolution: '768P', duration: 5, ratio: '16:9', aigc_watermark: false },
    });
  });

  test('H3: a first frame, and the ratio that it has', async () => {
    const fake = await startFake();
    await submit(bench(fake, { ...H3, reference: REFERENCE }));
    const url = `data:image/png;base64,${Buffer.from(REFERENCE.bytes).toString('base64')}`;
    const frame = { type: 'image_url', image_url: { url }, role: 'first_frame' };
    expect(fake.tasks[0]?.body).toMatchObject({ content: [{ type: 'text' }, frame], ratio: 'adaptive' });
  });

  test('Hailuo: a prompt, and a first frame beside it', async () => {
    const fake = await startFake();
    await submit(bench(fake, { ...HAILUO, reference: REFERENCE }));
    expect(fake.tasks[0]?.body).toEqual({
      ...{ model: 'MiniMax-Hailuo-2.3', prompt: 'a pier at dawn', duration: 6, resolution: '768P' },
      first_frame_image: `data:image/png;base64,${Buffer.from(REFERENCE.bytes).toString('base64')}`,
      aigc_watermark: false,
    });
  });

  test('what it cannot make is known without asking', () => {
    const { canTake } = createMinimax();
    const cannot: Partial<Order>[] = [
      { model: 'minimax/t2v-01' },
      { type: 'image' },
      { seed: 7 },
      { width: 1280, height: 720 },
      { durationSeconds: 3 },
      { durationSeconds: 16 },
      { hasAudio: false },
      { prompt: 'a'.repeat(7001) },
      { reference: { ...REFERENCE, bytes: new Uint8Array(20 * 1024 * 1024 + 1) } },
      { ...HAILUO, hasAudio: true },
      { ...HAILUO, durationSeconds: 5 },
      { ...HAILUO, width: 768, height: 1366 },
      { ...HAILUO, width: 1920, height: 1080, durationSeconds: 10 },
    ];
    expect(cannot.filter((change) => canTake({ ...H3, ...change }))).toEqual([]);
    expect(canTake(H3) && canTake(HAILUO) && canTake({ ...HAILUO, width: 1920, height: 1080 })).toBe(true);
  });
});

describe('an account of MiniMax', () => {
  const sentAt = wall.now();
  const find = ({ provider, context, order }: AdapterBench, taken: string[] = []) =>
    provider.upstream?.findSubmitted?.(
      order,
      { attemptId: ATTEMPT_ID, sentAt, taken: new Set(taken) },
      context,
    );

  test('works, is refused, or is not known', async () => {
    const verify = async (faults: Partial<MinimaxFaults>, options: Options = {}) => {
      const { provider, context } = bench(await startFake(faults), H3, options);
      return provider.upstream?.verify(context);
    };
    expect(await verify({})).toEqual({ kind: 'ok', remoteId: null, balance: null, slots: null });
    expect(await verify({}, { credential: { kind: 'api_key', apiKey: 'another' } })).toMatchObject({
      kind: 'refused',
    });
    for (const list of ['server', 'rate', 'html', 'reset', 'empty'] as const) {
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

  test('may have taken what looks like it, unless that is known to be another', async () => {
    const fake = await startFake({ submit: 'taken_reset' });
    const stage = bench(fake);
    await submit(stage);
    stage.clock.advance(3_600_000);
    expect(await find(stage)).toMatchObject(UNKNOWN);
    expect(await find(stage, [`v2.${fake.tasks[0]?.id}`])).toMatchObject(failed('provider'));
  });

  test('does not tell while it cannot be asked, and never of version 1', async () => {
    for (const list of ['server', 'html', 'reset', 'empty'] as const) {
      const stage = bench(await startFake({ list }));
      stage.clock.advance(3_600_000);
      expect(await find(stage)).toMatchObject(UNKNOWN);
    }
    const legacy = bench(await startFake(), HAILUO);
    legacy.clock.advance(3_600_000);
    expect(await find(legacy)).toMatchObject(UNKNOWN);
  });
});
