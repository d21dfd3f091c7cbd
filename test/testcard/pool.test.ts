// The workers: when they start and end, how many there are, and what happens when one dies.
import { describe, expect, test } from 'bun:test';
import { createStillClock, imageCard, makeCards, refusalOf } from './support.ts';

const MORTAL = new URL('./mortal-worker.ts', import.meta.url);
const small = (prompt: string) => imageCard({ width: 48, height: 48, prompt });
const UNAVAILABLE = { name: 'GatewayError', code: 'service_unavailable' };

describe('the number of workers', () => {
  test('none before the first card, never more than allowed, none after a rest', async () => {
    const clock = createStillClock();
    const cards = makeCards({ maxWorkers: 2, clock });
    expect(cards.load()).toEqual({ workers: 0, queued: 0 });
    const drawn = Promise.all(['a', 'b', 'c', 'd'].map((prompt) => cards.render(small(prompt))));
    // Cards are taken as soon as the caller waits.
    await Promise.resolve();
    expect(cards.load()).toEqual({ workers: 2, queued: 2 });
    expect(new Set((await drawn).map(({ bytes }) => Bun.hash(bytes))).size).toBe(4);
    expect(cards.load()).toEqual({ workers: 2, queued: 0 });
    await restAll(clock);
    expect(cards.load()).toEqual({ workers: 0, queued: 0 });
    // After its end there is a new one.
    await cards.render(small('e'));
    expect(cards.load().workers).toBe(1);
    await cards.close();
  });

  test('a worker that gets a card during its rest goes on', async () => {
    const clock = createStillClock();
    const cards = makeCards({ maxWorkers: 1, clock });
    await cards.render(small('a'));
    const drawn = cards.render(small('b'));
    await restAll(clock);
    expect(cards.load().workers).toBe(1);
    await drawn;
    await cards.close();
  });
});

test('a card past the queue is refused at once; the others are drawn', async () => {
  const cards = makeCards({ maxWorkers: 1, maxQueued: 2 });
  const drawn = ['a', 'b', 'c'].map((prompt) => cards.render(small(prompt)));
  expect(await refusalOf(cards.render(small('d')))).toMatchObject({ ...UNAVAILABLE, retryAfterMs: 2000 });
  expect(await Promise.all(drawn)).toHaveLength(3);
  await cards.render(small('e'));
  await cards.close();
});

describe('a worker that dies', () => {
  test.each(['exit', 'throw'])(
    'by %s fails its own card, and the next is drawn by another',
    async (prompt) => {
      const cards = makeCards({ maxWorkers: 1, workerUrl: MORTAL });
      await cards.render(small('a'));
      const [dead, waiting] = [cards.render(small(prompt)), cards.render(small('b'))];
      expect(await refusalOf(dead)).toMatchObject(UNAVAILABLE);
      expect((await waiting).bytes.length).toBeGreaterThan(100);
      expect((await cards.render(small('c'))).bytes.length).toBeGreaterThan(100);
      expect(cards.load()).toEqual({ workers: 1, queued: 0 });
      await cards.close();
    },
  );

  test('or was never found fails its card', async () => {
    const cards = makeCards({ maxWorkers: 1, workerUrl: new URL('./no-such-worker.ts', import.meta.url) });
    expect(await refusalOf(cards.render(small('a')))).toMatchObject(UNAVAILABLE);
    expect(cards.load()).toEqual({ workers: 0, queued: 0 });
    await cards.close();
  });
});

test('closing refuses what is under way, what waits and what comes later', async () => {
  const cards = makeCards({ maxWorkers: 1 });
  const drawn = ['a', 'b'].map((prompt) => cards.render(small(prompt)));
  const ended = Promise.allSettled(drawn);
  await Promise.resolve();
  await cards.close();
  for (const outcome of await ended) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: UNAVAILABLE });
  }
  expect(await refusalOf(cards.render(small('c')))).toMatchObject(UNAVAILABLE);
  expect(cards.load()).toEqual({ workers: 0, queued: 0 });
});

test("the caller keeps the reference's bytes", async () => {
  const cards = makeCards({ maxWorkers: 1 });
  const { bytes: reference } = await cards.render(small('a'));
  const before = Bun.hash(reference);
  await cards.render(imageCard({ width: 64, height: 64, reference }));
  expect(Bun.hash(reference)).toBe(before);
  await cards.close();
});

/** Ends every rest, and lets what follows from it happen. */
async function restAll(clock: { wake(): void }): Promise<void> {
  clock.wake();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}
