// Right-to-left writing, in the measure that a caption needs: the order of characters on a line and the joined
// forms of Arabic letters. Nested embeddings and the finer rules of UAX #9 are left out.

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;
const LETTER = /\p{L}/u;
const DIGIT = /\p{Nd}/u;
const MARK = /^\p{M}+$/u;
/** Pairs that are drawn mirrored between right-to-left letters. */
const MIRRORED = new Map(
  ['()', ')(', '[]', '][', '{}', '}{', '<>', '><', '«»', '»«'].map(([a = '', b = '']) => [a, b]),
);

type Direction = 'left' | 'right' | 'number' | 'neutral';

function directionOf(cluster: string): Direction {
  if (DIGIT.test(cluster)) return 'number';
  if (RIGHT_TO_LEFT.test(cluster)) return 'right';
  return LETTER.test(cluster) ? 'left' : 'neutral';
}

/** Whether a text reads from right to left: the first letter decides. */
export function isRightToLeft(text: string): boolean {
  for (const character of text) {
    const direction = directionOf(character);
    if (direction === 'left' || direction === 'right') return direction === 'right';
  }
  return false;
}

/** The clusters of one line in the order in which they stand from left to right. */
export function visualOrder(clusters: string[], isBaseRight: boolean): string[] {
  if (!isBaseRight && !clusters.some((cluster) => RIGHT_TO_LEFT.test(cluster))) return clusters;
  const levels = levelsOf(clusters.map(directionOf), isBaseRight);
  const shown = clusters.map((cluster, index) => ({
    level: levels[index] ?? 0,
    text: levels[index] === 1 ? (MIRRORED.get(cluster) ?? cluster) : cluster,
  }));
  for (const level of [2, 1]) reverseRuns(shown, level);
  return shown.map(({ text }) => text);
}

/** 0 and 2 read to the right, 1 reads to the left (UAX #9: the levels of a paragraph without embeddings). */
function levelsOf(directions: Direction[], isBaseRight: boolean): number[] {
  const levels = levelsOfLetters(directions, isBaseRight);
  const rightwards = isBaseRight ? 2 : 0;
  /** On which side of a neutral there is what: a number after right-to-left letters counts as one of them. */
  const sideOf = (index: number, step: number): 'left' | 'right' => {
    let at = index;
    while (levels[at] === null) at += step;
    const isRight =
      levels[at] === undefined ? isBaseRight : levels[at] !== rightwards || directions[at] === 'number';
    return isRight ? 'right' : 'left';
  };
  return levels.map((level, index) => {
    if (level !== null) return level;
    const [before, after] = [sideOf(index, -1), sideOf(index, 1)];
    if (before !== after) return isBaseRight ? 1 : 0;
    return before === 'right' ? 1 : rightwards;
  });
}

/** The levels of letters and numbers; null for what stands between. `directions` of numbers are settled in place. */
function levelsOfLetters(directions: Direction[], isBaseRight: boolean): (number | null)[] {
  let strong: 'left' | 'right' = isBaseRight ? 'right' : 'left';
  return directions.map((direction, index) => {
    if (direction === 'neutral') return null;
    if (direction !== 'number') strong = direction;
    // A number after left-to-right letters is one of them; after right-to-left ones it keeps its own order.
    if (direction === 'number' && strong === 'left') directions[index] = 'left';
    if (direction === 'right') return 1;
    return strong === 'right' || isBaseRight ? 2 : 0;
  });
}

function reverseRuns(items: { level: number }[], level: number): void {
  for (let start = 0; start < items.length; start++) {
    if ((items[start]?.level ?? 0) < level) continue;
    let end = start;
    while ((items[end]?.level ?? 0) >= level) end++;
    items.splice(start, end - start, ...items.slice(start, end).toReversed());
    start = end;
  }
}

/** The forms of a letter (or of lam with alef) in Unicode's order: isolated, final, initial, medial. */
type Forms = string[];

/** The blocks of presentation forms; compatibility decomposition leads back to the letters. */
const FORM_BLOCKS = [
  [0xfe80, 0xfefc],
  [0xfb50, 0xfbb1],
  [0xfbd3, 0xfbff],
] as const;

let arabicForms: Map<string, Forms> | null = null;

function loadArabicForms(): Map<string, Forms> {
  const forms = new Map<string, Forms>();
  for (const [first, last] of FORM_BLOCKS) {
    for (let codePoint = first; codePoint <= last; codePoint++) {
      const form = String.fromCodePoint(codePoint);
      const letters = form.normalize('NFKC');
      if (letters !== form) forms.set(letters, [...(forms.get(letters) ?? []), form]);
    }
  }
  return forms;
}

/** Replaces Arabic letters by the forms that they take beside each other. Other texts pass unchanged. */
export function joinArabic(text: string): string {
  if (!/\p{Script=Arabic}/u.test(text)) return text;
  const forms = (arabicForms ??= loadArabicForms());
  const letters = text.match(/ل\p{M}*[اأإآ]|[^]/gu) ?? [];
  const formsAt = (index: number, step: number): Forms => {
    let at = index + step;
    while (MARK.test(letters[at] ?? '')) at += step;
    return formsOf(forms, letters[at] ?? '');
  };
  return letters
    .map((letter, index) => {
      const own = formsOf(forms, letter);
      const hasJoinBefore = own.length >= 2 && formsAt(index, -1).length >= 4;
      const hasJoinAfter = own.length >= 4 && formsAt(index, 1).length >= 2;
      return own[(hasJoinBefore ? 1 : 0) + (hasJoinAfter ? 2 : 0)] ?? letter;
    })
    .join('');
}

/** Marks between lam and alef are dropped with the two letters' joined form. */
function formsOf(forms: Map<string, Forms>, letter: string): Forms {
  return forms.get(letter) ?? forms.get(letter.replaceAll(/\p{M}/gu, '')) ?? [];
}
