// The operator's side of accounts: made, changed, given another credential, put at the end of their row, deleted.
import { GatewayError, invalidField } from '../errors.ts';
import { makeId } from '../ids.ts';
import type { Credential, Verified } from '../providers/index.ts';
import type { Instant } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { first, type Connection, type Tx } from '../store/db.ts';
import { readAccount, type Account, type AccountRow } from './account.ts';
import { hashCredential, sealCredential, type CredentialKeys } from './credential.ts';
import {
  deleteAccount,
  findAccount,
  findByHash,
  findOpenJob,
  insertAccount,
  listAll,
  touchAccount,
  updateAccount,
  updateChecked,
  updateCredential,
} from './queries.ts';
import { inOrder } from './select.ts';
import { checkedFacts } from './verdict.ts';

export type AccountOptions = {
  priority: number;
  weight: number;
  models: string[] | null;
  /** Millionths. */
  floor: number;
  expiresAt: Instant | null;
};
export type NewAccount = AccountOptions & {
  provider: string;
  label: string;
  credential: Credential;
  /** Null for as many as the provider has told, or a careful guess. */
  slots: number | null;
  /** What the provider said of the credential; null when it was not asked. */
  verified: Extract<Verified, { kind: 'ok' }> | null;
};
export type AccountChange = Partial<Omit<AccountOptions, 'expiresAt'>> & {
  label?: string;
  slots?: number;
  status?: 'active' | 'paused';
  expiresAt?: Instant | null;
  credential?: Credential;
  /** With a new credential. */
  verified?: Extract<Verified, { kind: 'ok' }> | null;
};

export type Book = {
  /** @throws GatewayError `not_found` */
  get(on: Connection, id: string): Promise<Account>;
  /** Every account, the oldest first. */
  list(on: Connection): Promise<Account[]>;
  /** @throws GatewayError `already_exists` when the credential is here already */
  create(tx: Tx, account: NewAccount): Promise<Account>;
  /** @throws GatewayError `not_found`, `already_exists`, `invalid_state` (active, past its expiry) */
  change(tx: Tx, id: string, change: AccountChange): Promise<{ before: Account; after: Account }>;
  /**
   * Puts an account, or the one that is preferred, at the end of its row.
   * @throws GatewayError `not_found`; @returns the one that is preferred now
   */
  rotate(tx: Tx, target: { provider: string; id: string | null }): Promise<{ moved: Account; next: Account }>;
  /** @throws GatewayError `not_found`, `account_in_use` */
  remove(tx: Tx, id: string): Promise<Account>;
};

/** What a provider takes at once from an account that nothing is known of. */
const CAREFUL_SLOTS = 4;

