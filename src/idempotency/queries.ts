// The idempotency keys' rows.
import { and, eq, lte, sql } from 'drizzle-orm';
import { statement, type Tx } from '../store/db.ts';

export type KeyScope = { scope: string; mode: string; key: string };

export type Claim = KeyScope & {
  fingerprint: string;
  resourceId: string | null;
  status: number;
  body: string;
  createdAt: number;
  expiresAt: number;
};

/** Takes the key, also over one that has expired; no row comes back while another holds it. */
export const claimKey = statement(({ q, t }, p: Claim) => {
  const columns = {
    fingerprint: p.fingerprint,
    resourceId: p.resourceId,
    status: p.status,
    body: p.body,
    createdAt: p.createdAt,
    expiresAt: p.expiresAt,
  };
  return q
    .insert(t.idempotencyKeys)
    .values({ scope: p.scope, mode: p.mode, key: p.key, ...columns })
    .onConflictDoUpdate({
      target: [t.idempotencyKeys.scope, t.idempotencyKeys.mode, t.idempotencyKeys.key],
      set: columns,
      setWhere: lte(t.idempotencyKeys.expiresAt, p.createdAt),
    })
    .returning({ key: t.idempotencyKeys.key });
});

export const findKey = statement(({ q, t }, p: KeyScope) =>
  q
    .select()
    .from(t.idempotencyKeys)
    .where(
      and(
        eq(t.idempotencyKeys.scope, p.scope),
        eq(t.idempotencyKeys.mode, p.mode),
        eq(t.idempotencyKeys.key, p.key),
      ),
    ),
);

/** Deletes some expired keys and returns them. */
export async function deleteExpired({ q, t }: Tx, now: number, limit: number) {
  return q
    .delete(t.idempotencyKeys)
    .where(
      sql`(${t.idempotencyKeys.scope}, ${t.idempotencyKeys.mode}, ${t.idempotencyKeys.key}) IN (${q
        .select({ scope: t.idempotencyKeys.scope, mode: t.idempotencyKeys.mode, key: t.idempotencyKeys.key })
        .from(t.idempotencyKeys)
        .where(lte(t.idempotencyKeys.expiresAt, now))
        .limit(limit)})`,
    )
    .returning({ key: t.idempotencyKeys.key });
}
