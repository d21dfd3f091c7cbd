// Repeatable chance: every choice of a picture follows from the text that the dice were made from. It has
// nothing to do with the runtime's randomness, and nothing secret may be drawn from it.
import { sha256Hex } from '../../crypto.ts';

export type Dice = {
  /** A fraction in [0, 1). */
  next(): number;
  between(low: number, high: number): number;
  /** A whole number from `low` to `high`, both possible. */
  whole(low: number, high: number): number;
  pick<T>(list: readonly [T, ...T[]]): T;
  /** 32 bits, to seed a noise. */
  bits(): number;
};

/** Dice that fall the same way for the same text (sfc32 over the text's SHA-256). */
export function createDice(text: string): Dice {
  const hash = sha256Hex(text);
  const word = (index: number) => Number.parseInt(hash.slice(index * 8, index * 8 + 8), 16) | 0;
  let [a, b, c, counter] = [word(0), word(1), word(2), word(3)];
  const bits = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  const next = () => bits() / 2 ** 32;
  const whole = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    whole,
    bits,
    between: (low, high) => low + next() * (high - low),
    pick: (list) => list[whole(0, list.length - 1)] ?? list[0],
  };
}

/** Smooth noise along a line, in [-1, 1], endless in both directions. */
export function createNoise(seed: number): (u: number) => number {
  const lattice = (index: number) => {
    let hash = Math.imul(index ^ seed, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
    return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 31 - 1;
  };
  return (u) => {
    const cell = Math.floor(u);
    const t = u - cell;
    const from = lattice(cell);
    return from + (lattice(cell + 1) - from) * t * t * (3 - 2 * t);
  };
}
