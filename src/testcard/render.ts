// Draws one card from beginning to end; runs inside a worker. The same card gives the same bytes: nothing here
// asks for the time, for chance or for anything outside of the card.
import { createProgress, layoutCaption, makeCaption } from './caption.ts';
import type { ImageCard, RenderedCard, TestCard, VideoCard } from './card.ts';
import { blend, encodeImage, makePicture, type Overlay, type Picture } from './image/index.ts';
import {
  blendPlanes,
  createH264Encoder,
  fillPlanes,
  makePlanes,
  makeTone,
  writeMp4,
  type VideoStream,
} from './film/index.ts';
import { makeInset } from './inset.ts';
import { composeScene, createDice, createPainter, type Scene } from './scene/index.ts';

/** Draws a card. Refuses with `file_load_error` when its reference cannot be decoded. */
export function renderCard(card: TestCard): Promise<RenderedCard> {
  const scene = composeScene(createDice(JSON.stringify([card.prompt, card.seed])));
  return card.kind === 'image' ? renderImage(card, scene) : renderVideo(card, scene);
}

async function renderImage(card: ImageCard, scene: Scene): Promise<RenderedCard> {
  const picture = paintStill(card, scene, await makeOverlays(card, scene));
  const bytes = await encodeImage(picture, card.format);
  return { bytes, contentType: `image/${card.format}`, width: card.width, height: card.height };
}

async function makeOverlays(card: TestCard, scene: Scene): Promise<Overlay[]> {
  const layout = layoutCaption(card);
  const caption = layout ? [makeCaption(card, scene, layout)] : [];
  return card.reference ? [...caption, await makeInset(card.reference, card)] : caption;
}

function paintStill({ width, height }: TestCard, scene: Scene, overlays: Overlay[]): Picture {
  const picture = makePicture(width, height);
  createPainter(scene, picture)(picture, 0);
  for (const overlay of overlays) blend(picture, overlay);
  return picture;
}

/** Frames a second, by the pixels of a frame: motion this slow is smooth at twelve, and large frames cost more. */
const FRAME_RATES = [
  { maxPixels: 1_100_000, fps: 12 },
  { maxPixels: 2_400_000, fps: 8 },
  { maxPixels: Infinity, fps: 4 },
];

async function renderVideo(card: VideoCard, scene: Scene): Promise<RenderedCard> {
  const { width, height, durationMs } = card;
  const overlays = await makeOverlays(card, scene);
  const fps = FRAME_RATES.find(({ maxPixels }) => width * height <= maxPixels)?.fps ?? 4;
  const video = await encodeFrames(card, { scene, overlays, fps });
  const audio = card.hasAudio ? makeTone(durationMs, Math.abs(card.seed)) : null;
  const bytes = writeMp4({ width, height, fps, durationMs, video, audio });
  const still = await encodeImage(paintStill(card, scene, overlays), 'jpeg');
  const poster = { bytes: still, contentType: 'image/jpeg', width, height };
  return { bytes, contentType: 'video/mp4', width, height, durationMs, poster };
}

type Shots = { scene: Scene; overlays: Overlay[]; fps: number };

async function encodeFrames(card: VideoCard, { scene, overlays, fps }: Shots): Promise<VideoStream> {
  const { width, height, durationMs } = card;
  const half = makePicture(width / 2, height / 2);
  const painter = createPainter(scene, half);
  const planes = makePlanes(width, height);
  const layout = layoutCaption(card);
  const progressAt = layout ? createProgress(card, scene, layout) : () => [];
  const encoder = await createH264Encoder({ width, height, fps });
  const frameCount = Math.max(1, Math.round((durationMs * fps) / 1000));
  for (let frame = 0; frame < frameCount; frame++) {
    painter(half, frame / fps);
    fillPlanes(planes, half);
    for (const overlay of overlays) blendPlanes(planes, overlay);
    // The last frame shows the end, or the bar of progress would never be full.
    const atMs = frame === frameCount - 1 ? durationMs : (frame * 1000) / fps;
    for (const overlay of progressAt(atMs)) blendPlanes(planes, overlay);
    encoder.addFrame(planes);
  }
  return encoder.finish();
}
