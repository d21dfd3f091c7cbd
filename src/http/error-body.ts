// The one error body of every API: a superset that the clients of each dialect can read.
import * as v from 'valibot';
import { ERROR_CATALOGUE, ERROR_CODES, type ErrorCode, type GatewayError } from '../errors.ts';
import { described, named } from './annotate.ts';
import type { Exchange } from './exchange.ts';
import { JSON_TYPE } from './json-text.ts';

/** The word of the catalogue, wherever it stands in an answer. */
export const errorTypeSchema = named('ErrorType', v.picklist(ERROR_CODES));

const fieldFaultSchema = v.strictObject({
  path: described('Dotted, such as `referenceImage.imageUrl`; empty for the whole body.', v.string()),
  message: v.string(),
});

export const errorSchema = named(
  'Error',
  v.strictObject({
    ok: v.literal(false),
    status: v.literal('error'),
    request_id: described('The same as `requestId`.', v.string()),
    requestId: described('Names this request in the log of the gateway.', v.string()),
    code: errorTypeSchema,
    error: v.strictObject({
      code: described('The number of the error.', v.pipe(v.string(), v.regex(/^BSE\d{4}$/))),
      type: errorTypeSchema,
      message: described('For people; it may change.', v.string()),
      retryable: described(
        'Nothing was started and nothing charged: the same request may be sent again.',
        v.boolean(),
      ),
      param: described('The first field at fault.', v.nullable(v.string())),
      details: described(
        'Figures that help to act, such as `requiredCredits`.',
        v.exactOptional(v.record(v.string(), v.unknown())),
      ),
      fields: described('Every field at fault.', v.exactOptional(v.array(fieldFaultSchema))),
    }),
  }),
);

export type ErrorBody = v.InferOutput<typeof errorSchema>;

/** The status of a refusal: what the Generation API calls 422 is 400 in the Job API. */
export function statusOf(code: ErrorCode, dialect: Exchange['dialect']): number {
  const { status } = ERROR_CATALOGUE[code];
  return status === 422 && dialect === 'job' ? 400 : status;
}

export function errorBody(error: GatewayError, requestId: string): ErrorBody {
  const { bse, retryable } = ERROR_CATALOGUE[error.code];
  return {
    ok: false,
    status: 'error',
    request_id: requestId,
    requestId,
    code: error.code,
    error: {
      code: bse,
      type: error.code,
      message: error.message,
      retryable,
      param: error.fields?.[0]?.path ?? null,
      ...(error.details === undefined ? {} : { details: error.details }),
      ...(error.fields === undefined ? {} : { fields: error.fields }),
    },
  };
}

export function errorResponse(error: GatewayError, exchange: Exchange): Response {
  exchange.errorCode = error.code;
  const headers = new Headers({
    'content-type': JSON_TYPE,
    'cache-control': 'no-store',
  });
  const status = statusOf(error.code, exchange.dialect);
  if (error.retryAfterMs !== undefined || status === 503 || status === 429) {
    headers.set('retry-after', String(Math.max(1, Math.ceil((error.retryAfterMs ?? 1000) / 1000))));
  }
  if (error.allow !== undefined) headers.set('allow', error.allow.join(', '));
  if (status === 401) headers.set('www-authenticate', 'Bearer');
  return new Response(JSON.stringify(errorBody(error, exchange.requestId)), { status, headers });
}
