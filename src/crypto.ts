// Hashes, signatures and sealed boxes: the only home of node:crypto. Every secret of the gateway is derived
// from the one master key, so that several nodes need to share nothing else.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  hkdfSync,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { assert } from './errors.ts';
import type { Random } from './runtime/random.ts';

export type MasterKey = Uint8Array & { readonly length: 32 };

/** What a derived key is for; each purpose has a key of its own. */
export type KeyPurpose = 'media-links' | 'address-hash' | 'seal' | 'credential-hash';

export function sha256Hex(data: string | Uint8Array): string {
  return Bun.SHA256.hash(data, 'hex');
}

/** SHA-256 of a stream of pieces. */
export function createSha256(): { update(piece: Uint8Array): void; hex(): string } {
  const hash = createHash('sha256');
  return { update: (piece) => void hash.update(piece), hex: () => hash.digest('hex') };
}

/** HMAC-SHA256 as base64url, the form that stands in links. */
export function hmacBase64Url(key: Uint8Array, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

/** HMAC-SHA256 as base64, the form of Standard Webhooks. */
export function hmacBase64(key: Uint8Array, data: Uint8Array): string {
  return createHmac('sha256', key).update(data).digest('base64');
}

/** Whether an Ed25519 signature was made with the key whose JWK has this `x`; false for what is no key. */
export function isEd25519Signature(x: string, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, data, key, signature);
  } catch {
    return false;
  }
}

/** Compares two texts in time that depends on their length only. */
export function isEqualConstantTime(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** HKDF-SHA256 over the master key (RFC 5869), with the purpose as its info. */
export function deriveKey(masterKey: MasterKey, purpose: KeyPurpose): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', masterKey, 'sluice', purpose, 32));
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEAL_VERSION = 'v1';

/**
 * AES-256-GCM under a derived key. `context` (table, column, row id) is authenticated but not stored, so that
 * a box moved to another row does not open.
 */
export function seal(key: Uint8Array, plain: string, context: string, random: Random): string {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return [SEAL_VERSION, Buffer.from(nonce).toString('base64url'), body.toString('base64url')].join('.');
}

/** Opens what `seal` made; null when the key, the context or a single bit differs. */
export function open(key: Uint8Array, sealed: string, context: string): string | null {
  const [version, nonceText, bodyText] = sealed.split('.');
  if (version !== SEAL_VERSION || nonceText === undefined || bodyText === undefined) return null;
  const nonce = Buffer.from(nonceText, 'base64url');
  const body = Buffer.from(bodyText, 'base64url');
  if (nonce.length !== NONCE_BYTES || body.length < TAG_BYTES) return null;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
  try {
    return (
      decipher.update(body.subarray(0, body.length - TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    );
  } catch {
    return null;
  }
}

/** 32 bytes from base64 or hex; null for anything else. */
export function parseMasterKey(text: string): MasterKey | null {
  const trimmed = text.trim();
  const bytes = /^[0-9a-fA-F]{64}$/.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)
      ? Buffer.from(trimmed, 'base64')
      : null;
  return bytes?.length === 32 ? (new Uint8Array(bytes) as MasterKey) : null;
}

/** A fresh master key in the form in which it is stored. */
export function makeMasterKey(random: Random): string {
  const text = Buffer.from(random.bytes(32)).toString('base64');
  assert(parseMasterKey(text) !== null, 'a made master key must be readable');
  return text;
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `length` characters of base62, each equally likely (bytes past the last multiple of 62 are drawn again). */
export function randomBase62(random: Random, length: number): string {
  let out = '';
  while (out.length < length) {
    for (const byte of random.bytes(length)) {
      if (byte < 248 && out.length < length) out += BASE62.charAt(byte % 62);
    }
  }
  return out;
}

/** CRC-32 (the checksum of zip and of PNG) as six base62 characters. */
export function crc32Base62(text: string): string {
  let rest = Bun.hash.crc32(text);
  let out = '';
  for (let index = 0; index < 6; index++) {
    out = BASE62.charAt(rest % 62) + out;
    rest = Math.floor(rest / 62);
  }
  return out;
}
