// Paints a scene row by row: for each pixel the frontmost layer, its colour at that height, the glow of the
// light and a little grain. Whatever is the same along a row or a column is worked out before, because the
// innermost loop runs a million times a picture.
import { mix, type Colour, type Picture } from '../image/index.ts';
import { fillColumns, makeColumns, type Columns } from './columns.ts';
import { createNoise } from './dice.ts';
import { GRAIN_SIDE, makeGlow, makeGrain, STEPS_PER_UNIT } from './glow.ts';
import type { Layer, Scene } from './scene.ts';

/** Paints the scene as it is `seconds` after its beginning, over the whole picture. */
export type Painter = (picture: Picture, seconds: number) => void;

/** How deep the shading of a slope reaches below the crest, in shares of the shorter side. */
const RELIEF_DEPTH = 0.16;
/** How strongly one side of the sky takes the light's colour. */
const TINT_STRENGTH = 0.13;

/** One layer in the row that is being painted. The first is the sky, whose columns begin at the top. */
type Band = {
  columns: Columns;
  table: Float32Array;
  colour: Colour;
  glow: number;
  /** Where the light is seen from here: its distance in height (squared), and for water a shift and a squeeze. */
  rise: number;
  shift: number;
  squeeze: number;
};

/** What stays the same over all rows of a frame; `front` and the two after it tell each column's state. */
type Frame = {
  picture: Picture;
  bands: Band[];
  light: Colour;
  unit: number;
  /** Distance from the light in width, and the tint, by column. */
  away: Float32Array;
  tint: Float32Array;
  grain: Float32Array;
  /** The layer that a column shows, the one behind it, and the rows where the next shows and where it is full. */
  front: Uint8Array;
  behind: Uint8Array;
  nextAt: Float32Array;
  fullAt: Float32Array;
};

export function createPainter(scene: Scene, size: { width: number; height: number }): Painter {
  const { width, height } = size;
  const unit = Math.min(width, height);
  const lightX = scene.light.x * width;
  const glow = makeGlow(scene.light, unit);
  const columns = scene.layers.map(() => makeColumns(width));
  const plain = { glow: 0, rise: 0, shift: 0, squeeze: 1, colour: scene.light.colour };
  const bands: Band[] = [
    { ...plain, columns: makeColumns(width), table: glow.withDisc },
    ...columns.map((own) => ({ ...plain, columns: own, table: glow.withoutDisc })),
  ];
  const tintOf = (x: number) => TINT_STRENGTH * Math.max(0, scene.tint * ((2 * x) / width - 1));
  const shared = {
    bands,
    light: scene.light.colour,
    unit,
    away: Float32Array.from({ length: width }, (_, x) => (x + 0.5 - lightX) / unit),
    tint: Float32Array.from({ length: width }, (_, x) => tintOf(x)),
    grain: makeGrain(),
    front: new Uint8Array(width),
    behind: new Uint8Array(width),
    nextAt: new Float32Array(width),
    fullAt: new Float32Array(width),
  };
  const aim = createAim(scene, size);
  return (picture, seconds) => {
    for (const [index, layer] of scene.layers.entries()) {
      const own = columns[index];
      if (own) fillColumns(own, layer, { width, height, seconds, lightX });
    }
    const frame: Frame = { ...shared, picture };
    frame.front.fill(0);
    frame.fullAt.fill(-1);
    for (let x = 0; x < width; x++) frame.nextAt[x] = findNext(bands, 0, x);
    for (let y = 0; y < height; y++) {
      aim(bands, y, seconds);
      paintRow(frame, y);
    }
    paintStars(scene, picture, columns);
  };
}

/** Sets each band's colour and light for one row. */
function createAim(scene: Scene, { width, height }: { width: number; height: number }) {
  const unit = Math.min(width, height);
  const ripple = createNoise(7);
  const { light } = scene;
  return (bands: Band[], y: number, seconds: number) => {
    const place = (y + 0.5) / height;
    const lightY = light.y + light.climb * seconds;
    const rise = (((place - lightY) * height) / unit) ** 2;
    for (const [index, band] of bands.entries()) {
      const layer = scene.layers[index - 1];
      if (layer === undefined) {
        band.colour = skyAt(scene, place);
        band.rise = rise;
        band.glow = 1;
        continue;
      }
      const depth = Math.max(0, place - layer.base);
      band.colour = mix(layer.colour, layer.mist, depth / layer.mistDepth);
      band.rise = rise;
      band.glow = layer.glow;
      if (layer.isWater) mirror(band, { layer, depth, seconds, ripple, rise: (layer.base - lightY) * 0.5 });
    }
  };
}

type Water = { layer: Layer; depth: number; seconds: number; ripple: (u: number) => number; rise: number };

/** Water shows the light as a column of streaks, which lie closer together towards the horizon. */
function mirror(band: Band, { layer, depth, seconds, ripple, rise }: Water): void {
  const far = Math.log(depth + 0.012);
  const wave = ripple(far * 13 + seconds * 0.9);
  const fine = ripple(far * 41 - seconds * 1.7 + 100);
  band.glow = layer.glow * Math.max(0, 0.72 + 0.5 * wave + 0.35 * fine);
  band.shift = 0.1 * fine * (depth + 0.06);
  band.squeeze = 5 - 3.5 * Math.min(1, depth * 2);
  band.rise = (rise + depth * 0.3) ** 2;
  const lift = 1 + 0.05 * wave + 0.035 * fine;
  band.colour = [band.colour[0] * lift, band.colour[1] * lift, band.colour[2] * lift];
}

