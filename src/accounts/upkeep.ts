// Looking after accounts: asking the provider whether a credential works and what is left, again and again, and
// noticing when its time is up. Everything that asks the network is outside of transactions.
import { GatewayError, messageOf } from '../errors.ts';
import type { AccountAccess, Credential, ProviderContext, Verified } from '../providers/index.ts';
import { HOUR_MS, isoInstant, SECOND_MS } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Db, type Tx } from '../store/db.ts';
import type { Gates, Reachable } from './access.ts';
import { isCooling, readAccount, type Account } from './account.ts';
import {
  expireAccounts,
  findAccount,
  listAll,
  updateAccount,
  updateChecked,
  type AccountSettings,
} from './queries.ts';
import { checkedFacts, standingAfterCheck } from './verdict.ts';

export type Upkeep = {
  /**
   * Asks the provider about a credential that is not stored yet.
   * @throws GatewayError `invalid_input` (provider), `provider_key_rejected`, `provider_unavailable`
   */
  verify(providerId: string, credential: Credential): Promise<Extract<Verified, { kind: 'ok' }>>;
  /** Asks the provider about an account, and writes down what it says. @throws GatewayError `not_found` */
  refresh(id: string): Promise<{ account: Account; verified: Verified }>;
  /** Asks about all accounts whose balance can be read, and wakes those that have rested. */
  refreshAll(): Promise<void>;
  /** Takes what has expired out of use, and warns of what will soon. */
  watchExpiry(): Promise<void>;
};

export type UpkeepParts = { db: Db; runtime: Runtime; gates: Gates };

const VERIFY_TIMEOUT_MS = 15 * SECOND_MS;
const AT_ONCE = 4;
const WARN_AHEAD_MS = 24 * HOUR_MS;

export function createUpkeep({ db, runtime, gates }: UpkeepParts): Upkeep {
  const { clock, log } = runtime;
  /** Warned of once while this process lives. */
  const warned = new Set<string>();

  async function ask(provider: Reachable, account: AccountAccess): Promise<Verified> {
    const [timeout, done] = [new AbortController(), new AbortController()];
    const context: ProviderContext = {
      ...{ net: runtime.net, clock, account, signal: timeout.signal },
      keep: () => Promise.reject(new Error('there is nothing to keep of a look at an account')),
    };
    const late: Verified = { kind: 'unreachable', reason: `no answer within ${VERIFY_TIMEOUT_MS} ms` };
    const timer = clock.sleep(VERIFY_TIMEOUT_MS, done.signal).then(() => late);
    try {
      return await Promise.race([provider.upstream.verify(context), timer]);
    } catch (thrown) {
      return { kind: 'unreachable', reason: messageOf(thrown) };
    } finally {
      timeout.abort();
      done.abort();
    }
  }

  async function refresh(id: string): Promise<{ account: Account; verified: Verified }> {
    const row = first(await findAccount(db.read, { id }));
    if (row === null) throw new GatewayError('not_found', { message: 'There is no such provider account.' });
    const provider = gates.find(row.provider);
    const verified: Verified =
      provider === null
        ? { kind: 'unreachable', reason: 'the provider is not part of this build' }
        : await ask(provider, gates.enter(row));
    const account = await db.transaction((tx) => writeDown(tx, row, verified));
    if (verified.kind === 'refused' && row.status === 'active') {
      const { label, provider: name } = account;
      log.error({ accountId: id, label, provider: name, reason: verified.reason }, 'an account is refused');
    }
    return { account, verified };
  }

  /** What was asked with a credential that was replaced meanwhile says nothing. */
  async function writeDown(
    tx: Tx,
    asked: { id: string; sealedCredential: string },
    verified: Verified,
  ): Promise<Account> {
    const row = first(await findAccount(tx, { id: asked.id }));
    if (row === null) throw new GatewayError('not_found', { message: 'There is no such provider account.' });
    const account = readAccount(row);
    if (verified.kind === 'unreachable' || row.sealedCredential !== asked.sealedCredential) return account;
    const standing = standingAfterCheck(account, verified);
    const facts = verified.kind === 'ok' ? checkedFacts(verified, tx.now) : { checkedAt: tx.now };
    const after: Account = { ...account, ...facts, ...standing, updatedAt: tx.now };
    await updateChecked(tx, after);
    await updateAccount(tx, after satisfies AccountSettings);
    tx.publish('accounts', account.id);
    return after;
  }

  /** Of a provider that tells no balance, only time can tell. */
  async function wake(account: Account): Promise<void> {
    if (isCooling(account, clock.now())) return;
    await db.transaction(async (tx) => {
      const row = first(await findAccount(tx, { id: account.id }));
      if (row?.status !== 'exhausted') return;
      await updateAccount(tx, { ...readAccount(row), status: 'active', updatedAt: tx.now });
      tx.publish('accounts', account.id);
    });
  }

  async function lookAfter(account: Account): Promise<void> {
    try {
      if (gates.find(account.provider)?.upstream.capabilities.hasBalance === true) await refresh(account.id);
      else if (account.status === 'exhausted') await wake(account);
    } catch (thrown) {
      log.warn({ accountId: account.id, reason: messageOf(thrown) }, 'an account could not be looked at');
    }
  }

  return {
    async verify(providerId, credential) {
      const provider = gates.require(providerId, credential.kind);
      const verified = await ask(provider, gates.knock(provider, credential));
      switch (verified.kind) {
        case 'ok':
          return verified;
        case 'refused':
          throw new GatewayError('provider_key_rejected', {
            message: `${providerId} refuses the credential.`,
          });
        case 'unreachable':
          throw new GatewayError('provider_unavailable', {
            message: `${providerId} could not be asked about the credential; with verify: false it is stored unasked.`,
            retryAfterMs: VERIFY_TIMEOUT_MS,
          });
      }
    },
    refresh,
    async refreshAll() {
      const accounts = (await listAll(db.read, {}))
        .map(readAccount)
        .filter(({ status }) => status === 'active' || status === 'exhausted');
      for (let from = 0; from < accounts.length; from += AT_ONCE) {
        await Promise.all(accounts.slice(from, from + AT_ONCE).map(lookAfter));
      }
    },
    async watchExpiry() {
      const now = clock.now();
      const accounts = (await listAll(db.read, {})).map(readAccount);
      const statuses = ['active', 'exhausted'] as const;
      const ending = accounts.filter(
        ({ status, expiresAt }) =>
          statuses.some((known) => known === status) &&
          expiresAt !== null &&
          expiresAt <= now + WARN_AHEAD_MS,
      );
      for (const { id, label, provider, expiresAt } of ending) {
        if (expiresAt === null || expiresAt <= now || warned.has(`${id} ${expiresAt}`)) continue;
        warned.add(`${id} ${expiresAt}`);
        const until = { accountId: id, label, provider, expiresAt: isoInstant(expiresAt) };
        log.warn(until, 'the credential of an account expires within a day');
      }
      if (!ending.some(({ expiresAt }) => expiresAt !== null && expiresAt <= now)) return;
      const expired = await db.transaction(async (tx) => {
        const rows = await expireAccounts(tx, { now: tx.now, statuses });
        for (const { id } of rows) tx.publish('accounts', id);
        return rows;
      });
      for (const { id, label, provider } of expired) {
        log.error({ accountId: id, label, provider }, 'the credential of an account has expired');
      }
    },
  };
}
