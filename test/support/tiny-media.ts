// The smallest files that the gateway takes for what they claim to be: right headers, no picture.
import { png } from '../media/image-bytes.ts';
import { box, CONTENT, FILE_TYPE, LENGTH, movieHead, track } from '../media/mp4-bytes.ts';

const UNITS_PER_SECOND = LENGTH.scale;

export function tinyPng(width: number, height: number): Uint8Array {
  return png(width, height);
}

/** Two seconds and a half with sound, unless told. */
export function tinyMp4(
  width: number,
  height: number,
  { seconds = 2.5, hasAudio = true }: { seconds?: number; hasAudio?: boolean } = {},
): Uint8Array {
  const head = movieHead({ ...LENGTH, units: Math.round(seconds * UNITS_PER_SECOND) });
  const sound = hasAudio ? [track('soun')] : [];
  const movie = box('moov', head, track('vide', width, height), ...sound);
  return Uint8Array.from([...FILE_TYPE, ...movie, ...CONTENT]);
}
