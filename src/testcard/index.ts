// Test cards: real images and films that are drawn here, without a network, for the sandbox provider, the
// examples and the demo. The same card gives the same bytes. Drawing happens in workers, never in the main loop.
import { assert } from '../errors.ts';
import type { Clock } from '../runtime/index.ts';
import { assertCard, type RenderedCard, type TestCard } from './card.ts';
import { createPool } from './pool.ts';

export type { ImageCard, RenderedCard, TestCard, VideoCard } from './card.ts';

export type TestCardOptions = {
  /** At most this many cards are drawn at the same time; workers start with the first card, none before. */
  maxWorkers: number;
  /** At most this many more wait for a worker. */
  maxQueued: number;
  clock: Clock;
  /** Where the worker's code lies; for tests. */
  workerUrl?: URL;
};

export type TestCards = {
  /**
   * Draws a card. Refuses with `service_unavailable` when too many wait, when the worker died and after `close`,
   * and with `file_load_error` when the reference cannot be decoded. Sides are 16 to 6400 pixels (even for a
   * video), 17.3 million pixels at most, durations 500 to 60,000 ms; anything else is a bug of the caller.
   */
  render(card: TestCard): Promise<RenderedCard>;
  /** How many workers run and how many cards wait. */
  load(): { workers: number; queued: number };
  /** Ends the workers; cards that are not finished are refused. */
  close(): Promise<void>;
};

export function createTestCards({ maxWorkers, maxQueued, clock, workerUrl }: TestCardOptions): TestCards {
  assert(maxWorkers >= 1 && maxQueued >= 0, 'test cards need at least one worker');
  const pool = createPool({ maxWorkers, maxQueued, clock, workerUrl: workerUrl ?? ownWorkerUrl() });
  return {
    render: async (card) => {
      assertCard(card);
      return pool.run(card);
    },
    load: () => pool.load(),
    close: async () => pool.close(),
  };
}

/**
 * From source the worker lies beside this file. In the executable every module has the address of the executable
 * itself, and an entry point lies under it by its path from `src`.
 */
function ownWorkerUrl(): URL {
  const isFromSource = import.meta.url.endsWith('/testcard/index.ts');
  return new URL(isFromSource ? './worker.ts' : './testcard/worker.ts', import.meta.url);
}
