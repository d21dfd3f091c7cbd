// Colours and how they are mixed.

/** Red, green and blue, 0 to 255, with fractions. */
export type Colour = readonly [number, number, number];

/** `#rrggbb` to a colour. */
export function colourOf(hex: string): Colour {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** `share` 0 is all `a`, 1 is all `b`. */
export function mix(a: Colour, b: Colour, share: number): Colour {
  const t = Math.min(1, Math.max(0, share));
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}
