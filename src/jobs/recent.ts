// Jobs as they were last read, for those who ask again and again: a client that waits for its job does not cost a look
// at the database each time.
import { GatewayError } from '../errors.ts';
import { SECOND_MS, type Clock } from '../runtime/clock.ts';
import type { Mode } from '../words.ts';
import { first, type Db } from '../store/db.ts';
import { readJob, type Job, type JobRow } from './job.ts';
import { countQueuedBefore, findOwnJob } from './queries.ts';

export type Owner = { customerId: string; mode: Mode };

export type RecentJobs = {
  /**
   * A customer's own job, for showing it: whoever acts on one reads it anew, because this one's lease may be an older
   * one. At once when it was read before and has not changed.
   * @throws GatewayError `generation_not_found`, for another's or the other mode's as well
   */
  look(owner: Owner, id: string): Job | Promise<Job>;
  /** How many queued jobs are ahead of this one, as of a second ago; past a thousand it is a thousand. */
  queuePosition(job: Job): number | Promise<number>;
};

/** A change is published and forgets the job at once; this only bounds what a lost message could cost. */
const LIFETIME_MS = 5 * SECOND_MS;
/** Every job that moves changes the place of those behind it; nobody needs it to the moment. */
const POSITION_LIFETIME_MS = SECOND_MS;
const MAX_REMEMBERED = 4000;

export function createRecentJobs({ db, clock }: { db: Db; clock: Clock }): RecentJobs {
  const jobs = new Map<string, { job: Job; untilMs: number }>();
  const positions = new WeakMap<Job, { count: number; untilMs: number }>();
  let changes = 0;
  db.subscribe('job-changed', (id) => {
    changes += 1;
    jobs.delete(id);
  });

  async function read({ customerId, mode }: Owner, id: string): Promise<Job> {
    const changesBefore = changes;
    const job = ownedJob(first(await findOwnJob(db.read, { id, customerId, mode })));
    // What was read before a change is good for this request, and for no other.
    if (changes === changesBefore) remember(job);
    return job;
  }

  function remember(job: Job): void {
    const oldest = jobs.size < MAX_REMEMBERED ? undefined : jobs.keys().next().value;
    if (oldest !== undefined) jobs.delete(oldest);
    jobs.set(job.id, { job, untilMs: clock.elapsedMs() + LIFETIME_MS });
  }

  async function count(job: Job): Promise<number> {
    const found = Number(first(await countQueuedBefore(db.read, { createdAt: job.createdAt }))?.count ?? 0);
    positions.set(job, { count: found, untilMs: clock.elapsedMs() + POSITION_LIFETIME_MS });
    return found;
  }

  return {
    look(owner, id) {
      const known = jobs.get(id);
      if (known === undefined || known.untilMs <= clock.elapsedMs()) return read(owner, id);
      const { job } = known;
      return job.customerId === owner.customerId && job.mode === owner.mode ? job : read(owner, id);
    },
    queuePosition(job) {
      const known = positions.get(job);
      return known !== undefined && known.untilMs > clock.elapsedMs() ? known.count : count(job);
    },
  };
}

/** @throws GatewayError `generation_not_found` */
export function ownedJob(row: JobRow | null): Job {
  if (row === null) throw new GatewayError('generation_not_found');
  return readJob(row);
}
