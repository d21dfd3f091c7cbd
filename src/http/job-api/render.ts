// From a job to what the Job API shows of it. Inside states become its four words, models lose their lab, and
// nothing of providers or accounts is in reach here.
import { modelShortName, type Model, type Price } from '../../catalog/index.ts';
import { isEnded, type Job } from '../../jobs/index.ts';
import type { StoredFile } from '../../media/index.ts';
import { isoInstant, isoInstantOrNull } from '../../runtime/clock.ts';
import type { JobState } from '../../store/db.ts';
import type { JobStatus } from './schemas.ts';

/** A link as it is handed out. */
export type SignedUrl = { url: string; expiresAt: number };

export function statusOf(state: JobState): JobStatus {
  return isEnded(state) ? state : 'processing';
}

/** The inside states that a status stands for. */
export function statesOf(status: JobStatus): readonly JobState[] {
  return status === 'processing' ? ['queued', 'submitting', 'unknown', 'running', 'storing'] : [status];
}

export function renderAccepted(job: Job) {
  return {
    ok: true,
    jobId: job.id,
    status: statusOf(job.state),
    type: job.type,
    model: modelShortName(job.model),
    chargedCredits: job.price,
    idempotentReplay: false,
    mode: job.mode,
  } as const;
}

export function renderJob(job: Job) {
  const { prompt, size, quality, durationSeconds, hasAudio, seed, reference } = job.input;
  return {
    jobId: job.id,
    type: job.type,
    model: modelShortName(job.model),
    mode: job.mode,
    status: statusOf(job.state),
    chargedCredits: job.price,
    refundedCredits: job.refunded,
    request: {
      prompt,
      size,
      ...(quality === undefined ? {} : { quality }),
      ...(durationSeconds === undefined ? {} : { duration: durationSeconds }),
      ...(hasAudio === undefined ? {} : { motionHasAudio: hasAudio }),
      ...(seed === undefined ? {} : { seed }),
      hasReferenceImage: reference !== undefined,
    },
    metadata: job.metadata,
    error: renderJobError(job),
    createdAt: isoInstant(job.createdAt),
    updatedAt: isoInstant(job.updatedAt),
    completedAt: isoInstantOrNull(job.endedAt),
  };
}

export function renderJobError(job: Job): { code: string; message: string } | null {
  return job.errorCode === null ? null : { code: job.errorCode, message: job.errorMessage ?? '' };
}

export function renderResult(
  job: Job,
  output: StoredFile,
  links: { output: SignedUrl; poster: SignedUrl | null },
) {
  const common = {
    ok: true,
    jobId: job.id,
    status: 'completed',
    model: modelShortName(job.model),
    url: links.output.url,
    contentType: output.contentType,
    width: output.width,
    height: output.height,
    expiresAt: isoInstant(links.output.expiresAt),
  } as const;
  if (job.type === 'image') return { ...common, type: 'image' as const, imageUrl: links.output.url };
  return {
    ...common,
    type: 'video' as const,
    videoUrl: links.output.url,
    previewUrl: links.poster?.url ?? null,
    duration: output.durationMs === null ? null : output.durationMs / 1000,
    hasAudio: job.input.hasAudio ?? false,
  };
}

export function renderModel(model: Model, price: Price) {
  return {
    id: modelShortName(model.id),
    name: model.name,
    type: model.type,
    sizes: model.sizes,
    qualities: model.qualities ?? null,
    durations: renderDurations(model),
    pricing: {
      per: price.rule.per,
      rates: price.rule.rates.map(({ when = {}, credits }) => ({ when: renderCondition(when), credits })),
    },
  };
}

function renderDurations({ durationSeconds }: Model) {
  if (durationSeconds === undefined) return null;
  return { min: durationSeconds.min, max: durationSeconds.max, default: durationSeconds.default };
}

/** Inside one says `hasAudio`; this API says `motionHasAudio`. */
function renderCondition({ hasAudio, ...rest }: NonNullable<Price['rule']['rates'][number]['when']>) {
  return { ...rest, ...(hasAudio === undefined ? {} : { motionHasAudio: hasAudio }) };
}
