// One font: which glyph a character has, how wide it is and what its outline looks like. It shapes nothing:
// one character is one glyph, and kerning is left out.
import { openOutlines, type Contour } from './outlines.ts';
import { openWoff2, readerOf, type FontTables } from './woff2.ts';

export type Typeface = {
  /** The glyph of a code point; 0 where the font has none. */
  glyphOf(codePoint: number): number;
  /** How far the pen moves, in ems. */
  advanceOf(glyph: number): number;
  /** The outline in font units, y upwards. */
  outlineOf(glyph: number): Contour[];
  /** Font units in one em. */
  unitsPerEm: number;
};

/** Opens a font file (WOFF2 with TrueType outlines). */
export function openTypeface(file: Uint8Array): Typeface {
  const tables = openWoff2(file);
  const unitsPerEm = tables.get('head').getUint16(18);
  const widths = readWidths(tables);
  return {
    glyphOf: readCharacterMap(tables.get('cmap')),
    advanceOf: (glyph) => (widths[Math.min(glyph, widths.length - 1)] ?? 0) / unitsPerEm,
    outlineOf: openOutlines(tables.get('glyf')),
    unitsPerEm,
  };
}

/** The advance widths; the last one holds for every glyph after it. */
function readWidths(tables: FontTables): Uint16Array {
  const metrics = tables.get('hmtx');
  const count = tables.get('hhea').getUint16(34);
  // Packed: one byte of flags, then the widths alone. Plain: each width is followed by a side bearing.
  const isPacked = tables.isPacked('hmtx');
  const [start, step] = isPacked ? [1, 2] : [0, 4];
  return Uint16Array.from({ length: count }, (_, index) => metrics.getUint16(start + index * step));
}

/** The widest Unicode map of the font: format 12 (all planes) before format 4 (the first plane). */
function readCharacterMap(cmap: DataView): (codePoint: number) => number {
  const count = cmap.getUint16(2);
  const offsets = Array.from({ length: count }, (_, index) => cmap.getUint32(4 + index * 8 + 4));
  const find = (format: number) => offsets.find((offset) => cmap.getUint16(offset) === format);
  const wide = find(12);
  if (wide !== undefined) return readFormat12(cmap, wide);
  const narrow = find(4);
  return narrow === undefined ? () => 0 : readFormat4(cmap, narrow);
}

function readFormat12(cmap: DataView, offset: number): (codePoint: number) => number {
  const groups = cmap.getUint32(offset + 12);
  const field = (group: number, index: number) => cmap.getUint32(offset + 16 + group * 12 + index * 4);
  return (codePoint) => {
    const group = lowerBound(groups, (index) => field(index, 1) >= codePoint);
    if (group === groups || field(group, 0) > codePoint) return 0;
    return field(group, 2) + codePoint - field(group, 0);
  };
}

function readFormat4(cmap: DataView, offset: number): (codePoint: number) => number {
  const doubled = cmap.getUint16(offset + 6);
  const segments = doubled / 2;
  const ends = offset + 14;
  const starts = ends + doubled + 2;
  const deltas = starts + doubled;
  const ranges = deltas + doubled;
  return (codePoint) => {
    if (codePoint > 0xffff) return 0;
    const segment = lowerBound(segments, (index) => cmap.getUint16(ends + index * 2) >= codePoint);
    if (segment === segments) return 0;
    const start = cmap.getUint16(starts + segment * 2);
    if (start > codePoint) return 0;
    const delta = cmap.getUint16(deltas + segment * 2);
    const rangeAt = ranges + segment * 2;
    const range = cmap.getUint16(rangeAt);
    if (range === 0) return (codePoint + delta) & 0xffff;
    const glyph = readerOf(cmap, rangeAt + range + (codePoint - start) * 2).u16();
    return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
  };
}

/** The first index in [0, count) for which `isReached` holds, which must hold for all after it; else `count`. */
function lowerBound(count: number, isReached: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isReached(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
