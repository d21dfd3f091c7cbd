// Which URLs somebody else may make the gateway call, judged by their text alone and without a network. A name that
// passes here is still judged by its addresses at the moment of the call; this only refuses early what never can pass.
import { parseAddress } from './public-address.ts';

/** Why a URL was refused; for the log, since a caller who learns it can map a network. */
export type UrlFault =
  | 'too_long'
  | 'not_a_url'
  | 'scheme'
  | 'userinfo'
  | 'port'
  | 'address_literal'
  | 'host_name';

export type JudgedUrl = { kind: 'ok'; url: URL } | { kind: 'refused'; reason: UrlFault };

/** What browsers and proxies commonly carry; a longer one serves nobody but an attacker. */
export const MAX_URL_LENGTH = 2048;

/** RFC 1035: labels of up to 63 characters, 253 in all. Underscores exist in the wild. */
const MAX_HOST_LENGTH = 253;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Names that RFC 6761, 6762, 8375 and ICANN (2024) set aside for machines and networks of one's own. */
const PRIVATE_SUFFIXES = ['.localhost', '.local', '.internal', '.home.arpa'];

/**
 * Whether a text is an https URL on port 443 with a public-looking host name. Refuses addresses in every spelling
 * (`2130706433`, `0x7f.1`, full-width digits, `[::ffff:7f00:1]`), user names, trailing-dot and single-label names.
 */
export function judgePublicUrl(text: string): JudgedUrl {
  const refused = (reason: UrlFault): JudgedUrl => ({ kind: 'refused', reason });
  if (text.length > MAX_URL_LENGTH) return refused('too_long');
  // URL parsers drop blanks and control characters and read `\` as `/`; two readers could see two hosts.
  if (/[\\\s\p{Cc}\p{Cf}]/u.test(text) || !URL.canParse(text)) return refused('not_a_url');
  const url = new URL(text);
  if (url.protocol !== 'https:') return refused('scheme');
  const authority = /^https:\/\/([^/?#]+)/i.exec(text)?.[1];
  if (authority === undefined) return refused('not_a_url');
  if (authority.includes('@') || url.username !== '' || url.password !== '') return refused('userinfo');
  if (url.port !== '') return refused('port');
  if (url.hostname.startsWith('[') || parseAddress(url.hostname) !== null) return refused('address_literal');
  if (authority.includes('%') || !isPublicName(url.hostname)) return refused('host_name');
  return { kind: 'ok', url };
}

function isPublicName(name: string): boolean {
  const labels = name.split('.');
  return (
    name.length <= MAX_HOST_LENGTH &&
    labels.length >= 2 &&
    labels.every((label) => LABEL.test(label)) &&
    !PRIVATE_SUFFIXES.some((suffix) => name.endsWith(suffix))
  );
}
