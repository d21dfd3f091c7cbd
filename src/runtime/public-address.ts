// Which addresses belong to the public internet. Judges bytes, never spellings: what cannot be read as one exact
// address is not public. Knows nothing of names, URLs or sockets.
import { assert } from '../errors.ts';

/**
 * Every range that IANA's special-purpose registry keeps off the public internet, multicast and reserved space, and
 * 168.63.129.16, the address under which Azure's host answers its guests.
 */
const NOT_PUBLIC_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
].map(parseRange);

/**
 * Allowing first is what makes the rest fall out by itself: mapped, compatible, both NAT64 prefixes, unique local,
 * link-local, segment routing and multicast all lie outside.
 */
const PUBLIC_IPV6 = parseRange('2000::/3');

/** Inside 2000::/3, but Teredo and protocol assignments, documentation twice, and 6to4. */
const NOT_PUBLIC_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'].map(parseRange);

type Range = { readonly bytes: Uint8Array; readonly prefixBits: number };

/** Whether an address, as a resolver or a socket writes it, is one of the public internet. */
export function isPublicAddress(text: string): boolean {
  const bytes = parseAddress(text);
  if (bytes === null) return false;
  if (bytes.length === 4) return !NOT_PUBLIC_IPV4.some((range) => isInRange(bytes, range));
  return isInRange(bytes, PUBLIC_IPV6) && !NOT_PUBLIC_IPV6.some((range) => isInRange(bytes, range));
}

/**
 * The 4 or 16 bytes of an address. Null for all that is not exactly one: octal, hexadecimal or shortened IPv4, zone
 * ids, brackets, blanks.
 */
export function parseAddress(text: string): Uint8Array | null {
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return bytes === null ? null : Uint8Array.from(bytes);
}

function parseIpv4(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  // A leading zero means octal to some readers and nothing to others; what is ambiguous is not an address.
  if (!parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part))) return null;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

function parseIpv6(text: string): number[] | null {
  const halves = text.split('::');
  const [left = '', right] = halves;
  if (right === undefined) {
    const bytes = parseGroups(left, true);
    return bytes?.length === 16 ? bytes : null;
  }
  const head = parseGroups(left, false);
  const tail = parseGroups(right, true);
  if (halves.length > 2 || head === null || tail === null) return null;
  // RFC 4291: `::` stands for at least one group.
  const missing = 16 - head.length - tail.length;
  return missing >= 2 ? [...head, ...Array<number>(missing).fill(0), ...tail] : null;
}

/** The bytes of groups between colons; the last one of an address may be written as IPv4. */
function parseGroups(text: string, isEnd: boolean): number[] | null {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
      continue;
    }
    const quad = isEnd && index === groups.length - 1 ? parseIpv4(group) : null;
    if (quad === null) return null;
    bytes.push(...quad);
  }
  return bytes;
}

function parseRange(text: string): Range {
  const [address = '', prefix = ''] = text.split('/');
  const bytes = parseAddress(address);
  assert(bytes !== null, `not a range: ${text}`);
  return { bytes, prefixBits: Number(prefix) };
}

function isInRange(bytes: Uint8Array, range: Range): boolean {
  return bytes.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, range.prefixBits - index * 8));
    const mask = (0xff << (8 - bits)) & 0xff;
    return (byte & mask) === ((range.bytes[index] ?? 0) & mask);
  });
}