export function createBook({ random, ...keys }: CredentialKeys & { random: Random }): Book {
  async function getRow(on: Connection, id: string): Promise<AccountRow> {
    const row = first(await findAccount(on, { id }));
    if (row === null) throw new GatewayError('not_found', { message: 'There is no such provider account.' });
    return row;
  }
  const get = async (on: Connection, id: string) => readAccount(await getRow(on, id));
  const list = async (on: Connection) => (await listAll(on, {})).map(readAccount);

  async function refuseDouble(tx: Tx, provider: string, credential: Credential): Promise<void> {
    const credentialHash = hashCredential(credential, keys.hashKey);
    const known = first(await findByHash(tx, { provider, credentialHash }));
    if (known === null) return;
    throw new GatewayError('already_exists', {
      message: `This credential is the one of account ${known.id}.`,
    });
  }

  return {
    get,
    list,
    async create(tx, { credential, verified, slots, ...account }) {
      await refuseDouble(tx, account.provider, credential);
      const id = makeId('account', { now: tx.now, random });
      const row: AccountRow = {
        ...account,
        ...sealCredential(credential, id, { ...keys, random }),
        ...blankRow(tx.now),
        ...(verified === null ? {} : checkedFacts(verified, tx.now)),
        id,
        slots: slots ?? verified?.slots ?? CAREFUL_SLOTS,
      };
      await insertAccount(tx, row);
      tx.publish('accounts', id);
      return readAccount(row);
    },
    async change(tx, id, { credential, verified = null, ...change }) {
      const before = await get(tx, id);
      if (credential !== undefined) {
        // Its own credential once more is none of somebody else's.
        const credentialHash = hashCredential(credential, keys.hashKey);
        const known = first(await findByHash(tx, { provider: before.provider, credentialHash }));
        if (known?.id !== id) await refuseDouble(tx, before.provider, credential);
        await updateCredential(tx, { id, ...sealCredential(credential, id, { ...keys, random }) });
        // What was known of the old one may be another account's.
        const facts = verified === null ? UNCHECKED : checkedFacts(verified, tx.now);
        await updateChecked(tx, { ...before, ...facts });
      }
      const changed: Account = { ...before, ...definedOf(change), updatedAt: tx.now };
      await updateAccount(tx, freshened(changed, { isNewCredential: credential !== undefined, change }));
      tx.publish('accounts', id);
      return { before, after: await get(tx, id) };
    },
    async rotate(tx, { provider, id }) {
      const given = id === null ? null : await get(tx, id);
      const all = (await list(tx)).filter((account) => account.provider === (given?.provider ?? provider));
      const inUse = inOrder(all.filter(({ status }) => status === 'active'));
      const moved = given ?? inUse[0];
      if (moved === undefined) {
        throw new GatewayError('not_found', { message: `There is no active account at ${provider}.` });
      }
      const newest = Math.max(tx.now, ...all.map(({ usedAt }) => (usedAt ?? 0) + 1));
      await touchAccount(tx, { id: moved.id, usedAt: newest });
      tx.publish('accounts', moved.id);
      const others = inUse.filter((account) => account.id !== moved.id);
      const isInUse = others.length < inUse.length;
      const [next = moved] = inOrder(isInUse ? [...others, { ...moved, usedAt: newest }] : others);
      return { moved, next };
    },
    async remove(tx, id) {
      const account = await get(tx, id);
      if (first(await findOpenJob(tx, { accountId: id })) !== null) throw new GatewayError('account_in_use');
      await deleteAccount(tx, { id });
      tx.publish('accounts', id);
      return account;
    },
  };
}

/** What an operator has changed by hand starts with a clean slate. @throws GatewayError `invalid_state` */
function freshened(
  account: Account,
  { isNewCredential, change }: { isNewCredential: boolean; change: Omit<AccountChange, 'credential'> },
): Account {
  const { expiresAt, updatedAt: now } = account;
  if (expiresAt !== null && expiresAt <= now && (change.status === 'active' || isNewCredential)) {
    throw invalidField('expiresAt', 'has passed; give the time at which the credential will expire, or null');
  }
  const isAwake = change.status === 'active' || (isNewCredential && account.status !== 'paused');
  if (!isAwake) return account;
  const slate = { status: 'active', lastError: null, cooldownUntil: null, cooldownSteps: 0 } as const;
  return { ...account, ...slate, ...(isNewCredential ? { refusedModels: [] } : {}) };
}

function definedOf<Change extends object>(change: Change): Partial<Change> {
  return Object.fromEntries(
    Object.entries(change).filter(([, value]) => value !== undefined),
  ) as Partial<Change>;
}

/** Nothing that only the provider can tell. */
const UNCHECKED = {
  ...{ remoteId: null, checkedAt: null },
  ...{ balanceUnit: null, available: null, subscription: null, paid: null },
} as const;

/** What every account starts with. */
function blankRow(now: Instant) {
  return {
    ...UNCHECKED,
    status: 'active',
    lastError: null,
    refusedModels: [],
    slotsTaken: 0,
    reserved: 0,
    cooldownUntil: null,
    cooldownSteps: 0,
    usedAt: null,
    createdAt: now,
    updatedAt: now,
  } as const;
}
