// Glyph outlines from the packed `glyf` table of WOFF2 (section 5.1): one pass notes where each glyph begins
// in each stream, and after that a glyph is unpacked only when a text needs it.
import { assert } from '../../errors.ts';
import { readerOf, type FontReader } from './woff2.ts';

/** Points of one closed curve in font units, y upwards; a point off the curve bends the line between its neighbours. */
export type Contour = { x: number; y: number; isOn: boolean }[];

/** Accents on letters nest once or twice; deeper is a damaged font. */
const MAX_NESTING = 6;
const MAX_COMPONENTS = 16;

/** How many bytes of the glyph stream a flag's two distances take (WOFF2, table 2). */
const tripletBytes = (flag: number) =>
  (flag & 127) < 84 ? 1 : (flag & 127) < 120 ? 2 : (flag & 127) < 124 ? 3 : 4;

type Streams = Record<'contours' | 'points' | 'flags' | 'glyphs' | 'composites', DataView>;
/** Where each glyph begins; one list a stream, indexed by glyph. */
type Starts = Record<'points' | 'flags' | 'glyphs' | 'composites', Int32Array>;

/** Opens a packed `glyf` table. The answer gives a glyph's contours; an unknown or empty glyph has none. */
export function openOutlines(glyf: DataView): (glyph: number) => Contour[] {
  const count = glyf.getUint16(4);
  const streams = splitStreams(glyf, count);
  const starts = findStarts(streams, count);
  const outlineOf = (glyph: number, depth: number): Contour[] => {
    assert(depth <= MAX_NESTING, 'a glyph must not be nested so deeply');
    if (glyph < 0 || glyph >= count) return [];
    const contours = streams.contours.getInt16(glyph * 2);
    if (contours === 0) return [];
    if (contours > 0) return readSimple(streams, starts, glyph);
    return readParts(readerOf(streams.composites, starts.composites[glyph])).flatMap((part) =>
      outlineOf(part.glyph, depth + 1).map((contour) => contour.map(part.place)),
    );
  };
  return (glyph) => outlineOf(glyph, 0);
}

function splitStreams(glyf: DataView, count: number): Streams {
  // Seven sizes from byte 8 on: contours, points, flags, glyphs, composites, boxes, instructions.
  let offset = 36;
  const next = (index: number): DataView => {
    const bytes = glyf.getUint32(8 + index * 4);
    const view = new DataView(glyf.buffer, glyf.byteOffset + offset, bytes);
    offset += bytes;
    return view;
  };
  const streams = {
    contours: next(0),
    points: next(1),
    flags: next(2),
    glyphs: next(3),
    composites: next(4),
  };
  assert(streams.contours.byteLength === count * 2, 'the packed outlines must name every glyph');
  return streams;
}

function findStarts(streams: Streams, count: number): Starts {
  const list = () => new Int32Array(count);
  const starts = { points: list(), flags: list(), glyphs: list(), composites: list() };
  const points = readerOf(streams.points);
  const glyphs = readerOf(streams.glyphs);
  const composites = readerOf(streams.composites);
  let flagsAt = 0;
  for (let glyph = 0; glyph < count; glyph++) {
    starts.points[glyph] = points.at();
    starts.flags[glyph] = flagsAt;
    starts.glyphs[glyph] = glyphs.at();
    starts.composites[glyph] = composites.at();
    const contours = streams.contours.getInt16(glyph * 2);
    let pointCount = 0;
    for (let contour = 0; contour < contours; contour++) pointCount += points.short();
    const flagsEnd = flagsAt + pointCount;
    while (flagsAt < flagsEnd) glyphs.skip(tripletBytes(streams.flags.getUint8(flagsAt++)));
    const hasInstructions = contours > 0 || (contours < 0 && skipParts(composites));
    if (hasInstructions) glyphs.short();
  }
  return starts;
}

