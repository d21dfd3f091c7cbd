// Accounts of the operator's at providers: the pool that live jobs are done with. Their credentials are sealed, and
// leave this folder only inside the way in that a single call is given.
import { deriveKey, type MasterKey } from '../crypto.ts';
import {
  estimateCost,
  type Order,
  type Provider,
  type Verified,
  type Credential,
} from '../providers/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { first, type Db } from '../store/db.ts';
import { createGates } from './access.ts';
import { readAccount } from './account.ts';
import type { Amount } from './amount.ts';
import { createBook, type Book } from './book.ts';
import { createPool, type Pool } from './pool.ts';
import { previewSubmit, type Preview } from './preview.ts';
import { findAccount } from './queries.ts';
import { isFit, isFree } from './select.ts';
import { createUpkeep, type Upkeep } from './upkeep.ts';
import { GatewayError } from '../errors.ts';

export { SHOWN_STATUSES, shownStatus, type Account, type ShownStatus } from './account.ts';
export { fromMicros, parseDecimal, toMicros } from './amount.ts';
export type { AccountChange, NewAccount } from './book.ts';
export { secretsOf } from './credential.ts';
export { readPaste } from './paste.ts';
export type { Pool, Roster, Taken } from './pool.ts';
export type { Preview } from './preview.ts';

export type Accounts = Book &
  Upkeep &
  Pool & {
    /** The providers that have accounts. */
    readonly providerIds: readonly string[];
    /** @throws GatewayError `invalid_input` for a provider that there is not, or that takes no such credential */
    requireProvider(providerId: string, kind: Credential['kind']): void;
    /** Whether a provider has a model of the catalogue. */
    serves(providerId: string, model: string): boolean;
    /**
     * What an order would send with an account, and cost, and whether it could be sent now.
     * @throws GatewayError `not_found`, `invalid_state`
     */
    preview(
      id: string,
      order: Order,
    ): Promise<{ request: Preview; estimate: Amount | null; isReady: boolean }>;
  };

export type AccountsParts = {
  db: Db;
  runtime: Runtime;
  providers: readonly Provider[];
  providerUrls: Readonly<Record<string, string>>;
  masterKey: MasterKey;
};

export type VerifiedAccount = Extract<Verified, { kind: 'ok' }>;

export function createAccounts({ db, runtime, masterKey, ...setting }: AccountsParts): Accounts {
  const sealKey = deriveKey(masterKey, 'seal');
  const gates = createGates({ ...setting, sealKey });
  return {
    ...createBook({ random: runtime.random, sealKey, hashKey: deriveKey(masterKey, 'credential-hash') }),
    ...createUpkeep({ db, runtime, gates }),
    ...createPool({ db, runtime, gates }),
    providerIds: gates.ids,
    requireProvider: (providerId, kind) => void gates.require(providerId, kind),
    serves: (providerId, model) => gates.find(providerId)?.upstream.models[model] !== undefined,
    async preview(id, order) {
      const row = first(await findAccount(db.read, { id }));
      const provider = row && gates.find(row.provider);
      if (row === null || provider === null)
        throw new GatewayError('not_found', { message: 'There is no such provider account.' });
      const served = provider.upstream.models[order.model];
      if (served === undefined) {
        throw new GatewayError('invalid_state', { message: `${provider.id} does not serve ${order.model}.` });
      }
      const { clock } = runtime;
      const estimate = estimateCost(served.cost, order);
      const [account, now] = [readAccount(row), clock.now()];
      return {
        request: await previewSubmit(provider, order, { account: gates.enter(row), clock }),
        estimate,
        isReady: isFit(account, { order, estimate, without: [] }, now) && isFree(account, now),
      };
    },
  };
}
