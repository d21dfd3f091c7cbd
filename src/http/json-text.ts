// Reading JSON strictly: what `JSON.parse` lets through quietly (doubled keys, endless nesting, numbers that become
// Infinity, broken characters, names that reach into prototypes) is refused before anybody acts on it.
import { GatewayError, invalidField } from '../errors.ts';

/** The content type of every JSON answer. */
export const JSON_TYPE = 'application/json; charset=utf-8';

export const MAX_JSON_DEPTH = 32;
/** Member names in the whole body. */
export const MAX_JSON_MEMBERS = 1000;
/** Commas in the whole body: seven million numbers in a list would hold everybody up as long as brackets do. */
export const MAX_JSON_VALUES = 10_000;

/**
 * Parses a body that must be one JSON object.
 * @throws GatewayError `invalid_json`; `invalid_input` for a doubled or forbidden name, NUL, or a lone surrogate
 */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> {
  const text = decodeUtf8(bytes);
  // Before parsing: four million brackets would hold the parser, and everybody else, for a second.
  scanMembers(text);
  const value = parseText(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GatewayError('invalid_json', { message: 'The body must be a JSON object.' });
  }
  checkValue(value, '');
  return value as Record<string, unknown>;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (thrown) {
    throw new GatewayError('invalid_json', { message: 'The body is not UTF-8.', cause: thrown });
  }
}

function parseText(text: string): unknown {
  if (text.trim() === '')
    throw new GatewayError('invalid_json', { message: 'The body is empty; send a JSON object.' });
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new GatewayError('invalid_json', { message: 'The body is not valid JSON.', cause: thrown });
  }
}

/** `__proto__`, `constructor` and the like: a schema that asks `name in entries` would take them for known. */
const FORBIDDEN_NAMES = new Set(Object.getOwnPropertyNames(Object.prototype));

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET, COLON, COMMA] = [
  34, 92, 123, 125, 91, 93, 58, 44,
];

/** One pass over the text: depth, counts, doubled names, forbidden names. Says nothing about whether the rest is JSON. */
function scanMembers(text: string): void {
  /** The names of each open object; null for an open array. */
  const open: (Set<string> | null)[] = [];
  /** The member of each that is being read; empty in an array. */
  const path: string[] = [];
  let isNameNext = false;
  let [members, values] = [0, 0];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      const end = endOfString(text, index);
      const names = open.at(-1);
      if (isNameNext && names) {
        members += 1;
        if (members > MAX_JSON_MEMBERS)
          throw new GatewayError('invalid_json', { message: 'The body has too many members.' });
        path[open.length - 1] = addName(names, text.slice(index, end + 1), path.slice(0, open.length - 1));
      }
      index = end;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      open.push(code === OPEN_BRACE ? new Set() : null);
      path[open.length - 1] = '';
      isNameNext = code === OPEN_BRACE;
      if (open.length > MAX_JSON_DEPTH) {
        throw new GatewayError('invalid_json', {
          message: `The body is nested deeper than ${MAX_JSON_DEPTH} levels.`,
        });
      }
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      open.pop();
      isNameNext = false;
    } else if (code === COMMA) {
      values += 1;
      if (values > MAX_JSON_VALUES)
        throw new GatewayError('invalid_json', { message: 'The body has too many values.' });
      isNameNext = open.at(-1) instanceof Set;
    } else if (code === COLON) {
      isNameNext = false;
    }
  }
}

/** The index of the quote that ends the string which begins at `start`; the end of the text when there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function addName(names: Set<string>, literal: string, above: readonly string[]): string {
  const name = literal.includes('\\') ? String(parseText(literal)) : literal.slice(1, -1);
  const refuse = (fault: string) =>
    invalidField([...above, name].filter((part) => part !== '').join('.'), fault);
  if (FORBIDDEN_NAMES.has(name)) throw refuse('is not a field of this request');
  if (names.has(name)) throw refuse('stands in the body twice');
  names.add(name);
  return name;
}

function checkValue(value: unknown, path: string): void {
  if (typeof value === 'string') checkText(value, path);
  else if (typeof value === 'number' && !Number.isFinite(value))
    throw invalidField(path, 'is too large a number');
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) checkValue(item, `${path}[${index}]`);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      checkText(name, path);
      checkValue(member, path === '' ? name : `${path}.${name}`);
    }
  }
}

function checkText(text: string, path: string): void {
  if (text.includes('\0')) throw invalidField(path, 'contains a NUL character');
  if (!text.isWellFormed()) throw invalidField(path, 'contains half of a character (a lone surrogate)');
}
