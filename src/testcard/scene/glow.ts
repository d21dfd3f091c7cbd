// The light around the sun or moon, as a table over the distance from it, and the grain of the film. Both are
// looked up once a pixel, so they are worked out before.
import { createDice } from './dice.ts';
import type { Light } from './scene.ts';

/** Distances are measured in shorter sides; farther than this there is no glow. */
const MAX_DISTANCE = 4;
/** So many steps a shorter side that a step is less than a pixel in nearly every picture. */
export const STEPS_PER_UNIT = 4096;
const STEPS = MAX_DISTANCE * STEPS_PER_UNIT;

/** Two tables of light by distance: 0 is none, 1 is the light's own colour. */
export type Glow = { withDisc: Float32Array; withoutDisc: Float32Array };

export function makeGlow(light: Light, pixelsPerUnit: number): Glow {
  const halo = (distance: number) => {
    const outside = Math.max(0, distance - light.radius);
    const near = 0.55 * Math.exp(-outside / (0.3 * light.reach));
    return light.strength * (near + 0.45 * Math.exp(-((distance / (1.5 * light.reach)) ** 2)));
  };
  const disc = (distance: number) => {
    const inside = Math.min(1, Math.max(0, (light.radius - distance) * pixelsPerUnit + 0.5));
    if (!light.isRing) return halo(distance) + (1 - halo(distance)) * inside;
    const ring = Math.exp(-(((distance - light.radius) / 0.007) ** 2));
    return Math.min(1, halo(distance) * (1 - inside) + ring);
  };
  const table = (at: (distance: number) => number) =>
    Float32Array.from({ length: STEPS + 1 }, (_, step) => (step === STEPS ? 0 : at(step / STEPS_PER_UNIT)));
  return { withDisc: table(disc), withoutDisc: table(halo) };
}

/** The side of the square of grain; a power of two, so that a place in it is found by masking. */
export const GRAIN_SIDE = 128;
/** A little more than half a grey value hides the bands of a gradient, and looks like film. */
const GRAIN_STRENGTH = 1.3;

/** The same for every picture: grain that differs would only make files larger. */
export function makeGrain(): Float32Array {
  const dice = createDice('grain');
  return Float32Array.from(
    { length: GRAIN_SIDE * GRAIN_SIDE },
    () => (dice.next() - dice.next()) * GRAIN_STRENGTH,
  );
}
