// The result of a completed job as this API hands it out: links, freshly signed.
import { GatewayError } from '../../errors.ts';
import type { Job } from '../../jobs/index.ts';
import type { StoredFile } from '../../media/index.ts';
import type { JobApiParts } from './parts.ts';
import { renderResult, type SignedUrl } from './render.ts';

/** @throws GatewayError `result_unavailable` when the output was deleted */
export async function resultOf({ jobs, media, clock, publicUrl }: JobApiParts, job: Job) {
  const { output, poster } = await jobs.outputsOf(job);
  const sign = (file: StoredFile): SignedUrl => {
    const link = media.link(file, clock.now());
    return { url: publicUrl() + link.path, expiresAt: link.expiresAt };
  };
  return renderResult(job, output, { output: sign(output), poster: poster === null ? null : sign(poster) });
}

/** The result where it is still kept; null when the output was deleted. */
export async function findResultOf(parts: JobApiParts, job: Job) {
  return resultOf(parts, job).catch((thrown: unknown) => {
    if (thrown instanceof GatewayError && thrown.code === 'result_unavailable') return null;
    throw thrown;
  });
}
