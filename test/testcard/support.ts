// What the tests of test cards share: makers with the real clock or one that is moved by hand, and small cards.
import { createSystemClock, type Clock } from '../../src/runtime/clock.ts';
import { createTestCards, type ImageCard, type TestCards, type VideoCard } from '../../src/testcard/index.ts';

export function makeCards(options: Partial<Parameters<typeof createTestCards>[0]> = {}): TestCards {
  return createTestCards({ maxWorkers: 2, maxQueued: 20, clock: createSystemClock(), ...options });
}

/** A clock that stands still; `wake` ends every sleep. */
export function createStillClock(): Clock & { wake(): void } {
  const sleepers: (() => void)[] = [];
  return {
    now: () => 0,
    elapsedMs: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        sleepers.push(resolve);
        signal?.addEventListener('abort', () => resolve());
      }),
    wake: () => {
      for (const resolve of sleepers.splice(0)) resolve();
    },
  };
}

export function imageCard(own: Partial<ImageCard> = {}): ImageCard {
  return {
    kind: 'image',
    format: 'png',
    width: 320,
    height: 240,
    prompt: 'A quiet harbour at dawn',
    seed: 7,
    label: 'openai/gpt-image-2',
    ...own,
  };
}

export function videoCard(own: Partial<VideoCard> = {}): VideoCard {
  return {
    kind: 'video',
    width: 192,
    height: 108,
    durationMs: 1000,
    hasAudio: false,
    prompt: 'Waves on a beach',
    seed: 3,
    label: 'bytedance/seedance-2.0-fast',
    ...own,
  };
}

/** What a promise was rejected with. */
export async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('nothing was refused');
    },
    (thrown: unknown) => thrown,
  );
}
