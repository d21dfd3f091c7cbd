// Composes a scene: the choice of colours, light and layers that follows from the dice. A scene is a plan in
// shares of the picture, so that the same card looks alike at every size; painting it is paint.ts.
import { assert } from '../../errors.ts';
import { mix, type Colour } from '../image/index.ts';
import type { Dice } from './dice.ts';
import { dunes, firs, hills, level, peaks, roofs, type Outline } from './outline.ts';
import { PALETTES, type Palette } from './palette.ts';

/** Land or water, from its outline down to the lower border; later layers stand in front of earlier ones. */
export type Layer = {
  outline: Outline;
  /** Where the outline's zero lies: 0 is the upper border, 1 the lower. */
  base: number;
  colour: Colour;
  /** What the layer fades to below its outline, and over which share of the height. */
  mist: Colour;
  mistDepth: number;
  /** How much of the light's glow lies over it, 0 to 1. */
  glow: number;
  /** How strongly slopes are shaded. */
  relief: number;
  /** How fast it drifts by, in shares of the shorter side a second. */
  drift: number;
  isWater: boolean;
};

export type Light = {
  /** Where it stands, in shares of width and height, and how far it moves in a second (shares of the height). */
  x: number;
  y: number;
  climb: number;
  /** Radius of the disc, in shares of the shorter side; how far and how brightly it glows around. */
  radius: number;
  reach: number;
  strength: number;
  /** A ring leaves the disc dark: an eclipse. */
  isRing: boolean;
  colour: Colour;
};

type Star = { x: number; y: number; brightness: number };

export type Scene = {
  palette: Palette;
  /** The share of the height at which the sky's gradient ends. */
  horizon: number;
  light: Light;
  /** How much one side is tinted with the light's colour: -1 (left) to 1 (right). */
  tint: number;
  layers: Layer[];
  stars: Star[];
};

/** What the makers of scenes share. */
type Sketch = { dice: Dice; palette: Palette; horizon: number; drift: number };

/** More layers than this add time and no depth. */
const MAX_LAYERS = 12;
const STAR_COUNT = 140;

export function composeScene(dice: Dice): Scene {
  const palette = dice.pick(PALETTES);
  const makeLayers = dice.pick([mountains, sea, desert, woods, city, waves, mountains]);
  const direction = dice.pick([-1, 1]);
  const horizon = makeLayers === waves ? dice.between(0.22, 0.34) : dice.between(0.5, 0.62);
  const sketch: Sketch = { dice, palette, horizon, drift: direction * dice.between(0.8, 1.3) };
  const layers = makeLayers(sketch);
  assert(layers.length <= MAX_LAYERS, 'a scene must not have so many layers');
  return {
    palette,
    horizon,
    layers,
    light: hangLight(sketch, makeLayers === sea),
    tint: dice.between(-1, 1),
    stars: palette.isNight ? scatterStars(dice) : [],
  };
}

function hangLight({ dice, palette, horizon }: Sketch, isOverWater: boolean): Light {
  const isLow = isOverWater || dice.next() < 0.4;
  return {
    x: dice.pick([dice.between(0.2, 0.42), dice.between(0.58, 0.8), dice.between(0.4, 0.6)]),
    y: isLow ? horizon - dice.between(0.04, 0.14) : horizon * dice.between(0.3, 0.62),
    climb: -dice.between(0.004, 0.009),
    radius: dice.pick([dice.between(0.045, 0.075), dice.between(0.08, 0.13), dice.between(0.14, 0.19)]),
    reach: dice.between(0.28, 0.55),
    strength: dice.between(0.45, 0.7),
    isRing: dice.next() < 0.14,
    colour: palette.light,
  };
}

function scatterStars(dice: Dice): Star[] {
  return Array.from({ length: STAR_COUNT }, () => ({
    x: dice.next(),
    y: dice.next() ** 1.4,
    brightness: dice.next() ** 3,
  }));
}

/** A layer at a depth: 0 is the farthest, 1 the nearest. */
function layerAt(
  sketch: Sketch,
  depth: number,
  own: { outline: Outline; base: number } & Partial<Layer>,
): Layer {
  const { palette } = sketch;
  const haze = mix(palette.sky[2], palette.far, 0.55);
  const colour = mix(mix(haze, palette.far, Math.min(1, depth * 2.2)), palette.near, depth ** 1.5);
  return {
    colour,
    mist: mix(colour, palette.sky[2], 0.55 * (1 - depth)),
    mistDepth: 0.2,
    glow: 0.6 * (1 - depth) ** 1.3,
    relief: 0,
    drift: sketch.drift * (0.007 + 0.07 * depth ** 1.5),
    isWater: false,
    ...own,
  };
}

