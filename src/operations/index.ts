// What operators do to customers, keys, credits, plans, prices and jobs. Each function prepares one audited change;
// `perform` makes it.
import type { Accounts } from '../accounts/index.ts';
import type { Audit } from '../audit/index.ts';
import type { Catalog, Plan, Price, PriceRule } from '../catalog/index.ts';
import { credits, type Credits } from '../credits.ts';
import type { Customer, CustomerChange, Customers, NewCustomer } from '../customers/index.ts';
import { GatewayError, invalidField } from '../errors.ts';
import type { Idempotency } from '../idempotency/index.ts';
import type { Job, Jobs } from '../jobs/index.ts';
import type { ApiKey, KeyChange, Keys, MadeKey, NewKey } from '../keys/index.ts';
import type { Entry, Ledger } from '../ledger/index.ts';
import type { Mode } from '../words.ts';
import type { Db, Tx } from '../store/db.ts';
import { accountOperations, type AccountOperations } from './accounts.ts';
import { createPerform, type Action, type Operator, type Perform } from './perform.ts';

export type { ImportedAccount, SkippedRow } from './accounts.ts';
export type { Action, Once, Operator, Perform, Performed } from './perform.ts';

export type CreditMove = {
  customerId: string;
  mode: Mode;
  operation: 'top_up' | 'adjust';
  amount: Credits;
  reason: string;
  reference: string | null;
};
type KeyTarget = { customerId: string; id: string };

export type Operations = AccountOperations & {
  perform: Perform;
  createCustomer(customer: NewCustomer & { initialCredits: Credits }): Action<Customer>;
  changeCustomer(id: string, change: CustomerChange): Action<Customer>;
  createKey(key: NewKey): Action<MadeKey>;
  changeKey(target: KeyTarget, change: KeyChange): Action<ApiKey>;
  rotateKey(target: KeyTarget & { graceHours: number }): Action<MadeKey & { previous: ApiKey }>;
  revokeKey(target: KeyTarget): Action<ApiKey>;
  purgeKey(target: KeyTarget): Action<ApiKey>;
  moveCredits(move: CreditMove): Action<Entry>;
  setPrices(changes: readonly { model: string; rule: PriceRule }[]): Action<Price[]>;
  changePlan(id: string, change: Partial<Plan['settings']>): Action<Plan>;
  failUnknownJob(id: string): Action<Job>;
  /** Goes on with a job of unknown outcome as the order that its provider has under an id. */
  attachUnknownJob(id: string, providerJobId: string): Action<Job>;
  refundJob(id: string, reason: string): Action<Job>;
  /** Writes down a cancel that was made; it needs the network and cannot be part of a transaction. */
  recordCancel(operator: Operator, job: { before: Job; after: Job }): Promise<void>;
};

/** What every customer's test wallet starts with. */
export const TEST_CREDITS = credits(100_000);

export type OperationsParts = {
  db: Db;
  accounts: Accounts;
  audit: Audit;
  idempotency: Idempotency;
  catalog: Catalog;
  customers: Customers;
  keys: Keys;
  ledger: Ledger;
  jobs: Pick<Jobs, 'failUnknown' | 'attachUnknown' | 'refund'>;
};

export function createOperations(parts: OperationsParts): Operations {
  return {
    perform: createPerform(parts),
    ...customerOperations(parts),
    ...keyOperations(parts),
    ...moneyOperations(parts),
    ...jobOperations(parts),
    ...accountOperations(parts),
  };
}

