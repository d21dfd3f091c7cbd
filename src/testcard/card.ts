// What a test card is and what comes back: the words that the door, the pool and the workers share.
import { assert } from '../errors.ts';
import type { ImageFormat } from './image/index.ts';

type CardCommon = {
  /** Pixels; even for a video. */
  width: number;
  height: number;
  /** Shown in the caption (cut after a few lines); with the seed it decides what the picture looks like. */
  prompt: string;
  seed: number;
  /** Shown in the caption; the model, as a rule. */
  label?: string;
  /** A PNG, JPEG or WebP file that is shown as an inset. */
  reference?: Uint8Array;
};

export type ImageCard = CardCommon & { kind: 'image'; format: ImageFormat };
export type VideoCard = CardCommon & { kind: 'video'; durationMs: number; hasAudio: boolean };
export type TestCard = ImageCard | VideoCard;

type RenderedImage = { bytes: Uint8Array; contentType: string; width: number; height: number };

/** A video has its duration and a poster: its first frame as JPEG. */
export type RenderedCard = RenderedImage & { durationMs?: number; poster?: RenderedImage };

const MIN_SIDE = 16;
/** More than any model makes; a picture of so many pixels takes 50 MB while it is drawn. */
const MAX_SIDE = 6400;
const MAX_PIXELS = 17_300_000;
const MIN_DURATION_MS = 500;
const MAX_DURATION_MS = 60_000;

/** Throws a bug for a card outside the bounds: the caller is our own provider, which has judged the request. */
export function assertCard(card: TestCard): void {
  for (const side of [card.width, card.height]) {
    assert(
      Number.isInteger(side) && side >= MIN_SIDE && side <= MAX_SIDE,
      `a side of ${side} pixels is out of bounds`,
    );
  }
  assert(card.width * card.height <= MAX_PIXELS, `${card.width} × ${card.height} pixels are out of bounds`);
  assert(Number.isSafeInteger(card.seed), 'the seed of a test card must be an integer');
  if (card.kind === 'image') return;
  const { width, height, durationMs } = card;
  assert(width % 2 === 0 && height % 2 === 0, 'the sides of a video must be even');
  const isInBounds = durationMs >= MIN_DURATION_MS && durationMs <= MAX_DURATION_MS;
  assert(Number.isInteger(durationMs) && isInBounds, `a duration of ${durationMs} ms is out of bounds`);
}