/** `count` depths from the farthest to the nearest. */
const depths = (count: number, nearest = 1) =>
  Array.from({ length: count }, (_, index) => ((index + 0.35) / (count - 0.65)) * nearest);

function mountains(sketch: Sketch): Layer[] {
  const { dice, horizon } = sketch;
  const ranges = depths(dice.whole(3, 4), 0.55).map((depth) =>
    layerAt(sketch, depth, {
      outline: peaks(dice, dice.between(0.26, 0.36) * (1 - 0.45 * depth), dice.between(0.5, 0.8)),
      base: horizon - 0.02 + 0.2 * depth,
      relief: 0.5 * (1 - depth),
      mistDepth: 0.22,
    }),
  );
  const foreground = dice.pick([firs, hills]);
  const front = [0.8, 1].map((depth) =>
    layerAt(sketch, depth, {
      outline:
        foreground === firs ? firs(dice, 0.05 + 0.05 * depth, 0.024 + 0.012 * depth) : hills(dice, 0.05, 0.7),
      base: horizon + 0.08 + 0.16 * depth,
      mistDepth: 0.3,
    }),
  );
  return [...ranges, ...front];
}

function sea(sketch: Sketch): Layer[] {
  const { dice, palette, horizon } = sketch;
  const islands = depths(dice.whole(1, 2), 0.4).map((depth) =>
    layerAt(sketch, depth, {
      outline: dice.pick([peaks, hills])(dice, 0.1 + 0.08 * depth, dice.between(0.45, 0.8)),
      base: horizon - 0.015 + 0.03 * depth,
      relief: 0.3,
    }),
  );
  const water = layerAt(sketch, 0.5, {
    outline: level,
    base: horizon,
    colour: mix(palette.sky[2], palette.sky[1], 0.45),
    mist: mix(palette.sky[0], palette.near, 0.45),
    mistDepth: 1 - horizon,
    glow: 0.95,
    isWater: true,
  });
  const shore = layerAt(sketch, 1, {
    outline: hills(dice, 0.07, 0.9),
    base: dice.between(0.9, 1),
    mistDepth: 0.4,
  });
  return [...islands, water, shore];
}

function desert(sketch: Sketch): Layer[] {
  const { dice, horizon } = sketch;
  return depths(dice.whole(5, 6), 0.85).map((depth) =>
    layerAt(sketch, depth, {
      outline: dunes(dice, 0.07 + 0.13 * depth, dice.between(0.6, 0.9) * (0.7 + depth)),
      base: horizon + 0.02 + (1 - horizon) * 0.75 * depth,
      relief: 1.1,
      mistDepth: 0.35,
      glow: 0.45 * (1 - 0.7 * depth),
    }),
  );
}

function woods(sketch: Sketch): Layer[] {
  const { dice, horizon } = sketch;
  const far = layerAt(sketch, 0.1, { outline: peaks(dice, 0.22, 0.7), base: horizon - 0.06, relief: 0.3 });
  const rows = depths(5).map((depth) =>
    layerAt(sketch, depth, {
      outline: firs(dice, 0.05 + 0.11 * depth, 0.016 + 0.04 * depth),
      base: horizon - 0.02 + 0.4 * depth ** 1.2,
      mistDepth: 0.16,
    }),
  );
  return [far, ...rows];
}

function city(sketch: Sketch): Layer[] {
  const { dice, palette, horizon } = sketch;
  const rows = depths(3, 0.75).map((depth) =>
    layerAt(sketch, depth, {
      outline: roofs(dice, 0.3 - 0.08 * depth, 0.05 + 0.04 * depth),
      base: horizon + 0.05 * depth,
      mistDepth: 0.3,
    }),
  );
  const river = layerAt(sketch, 0.6, {
    outline: level,
    base: horizon + 0.07,
    colour: mix(palette.sky[2], palette.far, 0.5),
    mist: mix(palette.sky[0], palette.near, 0.5),
    mistDepth: 0.93 - horizon,
    glow: 0.85,
    isWater: true,
  });
  return [...rows, river];
}

function waves(sketch: Sketch): Layer[] {
  const { dice, horizon } = sketch;
  const count = dice.whole(7, 9);
  const width = dice.between(0.7, 1.2);
  return depths(count).map((depth) =>
    layerAt(sketch, depth, {
      outline: hills(dice, 0.07, width),
      base: horizon + (1 - horizon) * 0.92 * depth,
      mistDepth: 0.14,
      relief: 0.35,
    }),
  );
}
