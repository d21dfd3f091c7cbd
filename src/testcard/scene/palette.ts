// The colours of scenes: sets chosen by eye, each for one hour and place.
import { colourOf, type Colour } from '../image/index.ts';

export type Palette = {
  /** From the top of the sky to the horizon. */
  sky: readonly [Colour, Colour, Colour];
  light: Colour;
  /** The farthest and the nearest land; what lies between is mixed, and mist takes the horizon's colour. */
  far: Colour;
  near: Colour;
  isNight: boolean;
};

/** Top, middle and horizon of the sky, the light, far land, near land. */
type Hues = readonly [string, string, string, string, string, string];

const palette = ([top, middle, low, light, far, near]: Hues, isNight = false): Palette => ({
  sky: [colourOf(top), colourOf(middle), colourOf(low)],
  light: colourOf(light),
  far: colourOf(far),
  near: colourOf(near),
  isNight,
});

export const PALETTES: readonly [Palette, ...Palette[]] = [
  // Dawn over violet hills.
  palette(['#2b3a67', '#8d6a9f', '#f4a988', '#ffe3b3', '#a86f8e', '#1f1b33']),
  // A golden evening.
  palette(['#35507a', '#d59a5b', '#ffdf9f', '#fff3cf', '#c0824a', '#2b1a1a']),
  // The blue hour.
  palette(['#0b1d3a', '#1f4e79', '#8fc0de', '#f2f7ff', '#3f6f97', '#071425'], true),
  // Night.
  palette(['#050914', '#101d3c', '#31467a', '#e8edff', '#1f2d52', '#04060d'], true),
  // Coral haze.
  palette(['#e88f86', '#f5b49f', '#fce3cf', '#fff8ea', '#d9776d', '#4d2136']),
  // A mint morning.
  palette(['#86bdb5', '#b5dacf', '#f4f2dc', '#ffffff', '#7fb3aa', '#173f44']),
  // Desert noon.
  palette(['#5f9db3', '#e5c49a', '#fae6c6', '#fffbe8', '#d99f6c', '#6b3220']),
  // Plum dusk.
  palette(['#1b1035', '#5a2a6e', '#e06c92', '#ffd6c4', '#7a3b7e', '#150a24'], true),
  // Arctic light.
  palette(['#7fabd0', '#c4dcec', '#f5f9fb', '#ffffff', '#a2c1d7', '#24415d']),
  // Woodland mist.
  palette(['#4f7261', '#a3b899', '#ebe9cb', '#fffbe0', '#7f9b7c', '#14251d']),
  // A storm that lifts.
  palette(['#252b34', '#56616d', '#b9c0bd', '#f6f0df', '#66727d', '#12161b']),
  // Electric dusk.
  palette(['#12082f', '#3b1d8f', '#ff6aa6', '#ffd9ef', '#5a2fb0', '#0a0420'], true),
  // A tropical lagoon.
  palette(['#0d4f6c', '#2a9d9a', '#c8eed6', '#fff7dc', '#2f8f95', '#06303f']),
  // Lavender.
  palette(['#5d5fa6', '#ae9fd6', '#f8dde6', '#ffffff', '#857cbb', '#272449']),
  // Embers.
  palette(['#1a0b0b', '#6b1f1a', '#f58a45', '#ffe08a', '#8a2f22', '#140606'], true),
  // Rose clay.
  palette(['#b98a7d', '#e2bfa6', '#fbefdd', '#fffaf0', '#bd8f78', '#402a26']),
];
