// Chance that can be had again: the same seed throws the same, and each part of a simulation has a stream of its own, so
// that more throws in one do not change the others.

export type Dice = {
  /** In [0, 1). */
  fraction(): number;
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  isHit(chance: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  /** One of the names, as often as its weight says. */
  draw<Name extends string>(weights: Readonly<Record<Name, number>>): Name;
  /** A stream of its own, for a part of this name. */
  fork(name: string): Dice;
};

export function createDice(seed: number): Dice {
  let state = seed >>> 0;

  /** splitmix32. */
  function fraction(): number {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  const between = (from: number, to: number) => from + Math.floor(fraction() * (to - from + 1));

  return {
    fraction,
    between,
    isHit: (chance) => fraction() < chance,
    pick(items) {
      const item = items[between(0, items.length - 1)];
      if (item === undefined) throw new Error('there is nothing to pick from');
      return item;
    },
    draw(weights) {
      const names = Object.keys(weights) as (keyof typeof weights)[];
      let left = fraction() * names.reduce((sum, name) => sum + weights[name], 0);
      for (const name of names) {
        left -= weights[name];
        if (left < 0) return name;
      }
      throw new Error('the weights are not positive');
    },
    fork: (name) => createDice(Number(Bun.hash(`${seed}/${name}`) & 0xffffffffn)),
  };
}