function skyAt(scene: Scene, place: number): Colour {
  const [top, middle, low] = scene.palette.sky;
  const share = place / scene.horizon;
  return share < 0.55 ? mix(top, middle, share / 0.55) : mix(middle, low, (share - 0.55) / 0.45);
}

/** The row where the next layer in front of `front` begins to show in a column. */
function findNext(bands: Band[], front: number, x: number): number {
  let next = Infinity;
  for (let index = front + 1; index < bands.length; index++) {
    const columns = bands[index]?.columns;
    if (columns) next = Math.min(next, (columns.edge[x] ?? 0) - (columns.ramp[x] ?? 0) - 0.5);
  }
  return next;
}

/** Moves a column on to the frontmost layer that has begun by row `y`. */
function advance(frame: Frame, x: number, y: number): void {
  const { bands, front, behind, nextAt, fullAt } = frame;
  const from = front[x] ?? 0;
  for (let index = bands.length - 1; index > from; index--) {
    const columns = bands[index]?.columns;
    if (!columns) continue;
    const [edge, ramp] = [columns.edge[x] ?? 0, columns.ramp[x] ?? 0];
    if (edge - ramp - 0.5 > y) continue;
    behind[x] = from;
    front[x] = index;
    fullAt[x] = edge + ramp - 0.5;
    break;
  }
  nextAt[x] = findNext(bands, front[x] ?? 0, x);
}

/** Cuts a row into runs that show one layer, and single pixels on an edge. */
function paintRow(frame: Frame, y: number): void {
  const { front, nextAt, fullAt } = frame;
  const { width } = frame.picture;
  let start = 0;
  while (start < width) {
    if (y >= (nextAt[start] ?? 0)) advance(frame, start, y);
    if (y < (fullAt[start] ?? 0)) {
      paintEdge(frame, start, y);
      start++;
      continue;
    }
    const band = front[start] ?? 0;
    let end = start + 1;
    while (end < width && front[end] === band && y < (nextAt[end] ?? 0) && y >= (fullAt[end] ?? 0)) end++;
    paintRun(frame, band, { y, start, end });
    start = end;
  }
}

function paintEdge(frame: Frame, x: number, y: number): void {
  const { front, behind, bands, picture } = frame;
  const columns = bands[front[x] ?? 0]?.columns;
  const at = (y * picture.width + x) * 3;
  paintRun(frame, behind[x] ?? 0, { y, start: x, end: x + 1 });
  const under = picture.rgb.slice(at, at + 3);
  paintRun(frame, front[x] ?? 0, { y, start: x, end: x + 1 });
  if (!columns) return;
  const ramp = columns.ramp[x] ?? 0.5;
  const share = Math.min(1, Math.max(0, (y + 0.5 - (columns.edge[x] ?? 0)) / (2 * ramp) + 0.5));
  for (let channel = 0; channel < 3; channel++) {
    const below = under[channel] ?? 0;
    picture.rgb[at + channel] = below + ((picture.rgb[at + channel] ?? 0) - below) * share;
  }
}

/** The innermost loop: one layer along one row. */
function paintRun(frame: Frame, index: number, run: { y: number; start: number; end: number }): void {
  const band = frame.bands[index];
  if (band === undefined) return;
  const { away, tint, grain, light, unit } = frame;
  const { rgb, width } = frame.picture;
  const { table, glow, rise, shift, squeeze } = band;
  const [red, green, blue] = band.colour;
  const [lightRed, lightGreen, lightBlue] = light;
  const { shade, edge } = band.columns;
  const fade = 1 / (RELIEF_DEPTH * unit);
  const grainRow = (run.y & (GRAIN_SIDE - 1)) * GRAIN_SIDE;
  const last = table.length - 1;
  let at = (run.y * width + run.start) * 3;
  for (let x = run.start; x < run.end; x++) {
    const dx = (away[x] ?? 0) + shift;
    const step = Math.min(last, Math.sqrt(dx * dx * squeeze + rise) * STEPS_PER_UNIT) | 0;
    const share = Math.min(1, (table[step] ?? 0) * glow + (tint[x] ?? 0) * glow);
    const noise = grain[grainRow + (x & (GRAIN_SIDE - 1))] ?? 0;
    const slope = shade[x] ?? 0;
    const lift = slope === 0 ? 1 : 1 + slope * Math.max(0, 1 - (run.y - (edge[x] ?? 0)) * fade);
    const keep = (1 - share) * lift;
    rgb[at] = red * keep + lightRed * share + noise;
    rgb[at + 1] = green * keep + lightGreen * share + noise;
    rgb[at + 2] = blue * keep + lightBlue * share + noise;
    at += 3;
  }
}

/** Stars lie in the sky alone: a star behind land is not drawn. */
function paintStars(scene: Scene, picture: Picture, columns: Columns[]): void {
  const { width, height, rgb } = picture;
  const size = Math.max(1, Math.round(Math.min(width, height) / 700));
  for (const star of scene.stars) {
    const left = Math.floor(star.x * (width - size));
    const top = Math.floor(star.y * scene.horizon * height);
    if (columns.some(({ edge }) => (edge[left] ?? 0) < top + size + 1)) continue;
    const strength = 210 * star.brightness * (1 - star.y * 0.8);
    for (let pixel = 0; pixel < size * size; pixel++) {
      const at = ((top + Math.floor(pixel / size)) * width + left + (pixel % size)) * 3;
      for (let channel = 0; channel < 3; channel++) rgb[at + channel] = (rgb[at + channel] ?? 0) + strength;
    }
  }
}
