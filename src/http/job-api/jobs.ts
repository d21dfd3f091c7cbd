// Reading jobs and their results, listing them, and canceling.
import { Elysia } from 'elysia';
import { GatewayError } from '../../errors.ts';
import { isId } from '../../ids.ts';
import { isEnded, type Job, type Jobs } from '../../jobs/index.ts';
import { exchangeOf, principalOf } from '../exchange.ts';
import { JSON_TYPE } from '../json-text.ts';
import { readPage } from '../query.ts';
import type { RouteDeclaration } from '../route.ts';
import { canceledJobExample, imageResultExample, jobExample, listExample } from './examples.ts';
import { jobListSchema, jobSchema, pendingResultSchema, resultSchema } from './answers.ts';
import { TAG, type JobApiParts } from './parts.ts';
import { renderJob, statesOf } from './render.ts';
import { resultOf } from './results.ts';
import { jobParams, listQuerySchema, noQuerySchema, readQuerySchema } from './schemas.ts';

const READ_ACCESS = { kind: 'customer', scope: 'generation:read', dialect: 'job' } as const;
const CANCEL_ACCESS = { kind: 'customer', scope: 'generation:delete', dialect: 'job' } as const;
const WAIT_NOTE =
  'With `?wait=N` the answer comes when the job ends, after N seconds (60 at most) if it does not.';
/** What to wait before asking for a result again, in seconds. */
const RESULT_RETRY_SECONDS = 2;

const LIST: RouteDeclaration = {
  operationId: 'listJobs',
  tag: TAG,
  summary: 'List jobs',
  description: "The customer's jobs in the key's mode, the newest first.",
  access: READ_ACCESS,
  answers: { 200: { description: 'A page of jobs.', schema: jobListSchema, example: listExample } },
  errors: ['invalid_input'],
};

const GET: RouteDeclaration = {
  operationId: 'getJob',
  tag: TAG,
  summary: 'Read a job',
  description: `The state of a job. A job that failed is still answered with 200. ${WAIT_NOTE}`,
  access: READ_ACCESS,
  answers: { 200: { description: 'The job.', schema: jobSchema, example: jobExample } },
  errors: ['invalid_input', 'generation_not_found'],
};

const RESULT: RouteDeclaration = {
  operationId: 'getJobResult',
  tag: TAG,
  summary: 'Get the result of a job',
  description: `Links to what a completed job has made, freshly signed. ${WAIT_NOTE}`,
  access: READ_ACCESS,
  answers: {
    200: { description: 'The result.', schema: resultSchema, example: imageResultExample },
    202: {
      description: 'The job has not ended; ask again after `Retry-After` seconds.',
      schema: pendingResultSchema,
      example: { ok: true, jobId: imageResultExample.jobId, status: 'processing' },
      headers: { 'Retry-After': 'Seconds to wait.' },
    },
  },
  errors: ['invalid_input', 'generation_not_found', 'job_failed', 'job_canceled', 'result_unavailable'],
};

const CANCEL: RouteDeclaration = {
  operationId: 'cancelJob',
  tag: TAG,
  summary: 'Cancel a job',
  description:
    'Stops a job that waits, or one whose provider can still stop it, and gives its credits back. A job that ' +
    'ends at the same moment stays ended: then the answer is 409.',
  access: CANCEL_ACCESS,
  answers: {
    200: { description: 'The job was canceled.', schema: jobSchema, example: canceledJobExample },
  },
  errors: ['generation_not_found', 'generation_not_cancelable'],
};

export function jobRoutes(parts: JobApiParts) {
  const { route, jobs } = parts;
  const answer = createJobAnswer(jobs);
  return new Elysia()
    .get(
      '/v1/jobs',
      async ({ request, query }) => {
        const { customerId, mode } = principalOf(request);
        const { status, type, createdAfter, ...page } = query;
        const states = status === undefined ? undefined : statesOf(status);
        const { rows, nextCursor } = await jobs.list(
          { customerId, mode, states, type, createdAfter },
          readPage('job', page),
        );
        return { ok: true as const, jobs: rows.map(renderJob), nextCursor };
      },
      {
        ...route.plain(LIST),
        query: listQuerySchema,
      },
    )
    .get(
      '/v1/jobs/:jobId',
      ({ request, params, query }) => {
        const job = showJob(parts, request, { id: params.jobId, waitSeconds: query.wait });
        return job instanceof Promise ? job.then(answer) : answer(job);
      },
      {
        ...route.plain(GET),
        params: jobParams,
        query: readQuerySchema,
      },
    )
    .get(
      '/v1/jobs/:jobId/result',
      async ({ request, params, query, set }) => {
        const job = await showJob(parts, request, { id: params.jobId, waitSeconds: query.wait });
        if (job.state === 'completed') return resultOf(parts, job);
        if (isEnded(job.state)) throw noResult(job);
        set.status = 202;
        set.headers['retry-after'] = String(RESULT_RETRY_SECONDS);
        return { ok: true as const, jobId: job.id, status: 'processing' as const };
      },
      {
        ...route.plain(RESULT),
        params: jobParams,
        query: readQuerySchema,
      },
    )
    .post(
      '/v1/jobs/:jobId/cancel',
      async ({ request, params }) => {
        const { keyId, customerId, mode } = principalOf(request);
        const job = await jobs.getOwn({ customerId, mode }, jobId(params.jobId));
        return { ok: true as const, ...renderJob(await jobs.cancel(job, `key:${keyId}`)) };
      },
      {
        ...route.plain(CANCEL),
        params: jobParams,
        query: noQuerySchema,
      },
    );
}

type Said = { queuePosition: number | null; text: string };

/** A job as it is answered; said once for as long as nothing of it changes. */
function createJobAnswer(jobs: Jobs): (job: Job) => Response | Promise<Response> {
  const said = new WeakMap<Job, Said>();

  function say(job: Job, queuePosition: number | null): Response {
    let known = said.get(job);
    if (known?.queuePosition !== queuePosition) {
      const place = queuePosition === null ? {} : { queuePosition };
      known = { queuePosition, text: JSON.stringify({ ok: true, ...renderJob(job), ...place }) };
      said.set(job, known);
    }
    return new Response(known.text, { headers: { 'content-type': JSON_TYPE } });
  }

  return (job) => {
    if (job.state !== 'queued') return say(job, null);
    const position = jobs.queuePosition(job);
    return position instanceof Promise ? position.then((place) => say(job, place)) : say(job, position);
  };
}

type Showing = { id: string; waitSeconds?: number | undefined };

/** At once when the job is known and nobody waits: most reads are by clients that ask again and again. */
function showJob(
  { jobs }: JobApiParts,
  request: Request,
  { id, waitSeconds = 0 }: Showing,
): Job | Promise<Job> {
  const owner = principalOf(request);
  if (waitSeconds === 0) return jobs.look(owner, jobId(id));
  exchangeOf(request).keepOpen(waitSeconds);
  return jobs.waitForEnd(owner, jobId(id), waitSeconds * 1000);
}

/** @throws GatewayError `generation_not_found` for what cannot be the id of a job */
function jobId(text: string): string {
  if (!isId('job', text)) throw new GatewayError('generation_not_found');
  return text;
}

function noResult(job: Job): GatewayError {
  if (job.state === 'canceled') return new GatewayError('job_canceled');
  return new GatewayError('job_failed', {
    details: { jobError: { code: job.errorCode, message: job.errorMessage } },
  });
}
