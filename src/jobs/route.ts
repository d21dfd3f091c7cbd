// Which provider tries a job, and which next. A test job can only ever reach a provider that is for tests.
import type { Pool, Roster } from '../accounts/index.ts';
import type { Catalog, Model } from '../catalog/index.ts';
import type { Order, Provider } from '../providers/index.ts';
import type { Mode } from '../words.ts';
import type { Db } from '../store/db.ts';
import type { Attempt } from './attempt.ts';
import type { Breakers } from './breaker.ts';
import type { Job } from './job.ts';
import { listAttempts } from './queries.ts';

/** An attempt that came to nothing, as far as others depend on it. */
export type Failed = Pick<Attempt, 'provider' | 'accountId' | 'fault'>;

/** A provider that could do an order, and the accounts of it that could not. */
export type Candidate = { provider: Provider; without: readonly string[] };

export type RouteOptions = { model: Model; mode: Mode; failed: readonly Failed[]; roster: Roster };

export type Router = {
  /**
   * Who could take the order, now or when an account is free, the preferred first; leaving out who has failed it before
   * and who fails everybody.
   */
  candidates(order: Order, options: RouteOptions): Candidate[];
  find(providerId: string): Provider | null;
};

/** Who could still take a job, after the attempts that were made. */
export type Candidates = (job: Job, options: { alsoFailed: Failed | null }) => Promise<Candidate[]>;

/** How often a job is handed over, to one account or provider after the other. */
const MAX_ATTEMPTS = 3;

export type RouterParts = {
  providers: readonly Provider[];
  pool: Pick<Pool, 'canServe'>;
  breakers: Pick<Breakers, 'isOpen'>;
};

export function createRouter({ providers, pool, breakers }: RouterParts): Router {
  return {
    candidates(order, { model, mode, failed, roster }) {
      const rank = (provider: Provider) => {
        const index = model.providers.indexOf(provider.id);
        return index === -1 ? model.providers.length : index;
      };
      return providers
        .filter(
          (provider) =>
            provider.modes.includes(mode) &&
            provider.serves(order.model) &&
            !breakers.isOpen(breakerOf(provider, order)) &&
            !failed.some((attempt) => attempt.provider === provider.id && isWholeProvider(attempt)) &&
            provider.canTake(order),
        )
        .map((provider) => ({ provider, without: failedAccounts(failed, provider) }))
        .filter((candidate) => pool.canServe(roster, { ...candidate, order }))
        .sort((a, b) => rank(a.provider) - rank(b.provider));
    },
    find: (providerId) => providers.find((provider) => provider.id === providerId) ?? null,
  };
}

/** A provider that is down for one model may be well for the others. */
export function breakerOf(provider: { id: string }, { model }: Pick<Order, 'model'>): string {
  return `${provider.id} ${model}`;
}

/** What lay at an account says nothing of the provider's others. */
function isWholeProvider({ accountId, fault }: Failed): boolean {
  return accountId === null || fault === null || fault === 'provider';
}

/** One that was only too busy may be asked again once it has cooled down. */
function failedAccounts(failed: readonly Failed[], { id }: Provider): string[] {
  return failed.flatMap(({ provider, accountId, fault }) =>
    provider === id && accountId !== null && fault !== 'rate' ? [accountId] : [],
  );
}

export function createCandidates(parts: {
  db: Db;
  catalog: Catalog;
  router: Router;
  pool: Pick<Pool, 'roster'>;
}): Candidates {
  return async (job, { alsoFailed }) => {
    const model = parts.catalog.models.find(({ id }) => id === job.model);
    const attempts = await listAttempts(parts.db.read, { jobId: job.id });
    // A model that is no longer in the catalogue has nobody who serves it.
    if (model === undefined || attempts.length >= MAX_ATTEMPTS) return [];
    const failed: Failed[] = attempts.filter((attempt) => attempt.outcome === 'failed');
    return parts.router.candidates(orderOf(job), {
      model,
      mode: job.mode,
      failed: alsoFailed === null ? failed : [...failed, alsoFailed],
      roster: await parts.pool.roster(),
    });
  };
}

/** The order that a job makes, without its reference image. */
export function orderOf(
  job: Pick<Job, 'model' | 'type'> & { input: Omit<Job['input'], 'reference'> },
): Order {
  const { prompt, width, height, quality, durationSeconds, hasAudio, seed } = job.input;
  return {
    model: job.model,
    type: job.type,
    ...{ prompt, width, height },
    ...(quality === undefined ? {} : { quality }),
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(hasAudio === undefined ? {} : { hasAudio }),
    ...(seed === undefined ? {} : { seed }),
  };
}
