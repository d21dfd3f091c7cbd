// The shapes of the land: each is a height along an endless line, so that a film can drift past it.
import { createNoise, type Dice } from './dice.ts';

/** Height above the layer's base at a place, both in shares of the picture's shorter side. */
export type Outline = (u: number) => number;

/** Rolling hills: three waves of noise, each finer and lower. */
export function hills(dice: Dice, height: number, width: number): Outline {
  const noise = createNoise(dice.bits());
  return (u) => {
    const x = u / width;
    return height * (noise(x) + 0.35 * noise(x * 2.3 + 7) + 0.08 * noise(x * 7.1 + 3));
  };
}

/** Mountains: noise folded at zero has sharp crests; finer folds give them ledges. */
export function peaks(dice: Dice, height: number, width: number): Outline {
  const noise = createNoise(dice.bits());
  return (u) => {
    const x = u / width;
    let sum = 0;
    let share = 1;
    for (let octave = 0; octave < 5; octave++) {
      sum += share * (0.5 - Math.abs(noise(x * 2 ** octave + octave * 17)));
      share *= 0.46;
    }
    return height * sum;
  };
}

/** Dunes: waves that rise slowly and fall steeply. */
export function dunes(dice: Dice, height: number, width: number): Outline {
  const noise = createNoise(dice.bits());
  const lean = dice.between(0.55, 0.8);
  return (u) => {
    const x = u / width + 0.35 * noise(u / width / 2);
    const cell = Math.floor(x);
    const t = x - cell;
    const rise = t < lean ? t / lean : (1 - t) / (1 - lean);
    const crest = 0.55 + 0.45 * noise(cell * 0.9 + 0.5);
    return height * (crest * (rise * rise * (3 - 2 * rise)) + 0.3 * noise(u / width / 3 + 9));
  };
}

/** A ridge of firs: pointed, with steps for branches, some places left empty. */
export function firs(dice: Dice, height: number, width: number): Outline {
  const ground = hills(dice, height * 0.7, width * 9);
  const noise = createNoise(dice.bits());
  const tree = (cell: number, x: number) => {
    const size = 0.62 + 0.38 * noise(cell * 1.7 + 0.5);
    const centre = cell + 0.5 + 0.3 * noise(cell * 2.9 + 0.5);
    const down = Math.abs(x - centre) / (0.75 * size);
    if (down >= 1 || noise(cell * 3.3 + 0.5) > 0.72) return 0;
    const branch = (down * 5) % 1;
    return height * size * (1 - down) * (1 - 0.22 * branch * (1 - down));
  };
  return (u) => {
    const x = u / width;
    const cell = Math.floor(x);
    return ground(u) + Math.max(tree(cell - 1, x), tree(cell, x), tree(cell + 1, x));
  };
}

/** A city's roofs: blocks of different heights and widths, some with a mast. */
export function roofs(dice: Dice, height: number, width: number): Outline {
  const noise = createNoise(dice.bits());
  const block = (x: number, offset: number) => {
    const cell = Math.floor(x);
    const tall = 0.5 + 0.5 * noise(cell * 1.3 + offset + 0.5);
    const isMast = Math.abs(x - cell - 0.5) < 0.035 && tall > 0.72;
    return tall * tall + (isMast ? 0.28 : 0);
  };
  return (u) => height * Math.max(block(u / width, 0), 0.72 * block((u / width) * 1.7 + 0.37, 40));
}

/** Water: a straight line. */
export const level: Outline = () => 0;
