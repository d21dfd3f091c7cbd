// The reference image of a card, shown small in the upper right corner with a border, rounded corners and a
// soft shadow.
import { decodeReference, lay, makeOverlay, type Colour, type Overlay, type Raster } from './image/index.ts';

/** Its longer side, in shares of the picture's shorter side. */
const INSET_SHARE = 0.27;
const MARGIN_SHARE = 0.038;
const BORDER: Colour = [250, 250, 248];
const SHADOW: Colour = [0, 0, 0];
const SHADOW_OPACITY = 0.34;

/** Decodes and draws a reference. Refuses with `file_load_error` what cannot be decoded. */
export async function makeInset(
  reference: Uint8Array,
  size: { width: number; height: number },
): Promise<Overlay> {
  const unit = Math.min(size.width, size.height);
  const raster = await decodeReference(reference, Math.max(2, Math.round(unit * INSET_SHARE)));
  const border = Math.max(1, Math.round(unit * 0.005));
  const margin = Math.round(unit * MARGIN_SHARE);
  const blur = margin;
  const width = Math.min(size.width, raster.width + 2 * (border + blur));
  const height = Math.min(size.height, raster.height + 2 * (border + blur));
  const left = Math.max(0, size.width - width - margin + blur);
  const overlay = makeOverlay({ left, top: Math.max(0, margin - blur), width, height });
  const radius = Math.max(1, unit * 0.016);
  const frame = { left: blur, top: blur, width: width - 2 * blur, height: height - 2 * blur, radius };
  drawShadow(overlay, frame, blur);
  drawImage(overlay, frame, { raster, border });
  return overlay;
}

type Frame = { left: number; top: number; width: number; height: number; radius: number };

/** How far a point lies outside a rectangle with round corners, in pixels; negative inside. */
function distanceTo(frame: Frame, x: number, y: number): number {
  const dx = Math.abs(x - frame.left - frame.width / 2) - frame.width / 2 + frame.radius;
  const dy = Math.abs(y - frame.top - frame.height / 2) - frame.height / 2 + frame.radius;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - frame.radius;
}

function drawShadow(overlay: Overlay, frame: Frame, blur: number): void {
  if (blur === 0) return;
  // The shadow falls a little downwards.
  const fallen = { ...frame, top: frame.top + blur * 0.25 };
  forEachPixel(overlay, (x, y) => {
    const share = Math.min(1, Math.max(0, 1 - distanceTo(fallen, x + 0.5, y + 0.5) / (blur * 0.75)));
    lay(overlay, { x, y }, { colour: SHADOW, opacity: SHADOW_OPACITY * share * share });
  });
}

function drawImage(
  overlay: Overlay,
  frame: Frame,
  { raster, border }: { raster: Raster; border: number },
): void {
  const hole = {
    left: frame.left + border,
    top: frame.top + border,
    width: frame.width - 2 * border,
    height: frame.height - 2 * border,
    radius: Math.max(0.5, frame.radius - border),
  };
  forEachPixel(overlay, (x, y) => {
    lay(overlay, { x, y }, { colour: BORDER, opacity: coverage(distanceTo(frame, x + 0.5, y + 0.5)) });
    const [column, row] = [x - hole.left, y - hole.top];
    if (column < 0 || row < 0 || column >= raster.width || row >= raster.height) return;
    const [red = 0, green = 0, blue = 0, opacity = 0] = raster.rgba.subarray(
      (row * raster.width + column) * 4,
    );
    const inHole = coverage(distanceTo(hole, x + 0.5, y + 0.5));
    lay(overlay, { x, y }, { colour: [red, green, blue], opacity: (inHole * opacity) / 255 });
  });
}

const coverage = (distance: number) => Math.min(1, Math.max(0, 0.5 - distance));

function forEachPixel({ width, height }: Overlay, visit: (x: number, y: number) => void): void {
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) visit(x, y);
}
