// The ledger: credits set aside, taken and given back. Entries are append-only, a wallet's totals are kept in the
// same transaction, and every reservation ends exactly once.
import { assert, GatewayError } from '../errors.ts';
import { credits, negateCredits, type Credits } from '../credits.ts';
import { makeId } from '../ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Mode } from '../words.ts';
import { first, type Connection, type EntryKind, type Tx } from '../store/db.ts';
import { toPage, type Page, type PageRequest } from '../store/page.ts';
import { auditBooks, type BooksReport } from './books.ts';
import { CHAIN_START, deltasOf, hashEntry, type Entry } from './entry.ts';
import {
  findTopUp,
  findWallet,
  insertEntry,
  insertWallet,
  listEntries,
  listReservationEntries,
  moveWallet,
  sumWallets,
  type WalletKey,
} from './queries.ts';

export type { BooksReport } from './books.ts';
export type { Entry } from './entry.ts';

/** `available` is what can still be reserved: balance minus reserved. */
export type Balance = { balance: Credits; reserved: Credits; available: Credits };

/** Who moves credits and why; stands in the entry. */
export type Cause = { actor: string; reason?: string | null; requestId?: string | null };
export type Movement = WalletKey & Cause & { amount: Credits };

export type Ledger = {
  /** Makes a customer's live and test wallet, both empty. */
  openWallets(tx: Tx, customerId: string): Promise<void>;
  balanceOf(on: Connection, wallet: WalletKey): Promise<Balance>;
  /** Credit that was bought. @throws GatewayError `already_exists` when the reference was used before */
  topUp(tx: Tx, movement: Movement & { reference: string | null }): Promise<Entry>;
  /** A correction by a signed amount. @throws GatewayError `balance_below_reservations` */
  adjust(tx: Tx, movement: Movement): Promise<Entry>;
  /** Sets credits aside for a reservation, named by its job. @throws GatewayError `insufficient_credits` */
  reserve(tx: Tx, movement: Movement & { reservationId: string }): Promise<Entry>;
  /** Takes what was reserved. Once for each reservation, and not after a release. */
  capture(tx: Tx, movement: Movement & { reservationId: string }): Promise<Entry>;
  /** Gives back what was reserved. Once for each reservation, and not after a capture. */
  release(tx: Tx, movement: Movement & { reservationId: string }): Promise<Entry>;
  /** Gives back what was captured. Once for each reservation. @throws GatewayError `invalid_state` */
  refund(tx: Tx, movement: Movement & { reservationId: string }): Promise<Entry>;
  listEntries(
    on: Connection,
    filter: WalletKey & { kind?: EntryKind | undefined },
    page: PageRequest,
  ): Promise<Page<Entry>>;
  entriesOf(on: Connection, reservationId: string): Promise<Entry[]>;
  /** All wallets of a mode together. */
  totals(on: Connection, mode: Mode): Promise<{ balance: number; reserved: number }>;
  /** Recomputes every wallet from its entries and follows every hash chain. */
  audit(on: Connection): Promise<BooksReport>;
};

type Posting = Movement & { kind: EntryKind; reservationId?: string; reference?: string | null };

export function createLedger({ random }: { random: Random }): Ledger {
  async function balanceOf(on: Connection, wallet: WalletKey): Promise<Balance> {
    const row = first(await findWallet(on, wallet));
    assert(row !== null, `customer ${wallet.customerId} has no ${wallet.mode} wallet`);
    return toBalance(row);
  }

  /** Moves the wallet and writes the entry; null when the wallet does not allow the move. */
  async function post(tx: Tx, posting: Posting): Promise<Entry | null> {
    const { customerId, mode, kind, amount } = posting;
    const deltas = deltasOf(kind, amount);
    const moved = first(
      await moveWallet(tx, {
        customerId,
        mode,
        balanceDelta: deltas.balance,
        reservedDelta: deltas.reserved,
      }),
    );
    if (moved === null) return null;
    const entry: Omit<Entry, 'hash'> = {
      id: makeId('entry', { now: tx.now, random }),
      ...{ customerId, mode, kind, seq: moved.seq },
      balanceDelta: deltas.balance,
      reservedDelta: deltas.reserved,
      balanceAfter: credits(moved.balance),
      reservedAfter: credits(moved.reserved),
      reservationId: posting.reservationId ?? null,
      actor: posting.actor,
      reason: posting.reason ?? null,
      reference: posting.reference ?? null,
      requestId: posting.requestId ?? null,
      createdAt: tx.now,
      prevHash: moved.head,
    };
    const hash = hashEntry(entry);
    await insertEntry(tx, { ...entry, hash });
    return { ...entry, hash };
  }

  /** For moves that a correct caller can always make. */
  async function postAlways(tx: Tx, posting: Posting): Promise<Entry> {
    const entry = await post(tx, posting);
    assert(entry !== null, `the ${posting.mode} wallet of ${posting.customerId} refused a ${posting.kind}`);
    return entry;
  }

  return {
    balanceOf,
    async openWallets(tx, customerId) {
      for (const mode of ['live', 'test'] as const) {
        await insertWallet(tx, { customerId, mode, balance: 0, reserved: 0, seq: 0, head: CHAIN_START });
      }
    },
    async topUp(tx, movement) {
      assert(movement.amount > 0, 'a top-up is positive');
      const { customerId, mode, reference } = movement;
      if (reference !== null && first(await findTopUp(tx, { customerId, mode, reference })) !== null) {
        throw new GatewayError('already_exists', {
          message: `A top-up with the reference "${reference}" was booked before.`,
          fields: [{ path: 'reference', message: 'was used before' }],
        });
      }
      return postAlways(tx, { ...movement, kind: 'top_up' });
    },
    async adjust(tx, movement) {
      const entry = await post(tx, { ...movement, kind: 'adjust' });
      if (entry !== null) return entry;
      const { balance, reserved } = await balanceOf(tx, movement);
      throw new GatewayError('balance_below_reservations', {
        details: { creditsReserved: reserved, resultingBalance: balance + movement.amount },
      });
    },
    async reserve(tx, movement) {
      const entry = await post(tx, { ...movement, kind: 'reserve' });
      if (entry !== null) return entry;
      const { available } = await balanceOf(tx, movement);
      throw new GatewayError('insufficient_credits', {
        details: { requiredCredits: movement.amount, creditsAvailable: available },
      });
    },
    capture: (tx, movement) => postAlways(tx, { ...movement, kind: 'capture' }),
    release: (tx, movement) => postAlways(tx, { ...movement, kind: 'release' }),
    async refund(tx, movement) {
      const kinds = new Set((await listReservationEntries(tx, movement)).map((entry) => entry.kind));
      if (!kinds.has('capture') || kinds.has('refund')) {
        throw new GatewayError('invalid_state', {
          message: kinds.has('refund')
            ? 'The job was refunded before.'
            : 'Only a charged job can be refunded.',
        });
      }
      return postAlways(tx, { ...movement, kind: 'refund' });
    },
    listEntries: async (on, filter, page) =>
      toPage(await listEntries(on, filter, page), page.limit, (entry) => entry.seq),
    entriesOf: (on, reservationId) => listReservationEntries(on, { reservationId }),
    async totals(on, mode) {
      const row = first(await sumWallets(on, { mode }));
      return { balance: Number(row?.balance ?? 0), reserved: Number(row?.reserved ?? 0) };
    },
    audit: auditBooks,
  };
}

function toBalance(row: { balance: number; reserved: number }): Balance {
  const [balance, reserved] = [credits(row.balance), credits(row.reserved)];
  return { balance, reserved, available: credits(balance + negateCredits(reserved)) };
}
