// The customers' rows.
import { and, desc, eq, or, sql, type Column } from 'drizzle-orm';
import { insertion, statement, type Connection, type CustomerStatus } from '../store/db.ts';
import { afterCursor, type PageRequest } from '../store/page.ts';
import type { Customer } from './customer.ts';

export const insertCustomer = insertion('customers');

export const findCustomer = statement(({ q, t }, p: { id: string }) =>
  q.select().from(t.customers).where(eq(t.customers.id, p.id)),
);

export const findCustomerByExternalId = statement(({ q, t }, p: { externalId: string }) =>
  q.select({ id: t.customers.id }).from(t.customers).where(eq(t.customers.externalId, p.externalId)),
);

export const updateCustomer = statement(
  (
    { q, t },
    p: Pick<
      Customer,
      'id' | 'name' | 'email' | 'plan' | 'status' | 'statusReason' | 'limits' | 'metadata' | 'updatedAt'
    >,
  ) =>
    q
      .update(t.customers)
      .set({
        name: p.name,
        email: p.email,
        plan: p.plan,
        status: p.status,
        statusReason: p.statusReason,
        limits: p.limits,
        metadata: p.metadata,
        updatedAt: p.updatedAt,
      })
      .where(eq(t.customers.id, p.id)),
);

export type CustomerFilter = {
  status?: CustomerStatus | undefined;
  plan?: string | undefined;
  search?: string | undefined;
};

export function listCustomers({ q, t }: Connection, filter: CustomerFilter, page: PageRequest) {
  const { customers } = t;
  const pattern = filter.search === undefined ? null : `%${filter.search.replace(/[%_\\]/g, '\\$&')}%`;
  const holds = (column: Column) => sql`${column} LIKE ${pattern} ESCAPE '\\'`;
  return q
    .select()
    .from(t.customers)
    .where(
      and(
        filter.status === undefined ? undefined : eq(t.customers.status, filter.status),
        filter.plan === undefined ? undefined : eq(t.customers.plan, filter.plan),
        pattern === null
          ? undefined
          : or(holds(customers.name), holds(customers.email), holds(customers.externalId)),
        afterCursor(t.customers.id, page.cursor),
      ),
    )
    .orderBy(desc(t.customers.id))
    .limit(page.limit + 1);
}

export const countCustomersByStatus = ({ q, t }: Connection, status: CustomerStatus) =>
  q.$count(t.customers, eq(t.customers.status, status));
