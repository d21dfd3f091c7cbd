// The one error body of every API: a superset that the clients of each dialect can read.
import { ERROR_CATALOGUE, type ErrorCode, type FieldFault, type GatewayError } from '../errors.ts';
import type { Exchange } from './exchange.ts';

export type ErrorBody = {
  ok: false;
  status: 'error';
  request_id: string;
  requestId: string;
  code: ErrorCode;
  error: {
    code: string;
    type: ErrorCode;
    message: string;
    retryable: boolean;
    param: string | null;
    details?: Record<string, unknown>;
    fields?: FieldFault[];
  };
};

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
    'content-type': 'application/json; charset=utf-8',
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
