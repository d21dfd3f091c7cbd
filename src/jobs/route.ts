// Which provider tries a job, and which next. A test job can only ever reach a provider that is for tests.
import type { Catalog, Model } from '../catalog/index.ts';
import type { Order, Provider } from '../providers/index.ts';
import type { Mode } from '../words.ts';
import type { Db } from '../store/db.ts';
import type { Job } from './job.ts';
import { listAttempts } from './queries.ts';

export type Router = {
  /** Who could take the order now, the preferred first, leaving out who has failed it before. */
  candidates(order: Order, options: { model: Model; mode: Mode; failed: readonly string[] }): Provider[];
  find(providerId: string): Provider | null;
};

/** Who could still take a job, after the attempts that were made. */
export type Candidates = (job: Job, options: { alsoFailed: string | null }) => Promise<Provider[]>;

/** To how many providers a job is handed, one after the other. */
const MAX_ATTEMPTS = 3;

export function createRouter(providers: readonly Provider[]): Router {
  return {
    candidates(order, { model, mode, failed }) {
      const rank = (provider: Provider) => {
        const index = model.providers.indexOf(provider.id);
        return index === -1 ? model.providers.length : index;
      };
      return providers
        .filter(
          (provider) =>
            provider.modes.includes(mode) &&
            provider.serves(order.model) &&
            !failed.includes(provider.id) &&
            provider.canTake(order),
        )
        .sort((a, b) => rank(a) - rank(b));
    },
    find: (providerId) => providers.find((provider) => provider.id === providerId) ?? null,
  };
}

export function createCandidates(parts: { db: Db; catalog: Catalog; router: Router }): Candidates {
  return async (job, { alsoFailed }) => {
    const model = parts.catalog.models.find(({ id }) => id === job.model);
    const attempts = await listAttempts(parts.db.read, { jobId: job.id });
    // A model that is no longer in the catalogue has nobody who serves it.
    if (model === undefined || attempts.length >= MAX_ATTEMPTS) return [];
    const failed = attempts
      .filter((attempt) => attempt.outcome === 'failed')
      .map((attempt) => attempt.provider);
    return parts.router.candidates(orderOf(job), {
      model,
      mode: job.mode,
      failed: alsoFailed === null ? failed : [...failed, alsoFailed],
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