function readSimple(streams: Streams, starts: Starts, glyph: number): Contour[] {
  const points = readerOf(streams.points, starts.points[glyph]);
  const flags = readerOf(streams.flags, starts.flags[glyph]);
  const distances = readerOf(streams.glyphs, starts.glyphs[glyph]);
  const lengths = Array.from({ length: streams.contours.getInt16(glyph * 2) }, () => points.short());
  let x = 0;
  let y = 0;
  return lengths.map((length) =>
    Array.from({ length }, () => {
      const flag = flags.u8();
      const [dx, dy] = readTriplet(flag & 127, distances);
      x += dx;
      y += dy;
      return { x, y, isOn: flag < 128 };
    }),
  );
}

const signed = (flag: number, distance: number) => (flag & 1 ? distance : -distance);

/** The two distances behind one flag (WOFF2, table 2). */
function readTriplet(flag: number, reader: FontReader): [number, number] {
  const first = reader.u8();
  if (flag < 10) return [0, signed(flag, ((flag & 14) << 7) + first)];
  if (flag < 20) return [signed(flag, (((flag - 10) & 14) << 7) + first), 0];
  if (flag < 84) {
    const base = flag - 20;
    const dx = 1 + (base & 0x30) + (first >> 4);
    return [signed(flag, dx), signed(flag >> 1, 1 + ((base & 0x0c) << 2) + (first & 15))];
  }
  const second = reader.u8();
  if (flag < 120) {
    const base = flag - 84;
    const dx = 1 + (Math.floor(base / 12) << 8) + first;
    return [signed(flag, dx), signed(flag >> 1, 1 + (((base % 12) >> 2) << 8) + second)];
  }
  const third = reader.u8();
  if (flag < 124) {
    const dx = (first << 4) + (second >> 4);
    return [signed(flag, dx), signed(flag >> 1, ((second & 15) << 8) + third)];
  }
  return [signed(flag, (first << 8) + second), signed(flag >> 1, (third << 8) + reader.u8())];
}

type Part = { glyph: number; place: (point: Contour[number]) => Contour[number] };

/** Bits of a component's flags (OpenType, `glyf`). */
const HAS_WORDS = 0x0001;
const HAS_OFFSET = 0x0002;
const HAS_SCALE = 0x0008;
const HAS_MORE = 0x0020;
const HAS_TWO_SCALES = 0x0040;
const HAS_MATRIX = 0x0080;
const HAS_INSTRUCTIONS = 0x0100;

function readParts(reader: FontReader): Part[] {
  const parts: Part[] = [];
  for (let flags = HAS_MORE; flags & HAS_MORE && parts.length < MAX_COMPONENTS;) {
    flags = reader.u16();
    const glyph = reader.u16();
    const argument = () => (flags & HAS_WORDS ? reader.i16() : (reader.u8() << 24) >> 24);
    const [first, second] = [argument(), argument()];
    // Parts that are placed by matching points (and not by an offset) do not occur in the fonts in use.
    const [dx, dy] = flags & HAS_OFFSET ? [first, second] : [0, 0];
    const [a, b, c, d] = readScale(flags, reader);
    const place: Part['place'] = ({ x, y, isOn }) => ({ x: a * x + c * y + dx, y: b * x + d * y + dy, isOn });
    parts.push({ glyph, place });
  }
  return parts;
}

function readScale(flags: number, reader: FontReader): [number, number, number, number] {
  const next = () => reader.i16() / 16384;
  if (flags & HAS_MATRIX) return [next(), next(), next(), next()];
  if (flags & HAS_TWO_SCALES) return [next(), 0, 0, next()];
  const scale = flags & HAS_SCALE ? next() : 1;
  return [scale, 0, 0, scale];
}

/** Passes over the parts of a glyph; tells whether instructions follow in the glyph stream. */
function skipParts(reader: FontReader): boolean {
  let hasInstructions = false;
  for (let flags = HAS_MORE; flags & HAS_MORE;) {
    flags = reader.u16();
    reader.skip(2 + (flags & HAS_WORDS ? 4 : 2));
    readScale(flags, reader);
    hasInstructions ||= (flags & HAS_INSTRUCTIONS) !== 0;
  }
  return hasInstructions;
}
