// Jobs of all customers: the whole story of one, and what an operator may do about it.
import { Elysia } from 'elysia';
import * as v from 'valibot';
import { isEnded, type Job } from '../../jobs/index.ts';
import type { StoredFile } from '../../media/index.ts';
import { operatorOf } from '../exchange.ts';
import { readPage } from '../query.ts';
import type { RouteDeclaration } from '../route.ts';
import { jobAnswer, jobPage, jobStoryAnswer } from './answers.ts';
import { jobDetailExample, jobExample, listOf } from './examples.ts';
import { change, OPERATOR, type OperatorApiParts } from './parts.ts';
import { renderAttempt, renderEntry, renderJob, renderJobEvent } from './render.ts';
import {
  customerParams,
  jobListQuery,
  jobParams,
  noQuery,
  refundSchema,
  resolutionSchema,
} from './schemas.ts';

const TAG = 'Jobs';
const JOB = { description: 'The job.', schema: jobAnswer, example: { ok: true, job: jobExample } };
const JOBS = {
  description: 'A page of jobs, the newest first.',
  schema: jobPage,
  example: listOf('jobs', jobExample),
};

const LIST_ALL_JOBS: RouteDeclaration = {
  operationId: 'listAllJobs',
  tag: TAG,
  summary: 'List jobs of all customers',
  access: OPERATOR,
  answers: { 200: JOBS },
  errors: ['invalid_input'],
};

const LIST_CUSTOMER_JOBS: RouteDeclaration = {
  operationId: 'listCustomerJobs',
  tag: TAG,
  summary: "List a customer's jobs",
  access: OPERATOR,
  answers: { 200: JOBS },
  errors: ['invalid_input', 'account_not_found'],
};

const GET_ANY_JOB: RouteDeclaration = {
  operationId: 'getAnyJob',
  tag: TAG,
  summary: 'Read a job with its whole story',
  description: 'Every transition, every attempt at a provider, the ledger entries and links to the files.',
  access: OPERATOR,
  answers: {
    200: {
      description: 'The job.',
      schema: jobStoryAnswer,
      example: { ok: true, job: jobDetailExample },
    },
  },
  errors: ['generation_not_found'],
};

const CANCEL_ANY_JOB: RouteDeclaration = {
  operationId: 'cancelAnyJob',
  tag: TAG,
  summary: 'Cancel a job',
  access: OPERATOR,
  answers: { 200: JOB },
  errors: ['generation_not_found', 'generation_not_cancelable'],
};

const REFUND_JOB: RouteDeclaration = {
  operationId: 'refundJob',
  tag: TAG,
  summary: 'Refund a completed job',
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { reason: 'unusable output' },
  answers: { 200: JOB },
  errors: ['invalid_input', 'generation_not_found', 'invalid_state', 'idempotency_key_conflict'],
};

const RESOLVE_JOB: RouteDeclaration = {
  operationId: 'resolveJob',
  tag: TAG,
  summary: 'Resolve a job whose outcome is unknown',
  description:
    '`failed` ends the job and gives its credits back, without waiting for its deadline; `attach` goes on with it as the ' +
    'order that you have found at the provider. It is never sent again.',
  access: OPERATOR,
  idempotencyKey: 'optional',
  requestExample: { outcome: 'failed' },
  answers: { 200: JOB },
  errors: ['invalid_input', 'generation_not_found', 'invalid_state', 'idempotency_key_conflict'],
};

export function jobRoutes(parts: OperatorApiParts) {
  const { route, jobs, customers, operations, db } = parts;

  async function list(query: v.InferOutput<typeof jobListQuery>) {
    const { state, type, model, mode, customerId, createdAfter, limit, cursor } = query;
    const states = state === undefined ? undefined : [state];
    const filter = { customerId, mode, states, type, model, createdAfter };
    const { rows, nextCursor } = await jobs.list(filter, readPage('job', { limit, cursor }));
    return { ok: true as const, jobs: rows.map(renderJob), nextCursor };
  }

  return new Elysia()
    .get('/api/jobs', ({ query }) => list(query), {
      ...route.plain(LIST_ALL_JOBS),
      query: jobListQuery,
    })
    .get(
      '/api/public/customers/:customerId/jobs',
      async ({ params, query }) => {
        await customers.get(db.read, params.customerId);
        return list({ ...query, customerId: params.customerId });
      },
      {
        ...route.plain(LIST_CUSTOMER_JOBS),
        params: customerParams,
        query: v.omit(jobListQuery, ['customerId']),
      },
    )
    .get(
      '/api/jobs/:jobId',
      async ({ params }) => {
        const job = await jobs.get(db.read, params.jobId);
        return { ok: true as const, job: { ...renderJob(job), ...(await storyOf(parts, job)) } };
      },
      {
        ...route.plain(GET_ANY_JOB),
        params: jobParams,
        query: noQuery,
      },
    )
    .post(
      '/api/jobs/:jobId/cancel',
      async ({ request, params }) => {
        const operator = operatorOf(request);
        const before = await jobs.get(db.read, params.jobId);
        const job = await jobs.cancel(before, operator.actor);
        await operations.recordCancel(operator, { before, after: job });
        return { ok: true as const, job: renderJob(job) };
      },
      {
        ...route.plain(CANCEL_ANY_JOB),
        params: jobParams,
        query: noQuery,
      },
    )
    .post(
      '/api/jobs/:jobId/refund',
      ({ request, params, body }) =>
        change(parts, request, operations.refundJob(params.jobId, body.reason), (job) => ({
          body: { ok: true, job: renderJob(job) },
        })),
      {
        ...route.withBody(REFUND_JOB),
        params: jobParams,
        body: refundSchema,
        query: noQuery,
      },
    )
    .post(
      '/api/jobs/:jobId/resolve',
      ({ request, params, body }) => {
        const action =
          body.outcome === 'attach'
            ? operations.attachUnknownJob(params.jobId, body.upstreamGenerationId)
            : operations.failUnknownJob(params.jobId);
        return change(parts, request, action, (job) => ({ body: { ok: true, job: renderJob(job) } }));
      },
      {
        ...route.withBody(RESOLVE_JOB),
        params: jobParams,
        body: resolutionSchema,
        query: noQuery,
      },
    );
}

async function storyOf({ jobs, ledger, media, db, clock, publicUrl }: OperatorApiParts, job: Job) {
  const files = isEnded(job.state) ? await media.filesOf(db.read, job.id) : [];
  // Past its retention a file may still be there for a minute, and its link would be expired from the start.
  const isKept = (file: StoredFile) => file.deletedAt === null && file.deleteAt > clock.now();
  return {
    events: (await jobs.eventsOf(job.id)).map(renderJobEvent),
    attempts: (await jobs.attemptsOf(job.id)).map(renderAttempt),
    ledger: (await ledger.entriesOf(db.read, job.id)).map(renderEntry),
    files: files.map((file) => ({
      fileId: file.id,
      role: file.role,
      contentType: file.contentType,
      bytes: file.bytes,
      width: file.width,
      height: file.height,
      isDeleted: file.deletedAt !== null,
      url: isKept(file) ? publicUrl() + media.link(file, clock.now()).path : null,
    })),
  };
}
