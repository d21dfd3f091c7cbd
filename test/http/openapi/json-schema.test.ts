// From valibot to JSON Schema: what the reference would otherwise say wrongly, or not at all.
import { describe, expect, test } from 'bun:test';
import * as v from 'valibot';
import { described, named } from '../../../src/http/annotate.ts';
import { createSchemaBook } from '../../../src/http/openapi/json-schema.ts';
import { instantText, wholeNumber } from '../../../src/http/query.ts';

/** How one schema is described as a member of an answer, or of a request. */
function describedAs(member: v.GenericSchema, place: 'answers' | 'inputs' = 'answers'): unknown {
  const whole = v.strictObject({ member });
  const book = createSchemaBook({ inputs: [], answers: [], [place]: [whole] });
  const { properties } = book.of(whole) as { properties: { member: unknown } };
  return properties.member;
}

describe('a field', () => {
  const cases: [string, v.GenericSchema, object][] = [
    ['null or a text', v.nullable(v.string()), { type: ['string', 'null'] }],
    [
      'null or a word',
      v.nullable(v.picklist(['a', 'b'])),
      { type: ['string', 'null'], enum: ['a', 'b', null] },
    ],
    ['always one value', v.literal(true), { type: 'boolean', const: true }],
    ['text by name', v.record(v.string(), v.number()), { additionalProperties: { type: 'number' } }],
    ['a number in a query', wholeNumber(1, 9), { type: 'integer', minimum: 1, maximum: 9 }],
    ['its default as well', v.optional(wholeNumber(1, 9), '3'), { type: 'integer', default: 3 }],
    ['an instant', instantText, { type: 'string', format: 'date-time' }],
    ['trimmed', v.pipe(v.string(), v.trim(), v.minLength(1)), { type: 'string', minLength: 1 }],
    ['after a pattern with flags', v.pipe(v.string(), v.regex(/^x$/u)), { pattern: '^x$' }],
    [
      'with a description behind a conversion',
      described('When.', v.optional(instantText)),
      { description: 'When.' },
    ],
  ];
  for (const [name, schema, wanted] of cases) {
    test(name, () => expect(JSON.parse(JSON.stringify(describedAs(schema)))).toMatchObject(wanted));
  }
});

describe('an object', () => {
  const inner = v.strictObject({ a: v.exactOptional(v.string()) });

  test('is closed in a request and open in an answer', () => {
    expect(describedAs(inner, 'inputs')).toMatchObject({ additionalProperties: false });
    expect(describedAs(inner, 'answers')).not.toHaveProperty('additionalProperties');
  });

  test('without a field that must be there says nothing of it', () => {
    expect(describedAs(inner)).not.toHaveProperty('required');
  });
});

describe('a name', () => {
  const dog = named('Dog', v.strictObject({ kind: v.literal('dog') }));
  const cat = named('Cat', v.strictObject({ kind: v.literal('cat') }));

  test('makes a component, referred to wherever it stands', () => {
    const list = v.array(dog);
    const book = createSchemaBook({ inputs: [], answers: [list, dog] });
    expect(Object.keys(book.components)).toEqual(['Dog']);
    expect(book.of(list)).toEqual({ type: 'array', items: { $ref: '#/components/schemas/Dog' } });
    expect(book.of(dog)).toEqual({ $ref: '#/components/schemas/Dog' });
  });

  test('tells choices apart', () => {
    expect(describedAs(v.variant('kind', [dog, cat]))).toMatchObject({
      discriminator: {
        propertyName: 'kind',
        mapping: { dog: '#/components/schemas/Dog', cat: '#/components/schemas/Cat' },
      },
    });
  });

  test('is not given to two schemas', () => {
    const other = named('Dog', v.strictObject({ kind: v.literal('wolf') }));
    expect(() => createSchemaBook({ inputs: [], answers: [dog, other] })).toThrow(
      'only one schema is called Dog',
    );
  });
});

test('what cannot be described is no silent gap', () => {
  expect(() => createSchemaBook({ inputs: [], answers: [v.date()] })).toThrow();
});
