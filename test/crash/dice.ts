// Chance with a seed: the same seed makes the same choices, as far as the order of answers lets it.
import { createSeededRandom } from '../support/seeded-random.ts';

export type Dice = {
  /** From 0 up to, but not including, 1. */
  share(): number;
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number;
  /** Whether something happens that happens in this share of all cases. */
  happens(share: number): boolean;
  /** One of a list; undefined when it is empty. */
  pick<T>(list: readonly T[]): T | undefined;
};

export function createDice(seed: number): Dice {
  const random = createSeededRandom(seed);
  const share = () => new DataView(random.bytes(4).buffer).getUint32(0) / 2 ** 32;
  return {
    share,
    between: (min, max) => min + Math.floor(share() * (max - min + 1)),
    happens: (limit) => share() < limit,
    pick: (list) => list[Math.floor(share() * list.length)],
  };
}
