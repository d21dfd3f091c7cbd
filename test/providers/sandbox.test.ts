// The sandbox: it keeps the contract of all providers with real files, acts out what a prompt tells it to, and asks
// nobody for anything.
import { afterAll, describe, expect, test } from 'bun:test';
import { createCatalog } from '../../src/catalog/index.ts';
import { createSandbox, type Order, type Paint } from '../../src/providers/index.ts';
import { createSystemClock } from '../../src/runtime/clock.ts';
import { createTestCards } from '../../src/testcard/index.ts';
import { providerContract, type Bench, type Scenario } from '../contracts/provider.ts';
import { createFakeNet } from '../support/fake-net.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { openWorld } from '../support/world.ts';

const cards = createTestCards({ maxWorkers: 1, maxQueued: 100, clock: createSystemClock() });
afterAll(() => cards.close());

const paint: Paint = async ({ type, reference, durationSeconds = 1, hasAudio = false, ...rest }) => {
  const card = { ...rest, ...(reference === null ? {} : { reference }) };
  const made =
    type === 'image'
      ? await cards.render({ kind: 'image', format: 'png', ...card })
      : await cards.render({ kind: 'video', durationMs: durationSeconds * 1000, hasAudio, ...card });
  return made.bytes;
};
const paintTiny: Paint = async ({ type, width, height }) =>
  type === 'image' ? tinyPng(width, height) : tinyMp4(width, height);

const IMAGE: Order = {
  model: 'openai/gpt-image-2',
  type: 'image',
  prompt: 'a pier',
  width: 320,
  height: 192,
};
const VIDEO: Order = { ...IMAGE, type: 'video', width: 160, height: 96, durationSeconds: 1, hasAudio: true };
const ORDERS: Record<Scenario, Order | null> = {
  image: IMAGE,
  video: VIDEO,
  'with reference': {
    ...IMAGE,
    reference: { bytes: await realPng(), contentType: 'image/png', strength: 'MID' },
  },
  fails: { ...IMAGE, prompt: 'a pier [test:fail]' },
  rejects: { ...IMAGE, prompt: '[test:reject] a pier' },
  // It says so before it is asked: `canTake` is false.
  refuses: null,
};

function open(order: Order, how: Paint = paintTiny): Bench {
  const clock = createManualClock();
  const signal = new AbortController().signal;
  return {
    provider: createSandbox({ paint: how }),
    order,
    clock,
    context: { clock, net: createFakeNet(), signal, account: null, keep: keepNothing },
  };
}

const keepNothing = () => Promise.reject(new Error('the sandbox answers with links alone'));

async function realPng(): Promise<Uint8Array> {
  const { bytes } = await cards.render({
    kind: 'image',
    format: 'png',
    width: 256,
    height: 256,
    prompt: 'x',
    seed: 1,
  });
  return bytes;
}

providerContract({
  name: 'sandbox',
  open: (scenario) => {
    const order = ORDERS[scenario];
    return order === null ? null : open(order, paint);
  },
  strangeJobId: 'image.dreams.1800000000000.att_x',
  isDeterministic: true,
});

async function latencyOf(order: Order): Promise<number> {
  const { provider, context, clock } = open(order);
  const submitted = await provider.submit(order, 'att_1', context);
  return submitted.kind === 'pending' ? submitted.pollAt - clock.now() : Number.NaN;
}

describe('the sandbox', () => {
  test('needs two seconds for an image and five for a video', async () => {
    expect(await latencyOf(IMAGE)).toBe(2000);
    expect(await latencyOf(VIDEO)).toBe(5000);
  });

  test('needs a minute when the prompt says [test:slow]', async () => {
    expect(await latencyOf({ ...IMAGE, prompt: 'a [test:slow] pier' })).toBe(60_000);
    expect(await latencyOf({ ...VIDEO, prompt: '[test:slow]' })).toBe(60_000);
  });

  test('can take nothing that says [test:503], and everything else', () => {
    const { provider } = open(IMAGE);
    expect(provider.canTake({ ...IMAGE, prompt: '[test:503]' })).toBe(false);
    expect(provider.canTake({ ...IMAGE, prompt: '[test:504] test:503' })).toBe(true);
  });

  test('fails as a provider does, and rejects as a filter does', async () => {
    for (const [prompt, kind, code] of [
      ['[test:fail]', 'failed', 'provider_error'],
      ['[test:reject]', 'rejected', 'content_policy_violation'],
    ] as const) {
      const { provider, context, clock } = open({ ...IMAGE, prompt });
      const submitted = await provider.submit({ ...IMAGE, prompt }, 'att_1', context);
      if (submitted.kind !== 'pending') throw new Error('it was not taken');
      clock.advance(2000);
      expect(await provider.poll(submitted.providerJobId, context)).toMatchObject({ kind, code });
    }
  });

  test('delivers a poster with a video and none with an image', async () => {
    for (const [order, roles] of [
      [IMAGE, ['output']],
      [VIDEO, ['output', 'poster']],
    ] as const) {
      const { provider, context, clock } = open(order);
      const submitted = await provider.submit(order, 'att_1', context);
      if (submitted.kind !== 'pending') throw new Error('it was not taken');
      clock.advance(5000);
      const ended = await provider.poll(submitted.providerJobId, context);
      expect(ended.kind === 'completed' ? ended.outputs.map(({ role }) => role) : []).toEqual([...roles]);
    }
  });

  test('remembers nothing: another process finishes what one has begun', async () => {
    const first = open(IMAGE);
    const submitted = await first.provider.submit(IMAGE, 'att_1', first.context);
    if (submitted.kind !== 'pending') throw new Error('it was not taken');
    first.clock.advance(2000);
    const second = open(IMAGE);
    const context = { ...second.context, clock: first.clock };
    expect((await second.provider.poll(submitted.providerJobId, context)).kind).toBe('completed');
  });

  test('serves every model of the catalogue, and is for test jobs only', async () => {
    const world = await openWorld();
    const { provider } = open(IMAGE);
    const { models } = createCatalog({ db: world.store });
    expect(models.filter(({ id }) => !provider.serves(id))).toEqual([]);
    expect(provider.modes).toEqual(['test']);
    await world.close();
  });
});
