// Customers: who owns keys and credits.
import { GatewayError } from '../errors.ts';
import { makeId } from '../ids.ts';
import type { Random } from '../runtime/random.ts';
import { first, type Connection, type Tx } from '../store/db.ts';
import { toPage, type Page, type PageRequest } from '../store/page.ts';
import { readCustomer, type Customer, type CustomerChange, type NewCustomer } from './customer.ts';
import {
  countCustomersByStatus,
  findCustomer,
  findCustomerByExternalId,
  insertCustomer,
  listCustomers,
  updateCustomer,
  type CustomerFilter,
} from './queries.ts';

export type { Customer, CustomerChange, LimitOverrides, NewCustomer } from './customer.ts';
export type { CustomerFilter } from './queries.ts';

export type Customers = {
  /** @throws GatewayError `already_exists` when another customer has the external id */
  create(tx: Tx, customer: NewCustomer): Promise<Customer>;
  find(on: Connection, id: string): Promise<Customer | null>;
  /** @throws GatewayError `account_not_found` */
  get(on: Connection, id: string): Promise<Customer>;
  /** @throws GatewayError `account_not_found`, `invalid_state` when the customer is closed */
  change(tx: Tx, id: string, change: CustomerChange): Promise<{ before: Customer; after: Customer }>;
  list(on: Connection, filter: CustomerFilter, page: PageRequest): Promise<Page<Customer>>;
  countActive(on: Connection): Promise<number>;
};

export function createCustomers({ random }: { random: Random }): Customers {
  async function find(on: Connection, id: string): Promise<Customer | null> {
    const row = first(await findCustomer(on, { id }));
    return row === null ? null : readCustomer(row);
  }

  async function get(on: Connection, id: string): Promise<Customer> {
    const customer = await find(on, id);
    if (customer === null) throw new GatewayError('account_not_found');
    return customer;
  }

  return {
    find,
    get,
    async create(tx, { name, email, externalId, plan, metadata }) {
      if (externalId !== null && first(await findCustomerByExternalId(tx, { externalId })) !== null) {
        throw new GatewayError('already_exists', {
          message: `Another customer has the externalId "${externalId}".`,
          fields: [{ path: 'externalId', message: 'is taken by another customer' }],
        });
      }
      const customer: Customer = {
        id: makeId('customer', { now: tx.now, random }),
        ...{ name, email, externalId, plan, metadata },
        status: 'active',
        statusReason: null,
        limits: {},
        createdAt: tx.now,
        updatedAt: tx.now,
      };
      await insertCustomer(tx, customer);
      return customer;
    },
    async change(tx, id, change) {
      const before = await get(tx, id);
      if (before.status === 'closed') {
        throw new GatewayError('invalid_state', { message: 'The customer is closed, which is final.' });
      }
      const after: Customer = { ...before, ...change, updatedAt: tx.now };
      await updateCustomer(tx, after);
      tx.publish('access', id);
      return { before, after };
    },
    async list(on, filter, page) {
      return toPage(
        (await listCustomers(on, filter, page)).map(readCustomer),
        page.limit,
        (customer) => customer.id,
      );
    },
    countActive: (on) => countCustomersByStatus(on, 'active'),
  };
}
