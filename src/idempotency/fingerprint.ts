// The fingerprint of a request: what makes a retry the same request. It is taken from what the client sent, before
// defaults, so that a release that changes a default never breaks a retry.
import { canonicalJson } from '../canonical-json.ts';
import { sha256Hex } from '../crypto.ts';

/** Stands in every fingerprint, so that a change of the rules is told apart from a changed request. */
const VERSION = 'v1';

/** SHA-256 over version, method, route and the canonical body (key order and white space do not count). */
export function fingerprintOf(request: { method: string; route: string; body: unknown }): string {
  return sha256Hex(`${VERSION}\n${request.method}\n${request.route}\n${canonicalJson(request.body)}`);
}
