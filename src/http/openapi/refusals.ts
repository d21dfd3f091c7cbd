// Refusals in the OpenAPI file: by status, each code with its meaning and an example that the real renderer made.
import { ERROR_CATALOGUE, GatewayError, type ErrorCode, type ErrorDetails } from '../../errors.ts';
import { errorBody, errorSchema, statusOf } from '../error-body.ts';
import { refusalsOf } from '../refusals.ts';
import type { DeclaredRoute } from '../route.ts';
import { refusalHeaders } from './headers.ts';
import type { SchemaBook } from './json-schema.ts';

const REQUEST_ID = 'req_01m7xyqn02e3fa7ae8dqfy7sce';

/** What the codes say besides their meaning, where they say more. */
const DETAILS: Partial<Record<ErrorCode, ErrorDetails>> = {
  insufficient_credits: { details: { requiredCredits: 9000, creditsAvailable: 3000 } },
  insufficient_permissions: {
    message: 'The key lacks the scope generation:write.',
    details: { requiredScope: 'generation:write' },
  },
  invalid_input: {
    message: 'size must be 16:9_SMALL or 1:1_SMALL',
    fields: [{ path: 'size', message: 'must be 16:9_SMALL or 1:1_SMALL' }],
  },
  payload_too_large: { details: { maxBytes: 1_048_576 } },
  job_failed: {
    details: {
      jobError: { code: 'provider_error', message: ERROR_CATALOGUE.provider_error.meaning },
    },
  },
};

/** The one body of an error, as the gateway would send it. */
function exampleOf(code: ErrorCode) {
  const { meaning } = ERROR_CATALOGUE[code];
  return { summary: meaning, value: errorBody(new GatewayError(code, DETAILS[code]), REQUEST_ID) };
}

/** The codes of a route by the status that its dialect gives them. */
function codesByStatus(route: DeclaredRoute): Map<number, ErrorCode[]> {
  const { access } = route.declaration;
  const dialect = access.kind === 'customer' ? access.dialect : 'generation';
  // Any route can meet a fault of the gateway itself.
  const codes: ErrorCode[] = [...refusalsOf(route), 'internal_error'];
  return Map.groupBy(codes, (code) => statusOf(code, dialect));
}

export function refusalResponses(route: DeclaredRoute, book: SchemaBook): Record<string, object> {
  const responses = [...codesByStatus(route)].map(([status, codes]) => [
    status,
    {
      description: codes.map((code) => `- \`${code}\`: ${ERROR_CATALOGUE[code].meaning}`).join('\n'),
      headers: refusalHeaders(route.declaration, status),
      content: {
        'application/json': {
          schema: book.of(errorSchema),
          examples: Object.fromEntries(
            codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]),
          ),
        },
      },
    },
  ]);
  return Object.fromEntries(responses);
}

/** An example of each code that some route refuses with. */
export function refusalExamples(routes: readonly DeclaredRoute[]): Record<string, object> {
  const codes = new Set(routes.flatMap((route) => [...codesByStatus(route).values()].flat()));
  return Object.fromEntries([...codes].map((code) => [code, exampleOf(code)]));
}
