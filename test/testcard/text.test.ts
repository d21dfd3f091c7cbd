// Text: every script has glyphs, lines keep their width, and right-to-left writing stands the right way round.
import { describe, expect, test } from 'bun:test';
import { findGlyph } from '../../src/testcard/font/chain.ts';
import { setText } from '../../src/testcard/font/index.ts';
import { joinArabic, visualOrder } from '../../src/testcard/font/order.ts';

const SIZE = 20;
const set = (text: string, own: { widthPx?: number; maxLines?: number } = {}) =>
  setText(text, { sizePx: SIZE, widthPx: 400, maxLines: 3, ...own });

/** The grey values of all glyphs of a text, as one text to compare. */
const inkOf = (text: string) =>
  set(text)
    .flatMap(({ glyphs }) => glyphs)
    .map(({ mask }) => Buffer.from(mask.coverage).toString('base64'));

describe('glyphs', () => {
  const samples = [
    'g',
    'é',
    'ő',
    'ạ',
    'Ж',
    'ў',
    'Ω',
    'ἀ',
    '語',
    '한',
    'あ',
    'ש',
    'ش',
    'न',
    'ไ',
    '→',
    '∑',
    '☀',
    '🚀',
  ];

  test.each(samples)('%s is drawn, and not as the box of an unknown character', (character) => {
    expect(findGlyph(character.codePointAt(0) ?? 0)).not.toBeNull();
    const [ink = ''] = inkOf(character);
    expect(Buffer.from(ink, 'base64').some((grey) => grey > 200)).toBe(true);
    expect(ink).not.toBe(inkOf('\u{10ffff}')[0]);
  });

  test('an unknown character is a box', () => {
    const [glyph] = set('\u{12000}')[0]?.glyphs ?? [];
    expect(glyph?.mask.width).toBeGreaterThan(5);
    expect(findGlyph(0x12000)).toBeNull();
  });

  test('an outline is filled exactly: the em dash is a full bar with soft ends', () => {
    const { mask } = set('—')[0]?.glyphs[0] ?? { mask: { width: 0, height: 0, coverage: new Uint8Array(0) } };
    const middle = Array.from({ length: mask.height }, (_, row) => mask.coverage[row * mask.width + 8] ?? 0);
    const thickness = middle.reduce((sum, grey) => sum + grey, 0) / 255;
    expect(mask.width).toBeGreaterThan(SIZE * 0.6);
    expect(thickness).toBeWithin(SIZE * 0.05, SIZE * 0.13);
  });

  test('a letter with a composed accent has more ink than the letter', () => {
    const inkSum = (text: string) =>
      Buffer.from(inkOf(text)[0] ?? '', 'base64').reduce((sum, grey) => sum + grey, 0);
    expect(inkSum('é')).toBeGreaterThan(inkSum('e'));
    expect(inkOf('e\u0301')).toEqual(inkOf('é'));
  });
});

describe('lines', () => {
  test('break at spaces, keep to the width and end in … when there is more', () => {
    const text = 'a lighthouse on a cliff above the sea '.repeat(20);
    const lines = set(text);
    expect(lines).toHaveLength(3);
    for (const { widthPx } of lines) expect(widthPx).toBeWithin(300, 400.01);
    const dots = set('…')[0]?.glyphs[0]?.mask.coverage;
    expect(lines[2]?.glyphs.at(-1)?.mask.coverage).toEqual(dots ?? new Uint8Array(0));
    expect(lines[1]?.glyphs.at(-1)?.mask.coverage).not.toEqual(dots ?? new Uint8Array(0));
  });

  test('break anywhere in Chinese, and within a word that is too long', () => {
    for (const text of ['静かな湖面に映る月'.repeat(6), 'x'.repeat(90)]) {
      const lines = set(text);
      expect(lines.length).toBeGreaterThan(1);
      expect(lines[0]?.widthPx).toBeWithin(370, 400.01);
    }
  });

  test('an empty text has no lines, and neither have blanks and control characters', () => {
    for (const text of ['', '  \n\t ', '\u0000\u200b\u202e']) expect(set(text)).toEqual([]);
  });

  test('a line of one cluster is made however narrow the box', () => {
    expect(set('語語語', { widthPx: 1, maxLines: 2 })).toHaveLength(2);
  });

  test('an enormous text costs no more than a long one', () => {
    expect(set('word '.repeat(100_000))).toEqual(set('word '.repeat(1000)));
  });

  test('broken characters and joiners are harmless', () => {
    expect(set('\ud83d a \udc00')).toHaveLength(1);
    expect(inkOf('👩\u200d🚀')).toEqual([...inkOf('👩'), ...inkOf('🚀')]);
    expect(inkOf('👍🏽\ufe0f')).toEqual(inkOf('👍'));
  });
});

describe('right to left', () => {
  const shown = (text: string, isBaseRight: boolean) => visualOrder(Array.from(text), isBaseRight).join('');

  test.each([
    {
      name: 'a line without right-to-left letters stays',
      text: 'abc 12',
      isBaseRight: false,
      expected: 'abc 12',
    },
    {
      name: 'a Hebrew word in a Latin line is turned',
      text: 'ab אבג cd',
      isBaseRight: false,
      expected: 'ab גבא cd',
    },
    { name: 'two Hebrew words change places', text: 'אב גד', isBaseRight: true, expected: 'דג בא' },
    { name: 'a number keeps its own order', text: 'אב 35', isBaseRight: true, expected: '35 בא' },
    {
      name: 'Latin words in a Hebrew line keep their order',
      text: 'אב hello 4K',
      isBaseRight: true,
      expected: 'hello 4K בא',
    },
    { name: 'brackets are mirrored', text: 'אב (גד)', isBaseRight: true, expected: '(דג) בא' },
    { name: 'a comma belongs to the line', text: 'אב, x', isBaseRight: true, expected: 'x ,בא' },
  ])('$name', ({ text, isBaseRight, expected }) => {
    expect(shown(text, isBaseRight)).toBe(expected);
  });

  test('a text that begins with Arabic is set from the right', () => {
    expect(set('حصان')[0]?.isRightToLeft).toBe(true);
    expect(set('horse حصان')[0]?.isRightToLeft).toBe(false);
  });

  test('Arabic letters take the form of their place in the word', () => {
    // Three times beh: initial, medial, final; alone: isolated.
    expect(joinArabic('ببب')).toBe('\ufe91\ufe92\ufe90');
    expect(joinArabic('ب')).toBe('\ufe8f');
    // Dal joins to the right only, so the beh after it begins anew.
    expect(joinArabic('بدب')).toBe('\ufe91\ufeaa\ufe8f');
    // Lam and alef become one.
    expect(joinArabic('سلام')).toBe('\ufeb3\ufefc\ufee1');
    expect(joinArabic('abc')).toBe('abc');
  });
});
