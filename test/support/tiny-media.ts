// The smallest files that the gateway takes for what they claim to be: right headers, no picture.
import { png } from '../media/image-bytes.ts';
import { box, CONTENT, FILE_TYPE, LENGTH, movieHead, track } from '../media/mp4-bytes.ts';

export function tinyPng(width: number, height: number): Uint8Array {
  return png(width, height);
}

export function tinyMp4(width: number, height: number): Uint8Array {
  const movie = box('moov', movieHead(LENGTH), track('vide', width, height), track('soun'));
  return Uint8Array.from([...FILE_TYPE, ...movie, ...CONTENT]);
}
