// The guard in front of every connection: which URL, which headers and which addresses a call may have. Names are
// resolved once, and what was judged here is what is connected to; nothing resolves a name again.
import type { Watch } from './net-limits.ts';
import type { Blocked, Destination, Unsent } from './net-outcome.ts';
import { isPublicAddress, parseAddress } from './public-address.ts';
import { judgePublicUrl } from './public-url.ts';
import { assert, messageOf } from '../errors.ts';

/** All addresses of a host name, A and AAAA. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export type Admission = { kind: 'admitted'; url: URL; addresses: readonly string[] } | Blocked | Unsent;

/** A resolver of an attacker's zone may take as long as it likes; the call may not. */
const DNS_LIMIT_MS = 2000;

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** Printable ASCII and tab: no CR, LF or NUL, and nothing that two readers decode differently. */
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;
/** What names the other side or frames the message is set by us alone. */
const OWN_HEADERS = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'accept-encoding',
]);

/** The first header that must not be sent, as an outcome; null when all are in order. */
export function judgeHeaders(headers: Readonly<Record<string, string>>): Blocked | null {
  const bad = Object.entries(headers).find(
    ([name, value]) =>
      !HEADER_NAME.test(name) || !HEADER_VALUE.test(value) || OWN_HEADERS.has(name.toLowerCase()),
  );
  return bad === undefined ? null : { kind: 'blocked', reason: 'header', detail: JSON.stringify(bad[0]) };
}

/**
 * Judges a URL and resolves its host. For the public, one address that is not public among several refuses all:
 * whoever mixes them means to be asked again until the other one is taken.
 */
export async function admit(
  text: string,
  destination: Destination,
  means: { resolve: Resolve; watch: Watch },
): Promise<Admission> {
  const own = destination.kind === 'operator' ? ofOrigin(text, destination.origin) : null;
  const judged = own === null ? judgePublicUrl(text) : { kind: 'ok' as const, url: own };
  if (judged.kind === 'refused') return { kind: 'blocked', reason: judged.reason, detail: '' };
  const found = await addressesOf(judged.url, means);
  if (found.kind !== 'found') return found;
  const isAllowed = own === null ? isPublicAddress : (address: string) => parseAddress(address) !== null;
  const bad = found.addresses.find((address) => !isAllowed(address));
  if (bad !== undefined) return { kind: 'blocked', reason: 'private_address', detail: bad };
  return { kind: 'admitted', url: judged.url, addresses: found.addresses };
}

/** The URL, if it is of the operator's origin and carries no user name. */
function ofOrigin(text: string, origin: string): URL | null {
  const allowed = URL.parse(origin);
  assert(
    allowed !== null && /^https?:$/.test(allowed.protocol),
    'an operator origin is an http or https URL',
  );
  const url = URL.parse(text);
  if (url === null || url.origin !== allowed.origin || url.username !== '' || url.password !== '')
    return null;
  return url;
}

async function addressesOf(
  url: URL,
  means: { resolve: Resolve; watch: Watch },
): Promise<{ kind: 'found'; addresses: readonly string[] } | Unsent> {
  const host = hostOf(url);
  if (parseAddress(host) !== null) return { kind: 'found', addresses: [host] };
  const found = await means.watch.race(ask(host, means.resolve), DNS_LIMIT_MS);
  if (found.kind !== 'cut') return found;
  return { kind: 'unsent', reason: found.reason === 'slow' ? 'dns_slow' : found.reason, detail: host };
}

async function ask(
  host: string,
  resolve: Resolve,
): Promise<{ kind: 'found'; addresses: readonly string[] } | Unsent> {
  try {
    const addresses = await resolve(host);
    if (addresses.length > 0) return { kind: 'found', addresses };
    return { kind: 'unsent', reason: 'dns_failed', detail: `${host} has no address` };
  } catch (thrown) {
    return { kind: 'unsent', reason: 'dns_failed', detail: messageOf(thrown) };
  }
}

/** The host as a socket wants it: IPv6 without brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}
