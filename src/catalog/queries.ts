// The catalogue's rows: prices and plans that an operator changed.
import { and, eq, max } from 'drizzle-orm';
import { insertion, statement, type Connection } from '../store/db.ts';

export const insertPriceVersion = insertion('priceVersions');

/** The newest version of each model. */
export function listNewestPrices({ q, t }: Connection) {
  const newest = q
    .select({ model: t.priceVersions.model, version: max(t.priceVersions.version).as('newest_version') })
    .from(t.priceVersions)
    .groupBy(t.priceVersions.model)
    .as('newest');
  return q
    .select({ model: t.priceVersions.model, version: t.priceVersions.version, rule: t.priceVersions.rule })
    .from(t.priceVersions)
    .innerJoin(
      newest,
      and(eq(newest.model, t.priceVersions.model), eq(newest.version, t.priceVersions.version)),
    );
}

export const listPlans = statement(({ q, t }, _: Record<string, never>) => q.select().from(t.plans));

export const upsertPlan = statement(({ q, t }, p: { id: string; settings: unknown; updatedAt: number }) =>
  q
    .insert(t.plans)
    .values({ id: p.id, settings: p.settings, updatedAt: p.updatedAt })
    .onConflictDoUpdate({ target: t.plans.id, set: { settings: p.settings, updatedAt: p.updatedAt } }),
);
