// How adapters ask their provider: one exchange with bounds, its answer as JSON, and what a failure of the exchange
// means. What the provider means by its answer is for the adapter to say.
import { assert, type ErrorCode } from '../errors.ts';
import type { NetFailure, NetHead, NetRequest } from '../runtime/index.ts';
import type {
  AccountAccess,
  AttemptOutcome,
  Fault,
  Order,
  OutputContent,
  ProviderContext,
} from './provider.ts';

export type WireRequest = {
  /** What stands behind the base URL, with its slash; or a whole URL at the provider that it has given us. */
  to: string;
  method?: NetRequest['method'];
  headers: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as `multipart/form-data`: texts, and files with a name. */
  form?: FormData;
  /** For answers that carry a picture; 1 MiB unless told. */
  maxBytes?: number;
  /** The whole exchange; 25 s unless told. */
  deadlineMs?: number;
};

/** `json` is undefined when the body is none. */
export type WireAnswer = NetHead & { kind: 'answer'; json: unknown; text: string };

const MAX_ANSWER_BYTES = 1024 * 1024;
const DEADLINE_MS = 25_000;
/** What an operator is shown of an answer that nobody expected. */
const MAX_TEXT = 300;
const MAX_REMEMBERED = 1000;

export async function askProvider(
  context: ProviderContext,
  request: WireRequest,
): Promise<WireAnswer | NetFailure> {
  const account = accountOf(context);
  const { body, contentType } = await bodyOf(request);
  const deadlineMs = request.deadlineMs ?? DEADLINE_MS;
  const answer = await context.net.fetch({
    url: request.to.startsWith('/') ? account.baseUrl + request.to : request.to,
    destination: account.destination,
    method: request.method ?? 'GET',
    headers: { accept: 'application/json', ...contentType, ...request.headers },
    ...(body === undefined ? {} : { body }),
    deadlineMs,
    // A provider that makes a picture while we wait sends nothing before it has one.
    firstByteMs: deadlineMs,
    maxBytes: request.maxBytes ?? MAX_ANSWER_BYTES,
    signal: context.signal,
  });
  if (answer.kind !== 'response') return answer;
  const { status, headers } = answer;
  const text = new TextDecoder().decode(answer.body);
  return { kind: 'answer', status, headers, json: parsed(text), text: tellable(context, text) };
}

/** What a provider says, made fit to be told: without our credential, should it have repeated that. */
export function tellable(context: ProviderContext, text: string): string {
  const { credential } = accountOf(context);
  const secrets =
    credential.kind === 'api_key'
      ? [credential.apiKey, credential.callbackSecret]
      : [credential.token, credential.cookie];
  let told = text;
  for (const secret of secrets) if (secret) told = told.replaceAll(secret, '…');
  return oneLine(told);
}

/** @throws Bug when the engine has given no account to a provider that needs one */
export function accountOf({ account }: ProviderContext): AccountAccess {
  assert(account !== null, 'a provider that is reached over the network has an account');
  return account;
}

/** What it means for a submit that no answer came: whether the provider can have taken the order. */
export function unansweredSubmit(failure: NetFailure): AttemptOutcome {
  const reason = reasonOf(failure);
  switch (failure.kind) {
    case 'blocked':
    case 'unsent':
      return { kind: 'failed', code: 'provider_error', reason, fault: 'provider' };
    case 'ambiguous':
    case 'partial':
      return { kind: 'unknown', reason };
  }
}

/** A poll that got no answer is asked again. */
export function unansweredPoll(failure: NetFailure): AttemptOutcome {
  return { kind: 'unreachable', reason: reasonOf(failure) };
}

/**
 * What the status of a refused submit says where its body tells no more: `unknown` for those behind which the order may
 * have been taken. `reason` is what the provider says about it.
 */