function customerOperations({ catalog, customers, ledger }: OperationsParts) {
  return {
    createCustomer:
      ({ initialCredits, ...customer }: NewCustomer & { initialCredits: Credits }): Action<Customer> =>
      async (tx, operator) => {
        await requirePlan(catalog, customer.plan);
        const created = await customers.create(tx, customer);
        await ledger.openWallets(tx, created.id);
        const topUp = (mode: Mode, amount: Credits) =>
          ledger.topUp(tx, {
            customerId: created.id,
            mode,
            amount,
            reason: 'initial credits',
            reference: null,
            ...causeOf(operator),
          });
        if (initialCredits > 0) await topUp('live', initialCredits);
        await topUp('test', TEST_CREDITS);
        const summary = `created the customer "${created.name}"`;
        return {
          result: created,
          event: { action: 'customer.create', target: created.id, summary, after: created },
        };
      },
    changeCustomer:
      (id: string, change: CustomerChange): Action<Customer> =>
      async (tx) => {
        if (change.plan !== undefined) await requirePlan(catalog, change.plan);
        const { before, after } = await customers.change(tx, id, change);
        const summary = `changed ${Object.keys(change).join(', ')} of "${after.name}"`;
        return { result: after, event: { action: 'customer.change', target: id, summary, before, after } };
      },
  };
}

/** @throws GatewayError `invalid_input`, because the plan is a field of the request */
async function requirePlan(catalog: Catalog, id: string): Promise<void> {
  const known = (await catalog.listPlans()).map((plan) => plan.id);
  if (!known.includes(id)) throw invalidField('plan', `must be one of ${known.join(', ')}`);
}

function keyOperations({ customers, keys }: OperationsParts) {
  async function getOpenCustomer(tx: Tx, id: string): Promise<void> {
    const customer = await customers.get(tx, id);
    if (customer.status === 'closed')
      throw new GatewayError('invalid_state', { message: 'The customer is closed.' });
  }

  return {
    createKey:
      (key: NewKey): Action<MadeKey> =>
      async (tx) => {
        await getOpenCustomer(tx, key.customerId);
        const made = await keys.create(tx, key);
        const summary = `created the ${key.mode} key ${made.key.prefix}…`;
        return {
          result: made,
          event: { action: 'key.create', target: made.key.id, summary, after: made.key },
        };
      },
    changeKey:
      (target: KeyTarget, change: KeyChange): Action<ApiKey> =>
      async (tx) => {
        const { before, after } = await keys.change(tx, target, change);
        const summary = `changed ${Object.keys(change).join(', ')} of the key ${after.prefix}…`;
        return { result: after, event: { action: 'key.change', target: target.id, summary, before, after } };
      },
    rotateKey:
      (target: KeyTarget & { graceHours: number }): Action<MadeKey & { previous: ApiKey }> =>
      async (tx) => {
        await getOpenCustomer(tx, target.customerId);
        const before = await keys.get(tx, target.customerId, target.id);
        const made = await keys.rotate(tx, target);
        const summary = `rotated the key ${made.previous.prefix}… to ${made.key.prefix}…, grace ${target.graceHours} h`;
        return {
          result: made,
          event: {
            action: 'key.rotate',
            target: target.id,
            summary,
            before,
            after: { previous: made.previous, successor: made.key },
          },
        };
      },
    revokeKey:
      (target: KeyTarget): Action<ApiKey> =>
      async (tx) => {
        const before = await keys.get(tx, target.customerId, target.id);
        const revoked = await keys.revoke(tx, target);
        const summary = `revoked the key ${revoked.prefix}…`;
        return {
          result: revoked,
          event: { action: 'key.revoke', target: target.id, summary, before, after: revoked },
        };
      },
    purgeKey:
      (target: KeyTarget): Action<ApiKey> =>
      async (tx) => {
        const purged = await keys.purge(tx, target);
        const summary = `deleted the key ${purged.prefix}…`;
        return {
          result: purged,
          event: { action: 'key.delete', target: target.id, summary, before: purged },
        };
      },
  };
}

