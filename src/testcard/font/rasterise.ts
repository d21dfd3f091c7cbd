// Turns an outline into grey values: the exact share of each pixel that lies inside. Areas are summed with
// their sign along each row (the way of font-rs and of stb_truetype's second version), so nothing is sorted.
import type { Contour } from './outlines.ts';

/** Grey values of a small picture; `left` and `top` say where it lies against the pen, y downwards. */
export type Mask = { left: number; top: number; width: number; height: number; coverage: Uint8Array };

const EMPTY: Mask = { left: 0, top: 0, width: 0, height: 0, coverage: new Uint8Array(0) };
/** A bend of an outline is cut into this many straight pieces; more is not visible at the sizes of a caption. */
const CURVE_STEPS = 6;

type Point = { x: number; y: number };

/** Draws contours (font units, y upwards) at `scale` pixels a unit. */
export function rasterise(contours: Contour[], scale: number): Mask {
  const lines = contours.map((contour) => flatten(contour, scale)).filter((points) => points.length > 2);
  if (lines.length === 0) return EMPTY;
  const all = lines.flat();
  const left = Math.floor(Math.min(...all.map(({ x }) => x)));
  const top = Math.floor(Math.min(...all.map(({ y }) => y)));
  const width = Math.ceil(Math.max(...all.map(({ x }) => x))) - left + 1;
  const height = Math.ceil(Math.max(...all.map(({ y }) => y))) - top + 1;
  // One row more than is seen: an edge at the right border writes one cell past its row.
  const areas = new Float32Array(width * (height + 1) + 2);
  for (const points of lines) {
    for (const [index, to] of points.entries()) {
      const from = points.at(index - 1) ?? to;
      addEdge(areas, width, [from.x - left, from.y - top, to.x - left, to.y - top]);
    }
  }
  return { left, top, width, height, coverage: sumUp(areas, width * height) };
}

/** The corners of a contour in pixels, y downwards; between two points off the curve lies one on it. */
function flatten(contour: Contour, scale: number): Point[] {
  const scaled = contour.map(({ x, y, isOn }) => ({ x: x * scale, y: -y * scale, isOn }));
  const out: Point[] = [];
  for (const [index, point] of scaled.entries()) {
    const before = scaled.at(index - 1) ?? point;
    const after = scaled[(index + 1) % scaled.length] ?? point;
    if (point.isOn) {
      out.push(point);
      continue;
    }
    const from = before.isOn ? before : between(before, point);
    const to = after.isOn ? after : between(point, after);
    for (let step = before.isOn ? 1 : 0; step < CURVE_STEPS; step++) {
      const t = step / CURVE_STEPS;
      out.push(between3([from, point, to], t));
    }
  }
  return out;
}

const between = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

function between3([a, b, c]: [Point, Point, Point], t: number): Point {
  const [wa, wb, wc] = [(1 - t) * (1 - t), 2 * t * (1 - t), t * t];
  return { x: wa * a.x + wb * b.x + wc * c.x, y: wa * a.y + wb * b.y + wc * c.y };
}

/** Adds what one edge changes in the sum along each row that it crosses. */
function addEdge(
  areas: Float32Array,
  width: number,
  [x0, y0, x1, y1]: [number, number, number, number],
): void {
  if (y0 === y1) return;
  const sign = y0 < y1 ? 1 : -1;
  const [topX, topY, bottomX, bottomY] = sign > 0 ? [x0, y0, x1, y1] : [x1, y1, x0, y0];
  const slope = (bottomX - topX) / (bottomY - topY);
  let x = topX;
  for (let row = Math.floor(topY); row < bottomY; row++) {
    const height = Math.min(row + 1, bottomY) - Math.max(row, topY);
    const next = x + slope * height;
    addSpan(areas, row * width, { from: Math.min(x, next), to: Math.max(x, next), area: height * sign });
    x = next;
  }
}

/** Spreads the area of one edge piece within one row over the cells from its left to its right end. */
function addSpan(areas: Float32Array, row: number, span: { from: number; to: number; area: number }): void {
  const { from, to, area } = span;
  const first = Math.floor(from);
  const add = (cell: number, share: number) => {
    areas[row + cell] = (areas[row + cell] ?? 0) + area * share;
  };
  const last = Math.ceil(to);
  if (last <= first + 1) {
    const rest = (from + to) / 2 - first;
    add(first, 1 - rest);
    add(first + 1, rest);
    return;
  }
  // The share to the right of a cell's right border, from one border to the next.
  const covered = (border: number) => {
    const x = Math.min(Math.max(border, from), to);
    const inside = (x - from) / (to - from);
    return inside * (border - (from + x) / 2);
  };
  let before = 0;
  let beforeBefore = 0;
  for (let cell = first; cell <= last; cell++) {
    const now = covered(cell + 1);
    add(cell, now - 2 * before + beforeBefore);
    beforeBefore = before;
    before = now;
  }
}

function sumUp(areas: Float32Array, count: number): Uint8Array {
  const coverage = new Uint8Array(count);
  let sum = 0;
  for (let index = 0; index < count; index++) {
    sum += areas[index] ?? 0;
    coverage[index] = Math.min(255, Math.round(Math.abs(sum) * 255));
  }
  return coverage;
}