export function refusedSubmit(answer: WireAnswer, now: number, reason = answer.text): AttemptOutcome {
  const told = `${answer.status}: ${reason}`;
  const failed = (fault: Fault): AttemptOutcome => {
    const retryAt = retryAtOf(answer, now);
    const later = retryAt === undefined ? {} : { retryAt };
    return { kind: 'failed', code: 'provider_error', reason: told, fault, ...later };
  };
  switch (answer.status) {
    case 400:
    case 413:
    case 415:
    case 422:
      // A page instead of an object is from somebody in between, who knows nothing of the order.
      if (answer.json === undefined) return failed('provider');
      return { kind: 'rejected', code: 'invalid_input', reason: told };
    case 401:
      return failed('credential');
    case 403:
      // Whoever stands in between refuses us, and has not looked at the credential.
      return failed(answer.json === undefined ? 'provider' : 'credential');
    case 402:
      return failed('balance');
    case 404:
    case 410:
      return failed('model');
    case 429:
      return failed('rate');
    default:
      if (answer.status > 400 && answer.status < 500 && answer.status !== 408) return failed('provider');
      return { kind: 'unknown', reason: told };
  }
}

/** What the status of a refused poll says: only that a job is not there is an answer about the job. */
export function refusedPoll(answer: WireAnswer, now: number, reason = answer.text): AttemptOutcome {
  const told = `${answer.status}: ${reason}`;
  if (answer.status === 404 || answer.status === 410) {
    return { kind: 'failed', code: 'provider_error', reason: told, fault: 'provider' };
  }
  const retryAt = retryAtOf(answer, now);
  return { kind: 'unreachable', reason: told, ...(retryAt === undefined ? {} : { retryAt }) };
}

/** What a refusal means, without its reason. */
export type Refusal =
  | { kind: 'rejected'; code: ErrorCode }
  | { kind: 'failed'; code: ErrorCode; fault: Fault };

export const fails = (fault: Fault): Refusal => ({ kind: 'failed', code: 'provider_error', fault });
export const rejects = (code: ErrorCode): Refusal => ({ kind: 'rejected', code });

/** The meaning of the first words that stand in what was said. */
export function meaningOf(said: string, words: readonly (readonly [RegExp, Refusal])[]): Refusal | undefined {
  return words.find(([pattern]) => pattern.test(said))?.[1];
}

/** A refusal, with the instant at which the account may be tried again where the answer names one. */
export function refused(
  context: ProviderContext,
  refusal: Refusal,
  told: { answer: WireAnswer; reason: string },
): AttemptOutcome {
  const retryAt = retryAtOf(told.answer, context.clock.now());
  const reason = tellable(context, told.reason);
  if (refusal.kind === 'rejected' || retryAt === undefined) return { ...refusal, reason };
  return { ...refusal, reason, retryAt };
}

export function reasonOf(failure: NetFailure): string {
  const detail = 'detail' in failure ? failure.detail : `status ${failure.status}`;
  return oneLine(`${failure.kind}: ${failure.reason} ${detail}`);
}

