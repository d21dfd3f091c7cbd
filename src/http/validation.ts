// From a schema's complaints to the fields of an error, in sentences that help: what is allowed, and for an unknown
// field the one that was probably meant.
import type * as v from 'valibot';
import { faultyFields, invalidField, type FieldFault, type GatewayError } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';

/** Past this many, further faults of one body are left out. */
const MAX_FAULTS = 20;

/** `invalid_input`, naming every field at fault. */
export function validationError(
  schema: v.GenericSchema,
  issues: readonly v.BaseIssue<unknown>[],
): GatewayError {
  const faults = new Map<string, FieldFault>();
  for (const issue of issues) {
    // One fault a field: whoever puts the first one right has as a rule put them all right.
    for (const fault of faultsOf(schema, issue)) if (!faults.has(fault.path)) faults.set(fault.path, fault);
  }
  return faultyFields('invalid_input', [...faults.values()].slice(0, MAX_FAULTS));
}

/**
 * Refuses a list where an object belongs, which valibot takes for one: then it stands in the body as it was sent, and
 * an object in what validation made of it. @throws GatewayError `invalid_input`
 */
export function refuseListsForObjects(sent: unknown, validated: unknown, path = ''): void {
  if (typeof sent !== 'object' || sent === null || typeof validated !== 'object' || validated === null)
    return;
  if (Array.isArray(sent) && !Array.isArray(validated)) throw invalidField(path, 'must be an object');
  for (const [name, member] of Object.entries(sent)) {
    const below = (validated as Record<string, unknown>)[name];
    refuseListsForObjects(member, below, path === '' ? name : `${path}.${name}`);
  }
}

/** `above` is the path to the union that the issue is from; paths inside of one begin there. */
function faultsOf(
  schema: v.GenericSchema,
  issue: v.BaseIssue<unknown>,
  above: readonly unknown[] = [],
): FieldFault[] {
  // Of a union, the branch of the right kind has something to say about the fields below.
  const below =
    issue.type === 'union' ? (issue.issues ?? []).filter((inner) => inner.path !== undefined) : [];
  const keys = [...above, ...(issue.path ?? []).map((item) => item.key)];
  if (below.length > 0) return below.flatMap((inner) => faultsOf(schema, inner, keys));
  return [{ path: keys.join('.'), message: sentenceOf(schema, issue, keys) }];
}

function sentenceOf(schema: v.GenericSchema, issue: v.BaseIssue<unknown>, keys: readonly unknown[]): string {
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const parent = keys
      .slice(0, -1)
      .reduce<Schemas>((schemas, key) => schemas.flatMap((at) => childOf(at, key)), [schema]);
    const name = String(keys.at(-1));
    // Another form of the request may have the very field.
    const others = parent.flatMap(namesOf).filter((known) => known !== name);
    const meant = nearestName(name, others);
    return `is not a field of this request${meant === null ? '' : `; did you mean ${meant}?`}`;
  }
  if (issue.kind === 'schema' && issue.received === 'undefined') return 'is required';
  // A sentence of our own begins in lower case; valibot's begin with "Invalid".
  if (/^[a-z]/.test(issue.message)) return issue.message;
  const bound = issue.kind === 'schema' ? undefined : BOUNDS[issue.type];
  return bound === undefined
    ? `must be ${expectation(issue.expected ?? 'something else')}`
    : bound(String(issue.requirement));
}

/** For checks that say nothing of their own. */
const BOUNDS: Readonly<Record<string, (requirement: string) => string>> = {
  integer: () => 'must be a whole number',
  min_value: (least) => `must be at least ${least}`,
  gt_value: (below) => `must be more than ${below}`,
  max_value: (most) => `must be at most ${most}`,
  min_length: (least) => `must have a length of at least ${least}`,
  max_length: (most) => `must have a length of at most ${most}`,
};

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
