// Sets a text: cleans it, breaks it into lines of a width, orders each line and draws it as grey values.
// It knows nothing of colours or of what lies behind the text.
import { findGlyph, type FoundGlyph } from './chain.ts';
import { isRightToLeft, joinArabic, visualOrder } from './order.ts';
import { rasterise, type Mask } from './rasterise.ts';

/** One line, ready to be drawn: glyph pictures with their distance from the start of the line, in pixels. */
export type TextLine = { glyphs: { mask: Mask; x: number }[]; widthPx: number; isRightToLeft: boolean };

export type TextBox = { sizePx: number; widthPx: number; maxLines: number };

/** A longer text is cut before it is set: no caption shows more, and setting costs time by the character. */
const MAX_CHARACTERS = 600;
const ELLIPSIS = '…';
/** Scripts that are written without spaces: a line may end after any of their characters. */
const BREAKS_ANYWHERE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;
/** Joiners, selectors, tone modifiers of emoji and direction marks: nothing that is drawn by itself. */
const INVISIBLE = /\p{Cf}|\p{Variation_Selector}|\p{Emoji_Modifier}/gu;
/** Size and side bearing, in ems, of the box that stands for a character without a glyph. */
const BOX = { width: 0.6, height: 0.72, stroke: 0.07, bearing: 0.08 };

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Sets a text into at most `maxLines` lines; what does not fit is replaced by `…`. An empty text has no lines. */
export function setText(text: string, box: TextBox): TextLine[] {
  const clean = cleanText(text);
  if (clean === '' || box.maxLines < 1) return [];
  const setter = createSetter(box.sizePx);
  const clusters = [...segmenter.segment(joinArabic(clean))].map(({ segment }) => segment);
  const isBaseRight = isRightToLeft(clean);
  return breakLines(clusters, box, setter.widthOf).map((line) =>
    setter.place(visualOrder(line, isBaseRight), isBaseRight),
  );
}

function cleanText(text: string): string {
  // Two units a character at most, and one character more to see whether there is more.
  const characters = Array.from(text.slice(0, MAX_CHARACTERS * 2 + 2));
  const visible = characters
    .slice(0, MAX_CHARACTERS)
    .join('')
    .normalize('NFC')
    .replaceAll(INVISIBLE, '')
    .replaceAll(/[\s\p{Cc}\p{Z}]+/gu, ' ')
    .trim();
  return characters.length > MAX_CHARACTERS ? visible + ELLIPSIS : visible;
}

/** Greedy line breaking: at spaces, beside characters that allow it, and within a word only if it is too long. */
function breakLines(clusters: string[], box: TextBox, widthOf: (cluster: string) => number): string[][] {
  const lines: string[][] = [];
  let rest = clusters;
  while (rest.length > 0 && lines.length < box.maxLines) {
    const fitting = countFitting(rest, box.widthPx, widthOf);
    const isLast = lines.length === box.maxLines - 1;
    if (fitting < rest.length && isLast) {
      lines.push([
        ...trimEnd(rest.slice(0, countFitting(rest, box.widthPx - widthOf(ELLIPSIS), widthOf))),
        ELLIPSIS,
      ]);
      break;
    }
    const end = fitting === rest.length ? fitting : findBreak(rest, fitting);
    lines.push(trimEnd(rest.slice(0, end)));
    rest = rest.slice(rest[end] === ' ' ? end + 1 : end);
  }
  return lines;
}

/** How many clusters from the start fit; at least one, so that every line makes progress. */
function countFitting(clusters: string[], widthPx: number, widthOf: (cluster: string) => number): number {
  let width = 0;
  for (const [index, cluster] of clusters.entries()) {
    width += widthOf(cluster);
    if (width > widthPx) return Math.max(1, index);
  }
  return clusters.length;
}

function findBreak(clusters: string[], fitting: number): number {
  for (let end = fitting; end > 0; end--) {
    const [before = '', after = ''] = [clusters[end - 1], clusters[end]];
    if (after === ' ' || before === ' ' || before === '-') return end;
    if (BREAKS_ANYWHERE.test(before) || BREAKS_ANYWHERE.test(after)) return end;
  }
  return fitting;
}

const trimEnd = (clusters: string[]) => (clusters.at(-1) === ' ' ? clusters.slice(0, -1) : clusters);

type DrawnGlyph = { mask: Mask; advancePx: number };

/** Draws each glyph once a size, however often the text uses it. */
function createSetter(sizePx: number) {
  const drawn = new Map<string, DrawnGlyph>();
  const draw = (character: string): DrawnGlyph => {
    const known = drawn.get(character);
    if (known) return known;
    const made = drawGlyph(findGlyph(character.codePointAt(0) ?? 0), sizePx);
    drawn.set(character, made);
    return made;
  };
  /** A cluster is a letter with its marks: a mark has no width of its own. */
  const widthOf = (cluster: string) => Array.from(cluster).reduce((sum, part) => sum + widthOfPart(part), 0);
  const widthOfPart = (part: string) => (isMark(part) ? 0 : draw(part).advancePx);
  const place = (clusters: string[], isBaseRight: boolean): TextLine => {
    const glyphs: TextLine['glyphs'] = [];
    let pen = 0;
    for (const cluster of clusters) {
      const width = widthOf(cluster);
      for (const part of cluster) {
        const { mask, advancePx } = draw(part);
        // Marks of Unifont are drawn in a cell of their own and are centred over their letter.
        const x = isMark(part) ? pen - (advancePx > 0 ? (width + advancePx) / 2 : 0) : pen;
        if (mask.width > 0) glyphs.push({ mask, x });
        if (!isMark(part)) pen += advancePx;
      }
    }
    return { glyphs, widthPx: pen, isRightToLeft: isBaseRight };
  };
  return { widthOf, place };
}

const isMark = (part: string) => /^\p{M}$/u.test(part);

function drawGlyph(found: FoundGlyph, sizePx: number): DrawnGlyph {
  if (found === null) return drawBox(sizePx);
  const { typeface, glyph } = found;
  return {
    mask: rasterise(typeface.outlineOf(glyph), sizePx / typeface.unitsPerEm),
    advancePx: typeface.advanceOf(glyph) * sizePx,
  };
}

function drawBox(sizePx: number): DrawnGlyph {
  const { width, height, stroke, bearing } = BOX;
  const ring = (inset: number, isReversed: boolean) => {
    const [left, bottom, right, top] = [bearing + inset, inset, bearing + width - inset, height - inset];
    const corners = [
      { x: left, y: bottom, isOn: true },
      { x: right, y: bottom, isOn: true },
      { x: right, y: top, isOn: true },
      { x: left, y: top, isOn: true },
    ];
    return isReversed ? corners.toReversed() : corners;
  };
  return {
    mask: rasterise([ring(0, false), ring(stroke, true)], sizePx),
    advancePx: (width + 2 * bearing) * sizePx,
  };
}
