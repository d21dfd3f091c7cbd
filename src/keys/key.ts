// An API key: its format, its checksum and its state at an instant. The key itself is shown once and never kept.
import * as v from 'valibot';
import { crc32Base62, randomBase62, sha256Hex } from '../crypto.ts';
import type { Instant } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { MODES, type Mode } from '../words.ts';
import { PRESET_NAMES, SCOPES, type Preset, type Scope } from './scopes.ts';

export const KEY_STATUSES = ['active', 'rotated', 'expired', 'revoked'] as const;
export type KeyStatus = (typeof KEY_STATUSES)[number];

export type ApiKey = {
  id: string;
  customerId: string;
  mode: Mode;
  name: string | null;
  /** The first 16 characters, enough to recognise a key and not to use it. */
  prefix: string;
  preset: Preset | null;
  scopes: Scope[];
  /** Addresses and CIDR ranges; null admits all. */
  ipAllowlist: string[] | null;
  createdAt: Instant;
  expiresAt: Instant | null;
  lastUsedAt: Instant | null;
  /** Set when a successor was made; the key then works until `expiresAt`, the end of its grace. */
  rotatedAt: Instant | null;
  successorId: string | null;
  revokedAt: Instant | null;
};

const SECRET_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const PREFIX_LENGTH = 16;
/** `ak_live_` and `ak_test_` are equally long. */
const KEY_LENGTH = 'ak_live_'.length + SECRET_LENGTH + CHECKSUM_LENGTH;
const KEY_FORM = /^ak_(?:live|test)_[0-9A-Za-z]{38}$/;

/** A fresh key: mode, 32 base62 characters (190 bits) and their CRC-32, so that a typing error needs no look-up. */
export function makeKey(mode: Mode, random: Random): { key: string; hash: string; prefix: string } {
  const body = `ak_${mode}_${randomBase62(random, SECRET_LENGTH)}`;
  const key = body + crc32Base62(body);
  return { key, hash: sha256Hex(key), prefix: key.slice(0, PREFIX_LENGTH) };
}

/** The hash to look a presented key up by; null when it cannot be a key of ours. */
export function hashPresented(presented: string): string | null {
  if (presented.length !== KEY_LENGTH || !KEY_FORM.test(presented)) return null;
  const checksumAt = KEY_LENGTH - CHECKSUM_LENGTH;
  const checksum = crc32Base62(presented.slice(0, checksumAt));
  // No secret: whoever knows the rest of the key can work it out.
  return checksum === presented.slice(checksumAt) ? sha256Hex(presented) : null;
}

/** Revoked beats expired beats rotated; the last works, being inside its grace. */
export function statusOf(
  key: Pick<ApiKey, 'revokedAt' | 'expiresAt' | 'rotatedAt'>,
  now: Instant,
): KeyStatus {
  if (key.revokedAt !== null) return 'revoked';
  if (key.expiresAt !== null && key.expiresAt <= now) return 'expired';
  return key.rotatedAt === null ? 'active' : 'rotated';
}

export function isUsable(key: Pick<ApiKey, 'revokedAt' | 'expiresAt' | 'rotatedAt'>, now: Instant): boolean {
  const status = statusOf(key, now);
  return status === 'active' || status === 'rotated';
}

const jsonColumns = v.object({
  mode: v.picklist(MODES),
  preset: v.nullable(v.picklist(PRESET_NAMES)),
  scopes: v.array(v.picklist(SCOPES)),
  ipAllowlist: v.nullable(v.array(v.string())),
});

type KeyRow = Omit<ApiKey, 'preset' | 'scopes' | 'ipAllowlist'> & {
  hash: string;
  preset: string | null;
  scopes: unknown;
  ipAllowlist: unknown;
};

/** The row without its hash, its JSON columns parsed. */
export function readKey({ hash: _, ...row }: KeyRow): ApiKey {
  return { ...row, ...v.parse(jsonColumns, row) };
}
