// What the tests of the ledger share: a customer with wallets, and every move of one wallet by name.
import { credits } from '../../src/credits.ts';
import { createCustomers } from '../../src/customers/index.ts';
import { createLedger, type Balance, type Entry, type Ledger } from '../../src/ledger/index.ts';
import type { Mode } from '../../src/words.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { Db } from '../../src/store/db.ts';

export type Move =
  | { kind: 'top_up'; amount: number; reference?: string }
  | { kind: 'adjust'; amount: number }
  | { kind: 'reserve' | 'capture' | 'release' | 'refund'; amount: number; id: string };

export type Purse = {
  readonly customerId: string;
  /** One move in a transaction of its own. */
  move(move: Move): Promise<Entry>;
  balance(): Promise<Balance>;
};

export async function makeCustomer(db: Db, ledger: Ledger, random: Random): Promise<string> {
  return db.transaction(async (tx) => {
    const blank = { name: 'Test', email: null, externalId: null, plan: 'free', metadata: {} };
    const { id } = await createCustomers({ random }).create(tx, blank);
    await ledger.openWallets(tx, id);
    return id;
  });
}

/** `database` is asked for its store each time, because a test may open it anew. */
export async function openPurse(
  database: { readonly store: Db; readonly random: Random },
  mode: Mode = 'live',
): Promise<Purse & { ledger: Ledger }> {
  const ledger = createLedger({ random: database.random });
  const customerId = await makeCustomer(database.store, ledger, database.random);
  const wallet = { customerId, mode, actor: 'test' };
  return {
    ledger,
    customerId,
    balance: () => ledger.balanceOf(database.store.read, wallet),
    move: (move) =>
      database.store.transaction((tx) => {
        const amount = credits(move.amount);
        switch (move.kind) {
          case 'top_up':
            return ledger.topUp(tx, { ...wallet, amount, reference: move.reference ?? null });
          case 'adjust':
            return ledger.adjust(tx, { ...wallet, amount, reason: 'test' });
          case 'reserve':
          case 'capture':
          case 'release':
          case 'refund':
            return ledger[move.kind](tx, { ...wallet, amount, reservationId: move.id });
        }
      }),
  };
}
