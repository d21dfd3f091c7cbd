// Runway: tasks that are made at one path each for films from words, films from a picture, and pictures. It counts in
// credits, and deletes a task that is cancelled too late, with what it has made.
import * as v from 'valibot';
import type { AttemptOutcome, Cost, Order, Provider, ProviderContext, Verified } from './provider.ts';
import { runwayBodyOf, RUNWAY_MODELS, runwayPlanOf } from './runway-models.ts';
import {
  accountOf,
  askProvider,
  createPatience,
  dataUrlOf,
  fails,
  meaningOf,
  openLink,
  reasonOf,
  refusedPoll,
  refusedSubmit,
  rejects,
  tellable,
  unansweredPoll,
  unansweredSubmit,
  type WireAnswer,
  type WireRequest,
} from './wire.ts';

/** It does not name the host of its links; those that were seen are there. */
const OUTPUT_HOSTS = ['.cloudfront.net', '.runwayml.com'];
const VERSION = '2024-11-06';
/** Larger references, as they stand in the request, are uploaded. */
const MAX_INLINE_LENGTH = 5_000_000;
/** Nobody should ask more often. */
const MIN_GAP_MS = 5000;
const MAX_GAP_MS = 15_000;

/** What its words mean where an order is refused. */
const WORDS = [
  [/enough credits|insufficient credit/i, fails('balance')],
  [/moderation|safety|content policy/i, rejects('content_policy_violation')],
  [/model.*not (available|enabled|supported)/i, fails('model')],
] as const;
/** What its codes mean where a task failed. */
const CODES = [
  [/^(INPUT_PREPROCESSING\.)?SAFETY\b/i, rejects('content_policy_violation')],
  [/^ASSET\.INVALID/i, rejects('file_load_error')],
] as const;

const idSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const creditsSchema = v.nullish(v.object({ credits: v.pipe(v.number(), v.minValue(0)) }));
const createdSchema = v.object({ id: idSchema, estimatedCost: creditsSchema });
const taskSchema = v.object({
  id: idSchema,
  status: v.string(),
  createdAt: v.nullish(v.string()),
  output: v.nullish(v.array(v.string())),
  failure: v.nullish(v.string()),
  failureCode: v.nullish(v.string()),
  cost: creditsSchema,
});
type Task = v.InferOutput<typeof taskSchema>;
const problemSchema = v.object({ error: v.string() });
const uploadSchema = v.object({
  uploadUrl: v.pipe(v.string(), v.url()),
  fields: v.record(v.string(), v.string()),
  runwayUri: v.pipe(v.string(), v.startsWith('runway://')),
});
const limitSchema = v.object({ maxConcurrentGenerations: v.nullish(v.number()) });
const organizationSchema = v.object({
  creditBalance: v.number(),
  tier: v.nullish(v.object({ models: v.nullish(v.record(v.string(), limitSchema)) })),
});

type Patience = ReturnType<typeof createPatience>;

export function createRunway(): Provider {
  const patience = createPatience();
  return {
    id: 'runway',
    modes: ['live'],
    serves: (model) => Object.hasOwn(RUNWAY_MODELS, model),
    canTake: (order) => runwayPlanOf(order) !== null,
    submitIsRepeatable: false,
    submit: (order, _attemptId, context) => submit(order, context),
    poll: (providerJobId, context) => poll(providerJobId, context, patience),
    cancel,
    openOutput: (output, _order, context) => openLink(context, output.url, { hosts: OUTPUT_HOSTS }),
    upstream: {
      baseUrl: 'https://api.dev.runwayml.com',
      outputHosts: OUTPUT_HOSTS,
      credentials: ['api_key'],
      models: RUNWAY_MODELS,
      creditUsd: '0.01',
      capabilities: { cancel: 'running', callback: 'none', hasBalance: true },
      verify,
    },
  };
}

function ask(context: ProviderContext, request: Omit<WireRequest, 'headers'>) {
  const { credential } = accountOf(context);
  const key = credential.kind === 'api_key' ? credential.apiKey : credential.token;
  const headers = { authorization: `Bearer ${key}`, 'x-runway-version': VERSION };
  return askProvider(context, { ...request, headers });
}

async function submit(order: Order, context: ProviderContext): Promise<AttemptOutcome> {
  const plan = runwayPlanOf(order);
  if (plan === null) return { ...fails('model'), reason: 'Runway does not make this' };
  const reference = order.reference === undefined ? undefined : await placeOf(order.reference, context);
  if (reference !== undefined && 'kind' in reference) return reference;
  const json = runwayBodyOf(order, plan, reference?.uri);
  const answer = await ask(context, { to: `/v1/${plan.path}`, method: 'POST', json });
  if (answer.kind !== 'answer') return unansweredSubmit(answer);
  if (answer.status >= 300) return refusalOf(context, answer);
  const read = v.safeParse(createdSchema, answer.json);
  if (!read.success) return { kind: 'unknown', reason: 'what it answers to an order cannot be read' };
  const { id, estimatedCost } = read.output;
  return {
    kind: 'pending',
    providerJobId: id,
    pollAt: context.clock.now() + MIN_GAP_MS,
    ...costOf(estimatedCost),
  };
}

