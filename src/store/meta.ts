// A few named values that belong to the database as a whole.
import { eq } from 'drizzle-orm';
import { first, statement, type Connection, type Tx } from './db.ts';

/**
 * `master-key-check`: a known text sealed under the master key. `first-start`: when the first customer was made. The
 * audit keeps its own value here, `audit-head`.
 */
export type MetaName = 'master-key-check' | 'first-start';

const findMeta = statement(({ q, t }, p: { name: string }) =>
  q.select().from(t.meta).where(eq(t.meta.name, p.name)),
);

const upsertMeta = statement(({ q, t }, p: { name: string; value: string }) =>
  q
    .insert(t.meta)
    .values({ name: p.name, value: p.value })
    .onConflictDoUpdate({ target: t.meta.name, set: { value: p.value } }),
);

export async function readMeta(on: Connection, name: MetaName): Promise<string | null> {
  return first(await findMeta(on, { name }))?.value ?? null;
}

export async function writeMeta(tx: Tx, name: MetaName, value: string): Promise<void> {
  await upsertMeta(tx, { name, value });
}
