// What operators do to provider accounts. The audit tells of everything but the credentials, which no account shows.
import type { Account, AccountChange, Accounts, NewAccount } from '../accounts/index.ts';
import type { Audit } from '../audit/index.ts';
import { GatewayError } from '../errors.ts';
import type { Db } from '../store/db.ts';
import type { Action, Operator } from './perform.ts';

/** An account of an import: its place in the list, and what it is to be. */
export type ImportedAccount = { index: number; account: NewAccount };
/** Why a row of an import was left out. */
export type SkippedRow = { index: number; code: string; message: string };
export type Import = { imported: { index: number; account: Account }[]; skipped: SkippedRow[] };

export type AccountOperations = {
  createAccount(account: NewAccount): Action<Account>;
  /** What is here already is left out, and told beside what was left out before. */
  importAccounts(rows: readonly ImportedAccount[], skipped: readonly SkippedRow[]): Action<Import>;
  changeAccount(id: string, change: AccountChange): Action<Account>;
  rotateAccounts(target: { provider: string; id: string | null }): Action<Account>;
  deleteAccount(id: string): Action<Account>;
  /** Writes down a look at an account; it needs the network and cannot be part of a transaction. */
  recordRefresh(operator: Operator, look: { before: Account; after: Account }): Promise<void>;
};

export function accountOperations({
  accounts,
  audit,
  db,
}: {
  accounts: Accounts;
  audit: Audit;
  db: Db;
}): AccountOperations {
  return {
    createAccount: (account) => async (tx) => {
      const created = await accounts.create(tx, account);
      const summary = `added the ${created.provider} account "${created.label}"`;
      return {
        result: created,
        event: { action: 'account.create', target: created.id, summary, after: created },
      };
    },
    importAccounts: (rows, left) => async (tx) => {
      const [imported, skipped]: [Import['imported'], SkippedRow[]] = [[], [...left]];
      for (const { index, account } of rows) {
        try {
          imported.push({ index, account: await accounts.create(tx, account) });
        } catch (thrown) {
          // Refused before anything was written.
          if (!(thrown instanceof GatewayError) || thrown.code !== 'already_exists') throw thrown;
          skipped.push({ index, code: thrown.code, message: thrown.message });
        }
      }
      skipped.sort((a, b) => a.index - b.index);
      const summary = `imported ${imported.length} accounts, left out ${skipped.length}`;
      const target = imported.map(({ account }) => account.id).join(',') || 'none';
      const after = imported.map(({ account }) => account);
      return { result: { imported, skipped }, event: { action: 'account.import', target, summary, after } };
    },
    changeAccount: (id, change) => async (tx) => {
      const { before, after } = await accounts.change(tx, id, change);
      const names = Object.keys(change).filter((name) => name !== 'verified');
      const summary = `changed ${names.join(', ')} of the ${after.provider} account "${after.label}"`;
      return { result: after, event: { action: 'account.change', target: id, summary, before, after } };
    },
    rotateAccounts: (target) => async (tx) => {
      const { moved, next } = await accounts.rotate(tx, target);
      const summary = `moved the ${moved.provider} account "${moved.label}" to the end of its row`;
      return { result: next, event: { action: 'account.rotate', target: moved.id, summary, before: moved } };
    },
    deleteAccount: (id) => async (tx) => {
      const before = await accounts.remove(tx, id);
      const summary = `deleted the ${before.provider} account "${before.label}"`;
      return { result: before, event: { action: 'account.delete', target: id, summary, before } };
    },
    async recordRefresh(operator, { before, after }) {
      const event = {
        action: 'account.refresh',
        target: after.id,
        summary: 'asked the provider about an account',
      };
      await db.transaction((tx) => audit.record(tx, { ...operator, ...event, before, after }));
    },
  };
}
