// The fonts of captions, in the order in which a character looks for its glyph: Inter for Latin, Greek and
// Cyrillic, Noto Emoji (one colour) for emoji, Unifont for every other script of the first plane. The files are
// embedded in the executable; each is opened only when a text needs it.
import { readFileSync } from 'node:fs';
import cyrillicExtended from '@fontsource/inter/files/inter-cyrillic-ext-400-normal.woff2' with { type: 'file' };
import cyrillic from '@fontsource/inter/files/inter-cyrillic-400-normal.woff2' with { type: 'file' };
import greekExtended from '@fontsource/inter/files/inter-greek-ext-400-normal.woff2' with { type: 'file' };
import greek from '@fontsource/inter/files/inter-greek-400-normal.woff2' with { type: 'file' };
import latinExtended from '@fontsource/inter/files/inter-latin-ext-400-normal.woff2' with { type: 'file' };
import latin from '@fontsource/inter/files/inter-latin-400-normal.woff2' with { type: 'file' };
import vietnamese from '@fontsource/inter/files/inter-vietnamese-400-normal.woff2' with { type: 'file' };
import emoji from '@fontsource/noto-emoji/files/noto-emoji-emoji-400-normal.woff2' with { type: 'file' };
import unifont from '@fontsource/unifont/files/unifont-latin-400-normal.woff2' with { type: 'file' };
import { openTypeface, type Typeface } from './typeface.ts';

/** A glyph of a font; null stands for the box of a character that no font has. */
export type FoundGlyph = { typeface: Typeface; glyph: number } | null;

/** `ranges` are where it is worth to look; whether the character is there, the font itself tells. */
type Link = { file: string; ranges: readonly (readonly [number, number])[]; typeface: Typeface | null };

const link = (file: string, ...ranges: [number, number][]): Link => ({ file, ranges, typeface: null });

const LINKS = [
  link(latin, [0x20, 0x2dc], [0x2000, 0x22ff], [0xfffd, 0xfffd]),
  link(latinExtended, [0x100, 0x2ff], [0x1d00, 0x1eff], [0x2020, 0x2113], [0x2c60, 0x2c7f], [0xa720, 0xa7ff]),
  link(cyrillic, [0x301, 0x301], [0x400, 0x4b1], [0x2116, 0x2116]),
  link(
    cyrillicExtended,
    [0x460, 0x52f],
    [0x1c80, 0x1c8a],
    [0x20b4, 0x20b4],
    [0x2de0, 0x2dff],
    [0xa640, 0xa69f],
  ),
  link(greek, [0x370, 0x3ff]),
  link(greekExtended, [0x1f00, 0x1fff]),
  link(vietnamese, [0x102, 0x329], [0x1ea0, 0x1ef9]),
  link(emoji, [0x203c, 0x203c], [0x2049, 0x2049], [0x2122, 0x3299], [0x1f000, 0x1faff], [0xe0020, 0xe007f]),
  link(unifont, [0x80, 0xffff]),
];

const open = (entry: Link): Typeface => (entry.typeface ??= openTypeface(readFileSync(entry.file)));

/** The first font of the chain that has the character. */
export function findGlyph(codePoint: number): FoundGlyph {
  for (const entry of LINKS) {
    if (!entry.ranges.some(([first, last]) => codePoint >= first && codePoint <= last)) continue;
    const typeface = open(entry);
    const glyph = typeface.glyphOf(codePoint);
    if (glyph !== 0) return { typeface, glyph };
  }
  return null;
}
