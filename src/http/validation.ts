// From a schema's complaints to the fields of an error, in sentences that help: what is allowed, and for an unknown
// field the one that was probably meant.
import * as v from 'valibot';
import { GatewayError, type FieldFault } from '../errors.ts';

/** Past this many, further faults of one body are left out. */
const MAX_FAULTS = 20;

/** Checks a value that came from outside. @throws GatewayError `invalid_input`, naming every field at fault */
export function validate<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw validationError(schema, result.issues);
}

export function validationError(
  schema: v.GenericSchema,
  issues: readonly v.BaseIssue<unknown>[],
): GatewayError {
  const fields = issues.flatMap((issue) => faultsOf(schema, issue)).slice(0, MAX_FAULTS);
  const first = fields[0] ?? { path: '', message: 'is not valid' };
  const subject = first.path === '' ? 'The request' : first.path;
  return new GatewayError('invalid_input', { message: `${subject} ${first.message}`, fields });
}

function faultsOf(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): FieldFault[] {
  // Of a union, the branch of the right kind has something to say about the fields below.
  const below =
    issue.type === 'union' ? (issue.issues ?? []).filter((inner) => inner.path !== undefined) : [];
  if (below.length > 0) return below.flatMap((inner) => faultsOf(schema, inner));
  return [{ path: v.getDotPath(issue) ?? '', message: sentenceOf(schema, issue) }];
}

function sentenceOf(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const keys = (issue.path ?? []).map((item) => item.key);
    const parent = keys
      .slice(0, -1)
      .reduce<Schemas>((schemas, key) => schemas.flatMap((at) => childOf(at, key)), [schema]);
    const meant = nearest(String(keys.at(-1)), parent.flatMap(namesOf));
    return `is not a field of this request${meant === null ? '' : `; did you mean ${meant}?`}`;
  }
  if (issue.kind === 'schema' && issue.received === 'undefined') return 'is required';
  // A sentence of our own begins in lower case; valibot's begin with "Invalid".
  if (issue.kind !== 'schema' || /^[a-z]/.test(issue.message)) return issue.message;
  return `must be ${expectation(issue.expected ?? '')}`;
}

/** `("a" | "b")` as "a or b", `(string | Object)` as "a string or an object". */
function expectation(expected: string): string {
  const words: Record<string, string> = {
    Object: 'an object',
    Array: 'a list',
    string: 'a string',
    number: 'a number',
    boolean: 'true or false',
  };
  const parts = expected
    .replace(/^\((.*)\)$/, '$1')
    .split(' | ')
    .map((part) => words[part] ?? part.replaceAll('"', ''));
  return parts.join(', ').replace(/, ([^,]*)$/, ' or $1');
}

type Schemas = readonly unknown[];

/** The names that an object schema has, also behind `optional` and in the branches of a union. */
function namesOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  if ('entries' in schema && typeof schema.entries === 'object') return Object.keys(schema.entries ?? {});
  if ('wrapped' in schema) return namesOf(schema.wrapped);
  return 'options' in schema && Array.isArray(schema.options) ? schema.options.flatMap(namesOf) : [];
}

function childOf(schema: unknown, key: unknown): Schemas {
  if (typeof schema !== 'object' || schema === null) return [];
  if ('entries' in schema && typeof schema.entries === 'object' && schema.entries !== null) {
    return [(schema.entries as Record<string, unknown>)[String(key)]];
  }
  if ('wrapped' in schema) return childOf(schema.wrapped, key);
  if ('options' in schema && Array.isArray(schema.options))
    return schema.options.flatMap((at) => childOf(at, key));
  return 'item' in schema ? [schema.item] : [];
}

/** The candidate within two edits of a name, or the one that differs in spelling only (`motion_has_audio`). */
export function nearest(name: string, candidates: readonly string[]): string | null {
  const plain = (text: string) => text.replaceAll(/[_-]/g, '').toLowerCase();
  const same = candidates.find((candidate) => plain(candidate) === plain(name));
  if (same !== undefined) return same;
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(plain(name), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= 2 && best.distance < name.length / 2 ? best.candidate : null;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
