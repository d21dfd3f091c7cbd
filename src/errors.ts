// The error catalogue: every refusal that leaves the gateway, in one exhaustive table. An error that is not
// listed cannot be thrown, and one that is thrown cannot come out as a 500. Faces render it; nobody else
// knows an HTTP status.

export type CatalogueEntry = {
  /** The number of the Generation API's published table, or one of ours in its gaps. */
  readonly bse: `BSE${number}`;
  readonly status: number;
  /** True only where nothing was started and nothing charged, so that the same request may simply be sent again. */
  readonly retryable: boolean;
  /** What it means and what the caller can do; the text of `docs/errors.md`. */
  readonly meaning: string;
};

const entry = (bse: CatalogueEntry['bse'], status: number, retryable: boolean, meaning: string) => ({
  bse,
  status,
  retryable,
  meaning,
});

/**
 * Statuses are the Generation API's; the Job API answers 400 where 422 stands here (ruling 6 of the product,
 * applied in `http/error-body.ts`).
 */
export const ERROR_CATALOGUE = {
  authentication_required: entry(
    'BSE1001',
    401,
    false,
    'No API key was sent. Send `Authorization: Bearer <key>`.',
  ),
  authentication_failed: entry(
    'BSE1002',
    401,
    false,
    'The key is unknown, mistyped, revoked, expired, or its customer is not active. The answer is the same for all.',
  ),
  insufficient_permissions: entry('BSE1003', 403, false, "The key lacks the route's scope."),
  insufficient_credits: entry(
    'BSE1004',
    402,
    false,
    'The available credits do not cover the price. Nothing was started; after a top-up the same request works.',
  ),
  rate_limit_exceeded: entry(
    'BSE1005',
    429,
    true,
    "The customer's rate window is full. Wait `Retry-After` seconds.",
  ),
  auth_rate_limited: entry('BSE1006', 429, true, 'Too many failed authentications from this address.'),
  ip_not_allowed: entry('BSE1007', 403, false, "The caller's address is not in the key's list."),
  account_not_found: entry('BSE1008', 404, false, 'There is no such customer.'),
  concurrency_limit_exceeded: entry(
    'BSE1009',
    429,
    true,
    'As many jobs of this type are in flight as the plan allows. Wait until one ends.',
  ),
  upload_limit_exceeded: entry(
    'BSE1011',
    429,
    true,
    'As many uploads wait to be used as one customer may have. Order with one, or wait until one expires.',
  ),
  invalid_signature: entry('BSE1010', 403, false, "The link's signature is wrong, or the link has expired."),
  invalid_input: entry(
    'BSE2001',
    400,
    false,
    'A field of the request is missing, unknown or has a wrong value.',
  ),
  file_too_large: entry('BSE2002', 422, false, "The reference image's sides are above the maximum."),
  file_too_small: entry('BSE2003', 422, false, "The reference image's sides are below the minimum."),
  unsupported_file_format: entry(
    'BSE2004',
    422,
    false,
    'The reference is not a still PNG, JPEG or WebP image.',
  ),
  file_load_error: entry('BSE2005', 422, false, 'The reference image could not be read.'),
  content_policy_violation: entry('BSE2006', 422, false, 'The content was refused by a safety filter.'),
  file_size_exceeded: entry('BSE2007', 422, false, 'The reference image has too many bytes.'),
  parameter_out_of_range: entry('BSE2008', 422, false, 'A value is outside the range that the model allows.'),
  file_download_error: entry('BSE2009', 422, false, 'The reference image could not be downloaded.'),
  payload_too_large: entry('BSE2010', 413, false, "The body is larger than the route's limit."),
  model_not_found: entry('BSE2011', 404, false, 'There is no such model on this route.'),
  invalid_json: entry(
    'BSE2012',
    400,
    false,
    'The body is not one JSON object, or holds a doubled key, an endless number, a broken character or too many levels.',
  ),
  invalid_idempotency_key: entry(
    'BSE2013',
    400,
    false,
    'The `Idempotency-Key` must be 1 to 255 visible ASCII characters other than comma, quote, backslash and space.',
  ),
  unsupported_provider_order: entry(
    'BSE2014',
    400,
    false,
    'The provider order is not possible for the model.',
  ),
  idempotency_key_conflict: entry(
    'BSE2015',
    409,
    false,
    'The idempotency key was used before, for another request. Take a new key for a new request.',
  ),
  idempotency_in_progress: entry(
    'BSE2016',
    409,
    true,
    'The first request with this idempotency key is still being taken in.',
  ),
  unsupported_media_type: entry(
    'BSE2017',
    415,
    false,
    'The body is of a type that the route does not take, which is `application/json` as a rule, or compressed.',
  ),
  idempotency_key_required: entry('BSE2018', 400, false, 'This route needs an `Idempotency-Key` header.'),
  invalid_reference_image: entry(
    'BSE2019',
    400,
    false,
    'The reference names no source, more than one, or one that is not allowed.',
  ),
  provider_key_rejected: entry('BSE2020', 400, false, 'The provider does not take the credential.'),
  generation_not_found: entry('BSE3001', 404, false, 'There is no such job for this key.'),
  generation_not_cancelable: entry('BSE3002', 409, false, 'The job has ended, or can no longer be stopped.'),
  route_not_found: entry('BSE3003', 404, false, 'There is nothing at this path.'),
  method_not_allowed: entry('BSE3004', 405, false, 'The path exists, but not with this method; see `Allow`.'),
  not_found: entry('BSE3005', 404, false, 'There is no such resource.'),
  job_failed: entry(
    'BSE3006',
    409,
    false,
    'The job failed, so there is no result. Its credits were given back.',
  ),
  job_canceled: entry(
    'BSE3007',
    409,
    false,
    'The job was canceled, so there is no result. Its credits were given back.',
  ),
  result_unavailable: entry(
    'BSE3008',
    410,
    false,
    "The output was deleted at the end of its plan's retention.",
  ),
  already_exists: entry('BSE3009', 409, false, 'Something with this unique value exists already.'),
  balance_below_reservations: entry(
    'BSE3010',
    409,
    false,
    'The adjustment would leave less than what open jobs have reserved. Nothing was written.',
  ),
  key_not_rotatable: entry(
    'BSE3011',
    409,
    false,
    'Only an active key that was not rotated before can be rotated.',
  ),
  invalid_state: entry('BSE3012', 409, false, 'The resource is not in a state that allows this.'),
  account_in_use: entry('BSE3013', 409, false, 'Jobs that are not finished were made with this account.'),
  provider_error: entry('BSE4001', 502, true, 'The provider reported a failure.'),
  provider_timeout: entry(
    'BSE4002',
    504,
    true,
    'The provider did not deliver before the deadline of the job.',
  ),
  provider_unavailable: entry(
    'BSE4003',
    503,
    true,
    'No provider can take this job now. Nothing was started.',
  ),
  outcome_unknown: entry(
    'BSE4008',
    502,
    true,
    'It could not be learned in time whether the provider took the job. The credits were given back.',
  ),
  internal_error: entry('BSE5001', 500, true, 'A fault of the gateway. Nothing was started or charged.'),
  storage_error: entry('BSE5002', 500, true, 'The output could not be stored.'),
  service_unavailable: entry('BSE5003', 503, true, 'The gateway is starting, stopping or out of disk space.'),
  job_status_unavailable: entry('BSE5004', 503, true, "The job's state cannot be read now."),
  queue_full: entry('BSE5005', 429, true, 'The gateway holds as many open jobs as it may.'),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

export const ERROR_CODES = Object.keys(ERROR_CATALOGUE) as ErrorCode[];

/** One fault of one field; `path` is dotted (`referenceImage.imageUrl`), empty for the whole body. */
export type FieldFault = { path: string; message: string };

/** How full a rate window is; `resetMs` is when more fits into it. */
export type RateWindow = { limit: number; remaining: number; resetMs: number };

export type ErrorDetails = {
  /** For people; clients branch on the code. Defaults to the catalogue's meaning. */
  message?: string;
  fields?: FieldFault[];
  /** Figures that help to act, such as `requiredCredits`. Never anything of another customer or of a provider. */
  details?: Record<string, unknown>;
  /** When trying again makes sense; rendered as whole seconds, at least 1. */
  retryAfterMs?: number;
  /** The methods that a path does have; for `method_not_allowed` only. */
  allow?: readonly string[];
  /** The window that refused; becomes headers. */
  window?: RateWindow;
  cause?: unknown;
};

/** The one error class of refusals. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly fields: FieldFault[] | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterMs: number | undefined;
  readonly allow: readonly string[] | undefined;
  readonly window: RateWindow | undefined;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(details.message ?? ERROR_CATALOGUE[code].meaning, { cause: details.cause });
    this.code = code;
    this.fields = details.fields;
    this.details = details.details;
    this.retryAfterMs = details.retryAfterMs;
    this.allow = details.allow;
    this.window = details.window;
  }
}

/** `invalid_input` for one field. */
export function invalidField(path: string, message: string): GatewayError {
  return faultyFields('invalid_input', [{ path, message }]);
}

/** A refusal for its fields; the sentence is about the first one and says how many more there are. */
export function faultyFields(code: ErrorCode, fields: FieldFault[]): GatewayError {
  const { path, message } = fields[0] ?? { path: '', message: 'is not valid' };
  const sentence = `${path === '' ? 'The request' : path} ${message}`;
  const more = fields.length - 1;
  const others = more > 0 ? ` ${more} more ${more === 1 ? 'fault is' : 'faults are'} listed in fields.` : '';
  return new GatewayError(code, { message: sentence + (sentence.endsWith('?') ? '' : '.') + others, fields });
}

/** Stops a command before it serves; the message is one sentence that says what is wrong and what to do. */
export class StartFault extends Error {
  override readonly name = 'StartFault';
}

/** A mistake of ours. Logged whole; outside it is `internal_error` and nothing more. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new Bug(why);
}

/** For the end of an exhaustive switch: a new member of the union fails to compile here. */
export function unreachable(value: never): never {
  throw new Bug(`unexpected value ${JSON.stringify(value)}`);
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
