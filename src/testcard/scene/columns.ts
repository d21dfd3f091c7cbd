// What a layer's outline means in pixels: for each column of the picture, where the layer begins, how soft its
// edge is there and how its slope is lit. Worked out once a frame, so that painting only looks it up.
import type { Layer } from './scene.ts';

export type Columns = {
  /** The row at which the layer begins, with fractions. */
  edge: Float32Array;
  /** Half the rows over which the edge fades: the steeper, the more, or slopes would look like stairs. */
  ramp: Float32Array;
  /** -1 (away from the light) to 1 (towards it), already weighed with the layer's relief. */
  shade: Float32Array;
};

export type View = { width: number; height: number; seconds: number; lightX: number };

/** How far apart the two heights are that give a slope, in shares of the shorter side. */
const SLOPE_SPAN = 0.012;
/** From this far, in shares of the shorter side, the light comes wholly from one side. */
const LIGHT_SPAN = 0.25;
/** Softer than this is a vertical wall, which is sharp. */
const MAX_RAMP = 12;

export function makeColumns(width: number): Columns {
  const list = () => new Float32Array(width);
  return { edge: list(), ramp: list(), shade: list() };
}

export function fillColumns(columns: Columns, layer: Layer, view: View): void {
  const unit = Math.min(view.width, view.height);
  const { edge, ramp, shade } = columns;
  const start = layer.drift * view.seconds;
  for (let x = 0; x < view.width; x++) {
    edge[x] = layer.base * view.height - layer.outline(x / unit + start) * unit;
  }
  const span = Math.max(1, Math.round(SLOPE_SPAN * unit));
  for (let x = 0; x < view.width; x++) {
    const here = edge[x] ?? 0;
    const before = Math.abs(here - (edge[x - 1] ?? here));
    const after = Math.abs(here - (edge[x + 1] ?? here));
    ramp[x] = Math.min(MAX_RAMP, Math.max(0.5, Math.min(before, after) / 2));
    if (layer.relief === 0) continue;
    const [from, to] = [Math.max(0, x - span), Math.min(view.width - 1, x + span)];
    const slope = ((edge[to] ?? here) - (edge[from] ?? here)) / Math.max(1, to - from);
    // A slope that falls towards the light is lit; right under the light no slope is.
    const side = Math.max(-1, Math.min(1, (view.lightX - x) / (LIGHT_SPAN * unit)));
    shade[x] = layer.relief * Math.max(-1, Math.min(1, slope * side * 1.4));
  }
}
