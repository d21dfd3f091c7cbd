// What a backup reads of a database: how many rows there are, and which files they name. Asks only for what the first
// schema has, because a backup is also taken of a database that is about to be upgraded.
import { and, asc, gt, isNull, sum } from 'drizzle-orm';
import { first, statement, type Connection } from '../store/db.ts';

export type Counts = Record<
  'customers' | 'apiKeys' | 'ledgerEntries' | 'jobs' | 'files' | 'auditEvents',
  number
>;

export async function countRows({ q, t }: Connection): Promise<Counts> {
  return {
    customers: await q.$count(t.customers),
    apiKeys: await q.$count(t.apiKeys),
    ledgerEntries: await q.$count(t.ledgerEntries),
    jobs: await q.$count(t.jobs),
    files: await q.$count(t.files),
    auditEvents: await q.$count(t.auditEvents),
  };
}

/** The files that are kept, in the order of their ids. */
export const listKept = statement(({ q, t }, p: { afterId: string; limit: number }) =>
  q
    .select({ id: t.files.id, bytes: t.files.bytes, sha256: t.files.sha256 })
    .from(t.files)
    .where(and(isNull(t.files.deletedAt), gt(t.files.id, p.afterId)))
    .orderBy(asc(t.files.id))
    .limit(p.limit),
);

/** The bytes of all files that are kept. */
export async function sumKept({ q, t }: Connection): Promise<number> {
  const rows = await q
    .select({ bytes: sum(t.files.bytes) })
    .from(t.files)
    .where(isNull(t.files.deletedAt));
  return Number(first(rows)?.bytes ?? 0);
}
