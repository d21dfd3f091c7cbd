// Words about a schema, for the reference: a name, under which it becomes a component of the OpenAPI file, and a
// description. They change nothing about what a schema lets through.
import * as v from 'valibot';

/** Two schemas of one API must not share a name. */
export function named<Schema extends v.GenericSchema>(name: string, schema: Schema) {
  return v.pipe(schema, v.title(name));
}

/** To stand outside of `optional`: what follows a transformation inside of a schema is no part of its input. */
export function described<Schema extends v.GenericSchema>(text: string, schema: Schema) {
  return v.pipe(schema, v.description(text));
}
