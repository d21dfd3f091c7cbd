// A customer: who owns keys and credits. Closed is final, because a ledger is never deleted.
import * as v from 'valibot';
import type { CustomerStatus } from '../store/db.ts';

/** What an operator may set for one customer over the plan; the catalogue says what the numbers mean. */
export type LimitOverrides = {
  generationsPerMinute?: number;
  requestsPerMinute?: number;
  concurrentImages?: number;
  concurrentVideos?: number;
};

export type Customer = {
  id: string;
  name: string;
  email: string | null;
  externalId: string | null;
  plan: string;
  status: CustomerStatus;
  statusReason: string | null;
  limits: LimitOverrides;
  metadata: Record<string, string>;
  createdAt: number;
  updatedAt: number;
};

export type NewCustomer = Pick<Customer, 'name' | 'email' | 'externalId' | 'plan' | 'metadata'>;
export type CustomerChange = Partial<
  Pick<Customer, 'name' | 'email' | 'plan' | 'status' | 'statusReason' | 'limits' | 'metadata'>
>;

const overridesSchema = v.record(v.string(), v.number());
const metadataSchema = v.record(v.string(), v.string());

/** The row as the database has it, its JSON columns parsed. */
export function readCustomer(
  row: Omit<Customer, 'limits' | 'metadata'> & { limits: unknown; metadata: unknown },
): Customer {
  return {
    ...row,
    limits: v.parse(overridesSchema, row.limits),
    metadata: v.parse(metadataSchema, row.metadata),
  };
}
