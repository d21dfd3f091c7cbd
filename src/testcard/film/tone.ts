// A quiet chord as AAC. Every partial is a multiple of 46.875 Hz (48 kHz through 1024 samples), so that each
// frame of the sound is the same as the one before: one frame is analysed and coded, and loudness is set by the
// eight bits of its gain. That is all of AAC that a test card needs, and all that is here.
import { assert } from '../../errors.ts';

export const SAMPLE_RATE = 48_000;
export const SAMPLES_PER_FRAME = 1024;

/** Chords as multiples of the lowest tone: small whole numbers sound pure. */
const CHORDS = [
  [4, 5, 6, 8],
  [4, 6, 8, 9],
  [5, 6, 8, 10],
  [4, 6, 9, 12],
  [6, 8, 9, 12],
  [5, 8, 10, 12],
] as const;
/** How loud each partial is against the first; the higher, the softer. */
const WEIGHTS = [1, 0.7, 0.55, 0.3];
/** The chord's loudest sample, of 32767: about 26 dB below full scale. */
const PEAK = 1600;
/** The gain falls by 1.5 dB a step; fades take this many frames (about half a second). */
const FADE_FRAMES = 24;

/** The coefficients that are coded; the highest partial lies below 24. */
const COEFFICIENTS = 32;
/** Bands of the spectrum are four coefficients wide up to 40 (ISO/IEC 14496-3, table 4.129). */
const BAND_WIDTH = 4;
/** The largest value of codebook 7. */
const MAX_LEVEL = 7;

/** The frames of a chord that lasts `durationMs` or up to 21 ms less; `choice` picks the chord. */
export function makeTone(durationMs: number, choice: number): Uint8Array[] {
  const chord = CHORDS[choice % CHORDS.length] ?? CHORDS[0];
  const spectrum = analyse(chord);
  const loudest = Math.max(...spectrum.map(Math.abs));
  const step = loudest / MAX_LEVEL ** (4 / 3);
  const levels = spectrum.map(
    (value) => Math.sign(value) * Math.floor((Math.abs(value) / step) ** 0.75 + 0.4054),
  );
  // A gain of 100 stands for 1, and four steps double it (ISO/IEC 14496-3, section 4.6.2).
  const gain = Math.round(100 + 4 * Math.log2(step));
  assert(gain > FADE_FRAMES && gain < 256, 'the gain of the tone must fit into its eight bits');
  const count = Math.floor((durationMs * SAMPLE_RATE) / 1000 / SAMPLES_PER_FRAME);
  const fades = Array.from({ length: FADE_FRAMES + 1 }, (_, fade) => encodeFrame(levels, gain - fade));
  return Array.from({ length: count }, (_, index) => {
    const fade = Math.max(0, FADE_FRAMES - Math.min(index, count - 1 - index));
    return fades[fade] ?? new Uint8Array(0);
  });
}

/** The modified cosine transform of one frame with a sine window (ISO/IEC 14496-3, section 4.6.11). */
function analyse(chord: readonly number[]): number[] {
  const length = SAMPLES_PER_FRAME * 2;
  const scale = PEAK / WEIGHTS.reduce((sum, weight) => sum + weight, 0);
  const samples = Array.from({ length }, (_, n) => {
    const angle = (2 * Math.PI * n) / SAMPLES_PER_FRAME;
    const sound = chord.reduce(
      (sum, partial, index) => sum + (WEIGHTS[index] ?? 0) * Math.sin(partial * angle + index),
      0,
    );
    return sound * scale * Math.sin((Math.PI * (n + 0.5)) / length);
  });
  const phase = SAMPLES_PER_FRAME / 2 + 0.5;
  return Array.from({ length: COEFFICIENTS }, (_, k) =>
    samples.reduce(
      (sum, sample, n) => sum + 2 * sample * Math.cos(((2 * Math.PI) / length) * (n + phase) * (k + 0.5)),
      0,
    ),
  );
}

/** One raw data block: a single channel, one long window, all bands in codebook 7 (ISO/IEC 14496-3, 4.4.2). */
function encodeFrame(levels: number[], gain: number): Uint8Array {
  const bits: string[] = [];
  const put = (value: number, length: number) => void bits.push(value.toString(2).padStart(length, '0'));
  const bands = COEFFICIENTS / BAND_WIDTH;
  // A single channel element, its number, the gain; then long window, sine shape, how many bands, no prediction.
  put(0, 3);
  put(0, 4);
  put(gain, 8);
  put(0, 4);
  put(bands, 6);
  put(0, 1);
  // One section: codebook 7 over all bands. Each band's scale differs by nothing from the gain.
  put(7, 4);
  put(bands, 5);
  put(0, bands);
  // No pulses, no noise shaping, no gain control.
  put(0, 3);
  for (let index = 0; index < COEFFICIENTS; index += 2) {
    const pair = levels.slice(index, index + 2);
    const [first = 0, second = 0] = pair.map(Math.abs);
    const [code = 0, length = 0] = CODEBOOK_7[first * 8 + second] ?? [];
    put(code, length);
    for (const level of pair) if (level !== 0) put(level < 0 ? 1 : 0, 1);
  }
  // The end of the block.
  put(7, 3);
  const text = bits.join('');
  return Uint8Array.from({ length: Math.ceil(text.length / 8) }, (_, index) =>
    Number.parseInt(text.slice(index * 8, index * 8 + 8).padEnd(8, '0'), 2),
  );
}

/** Lengths and codes for pairs of levels from 0 to 7 (ISO/IEC 14496-3, table 4.A.8), eight pairs a line. */
const LENGTHS_7 = `
  1 3 6 7 8 9 10 11   3 4 6 7 8 8 9 9   6 6 7 8 8 9 9 10   7 7 8 8 9 9 10 10
  8 8 9 9 10 10 10 11   9 8 9 9 10 10 11 11   10 9 9 10 10 11 12 12   11 10 10 10 11 11 12 12`;
const CODES_7 = `
  0 5 37 74 f2 1eb 3ed 7f7   4 c 35 71 ec ee 1ee 1f5   36 34 72 ea f1 1e9 1f3 3f5   73 70 eb f0 1f1 1f0 3ec 3fa
  f3 ed 1e8 1ef 3ef 3f1 3f9 7fb   1ed ef 1ea 1f2 3f3 3f8 7f9 7fc
  3ee 1ec 1f4 3f4 3f7 7f8 ffd ffe   7f6 3f0 3f2 3f6 7fa 7fd ffc fff`;
const CODEBOOK_7 = CODES_7.trim()
  .split(/\s+/)
  .map((code, index): [number, number] => [
    Number.parseInt(code, 16),
    Number(LENGTHS_7.trim().split(/\s+/)[index]),
  ]);
