// The rows behind limits: how many jobs a customer has open, and when it last had any accepted.
import { and, desc, eq, gt, inArray } from 'drizzle-orm';
import { MODES, type JobType } from '../words.ts';
import { statement } from '../store/db.ts';

/** Kept by triggers of the jobs themselves. */
export const findInFlight = statement(({ q, t }, p: { customerId: string; type: JobType }) =>
  q
    .select({ count: t.inFlight.count })
    .from(t.inFlight)
    .where(and(eq(t.inFlight.customerId, p.customerId), eq(t.inFlight.type, p.type))),
);

/**
 * The newest first: of more than a window holds, the newest decide when it has room again. Both modes are named, so
 * that the index by customer, mode and age answers it.
 */
export const listRecentAcceptances = statement(
  ({ q, t }, p: { customerId: string; since: number; limit: number }) =>
    q
      .select({ createdAt: t.jobs.createdAt })
      .from(t.jobs)
      .where(
        and(
          eq(t.jobs.customerId, p.customerId),
          inArray(t.jobs.mode, [...MODES]),
          gt(t.jobs.createdAt, p.since),
        ),
      )
      .orderBy(desc(t.jobs.createdAt))
      .limit(p.limit),
);
