// One route as an operation of the OpenAPI file: who may call it, what it takes, what it answers.
import { assert } from '../../errors.ts';
import type { Access } from '../admission.ts';
import type { Answer, DeclaredRoute, RouteDeclaration } from '../route.ts';
import { answerHeaders } from './headers.ts';
import type { JsonSchema, SchemaBook } from './json-schema.ts';
import { refusalResponses } from './refusals.ts';
import { TAGS } from './tags.ts';

export function describeOperation(route: DeclaredRoute, book: SchemaBook): object {
  const { declaration, input } = route;
  const { operationId, tag, summary, access } = declaration;
  assert(tag in TAGS, `the tag ${tag} is described`);
  const parameters = [
    ...parametersIn('path', input.params === undefined ? {} : book.of(input.params)),
    ...parametersIn('query', input.query === undefined ? {} : book.of(input.query)),
    ...headerParameters(declaration),
  ];
  return {
    operationId,
    tags: [tag],
    summary,
    description: descriptionOf(declaration),
    security: securityOf(access),
    ...(access.kind === 'customer' ? { 'x-scope': access.scope } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(input.body === undefined ? {} : { requestBody: describeBody(book.of(input.body), declaration) }),
    ...(declaration.fileBody === undefined ? {} : { requestBody: describeFile(declaration.fileBody) }),
    responses: {
      ...refusalResponses(route, book),
      ...Object.fromEntries(
        Object.entries(declaration.answers).map(([status, answer]) => [
          status,
          describeAnswer(declaration, answer, book),
        ]),
      ),
    },
  };
}

function descriptionOf({ description, summary, access }: RouteDeclaration): string {
  const text = description ?? (/[.?]$/.test(summary) ? summary : `${summary}.`);
  return `${text}\n\n${needOf(access)}`;
}

function needOf(access: Access): string {
  switch (access.kind) {
    case 'customer':
      return `Needs a key with the scope \`${access.scope}\`.`;
    case 'operator':
      return 'Needs the private key of the operator.';
    case 'public':
      return 'Needs no key.';
  }
}

function securityOf(access: Access): Record<string, string[]>[] {
  switch (access.kind) {
    case 'customer':
      return [{ customerKey: [] }];
    case 'operator':
      return [{ operatorKey: [] }, { operatorKeyHeader: [] }];
    case 'public':
      return [];
  }
}

type ObjectSchema = JsonSchema & {
  properties?: Record<string, JsonSchema & { description?: string }>;
  required?: string[];
};

function parametersIn(place: 'path' | 'query', { properties = {}, required = [] }: ObjectSchema): object[] {
  return Object.entries(properties).map(([name, { description, ...schema }]) => {
    assert(description !== undefined, `the parameter ${name} is described`);
    return { name, in: place, required: required.includes(name), description, schema };
  });
}

const KEY_NOTE =
  'A name for this request that you choose, unique to it: a retry with the same one finds the same answer and never ' +
  'does the work twice. Remembered for 30 days.';

function headerParameters({ idempotencyKey = 'unused', requestHeaders = {} }: RouteDeclaration): object[] {
  const own = Object.entries(requestHeaders).map(([name, { description, example }]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string', examples: [example] },
  }));
  if (idempotencyKey === 'unused') return own;
  const key = {
    name: 'Idempotency-Key',
    in: 'header',
    required: idempotencyKey === 'required',
    description: KEY_NOTE,
    schema: { type: 'string', minLength: 1, maxLength: 255, examples: ['order-1001'] },
  };
  return [key, ...own];
}

function describeBody(
  schema: JsonSchema,
  { requestExample: example, isBodyOptional }: RouteDeclaration,
): object {
  assert(example !== undefined, 'a route with a body shows an example of it');
  return { required: isBodyOptional !== true, content: { 'application/json': { schema, example } } };
}

function describeFile({ field, types }: NonNullable<RouteDeclaration['fileBody']>): object {
  const file = { type: 'string', format: 'binary' };
  const form = {
    type: 'object',
    required: [field],
    additionalProperties: false,
    properties: { [field]: file },
  };
  const content = types.map((type) => [type, { schema: type === 'multipart/form-data' ? form : file }]);
  return { required: true, content: Object.fromEntries(content) };
}

function describeAnswer(declaration: RouteDeclaration, answer: Answer, book: SchemaBook): object {
  const { description, schema, example, contentType, headers } = answer;
  const shown = example === undefined ? {} : { example };
  return {
    description,
    headers: answerHeaders(declaration, headers),
    ...(schema === undefined
      ? {}
      : { content: { [contentType ?? 'application/json']: { schema: book.of(schema), ...shown } } }),
    ...(schema === undefined && contentType !== undefined ? { content: { [contentType]: {} } } : {}),
  };
}
