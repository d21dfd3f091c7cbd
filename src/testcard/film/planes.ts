// Frames as a video encoder takes them: one plane of brightness at full size, two of colour at half size
// (4:2:0, BT.709, limited range). A scene is painted at half size, which is four times faster: its colours fit
// as they are, its brightness is enlarged. What must stay sharp is blended in afterwards at full size.
import type { Overlay, Picture } from '../image/index.ts';

/** `bytes` holds the three planes one after the other; sides are even. */
export type Planes = { width: number; height: number; bytes: Uint8Array };

export function makePlanes(width: number, height: number): Planes {
  return { width, height, bytes: new Uint8Array((width * height * 3) / 2) };
}

/**
 * BT.709 in limited range: brightness 16 to 235, colour 16 to 240 (ITU-R BT.709-6, section 3), in 65536ths with
 * half a step for rounding. Whole numbers, because the conversion of fractions is what would take the time here.
 */
const brightnessOf = (r: number, g: number, b: number) =>
  (11_966 * r + 40_254 * g + 4064 * b + 1_081_344) >> 16;
const blueOf = (r: number, g: number, b: number) => (28_784 * b - 6595 * r - 22_189 * g + 8_421_376) >> 16;
const redOf = (r: number, g: number, b: number) => (28_784 * r - 26_145 * g - 2639 * b + 8_421_376) >> 16;

/** Fills the planes from a picture of half their width and height. */
export function fillPlanes(planes: Planes, half: Picture): void {
  const { rgb } = half;
  const count = half.width * half.height;
  const blueAt = planes.width * planes.height;
  const redAt = blueAt + count;
  const { bytes } = planes;
  const small = new Uint8Array(count);
  for (let pixel = 0, at = 0; pixel < count; pixel++, at += 3) {
    const r = rgb[at] ?? 0;
    const g = rgb[at + 1] ?? 0;
    const b = rgb[at + 2] ?? 0;
    small[pixel] = brightnessOf(r, g, b);
    bytes[blueAt + pixel] = blueOf(r, g, b);
    bytes[redAt + pixel] = redOf(r, g, b);
  }
  enlarge(planes, half, small);
}

/** Doubles the brightness in both directions; each new pixel is three parts its own, one part its neighbour. */
function enlarge({ bytes, width }: Planes, half: { width: number; height: number }, small: Uint8Array): void {
  const column = new Uint16Array(half.width);
  const last = half.width - 1;
  for (let y = 0; y < half.height * 2; y++) {
    const own = (y >> 1) * half.width;
    const neighbour = Math.min(half.height - 1, Math.max(0, (y >> 1) + (y & 1 ? 1 : -1))) * half.width;
    for (let x = 0; x <= last; x++) column[x] = 3 * (small[own + x] ?? 0) + (small[neighbour + x] ?? 0);
    let at = y * width;
    for (let x = 0; x <= last; x++) {
      const here = 3 * (column[x] ?? 0) + 8;
      bytes[at++] = (here + (column[x === 0 ? 0 : x - 1] ?? 0)) >> 4;
      bytes[at++] = (here + (column[x === last ? last : x + 1] ?? 0)) >> 4;
    }
  }
}

/** Lays an overlay over a frame. */
export function blendPlanes(planes: Planes, overlay: Overlay): void {
  const { width, bytes } = planes;
  const { rgba, left, top } = overlay;
  const blueAt = width * planes.height;
  const redAt = blueAt + blueAt / 4;
  for (let row = 0; row < overlay.height; row++) {
    const y = top + row;
    for (let column = 0; column < overlay.width; column++) {
      const from = (row * overlay.width + column) * 4;
      // In 256ths, so that mixing is a shift.
      const opacity = (rgba[from + 3] ?? 0) + ((rgba[from + 3] ?? 0) >> 7);
      if (opacity === 0) continue;
      const x = left + column;
      const r = rgba[from] ?? 0;
      const g = rgba[from + 1] ?? 0;
      const b = rgba[from + 2] ?? 0;
      const at = y * width + x;
      const below = bytes[at] ?? 0;
      bytes[at] = below + (((brightnessOf(r, g, b) - below) * opacity) >> 8);
      // Colour is taken from the upper left of each four pixels.
      if (((x | y) & 1) !== 0) continue;
      const colourAt = ((y >> 1) * width) / 2 + (x >> 1);
      const blue = bytes[blueAt + colourAt] ?? 0;
      const red = bytes[redAt + colourAt] ?? 0;
      bytes[blueAt + colourAt] = blue + (((blueOf(r, g, b) - blue) * opacity) >> 8);
      bytes[redAt + colourAt] = red + (((redOf(r, g, b) - red) * opacity) >> 8);
    }
  }
}
