// Ledger entries: what each kind does to a wallet, and the hash that chains an entry to the one before it.
import { sha256Hex } from '../crypto.ts';
import { NO_CREDITS, negateCredits, type Credits } from '../credits.ts';
import type { Mode } from '../words.ts';
import type { EntryKind } from '../store/db.ts';

export type Entry = {
  id: string;
  customerId: string;
  mode: Mode;
  /** 1 for a wallet's first entry; without gaps. */
  seq: number;
  kind: EntryKind;
  balanceDelta: number;
  reservedDelta: number;
  balanceAfter: number;
  reservedAfter: number;
  /** The job whose reservation this is about; null for top-ups and adjustments. */
  reservationId: string | null;
  /** Who caused it: `key:key_…`, `operator:…` or `gateway`. */
  actor: string;
  reason: string | null;
  /** The operator's own number for a payment; unique among a wallet's top-ups. */
  reference: string | null;
  requestId: string | null;
  createdAt: number;
  prevHash: string;
  hash: string;
};

/** The `prevHash` of a wallet's first entry. */
export const CHAIN_START = '0'.repeat(64);

/** What an entry of a kind does to balance and reserved. `amount` is positive, except for an adjustment. */
export function deltasOf(kind: EntryKind, amount: Credits): { balance: Credits; reserved: Credits } {
  switch (kind) {
    case 'top_up':
    case 'adjust':
    case 'refund':
      return { balance: amount, reserved: NO_CREDITS };
    case 'reserve':
      return { balance: NO_CREDITS, reserved: amount };
    case 'release':
      return { balance: NO_CREDITS, reserved: negateCredits(amount) };
    case 'capture':
      return { balance: negateCredits(amount), reserved: negateCredits(amount) };
  }
}

/** SHA-256 over every field and the hash before it, so that no entry can be changed, added or taken out unseen. */
export function hashEntry(entry: Omit<Entry, 'hash'>): string {
  return sha256Hex(
    JSON.stringify([
      entry.prevHash,
      entry.id,
      entry.customerId,
      entry.mode,
      entry.seq,
      entry.kind,
      entry.balanceDelta,
      entry.reservedDelta,
      entry.balanceAfter,
      entry.reservedAfter,
      entry.reservationId,
      entry.actor,
      entry.reason,
      entry.reference,
      entry.requestId,
      entry.createdAt,
    ]),
  );
}

export type ChainCheck = {
  /** Takes the next entry; returns what is wrong with it, or null. */
  next(entry: Entry): string | null;
  /** Where the chain stands after the entries so far. */
  end(): { seq: number; balance: number; reserved: number; head: string };
};

/** Follows a wallet's entries from the first: no gap, each chained to the one before, and all adding up. */
export function createChainCheck(): ChainCheck {
  let [seq, balance, reserved, head] = [0, 0, 0, CHAIN_START];
  return {
    next(entry) {
      seq += 1;
      balance += entry.balanceDelta;
      reserved += entry.reservedDelta;
      if (entry.seq !== seq) return `entry ${seq} is missing`;
      if (entry.prevHash !== head) return `entry ${seq} does not follow the one before it`;
      if (entry.hash !== hashEntry(entry)) return `entry ${seq} was changed`;
      if (entry.balanceAfter !== balance || entry.reservedAfter !== reserved)
        return `entry ${seq} does not add up`;
      head = entry.hash;
      return null;
    },
    end: () => ({ seq, balance, reserved, head }),
  };
}