function moneyOperations({ catalog, customers, ledger }: OperationsParts) {
  return {
    moveCredits:
      ({ operation, ...move }: CreditMove): Action<Entry> =>
      async (tx, operator) => {
        await customers.get(tx, move.customerId);
        const before = await ledger.balanceOf(tx, move);
        if (before.balance + move.amount > Number.MAX_SAFE_INTEGER)
          throw invalidField('amount', `would make the balance more than ${Number.MAX_SAFE_INTEGER} credits`);
        const movement = { ...move, ...causeOf(operator) };
        const entry = await (operation === 'top_up'
          ? ledger.topUp(tx, movement)
          : ledger.adjust(tx, movement));
        const summary = `${operation === 'top_up' ? 'topped up' : 'adjusted'} ${move.mode} credits by ${move.amount}: ${move.reason}`;
        return {
          result: entry,
          event: { action: `credits.${operation}`, target: move.customerId, summary, before, after: entry },
        };
      },
    setPrices:
      (changes: readonly { model: string; rule: PriceRule }[]): Action<Price[]> =>
      async (tx, { actor }) => {
        const before = await catalog.listPrices(tx);
        const prices: Price[] = [];
        for (const [index, change] of changes.entries()) {
          // The order of the list would decide which of two prices counts.
          if (prices.some(({ model }) => model === change.model))
            throw invalidField(`prices.${index}.model`, 'stands in the list twice');
          const fault = catalog.faultOfPrice(change);
          if (fault !== null) throw invalidField(`prices.${index}.${fault.path}`, fault.message);
          prices.push(await catalog.setPrice(tx, { ...change, actor }));
        }
        const models = changes.map(({ model }) => model);
        return {
          result: prices,
          event: {
            action: 'price.set',
            target: models.join(','),
            summary: `set the price of ${models.join(', ')}`,
            before: before.filter((price) => models.includes(price.model)),
            after: prices,
          },
        };
      },
    changePlan:
      (id: string, change: Partial<Plan['settings']>): Action<Plan> =>
      async (tx) => {
        const before = await catalog.getPlan(id, tx);
        const after: Plan = { id, settings: { ...before.settings, ...change } };
        await catalog.setPlan(tx, after);
        const summary = `changed ${Object.keys(change).join(', ')} of the plan ${id}`;
        return { result: after, event: { action: 'plan.change', target: id, summary, before, after } };
      },
  };
}

function jobOperations({ jobs, audit, db }: OperationsParts) {
  return {
    async recordCancel(operator: Operator, { before, after }: { before: Job; after: Job }): Promise<void> {
      const event = { action: 'job.cancel', target: after.id, summary: 'canceled a job' };
      const states = { before: { state: before.state }, after: { state: after.state } };
      await db.transaction((tx) => audit.record(tx, { ...operator, ...event, ...states }));
    },
    failUnknownJob:
      (id: string): Action<Job> =>
      async (tx, { actor }) => {
        const { before, after } = await jobs.failUnknown(tx, id, actor);
        const event = {
          action: 'job.resolve',
          target: id,
          summary: 'ended a job of unknown outcome as failed',
        };
        return {
          result: after,
          event: { ...event, before: { state: before.state }, after: { state: after.state } },
        };
      },
    attachUnknownJob:
      (id: string, providerJobId: string): Action<Job> =>
      async (tx, { actor }) => {
        const { before, after } = await jobs.attachUnknown(tx, id, { providerJobId, actor });
        const summary = `attached a job of unknown outcome to the provider's ${providerJobId}`;
        const [from, to] = [{ state: before.state }, { state: after.state, providerJobId }];
        return {
          result: after,
          event: { action: 'job.resolve', target: id, summary, before: from, after: to },
        };
      },
    refundJob:
      (id: string, reason: string): Action<Job> =>
      async (tx, { actor }) => {
        const { before, after } = await jobs.refund(tx, id, { actor, reason });
        const summary = `refunded ${after.refunded} credits: ${reason}`;
        const [from, to] = [{ refunded: before.refunded }, { refunded: after.refunded }];
        return {
          result: after,
          event: { action: 'job.refund', target: id, summary, before: from, after: to },
        };
      },
  };
}

function causeOf(operator: Operator): { actor: string; requestId: string | null } {
  return { actor: operator.actor, requestId: operator.requestId };
}
