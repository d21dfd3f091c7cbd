// Customers as commands see them: found by whatever names one of them, and shown as a table.
import { GatewayError } from '../errors.ts';
import { isId } from '../ids.ts';
import type { OperatorApi } from './operator.ts';
import { table } from './table.ts';

export type Customer = {
  customerId: string;
  name: string;
  email: string | null;
  externalId: string | null;
  plan: string;
  status: string;
  creditsBalance: number;
  creditsAvailable: number;
  apiKeyCount: { live: number; test: number };
};

export const CUSTOMERS_PATH = '/api/public/customers';

export function customerPath(customerId: string): string {
  return `${CUSTOMERS_PATH}/${encodeURIComponent(customerId)}`;
}

const PAGE = 200;
/** Past this many customers a search by hand is no way to find one. */
const MAX_PAGES = 25;

/** Every customer that a search finds, the newest first. */
export async function* listCustomers(api: OperatorApi, search?: string): AsyncGenerator<Customer> {
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (search !== undefined) query.set('q', search);
    if (cursor !== null) query.set('cursor', cursor);
    const answer = await api.call('GET', `${CUSTOMERS_PATH}?${query.toString()}`);
    yield* answer['customers'] as Customer[];
    cursor = answer['nextCursor'] as string | null;
    if (cursor === null) return;
  }
  throw new GatewayError('invalid_input', {
    message: `There are more than ${PAGE * MAX_PAGES} customers to look through: name the customer by its id.`,
  });
}

/**
 * The one customer that has this id, name, e-mail address or external id; capitals do not count.
 * @throws GatewayError `account_not_found`, `invalid_input` when several have it
 */
export async function findCustomer(api: OperatorApi, wanted: string): Promise<Customer> {
  if (isId('customer', wanted)) return (await api.call('GET', customerPath(wanted)))['customer'] as Customer;
  const found: Customer[] = [];
  for await (const customer of listCustomers(api, wanted))
    if (isNamed(customer, wanted)) found.push(customer);
  const [only, another] = found;
  if (only === undefined) {
    throw new GatewayError('account_not_found', { message: `There is no customer "${wanted}".` });
  }
  if (another === undefined) return only;
  throw new GatewayError('invalid_input', {
    message: `Several customers are "${wanted}"; name one by its id: ${found.map(({ customerId }) => customerId).join(', ')}.`,
  });
}

function isNamed({ name, email, externalId }: Customer, wanted: string): boolean {
  return [name, email, externalId].some((word) => word?.toLowerCase() === wanted.toLowerCase());
}

/** The customer, where there is no other. @throws GatewayError `account_not_found`, `invalid_input` */
export async function onlyCustomer(api: OperatorApi): Promise<Customer> {
  const { customers } = (await api.call('GET', `${CUSTOMERS_PATH}?limit=2`)) as { customers?: Customer[] };
  const [only, another] = customers ?? [];
  if (only === undefined) {
    throw new GatewayError('account_not_found', {
      message: "There is no customer yet: 'sluice customers create --name NAME' makes one.",
    });
  }
  if (another === undefined) return only;
  throw new GatewayError('invalid_input', {
    message: "There are several customers: name one with --customer; 'sluice customers list' shows them.",
  });
}

export function describeCustomers(customers: readonly Customer[]): string {
  return table(
    ['CUSTOMER', 'NAME', 'PLAN', 'STATUS', 'CREDITS', 'AVAILABLE', 'KEYS', 'EMAIL', 'EXTERNAL ID'],
    customers.map((customer) => [
      customer.customerId,
      customer.name,
      customer.plan,
      customer.status,
      customer.creditsBalance,
      customer.creditsAvailable,
      `${customer.apiKeyCount.live} live, ${customer.apiKeyCount.test} test`,
      customer.email,
      customer.externalId,
    ]),
  );
}