/** When `Retry-After` says so, in seconds or as a date; `retry-after-ms` before it, where a provider sends that. */
function retryAtOf({ headers }: NetHead, now: number): number | undefined {
  const ms = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return now + Math.ceil(ms);
  const text = headers['retry-after']?.trim() ?? '';
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return now + Math.ceil(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(now, date);
}

const OUTPUT_DEADLINE_MS = 9 * 60_000;
const MAX_OUTPUT_BYTES = 1024 ** 3;
const OUTPUT_REDIRECTS = 3;

/**
 * Opens an output that lies behind a link. Our credential is not sent unless `headers` holds it, and then no redirect is
 * followed unless `mayLeave`: to another origin the credential stays behind.
 * @throws Error when the host is none of the provider's (`hosts`, as in `Upstream.outputHosts`), or it is not there
 */
export async function openLink(
  context: ProviderContext,
  url: string,
  {
    hosts,
    headers = {},
    mayLeave = Object.keys(headers).length === 0,
  }: { hosts: readonly string[]; headers?: Readonly<Record<string, string>>; mayLeave?: boolean },
): Promise<OutputContent> {
  const account = accountOf(context);
  const isAtBase = originOf(url) === originOf(account.baseUrl);
  if (!isAtBase && !hosts.some((host) => isHost(url, host))) {
    throw new Error(`an output at ${hostOf(url)}, which is no host of the provider`);
  }
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const copied = context.net.download(
    {
      url,
      destination: account.destination,
      headers,
      deadlineMs: OUTPUT_DEADLINE_MS,
      maxBytes: MAX_OUTPUT_BYTES,
      maxRedirects: mayLeave ? OUTPUT_REDIRECTS : 0,
      signal: context.signal,
    },
    (piece) => writer.write(piece),
  );
  copied
    .then(
      (outcome) => {
        if (outcome.kind !== 'response') return writer.abort(new Error(reasonOf(outcome)));
        return outcome.status === 200
          ? writer.close()
          : writer.abort(new Error(`an output was answered with ${outcome.status}`));
      },
      (thrown) => writer.abort(thrown),
    )
    .catch(() => undefined);
  return { pieces: readable };
}

function isHost(url: string, host: string): boolean {
  const actual = hostOf(url);
  return host.startsWith('.') ? actual.endsWith(host) : actual === host;
}

function hostOf(url: string): string {
  return URL.parse(url)?.hostname ?? 'no host';
}

function originOf(url: string): string | null {
  return URL.parse(url)?.origin ?? null;
}

async function bodyOf({ json, form }: WireRequest): Promise<{
  body?: Uint8Array | string;
  contentType: Record<string, string>;
}> {
  if (json !== undefined) {
    return { body: JSON.stringify(json), contentType: { 'content-type': 'application/json' } };
  }
  if (form === undefined) return { contentType: {} };
  const encoded = new Response(form);
  const contentType = encoded.headers.get('content-type') ?? 'multipart/form-data';
  return { body: await encoded.bytes(), contentType: { 'content-type': contentType } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Counts how often a job said that it is done and had nothing to show: outputs may be written late, and then they are not
 * written at all. A new process counts anew.
 */
export function createPatience(maxTimes = 3): { isOver(providerJobId: string): boolean } {
  const times = new Map<string, number>();
  return {
    isOver(providerJobId) {
      const count = (times.get(providerJobId) ?? 0) + 1;
      times.delete(providerJobId);
      if (count > maxTimes) return true;
      times.set(providerJobId, count);
      const [oldest] = times.keys();
      if (times.size > MAX_REMEMBERED && oldest !== undefined) times.delete(oldest);
      return false;
    },
  };
}

export type Keyring<K> = {
  /** Whether `holds` is true of the keys called `name`, which `ask` fetches. */
  check(
    name: string,
    now: number,
    means: { ask: () => Promise<K | null>; holds: (keys: K) => boolean },
  ): Promise<boolean>;
};

const KEYS_ARE_FRESH_MS = 24 * 3_600_000;
const KEYS_ARE_NEW_MS = 60_000;

/** The keys behind a provider's signatures: asked for once a day, and sooner when a signature does not fit them. */
export function createKeyring<K>(): Keyring<K> {
  const known = new Map<string, { askedAt: number; keys: Promise<K | null> }>();
  return {
    async check(name, now, { ask, holds }) {
      for (const maxAgeMs of [KEYS_ARE_FRESH_MS, KEYS_ARE_NEW_MS]) {
        let entry = known.get(name);
        // Forged signatures must not make us ask at their pace, so new keys are not asked for again.
        if (entry === undefined || Math.abs(now - entry.askedAt) >= maxAgeMs) {
          entry = { askedAt: now, keys: ask() };
          known.set(name, entry);
          forgetOldest(known);
        }
        const keys = await entry.keys;
        if (keys !== null && holds(keys)) return true;
      }
      return false;
    },
  };
}

function forgetOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}

/** A reference as providers take it within a body. */
export function dataUrlOf({ bytes, contentType }: NonNullable<Order['reference']>): string {
  return `data:${contentType};base64,${Buffer.from(bytes).toString('base64')}`;
}

/** All the words of an error, however deep they stand in it; empty when there are none. */
export function saidBy(json: unknown, depth = 0): string {
  if (depth > 5 || typeof json !== 'object' || json === null) return '';
  const words = Object.entries(json).map(([name, value]) =>
    typeof value === 'string' && ['error', 'message', 'code'].includes(name)
      ? value
      : saidBy(value, depth + 1),
  );
  return words.filter((word) => word !== '').join('; ');
}

/** A number of an answer as an amount. */
export function decimalOf(value: number): string {
  return value.toFixed(6).replace(/\.?0+$/, '');
}

/** Made fit for a log line and an operator's screen. */
export function oneLine(text: string): string {
  const line = text
    .slice(0, 10 * MAX_TEXT)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT)}…` : line || 'an empty answer';
}
