// The audit of the books: every wallet recomputed from entries that nobody can edit. It reports and never repairs.
import { nextTurn } from '../runtime/clock.ts';
import type { Mode } from '../words.ts';
import type { Connection } from '../store/db.ts';
import { createChainCheck } from './entry.ts';
import { listChain, listWallets } from './queries.ts';

export type BooksReport = {
  wallets: number;
  entries: number;
  /** What is wrong, wallet by wallet; empty when the books balance. */
  faults: { customerId: string; mode: Mode; fault: string }[];
};

const WALLETS_A_PAGE = 200;
const ENTRIES_A_PAGE = 1000;

export async function auditBooks(on: Connection): Promise<BooksReport> {
  const report: BooksReport = { wallets: 0, entries: 0, faults: [] };
  let after: { customerId: string; mode: string } = { customerId: '', mode: '' };
  for (;;) {
    const wallets = await listWallets(on, {
      afterCustomerId: after.customerId,
      afterMode: after.mode,
      limit: WALLETS_A_PAGE,
    });
    for (const wallet of wallets) {
      const fault = await auditWallet(on, wallet, report);
      if (fault !== null) report.faults.push({ customerId: wallet.customerId, mode: wallet.mode, fault });
      report.wallets += 1;
      after = wallet;
    }
    if (wallets.length < WALLETS_A_PAGE) return report;
  }
}

type Wallet = Awaited<ReturnType<typeof listWallets>>[number];

/** Entries up to the wallet's own count never change, so that moves made meanwhile raise no false alarm. */
async function auditWallet(on: Connection, wallet: Wallet, report: BooksReport): Promise<string | null> {
  const { customerId, mode } = wallet;
  const check = createChainCheck();
  for (let fromSeq = 1; fromSeq <= wallet.seq; fromSeq += ENTRIES_A_PAGE) {
    const toSeq = Math.min(fromSeq + ENTRIES_A_PAGE - 1, wallet.seq);
    for (const entry of await listChain(on, { customerId, mode, fromSeq, toSeq })) {
      const fault = check.next(entry);
      if (fault !== null) return fault;
      report.entries += 1;
    }
    await nextTurn();
  }
  const end = check.end();
  if (wallet.seq !== end.seq) return `the wallet counts ${wallet.seq} entries, there are ${end.seq}`;
  if (wallet.lastSeq > wallet.seq)
    return `there is an entry ${wallet.lastSeq}, which the wallet does not count`;
  if (wallet.head !== end.head) return 'the wallet does not end where its entries end';
  if (wallet.balance !== end.balance) return 'the balance is not what the entries add up to';
  if (wallet.reserved !== end.reserved) return 'the reserved credits are not what the entries add up to';
  return null;
}
