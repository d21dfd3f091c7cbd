// Text: sets a string of any script into lines of glyphs, drawn as grey values.
export { setText, type TextLine } from './text.ts';
