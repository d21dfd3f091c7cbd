// A picture in memory, and what is laid over it: caption and inset are overlays with opacity, made once and
// blended into a still picture or into every frame of a film.
import type { Colour } from './colour.ts';

/** Three bytes a pixel, row by row from the top. */
export type Picture = { width: number; height: number; rgb: Uint8ClampedArray };

export function makePicture(width: number, height: number): Picture {
  return { width, height, rgb: new Uint8ClampedArray(width * height * 3) };
}

/** A rectangle that lies over a picture, wholly within it; four bytes a pixel, the last is the opacity. */
export type Overlay = { left: number; top: number; width: number; height: number; rgba: Uint8ClampedArray };

export function makeOverlay(box: { left: number; top: number; width: number; height: number }): Overlay {
  return { ...box, rgba: new Uint8ClampedArray(box.width * box.height * 4) };
}

/** A colour, and how much of what lies below it is covered: 0 is nothing, 1 is all. */
export type Ink = { colour: Colour; opacity: number };

/** Lays one pixel over what the overlay holds already; outside of it nothing happens. */
export function lay(overlay: Overlay, at: { x: number; y: number }, { colour, opacity }: Ink): void {
  const { width, height, rgba } = overlay;
  if (opacity <= 0 || at.x < 0 || at.y < 0 || at.x >= width || at.y >= height) return;
  const offset = (at.y * width + at.x) * 4;
  const under = ((rgba[offset + 3] ?? 0) / 255) * (1 - opacity);
  const sum = opacity + under;
  for (let channel = 0; channel < 3; channel++) {
    const below = rgba[offset + channel] ?? 0;
    rgba[offset + channel] = ((colour[channel] ?? 0) * opacity + below * under) / sum;
  }
  rgba[offset + 3] = sum * 255;
}

export function blend(picture: Picture, overlay: Overlay): void {
  const { rgb } = picture;
  const { rgba } = overlay;
  for (let y = 0; y < overlay.height; y++) {
    let to = ((overlay.top + y) * picture.width + overlay.left) * 3;
    let from = y * overlay.width * 4;
    for (let x = 0; x < overlay.width; x++, to += 3, from += 4) {
      const opacity = (rgba[from + 3] ?? 0) / 255;
      if (opacity === 0) continue;
      for (let channel = 0; channel < 3; channel++) {
        const below = rgb[to + channel] ?? 0;
        rgb[to + channel] = below + ((rgba[from + channel] ?? 0) - below) * opacity;
      }
    }
  }
}
