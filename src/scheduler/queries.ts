// The tasks' rows.
import { and, eq, lte } from 'drizzle-orm';
import { statement } from '../store/db.ts';

export const findTask = statement(({ q, t }, p: { name: string }) =>
  q.select().from(t.tasks).where(eq(t.tasks.name, p.name)),
);

export const insertTask = statement(({ q, t }, p: { name: string; nextRunAt: number }) =>
  q.insert(t.tasks).values({ name: p.name, nextRunAt: p.nextRunAt }).onConflictDoNothing(),
);

/** Takes a due task for this node; no row comes back when another has taken it. */
export const claimTask = statement(({ q, t }, p: { name: string; now: number; nextRunAt: number }) =>
  q
    .update(t.tasks)
    .set({ nextRunAt: p.nextRunAt, lastRunAt: p.now, lastError: null })
    .where(and(eq(t.tasks.name, p.name), lte(t.tasks.nextRunAt, p.now)))
    .returning({ name: t.tasks.name }),
);

export const noteTaskError = statement(({ q, t }, p: { name: string; lastError: string }) =>
  q.update(t.tasks).set({ lastError: p.lastError }).where(eq(t.tasks.name, p.name)),
);
