// The API keys' rows.
import { and, desc, eq, gt, isNull, or, sql } from 'drizzle-orm';
import { insertion, statement, type Connection } from '../store/db.ts';

export const insertKey = insertion('apiKeys');

export const findKeyByHash = statement(({ q, t }, p: { hash: string }) =>
  q.select().from(t.apiKeys).where(eq(t.apiKeys.hash, p.hash)),
);

export const findKey = statement(({ q, t }, p: { customerId: string; id: string }) =>
  q
    .select()
    .from(t.apiKeys)
    .where(and(eq(t.apiKeys.customerId, p.customerId), eq(t.apiKeys.id, p.id))),
);

export const listKeys = statement(({ q, t }, p: { customerId: string; limit: number }) =>
  q
    .select()
    .from(t.apiKeys)
    .where(eq(t.apiKeys.customerId, p.customerId))
    .orderBy(desc(t.apiKeys.id))
    .limit(p.limit),
);

/** Keys that work now, those in the grace of a rotation included. */
export const countUsableKeys = ({ q, t }: Connection, customerId: string, now: number) =>
  q.$count(
    t.apiKeys,
    and(
      eq(t.apiKeys.customerId, customerId),
      isNull(t.apiKeys.revokedAt),
      or(isNull(t.apiKeys.expiresAt), gt(t.apiKeys.expiresAt, now)),
    ),
  );

export const updateKey = statement(
  (
    { q, t },
    p: { id: string; name: string | null; preset: string | null; scopes: unknown; expiresAt: number | null },
  ) =>
    q
      .update(t.apiKeys)
      .set({ name: p.name, preset: p.preset, scopes: p.scopes, expiresAt: p.expiresAt })
      .where(eq(t.apiKeys.id, p.id)),
);

/** One successor a key: the loser of two parallel rotations gets no row back. */
export const markRotated = statement(
  ({ q, t }, p: { id: string; rotatedAt: number; successorId: string; expiresAt: number }) =>
    q
      .update(t.apiKeys)
      .set({ rotatedAt: p.rotatedAt, successorId: p.successorId, expiresAt: p.expiresAt })
      .where(and(eq(t.apiKeys.id, p.id), isNull(t.apiKeys.rotatedAt), isNull(t.apiKeys.revokedAt)))
      .returning({ id: t.apiKeys.id }),
);

/** Ends the grace of the key before: of a chain of rotations two keys work at most. */
export const endGraceBefore = statement(
  ({ q, t }, p: { customerId: string; successorId: string; now: number }) =>
    q
      .update(t.apiKeys)
      .set({ expiresAt: p.now })
      .where(
        and(
          eq(t.apiKeys.customerId, p.customerId),
          eq(t.apiKeys.successorId, p.successorId),
          gt(t.apiKeys.expiresAt, p.now),
        ),
      ),
);

export const markRevoked = statement(({ q, t }, p: { id: string; revokedAt: number }) =>
  q
    .update(t.apiKeys)
    .set({ revokedAt: p.revokedAt })
    .where(and(eq(t.apiKeys.id, p.id), isNull(t.apiKeys.revokedAt))),
);

export const deleteKey = statement(({ q, t }, p: { id: string }) =>
  q.delete(t.apiKeys).where(eq(t.apiKeys.id, p.id)),
);

export const touchKey = statement(({ q, t }, p: { id: string; lastUsedAt: number }) =>
  q
    .update(t.apiKeys)
    .set({ lastUsedAt: p.lastUsedAt })
    .where(and(eq(t.apiKeys.id, p.id), sql`coalesce(${t.apiKeys.lastUsedAt}, 0) < ${p.lastUsedAt}`)),
);
