// What is asked of the network and what comes of it. The kinds of an outcome answer the one question that matters to
// a gateway that must never submit twice: can the other side have acted on the request?
import type { UrlFault } from './public-url.ts';

/**
 * Where a request may go. `public`: https, port 443, and every address of the name on the public internet.
 * `operator`: exactly this origin (such as `http://127.0.0.1:9000`) may be anything, because the operator wrote it into
 * the settings; all else, a redirect away from it included, is judged as `public`. Never build an `operator`
 * destination from what a customer or a provider sent.
 */
export type Destination = { kind: 'public' } | { kind: 'operator'; origin: string };

export type NetRequest = {
  url: string;
  destination: Destination;
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `Host`, `Accept-Encoding` and what frames a message are not the caller's to set: `blocked`, `header`. */
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array | string;
  /** The whole call, redirects and body included, ends by then. */
  deadlineMs: number;
  /** From the first byte sent, uploading included, to the whole head of the answer; 5 s unless told. */
  firstByteMs?: number;
  /** More than this in the answer is a failure, not a truncation. */
  maxBytes: number;
  /** How many redirects a GET or HEAD follows, each judged anew; the one after is the answer. 0 unless told. */
  maxRedirects?: number;
  signal?: AbortSignal;
};

/** Header names in lower case; several of one name are joined by `, `. */
export type NetHead = { status: number; headers: Record<string, string> };

export type NetResponse = NetHead & { kind: 'response'; body: Uint8Array };

export type NetDownload = NetHead & { kind: 'response'; sizeBytes: number };

/** Nothing left the process, and the same call would be refused again. */
export type Blocked = {
  kind: 'blocked';
  reason: UrlFault | 'private_address' | 'header';
  detail: string;
};

/** The request certainly did not leave: no byte of it is written before the connection stands and TLS is verified. */
export type Unsent = {
  kind: 'unsent';
  reason:
    | 'dns_failed'
    | 'dns_slow'
    | 'connect_failed'
    | 'connect_slow'
    | 'tls_failed'
    | 'deadline'
    | 'aborted';
  detail: string;
};

/** The request, or a part of it, left, and no answer came that can be read: it may or may not have been acted upon. */
export type Ambiguous = {
  kind: 'ambiguous';
  reason: 'reset' | 'slow' | 'malformed' | 'deadline' | 'aborted';
  detail: string;
};

/** An answer came whose status is certain and whose body is not to be had. */
export type PartialAnswer = NetHead & {
  kind: 'partial';
  reason: 'too_large' | 'encoded' | 'too_many_headers' | 'cut_short' | 'deadline' | 'aborted';
};

/** `reason` and `detail` are for the log. A caller from outside sees one and the same error for all of them. */
export type NetFailure = Blocked | Unsent | Ambiguous | PartialAnswer;

/** Takes the pieces of a body one after the other; the next one is read when this one's promise is kept. */
export type Sink = (piece: Uint8Array) => void | Promise<void>;
