// The request line, and the headers that name whom a request is for and from, before anybody acts on them: what two
// readers could understand differently is refused, and what the router would misread is put right.
import { invalidField } from '../errors.ts';

/** Longer request lines are no request of ours. */
const MAX_URL_LENGTH = 8192;
/** Where the router begins to look for the path: behind the shortest host that it expects. */
const ROUTER_SKIPS = 11;
/** Headers of which there must be one; Bun joins repeated ones by a comma. */
const SINGLE_HEADERS = ['host', 'authorization', 'x-api-key', 'content-type', 'content-length'];
/** A name or an address, with or without a port. Empty as from the probes that have none to send. */
const HOST = /^([\w.-]*|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;

/**
 * The request as the router can take it. It finds the path only behind a host of four characters or more (behind
 * `http://gw/v1/usage` it would find another one), and of a HEAD it would make a GET by reading all of its body.
 */
export function toRoutable(request: Request): Request {
  const { url, method } = request;
  const pathAt = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3);
  const path = pathAt === -1 ? '/' : url.slice(pathAt);
  // The one page that people type.
  const typed = path === '/docs/' ? '/docs' : path;
  const routable = pathAt >= ROUTER_SKIPS && typed === path ? url : `http://gateway${typed}`;
  if (method === 'HEAD') return new Request(routable, { headers: withoutRange(request.headers) });
  return routable === url ? request : new Request(routable, request);
}

/** RFC 9110 defines ranges for GET alone. */
function withoutRange(headers: Headers): Headers {
  const kept = new Headers(headers);
  kept.delete('range');
  return kept;
}

/** The answer to a HEAD, from that to a GET. Bodies without a declared length are short, and 304 has none to measure. */
export async function withoutBody(response: Response): Promise<Response> {
  const { status, headers } = response;
  if (headers.has('content-length') || status === 304) await response.body?.cancel();
  else headers.set('content-length', String((await response.bytes()).length));
  return new Response(null, { status, headers });
}

/** @throws GatewayError `invalid_input`, naming the header or the parameter */
export function refuseOddRequest({ url, headers }: Request): void {
  if (url.length > MAX_URL_LENGTH) throw invalidField('url', `is longer than ${MAX_URL_LENGTH} characters`);
  for (const name of SINGLE_HEADERS) {
    if (headers.get(name)?.includes(',') === true) throw invalidField(name, 'was sent twice');
  }
  if (!HOST.test(headers.get('host') ?? '')) throw invalidField('host', 'is not the name of a host');
  refuseOddParameters(url);
}

/**
 * The router makes a list of a parameter that stands in the query twice; others take the first, or the last. A NUL would
 * be the end of the text for some, so that a search for it finds everything.
 */
function refuseOddParameters(url: string): void {
  const queryAt = url.indexOf('?');
  if (queryAt === -1) return;
  const names = new Set<string>();
  for (const [name, value] of new URLSearchParams(url.slice(queryAt))) {
    if (names.has(name)) throw invalidField(name, 'stands in the query twice');
    if (value.includes('\0')) throw invalidField(name, 'contains a NUL character');
    names.add(name);
  }
}
