// The ledger's rows. A wallet moves by one conditional statement; everything else here inserts or reads.
import { and, asc, desc, eq, getTableColumns, gte, sql } from 'drizzle-orm';
import type { Mode } from '../words.ts';
import { insertion, statement, type Connection, type EntryKind } from '../store/db.ts';
import { afterCursor, type PageRequest } from '../store/page.ts';

export type WalletKey = { customerId: string; mode: Mode };

export const insertWallet = insertion('wallets');

export const findWallet = statement(({ q, t }, p: WalletKey) =>
  q
    .select()
    .from(t.wallets)
    .where(and(eq(t.wallets.customerId, p.customerId), eq(t.wallets.mode, p.mode))),
);

/**
 * Moves a wallet, unless the available or the reserved credits would become negative: then no row comes back.
 * The one statement that decides about money, so that concurrent spenders cannot both win.
 */
export const moveWallet = statement(
  ({ q, t }, p: WalletKey & { balanceDelta: number; reservedDelta: number }) => {
    const balance = sql<number>`${t.wallets.balance} + ${p.balanceDelta}`;
    const reserved = sql<number>`${t.wallets.reserved} + ${p.reservedDelta}`;
    return q
      .update(t.wallets)
      .set({ balance, reserved, seq: sql`${t.wallets.seq} + 1` })
      .where(
        and(
          eq(t.wallets.customerId, p.customerId),
          eq(t.wallets.mode, p.mode),
          gte(sql`${reserved}`, 0),
          gte(sql`${balance} - (${reserved})`, 0),
        ),
      )
      .returning({
        balance: t.wallets.balance,
        reserved: t.wallets.reserved,
        seq: t.wallets.seq,
        head: t.wallets.head,
      });
  },
);

/** Also moves the wallet's head, by a trigger. */
export const insertEntry = insertion('ledgerEntries');

export const findTopUp = statement(({ q, t }, p: WalletKey & { reference: string }) =>
  q
    .select({ id: t.ledgerEntries.id })
    .from(t.ledgerEntries)
    .where(
      and(
        eq(t.ledgerEntries.customerId, p.customerId),
        eq(t.ledgerEntries.mode, p.mode),
        eq(t.ledgerEntries.reference, p.reference),
        eq(t.ledgerEntries.kind, 'top_up'),
      ),
    ),
);

export const listReservationEntries = statement(({ q, t }, p: { reservationId: string }) =>
  q
    .select()
    .from(t.ledgerEntries)
    .where(eq(t.ledgerEntries.reservationId, p.reservationId))
    .orderBy(asc(t.ledgerEntries.seq)),
);

export function listEntries(
  { q, t }: Connection,
  filter: WalletKey & { kind?: EntryKind | undefined },
  page: PageRequest,
) {
  return q
    .select()
    .from(t.ledgerEntries)
    .where(
      and(
        eq(t.ledgerEntries.customerId, filter.customerId),
        eq(t.ledgerEntries.mode, filter.mode),
        filter.kind === undefined ? undefined : eq(t.ledgerEntries.kind, filter.kind),
        afterCursor(t.ledgerEntries.seq, page.cursor),
      ),
    )
    .orderBy(desc(t.ledgerEntries.seq))
    .limit(page.limit + 1);
}

/** A stretch of a wallet's entries in the order in which they were written. */
export const listChain = statement(({ q, t }, p: WalletKey & { fromSeq: number; toSeq: number }) =>
  q
    .select()
    .from(t.ledgerEntries)
    .where(
      and(
        eq(t.ledgerEntries.customerId, p.customerId),
        eq(t.ledgerEntries.mode, p.mode),
        sql`${t.ledgerEntries.seq} BETWEEN ${p.fromSeq} AND ${p.toSeq}`,
      ),
    )
    .orderBy(asc(t.ledgerEntries.seq)),
);

export const sumWallets = statement(({ q, t }, p: { mode: Mode }) =>
  q
    .select({
      balance: sql<number>`coalesce(sum(${t.wallets.balance}), 0)`,
      reserved: sql<number>`coalesce(sum(${t.wallets.reserved}), 0)`,
    })
    .from(t.wallets)
    .where(eq(t.wallets.mode, p.mode)),
);

/** Wallets in key order, a page at a time, for the audit of the books; with the last entry that there is for each. */
export const listWallets = statement(
  ({ q, t }, p: { afterCustomerId: string; afterMode: string; limit: number }) =>
    q
      .select({
        ...getTableColumns(t.wallets),
        // The outer table by name: the builder leaves it out of a query on one table, and all entries would match.
        lastSeq: sql<number>`(SELECT coalesce(max(${t.ledgerEntries.seq}), 0) FROM ${t.ledgerEntries}
          WHERE ${t.ledgerEntries.customerId} = wallets.customer_id AND ${t.ledgerEntries.mode} = wallets.mode)`,
      })
      .from(t.wallets)
      .where(sql`(${t.wallets.customerId}, ${t.wallets.mode}) > (${p.afterCustomerId}, ${p.afterMode})`)
      .orderBy(asc(t.wallets.customerId), asc(t.wallets.mode))
      .limit(p.limit),
);
