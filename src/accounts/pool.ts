// The engine's side of accounts: whether anybody could do an order, who is to do this one, the way in for an attempt
// that was made, and what its outcome says about the account.
import { messageOf } from '../errors.ts';
import { estimateCost, type AccountAccess, type Order, type Provider } from '../providers/index.ts';
import { SECOND_MS } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Connection, type Db, type Tx } from '../store/db.ts';
import type { Gates } from './access.ts';
import { readAccount, type Account, type AccountRow } from './account.ts';
import { endCooldowns, findAccount, listAll, listOfProvider, updateAccount } from './queries.ts';
import { expectedCharge, inOrder, isFit, isFree } from './select.ts';
import { standingAfterFault, type FaultReport } from './verdict.ts';

/** Accounts as they were a moment ago: enough to refuse by, not to choose by. */
export type Roster = readonly Account[];

export type Taken = {
  accountId: string;
  access: AccountAccess;
  /** What the account is expected to be charged; to be written with the attempt, which takes it. */
  estimate: number;
};

export type Wish = {
  provider: Provider;
  order: Order;
  /** Accounts that are not to be used, by id. */
  without: readonly string[];
};

export type Pool = {
  /** As of a second ago, or of the last change; at once when it is known. */
  roster(): Roster | Promise<Roster>;
  /** Whether an account could do it, now or when it is free. True for providers that need none. */
  canServe(roster: Roster, wish: Wish): boolean;
  /**
   * The account for an attempt that begins in this transaction: its row takes the slot and what it may cost. Accounts
   * that `isShaky` come last. Null when none is free.
   */
  choose(tx: Tx, wish: Wish, isShaky: (accountId: string) => boolean): Promise<Taken | null>;
  /** The way in for an attempt's account. @throws Error when it is gone, or its credential does not open */
  accessOf(on: Connection, accountId: string): Promise<AccountAccess>;
  /** What a provider's refusal says about the account; @returns whether it is out of use now. */
  noteFault(tx: Tx, accountId: string, report: FaultReport): Promise<void>;
  /** An order was taken. */
  noteAccepted(tx: Tx, accountId: string): Promise<void>;
};

/** Load is not published, so that a job costs nobody a look; after so long it is looked at. */
const ROSTER_LIFETIME_MS = SECOND_MS;

export function createPool({ db, runtime, gates }: { db: Db; runtime: Runtime; gates: Gates }): Pool {
  const { clock, log } = runtime;
  let known: { roster: Roster; untilMs: number } | null = null;
  let changes = 0;
  db.subscribe('accounts', () => {
    changes += 1;
    known = null;
  });

  async function readRoster(): Promise<Roster> {
    const changesBefore = changes;
    const roster = (await listAll(db.read, {})).map(readAccount);
    if (changes === changesBefore) known = { roster, untilMs: clock.elapsedMs() + ROSTER_LIFETIME_MS };
    return roster;
  }

  function wantedOf({ provider, order, without }: Wish) {
    const cost = provider.upstream?.models[order.model]?.cost ?? null;
    return { order, without, estimate: estimateCost(cost, order) };
  }

  function enter(row: AccountRow): AccountAccess | null {
    try {
      return gates.enter(row);
    } catch (thrown) {
      log.error({ accountId: row.id, reason: messageOf(thrown) }, 'an account cannot be used');
      return null;
    }
  }

  return {
    roster: () => (known !== null && known.untilMs > clock.elapsedMs() ? known.roster : readRoster()),
    canServe(roster, wish) {
      if (wish.provider.upstream === undefined) return true;
      const wanted = wantedOf(wish);
      return roster.some(
        (account) => account.provider === wish.provider.id && isFit(account, wanted, clock.now()),
      );
    },
    async choose(tx, wish, isShaky) {
      const wanted = wantedOf(wish);
      const rows = await listOfProvider(tx, { provider: wish.provider.id });
      const free = rows
        .map(readAccount)
        .filter((account) => isFit(account, wanted, tx.now) && isFree(account, tx.now));
      const sound = free.filter(({ id }) => !isShaky(id));
      // The last ones are used, however they are: that nobody is asked helps nobody.
      for (const account of inOrder(sound.length > 0 ? sound : free)) {
        const row = rows.find(({ id }) => id === account.id);
        const access = row === undefined ? null : enter(row);
        if (access === null) continue;
        return { accountId: account.id, access, estimate: expectedCharge(account, wanted.estimate) };
      }
      return null;
    },
    async accessOf(on, accountId) {
      const row = first(await findAccount(on, { id: accountId }));
      if (row === null) throw new Error(`the account ${accountId} is gone`);
      return gates.enter(row);
    },
    async noteFault(tx, accountId, report) {
      const row = first(await findAccount(tx, { id: accountId }));
      if (row === null) return;
      const account = readAccount(row);
      const standing = standingAfterFault(account, report, tx.now);
      if (standing === null) return;
      await updateAccount(tx, { ...account, ...standing, updatedAt: tx.now });
      tx.publish('accounts', accountId);
      const { label, provider } = account;
      const line = { accountId, label, provider, fault: report.fault, reason: report.reason };
      if (standing.status === account.status) log.warn(line, 'an account is held back');
      else log.error(line, 'an account is out of use');
    },
    noteAccepted: async (tx, accountId) => endCooldowns(tx, { id: accountId }),
  };
}
