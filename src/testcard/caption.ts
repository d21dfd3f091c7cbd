// The caption of a card: a shade that rises from the lower border, the prompt in a few lines, and below it the
// label, size and seed. For a film it also draws what changes: the time code and the bar of progress.
import type { TestCard } from './card.ts';
import { setText, type TextLine } from './font/index.ts';
import { lay, makeOverlay, mix, type Colour, type Overlay } from './image/index.ts';
import type { Scene } from './scene/index.ts';

/** All measures of a caption in pixels; null when the picture is too small to hold one. */
export type CaptionLayout = {
  margin: number;
  promptPx: number;
  detailPx: number;
  maxLines: number;
  /** Height of the bar of progress. */
  barPx: number;
};

const BLACK: Colour = [0, 0, 0];
const WHITE: Colour = [255, 255, 255];
/** Letters smaller than this cannot be read. */
const MIN_PROMPT_PX = 12;
const MIN_DETAIL_PX = 10;
/** Pictures with a shorter side than this have no caption. */
const MIN_CAPTION_SIDE = 72;
/** A line longer than this many ems is tiring to read. */
const MAX_LINE_EMS = 44;
const LINE_HEIGHT = 1.36;
const SHADE_OPACITY = 0.74;

export function layoutCaption({ width, height }: { width: number; height: number }): CaptionLayout | null {
  const unit = Math.min(width, height);
  if (unit < MIN_CAPTION_SIDE) return null;
  return {
    margin: Math.max(6, Math.round(unit * 0.038)),
    promptPx: Math.max(MIN_PROMPT_PX, Math.round(unit * 0.0255)),
    detailPx: Math.max(MIN_DETAIL_PX, Math.round(unit * 0.0175)),
    maxLines: height >= width ? 4 : height < 2 * MIN_CAPTION_SIDE ? 2 : 3,
    barPx: Math.max(2, Math.round(unit * 0.005)),
  };
}

/** Draws everything of the caption that stays the same. */
export function makeCaption(card: TestCard, scene: Scene, layout: CaptionLayout): Overlay {
  const { width, height } = card;
  const { margin, promptPx, detailPx, maxLines } = layout;
  const inner = width - 2 * margin;
  const widthPx = Math.min(inner, MAX_LINE_EMS * promptPx);
  const lines = setText(card.prompt, { sizePx: promptPx, widthPx, maxLines });
  const lineStep = Math.round(promptPx * LINE_HEIGHT);
  const textHeight = lines.length * lineStep + Math.round(detailPx * 0.9) + detailPx;
  const overlayHeight = Math.min(height, textHeight + margin * 3);
  const overlay = makeOverlay({ left: 0, top: height - overlayHeight, width, height: overlayHeight });
  shade(overlay, mix(scene.palette.near, BLACK, 0.35));
  const bottom = overlayHeight - margin;
  const ink = mix(scene.palette.light, WHITE, 0.6);
  for (const [index, line] of lines.entries()) {
    const y = bottom - Math.round(detailPx * 1.9) - (lines.length - 1 - index) * lineStep;
    drawLine(overlay, line, { x: line.isRightToLeft ? width - margin - line.widthPx : margin, y, ink });
  }
  // A film's time code stands on the right of the details.
  const room = card.kind === 'video' ? inner - 9 * detailPx : inner;
  const [details] = setText(detailsOf(card), { sizePx: detailPx, widthPx: room, maxLines: 1 });
  if (details) drawLine(overlay, details, { x: margin, y: bottom, ink: mix(ink, scene.palette.near, 0.22) });
  return overlay;
}

function detailsOf(card: TestCard): string {
  const size = `${card.width} × ${card.height}`;
  return [card.label, size, `seed ${card.seed}`]
    .filter((part) => part !== undefined && part !== '')
    .join('  ·  ');
}

/** From nothing at the top to its full opacity in the middle; the overlay is still empty. */
function shade({ width, height, rgba }: Overlay, [red, green, blue]: Colour): void {
  for (let y = 0; y < height; y++) {
    const share = Math.min(1, (y + 1) / (height * 0.55));
    const opacity = SHADE_OPACITY * share * share * (3 - 2 * share) * 255;
    for (let at = y * width * 4; at < (y + 1) * width * 4; at += 4) {
      rgba[at] = red;
      rgba[at + 1] = green;
      rgba[at + 2] = blue;
      rgba[at + 3] = opacity;
    }
  }
}

/** `at` is where the line begins and its baseline. */
function drawLine(overlay: Overlay, line: TextLine, at: { x: number; y: number; ink: Colour }): void {
  for (const { mask, x } of line.glyphs) {
    const left = Math.round(at.x + x) + mask.left;
    for (let index = 0; index < mask.coverage.length; index++) {
      const place = { x: left + (index % mask.width), y: at.y + mask.top + Math.floor(index / mask.width) };
      lay(overlay, place, { colour: at.ink, opacity: (mask.coverage[index] ?? 0) / 255 });
    }
  }
}

/** The parts of a film's caption that change, drawn anew for each frame. */
export function createProgress(
  card: { width: number; height: number; durationMs: number },
  scene: Scene,
  layout: CaptionLayout,
) {
  const { width, height, durationMs } = card;
  const { margin, detailPx, barPx } = layout;
  const ink = mix(scene.palette.light, WHITE, 0.6);
  const total = timeCode(durationMs);
  return (atMs: number): Overlay[] => {
    const bar = makeOverlay({ left: 0, top: height - barPx, width, height: barPx });
    const reached = (width * atMs) / durationMs;
    for (let index = 0; index < width * barPx; index++) {
      const x = index % width;
      const share = Math.min(1, Math.max(0, reached - x));
      lay(bar, { x, y: Math.floor(index / width) }, { colour: ink, opacity: 0.2 + 0.75 * share });
    }
    const [line] = setText(`${timeCode(atMs)} / ${total}`, { sizePx: detailPx, widthPx: width, maxLines: 1 });
    if (!line || line.widthPx > width - 2 * margin) return [bar];
    const boxWidth = Math.ceil(line.widthPx) + 2;
    const top = height - margin - detailPx;
    const code = makeOverlay({
      left: width - margin - boxWidth,
      top,
      width: boxWidth,
      height: Math.round(detailPx * 1.4),
    });
    drawLine(code, line, { x: 0, y: detailPx, ink });
    return [bar, code];
  };
}

/** `4.2 s` of a film as `0:04.2`. */
function timeCode(atMs: number): string {
  const tenths = Math.floor(atMs / 100);
  const seconds = Math.floor(tenths / 10);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}.${tenths % 10}`;
}
