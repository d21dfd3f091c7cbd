// The audit of the money, written again from the documents and not from the code: chains, sums, reservations and the
// one ending of each. It reads through a connection of its own that cannot write.
import { createHash } from 'node:crypto';
import type { Reader } from './reader.ts';

export type WalletRow = {
  customer_id: string;
  mode: string;
  balance: number;
  reserved: number;
  seq: number;
  head: string;
};

export type EntryRow = {
  id: string;
  customer_id: string;
  mode: string;
  seq: number;
  kind: string;
  balance_delta: number;
  reserved_delta: number;
  balance_after: number;
  reserved_after: number;
  reservation_id: string | null;
  actor: string;
  reason: string | null;
  reference: string | null;
  request_id: string | null;
  created_at: number;
  prev_hash: string;
  hash: string;
};

/** What the entries of one wallet add up to. */
type Account = { seq: number; head: string; balance: number; reserved: number };

/** How one reservation was ended; the amount is what was set aside. */
export type Reservation = { amount: number; ending: 'capture' | 'release' | null; isRefunded: boolean };

export type Books = {
  /** Takes the entries that were written since the last call, and holds the wallets against them. */
  readOn(): string[];
  reservationOf(jobId: string): Reservation | undefined;
  entries(): number;
};

const CHAIN_START = '0'.repeat(64);
const ENTRIES_AT_ONCE = 5000;
/** So many reservations are kept in mind; of those that have ended and were forgotten the entries tell again. */
const MAX_KEPT = 20_000;

export function createBooks(reader: Reader): Books {
  const accounts = new Map<string, Account>();
  const reservations = createReservations(reader);
  let count = 0;
  const wallets = reader.prepare<[], WalletRow>('SELECT * FROM wallets');
  const nextEntries = reader.prepare<[string, string, number], EntryRow>(
    `SELECT * FROM ledger_entries WHERE customer_id = ? AND mode = ? AND seq > ? ORDER BY seq LIMIT ${ENTRIES_AT_ONCE}`,
  );

  function readWallet(wallet: WalletRow): string[] {
    const { customer_id, mode, seq } = wallet;
    const name = `${customer_id}/${mode}`;
    const account = accounts.get(name) ?? { seq: 0, head: CHAIN_START, balance: 0, reserved: 0 };
    accounts.set(name, account);
    const faults: string[] = [];
    while (account.seq < seq) {
      const entries = nextEntries.all(customer_id, mode, account.seq);
      for (const entry of entries) {
        const ofEntry = [...followChain(account, entry), ...reservations.book(entry)];
        faults.push(...ofEntry.map((fault) => `entry ${entry.id} (${entry.kind}): ${fault}`));
      }
      count += entries.length;
      if (entries.length === 0) break;
    }
    return [...faults, ...judgeWallet(wallet, account)].map((fault) => `wallet ${name}: ${fault}`);
  }

  return {
    // One moment for the wallets and their entries.
    readOn: () => reader.transaction(() => wallets.all().flatMap(readWallet))(),
    reservationOf: (jobId) => reservations.find(jobId),
    entries: () => count,
  };
}

function followChain(account: Account, entry: EntryRow): string[] {
  const faults: string[] = [];
  account.seq += 1;
  account.balance += entry.balance_delta;
  account.reserved += entry.reserved_delta;
  if (entry.seq !== account.seq) faults.push(`has the number ${entry.seq}, not ${account.seq}`);
  if (entry.balance_after !== account.balance) faults.push('does not add up to its balance');
  if (entry.reserved_after !== account.reserved) faults.push('does not add up to its reserved credits');
  if (entry.balance_after < 0 || entry.reserved_after < 0 || entry.reserved_after > entry.balance_after) {
    faults.push('leaves a wallet below zero');
  }
  if (entry.prev_hash !== account.head) faults.push('is not chained to the one before');
  if (entry.hash !== hashOf(entry)) faults.push('does not have the hash of what it says');
  account.head = entry.hash;
  return faults;
}

function hashOf(entry: EntryRow): string {
  const fields = [
    entry.prev_hash,
    entry.id,
    entry.customer_id,
    entry.mode,
    entry.seq,
    entry.kind,
    entry.balance_delta,
    entry.reserved_delta,
    entry.balance_after,
    entry.reserved_after,
    entry.reservation_id,
    entry.actor,
    entry.reason,
    entry.reference,
    entry.request_id,
    entry.created_at,
  ];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

type Reservations = {
  /** Takes the next entry of a wallet. */
  book(entry: EntryRow): string[];
  /** What the entries before this number say of a reservation; all of them without one. */
  find(id: string, beforeSeq?: number): Reservation | undefined;
};

function createReservations(reader: Reader): Reservations {
  const kept = new Map<string, Reservation>();
  const entriesOf = reader.prepare<[string, number], EntryRow>(
    'SELECT * FROM ledger_entries WHERE reservation_id = ? AND seq < ? ORDER BY seq',
  );

  function find(id: string, beforeSeq = Number.MAX_SAFE_INTEGER): Reservation | undefined {
    const known = kept.get(id);
    if (known !== undefined) return known;
    // They were judged when they were read first.
    let told: Reservation | undefined;
    for (const entry of entriesOf.all(id, beforeSeq)) told = apply(told, entry).next;
    return told;
  }

  function forgetEnded(): void {
    for (const [id, { ending }] of kept) {
      if (kept.size <= MAX_KEPT / 2) return;
      if (ending !== null) kept.delete(id);
    }
  }

  return {
    find,
    book(entry) {
      if (entry.reservation_id === null) return [];
      const { next, faults } = apply(find(entry.reservation_id, entry.seq), entry);
      if (next !== undefined) kept.set(entry.reservation_id, next);
      if (kept.size > MAX_KEPT) forgetEnded();
      return faults;
    },
  };
}

/** What a reservation is after one more entry, and what is wrong with this entry. */
function apply(
  held: Reservation | undefined,
  { kind, reserved_delta, balance_delta }: EntryRow,
): { next: Reservation | undefined; faults: string[] } {
  if (kind === 'reserve') {
    const next: Reservation = { amount: reserved_delta, ending: null, isRefunded: false };
    return { next, faults: held === undefined ? [] : ['reserves a second time'] };
  }
  if (held === undefined) return { next: held, faults: ['is about a reservation that nobody made'] };
  if (kind === 'refund') {
    const isAllowed = held.ending === 'capture' && !held.isRefunded && balance_delta === held.amount;
    const faults = isAllowed ? [] : ['refunds what was not captured, or twice, or another amount'];
    return { next: { ...held, isRefunded: true }, faults };
  }
  if (held.ending !== null)
    return { next: held, faults: [`ends a reservation that has ended by ${held.ending}`] };
  const next: Reservation = { ...held, ending: kind === 'capture' ? 'capture' : 'release' };
  return { next, faults: -reserved_delta === held.amount ? [] : ['ends another amount than was reserved'] };
}

function judgeWallet(wallet: WalletRow, account: Account): string[] {
  const { balance, reserved, seq, head } = wallet;
  const faults: string[] = [];
  if (balance < 0 || reserved < 0 || reserved > balance) faults.push('is below zero');
  if (balance !== account.balance) faults.push(`has ${balance}, its entries say ${account.balance}`);
  if (reserved !== account.reserved) {
    faults.push(`has ${reserved} reserved, its entries say ${account.reserved}`);
  }
  if (seq !== account.seq || head !== account.head) faults.push('does not end where its chain ends');
  return faults;
}
