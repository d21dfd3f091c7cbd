// From the schemas that validate to the JSON Schema (draft 2020-12) that describes them. What goes in is described as
// it is sent, before any trimming or conversion; a schema with a title becomes a component of that name.
import * as v from 'valibot';
import { toJsonSchema, type OverrideSchemaContext } from '@valibot/to-json-schema';
import { assert } from '../../errors.ts';

export type JsonSchema = { readonly [keyword: string]: unknown };

export type SchemaBook = {
  /** The schema itself, or a reference to its component. */
  of(schema: v.GenericSchema): JsonSchema;
  readonly components: Readonly<Record<string, JsonSchema>>;
};

/**
 * Describes all schemas of the API at once, so that what several share is one component. Throws (a bug) for a name
 * that two schemas have, and for a schema that cannot be described.
 */
export function createSchemaBook(parts: {
  inputs: readonly v.GenericSchema[];
  answers: readonly v.GenericSchema[];
}): SchemaBook {
  const inputs = reachableFrom(parts.inputs);
  const all = [...new Set([...parts.inputs, ...parts.answers])];
  // One object with every schema as a member, because each call would describe all components again.
  const entries = Object.fromEntries(all.map((schema, index) => [index, schema]));
  const { properties, $defs } = toJsonSchema(v.object(entries), {
    target: 'draft-2020-12',
    typeMode: 'input',
    definitions: namedAmong(reachableFrom(all)),
    // What has no counterpart: a repair, and rules that only code can state.
    ignoreActions: ['trim', 'check', 'finite'],
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === 'regex' ? { ...jsonSchema, pattern: sourceOf(valibotAction) } : null,
    overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
    overrideSchema: (context) => polish(context, inputs),
  });
  const described = new Map(all.map((schema, index) => [schema, properties?.[index] as JsonSchema]));
  return {
    of(schema) {
      const json = described.get(schema);
      assert(json !== undefined, 'every schema of a route is in the book');
      return json;
    },
    components: $defs as unknown as Record<string, JsonSchema>,
  };
}

/** The pattern without its flags: JSON Schema reads patterns as Unicode anyway. */
function sourceOf(action: unknown): string | undefined {
  const { requirement } = action as { requirement: RegExp };
  return requirement.source;
}

type Known = v.GenericSchema & {
  entries?: Record<string, v.GenericSchema>;
  options?: readonly unknown[];
  pipe?: readonly unknown[];
  item?: v.GenericSchema;
  key?: unknown;
  value?: v.GenericSchema;
  wrapped?: v.GenericSchema;
};

/** The schemas and everything inside of them. */
function reachableFrom(schemas: readonly v.GenericSchema[]): Set<v.GenericSchema> {
  const found = new Set<v.GenericSchema>();
  const visit = (part: unknown): void => {
    if (!isSchema(part) || found.has(part)) return;
    found.add(part);
    const { entries = {}, options = [], pipe = [], item, key, value, wrapped } = part;
    for (const child of [...Object.values(entries), ...options, ...pipe, item, key, value, wrapped])
      visit(child);
  };
  schemas.forEach(visit);
  return found;
}

function isSchema(part: unknown): part is Known {
  return typeof part === 'object' && part !== null && 'kind' in part && part.kind === 'schema';
}

function namedAmong(schemas: Iterable<v.GenericSchema>): Record<string, v.GenericSchema> {
  const named: Record<string, v.GenericSchema> = {};
  for (const schema of schemas) {
    const name = v.getTitle(schema);
    if (name === undefined) continue;
    assert(!(name in named), `only one schema is called ${name}`);
    named[name] = schema;
  }
  return named;
}

type Converted = OverrideSchemaContext['jsonSchema'];

/** Says the same in fewer or plainer words; null leaves it as it is. */
function polish(
  { valibotSchema: schema, jsonSchema, errors }: OverrideSchemaContext,
  inputs: ReadonlySet<v.GenericSchema>,
): Converted | null {
  if (errors !== undefined) return null;
  switch (schema.type) {
    case 'strict_object': {
      const { required = [], additionalProperties, ...rest } = jsonSchema;
      return {
        ...rest,
        ...(required.length === 0 ? {} : { required }),
        // Answers may gain fields; nobody should build on their absence.
        ...(inputs.has(schema) ? { additionalProperties } : {}),
      };
    }
    case 'record': {
      const { propertyNames, ...rest } = jsonSchema;
      return Object.keys(propertyNames ?? {}).length > 1 ? null : rest;
    }
    case 'literal':
      return { type: typeof jsonSchema.const as 'string', ...jsonSchema };
    case 'nullable':
      return polishNullable(jsonSchema);
    case 'optional':
      return jsonSchema.type === 'integer' && typeof jsonSchema.default === 'string'
        ? { ...jsonSchema, default: Number(jsonSchema.default) }
        : null;
    case 'variant':
      return { ...jsonSchema, ...discriminatorOf(schema as VariantSchema, jsonSchema) };
    default:
      return null;
  }
}

type VariantSchema = Known & { key: string };

/** Which value of the telling field leads to which component. */
function discriminatorOf({ key, options = [] }: VariantSchema, { oneOf = [] }: Converted): object {
  const mapping = options.map((option, index) => {
    const value = (option as Known).entries?.[key] as { literal?: unknown } | undefined;
    const choice = oneOf[index];
    return [String(value?.literal), typeof choice === 'object' ? choice.$ref : undefined] as const;
  });
  // Without a component to lead to, the constants in the choices have to do.
  if (mapping.some(([, ref]) => ref === undefined)) return {};
  return { discriminator: { propertyName: key, mapping: Object.fromEntries(mapping) } };
}

/** `type: [string, null]` instead of a choice between the two, where the schema has a type of its own. */
function polishNullable(jsonSchema: Converted): Converted | null {
  const [inner] = jsonSchema.anyOf ?? [];
  if (typeof inner !== 'object' || typeof inner.type !== 'string') return null;
  const { enum: words, ...rest } = inner;
  return {
    ...rest,
    type: [inner.type, 'null'],
    ...(words === undefined ? {} : { enum: [...words, null] }),
  };
}