/** Where a task finds a reference: in the request itself, or uploaded. Nothing was ordered when that fails. */
async function placeOf(
  reference: NonNullable<Order['reference']>,
  context: ProviderContext,
): Promise<{ uri: string } | AttemptOutcome> {
  const inline = dataUrlOf(reference);
  if (inline.length <= MAX_INLINE_LENGTH) return { uri: inline };
  const filename = `reference.${reference.contentType.split('/').at(-1)}`;
  const asked = await ask(context, {
    to: '/v1/uploads',
    method: 'POST',
    json: { filename, type: 'ephemeral' },
  });
  if (asked.kind !== 'answer') return { ...fails('provider'), reason: `upload: ${reasonOf(asked)}` };
  const read = v.safeParse(uploadSchema, asked.json);
  if (asked.status >= 300 || !read.success) {
    const refused = refusalOf(context, asked);
    return refused.kind === 'failed'
      ? refused
      : { ...fails('provider'), reason: `upload: status ${asked.status}` };
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(read.output.fields)) form.append(name, value);
  form.append('file', new Blob([reference.bytes], { type: reference.contentType }), filename);
  // The storage is somebody else's: the key is not for it.
  const put = await askProvider(context, { to: read.output.uploadUrl, method: 'POST', headers: {}, form });
  if (put.kind === 'answer' && put.status < 300) return { uri: read.output.runwayUri };
  return {
    ...fails('provider'),
    reason: `upload: ${put.kind === 'answer' ? `status ${put.status}` : reasonOf(put)}`,
  };
}

function refusalOf(context: ProviderContext, answer: WireAnswer): AttemptOutcome {
  const said = saidBy(context, answer);
  const meaning = answer.status < 500 && answer.status !== 429 ? meaningOf(said, WORDS) : undefined;
  return meaning === undefined
    ? refusedSubmit(answer, context.clock.now(), said)
    : { ...meaning, reason: said };
}

function saidBy(context: ProviderContext, { json, text }: WireAnswer): string {
  const read = v.safeParse(problemSchema, json);
  if (read.success) return tellable(context, read.output.error);
  return json === undefined ? text : 'no reason is given';
}

function costOf(told: v.InferOutput<typeof creditsSchema>): { cost?: Cost } {
  return told ? { cost: { amount: String(told.credits), unit: 'credits' } } : {};
}

async function poll(
  providerJobId: string,
  context: ProviderContext,
  patience: Patience,
): Promise<AttemptOutcome> {
  const answer = await ask(context, { to: `/v1/tasks/${providerJobId}` });
  if (answer.kind !== 'answer') return unansweredPoll(answer);
  const read = v.safeParse(taskSchema, answer.json);
  if (answer.status === 200 && read.success) return outcomeOf(read.output, context, patience);
  return refusedPoll(answer, context.clock.now(), saidBy(context, answer));
}

function outcomeOf(task: Task, context: ProviderContext, patience: Patience): AttemptOutcome {
  const { id: providerJobId, createdAt, output, failure, failureCode, cost } = task;
  const now = context.clock.now();
  const ageMs = now - Date.parse(createdAt ?? '');
  const gapMs = Number.isNaN(ageMs) ? MAX_GAP_MS : Math.min(Math.max(ageMs / 6, MIN_GAP_MS), MAX_GAP_MS);
  const later = { kind: 'pending', providerJobId, pollAt: now + Math.ceil(gapMs) } as const;
  switch (task.status.toUpperCase()) {
    case 'SUCCEEDED': {
      const [url] = output ?? [];
      const outputs = [{ role: 'output', url: url ?? '' } as const];
      if (url && URL.canParse(url)) return { kind: 'completed', providerJobId, outputs, ...costOf(cost) };
      return patience.isOver(providerJobId) ? { ...fails('provider'), reason: 'it has no output' } : later;
    }
    case 'FAILED': {
      const reason = tellable(context, [failureCode, failure].filter(Boolean).join(': '));
      return { ...(meaningOf(failureCode ?? '', CODES) ?? fails('provider')), reason };
    }
    case 'CANCELLED':
    case 'CANCELED':
      return { ...fails('provider'), reason: 'it was cancelled' };
    default:
      return later;
  }
}

/** Asks first: what has ended would be deleted. */
async function cancel(providerJobId: string, context: ProviderContext): Promise<boolean> {
  const answer = await ask(context, { to: `/v1/tasks/${providerJobId}` });
  const read =
    answer.kind === 'answer' && answer.status === 200 ? v.safeParse(taskSchema, answer.json) : null;
  if (!read?.success || !['PENDING', 'THROTTLED', 'RUNNING'].includes(read.output.status)) return false;
  const deleted = await ask(context, { to: `/v1/tasks/${providerJobId}`, method: 'DELETE' });
  return deleted.kind === 'answer' && deleted.status < 300;
}

/** Each model has slots of its own; what is beyond them waits at Runway. */
async function verify(context: ProviderContext): Promise<Verified> {
  const answer = await ask(context, { to: '/v1/organization' });
  if (answer.kind !== 'answer') return { kind: 'unreachable', reason: reasonOf(answer) };
  const read = v.safeParse(organizationSchema, answer.json);
  if (answer.status === 200 && read.success) {
    const available = String(Math.max(0, read.output.creditBalance));
    const limits = Object.values(read.output.tier?.models ?? {}).flatMap(
      (limit) => limit.maxConcurrentGenerations ?? [],
    );
    const slots = limits.length === 0 ? null : Math.max(...limits);
    return { kind: 'ok', remoteId: null, balance: { unit: 'credits', available }, slots };
  }
  const isRefused = answer.status === 401 || answer.status === 403;
  return { kind: isRefused ? 'refused' : 'unreachable', reason: `status ${answer.status}` };
}
