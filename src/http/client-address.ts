// Whose request it is, by address: the socket's, unless declared proxies stand in front. Then X-Forwarded-For is
// read from the right, past the proxies, and never from the left, where anybody can write.
import { BlockList, isIP, isIPv6 } from 'node:net';

export type AddressJudge = (socketAddress: string, forwardedFor: string | null) => string;

export function createAddressJudge(trustedProxies: readonly string[]): AddressJudge {
  const trusted = createAddressSet(trustedProxies);
  return (socketAddress, forwardedFor) => {
    const socket = normalizeAddress(socketAddress);
    if (socket === null || forwardedFor === null || !trusted.has(socket)) return socket ?? '';
    const hops = forwardedFor.split(',').map((hop) => normalizeAddress(hop.trim()));
    // One hop that is no address makes the whole header worthless.
    if (hops.includes(null)) return socket;
    return hops.toReversed().find((hop) => hop !== null && !trusted.has(hop)) ?? socket;
  };
}

export type AddressSet = {
  /** Whether a normalised address is in it. */
  has(address: string): boolean;
};

/** Addresses and CIDR ranges, to be asked whether one is among them. Anything malformed is left out. */
export function createAddressSet(entries: readonly string[]): AddressSet {
  const list = new BlockList();
  for (const entry of entries) {
    const range = parseRange(entry);
    if (range !== null) list.addSubnet(range.address, range.bits, isIPv6(range.address) ? 'ipv6' : 'ipv4');
  }
  return { has: (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') };
}

/** An address, or one with a prefix length that its family has; null for anything else, ports and brackets included. */
export function parseRange(entry: string): { address: string; bits: number } | null {
  const [address = '', length, ...more] = entry.split('/');
  const normal = isIP(address) === 0 ? null : normalizeAddress(address);
  if (normal === null || more.length > 0) return null;
  const family = isIPv6(normal) ? 128 : 32;
  if (length === undefined) return { address: normal, bits: family };
  if (!/^\d{1,3}$/.test(length)) return null;
  // The prefix of IPv4 in IPv6 counts the 96 bits in front of it; a shorter one means more than IPv4.
  const bits = Number(length) - (isIPv6(address) && family === 32 ? 96 : 0);
  return bits >= 0 && bits <= family ? { address: normal, bits } : null;
}

/** One spelling for an address: no brackets, port or zone, and IPv4 in IPv6 as IPv4; null when it is none. */
export function normalizeAddress(text: string): string | null {
  const bare = text
    .replace(/^\[([^\]]*)\](:\d{1,5})?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/, '$1');
  if (isIP(bare) === 0 || bare.includes('%')) return null;
  if (!isIPv6(bare)) return bare;
  const normal = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(normal) ?? [];
  if (high === undefined || low === undefined) return normal;
  return [high, low].flatMap((part) => [parseInt(part, 16) >> 8, parseInt(part, 16) & 255]).join('.');
}

/** What throttling counts by: an IPv4 address, or the /64 that one IPv6 subscriber has at least. */
export function throttleGroup(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const missing = address.includes('::') ? Array<string>(8 - left.length - right.length).fill('0') : [];
  return [...left, ...missing, ...right].slice(0, 4).join(':');
}
