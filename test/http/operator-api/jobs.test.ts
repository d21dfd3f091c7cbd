// Jobs through the operator API: the whole story of each, and what an operator may do about one.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { DAY_MS } from '../../../src/runtime/clock.ts';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import { openWorld, PUBLIC_URL, type TestCustomer, type World } from '../../support/world.ts';
import { freshKey, makeJob, runScenarios, type Scenario } from '../scenario.ts';

let world: World;
let customer: TestCustomer;
/** What the provider says to an order. */
let isUnknown: boolean;

beforeEach(async () => {
  isUnknown = false;
  const provider = createScriptedProvider({
    submit(_order, attemptId, { clock }) {
      if (isUnknown) return { kind: 'unknown', reason: 'reset' };
      return { kind: 'pending', providerJobId: `upstream-${attemptId}`, pollAt: clock.now() + 2000 };
    },
    poll: (providerJobId) => ({
      kind: 'completed',
      providerJobId,
      outputs: [{ role: 'output', url: 'upstream:output' }],
    }),
  });
  world = await openWorld({ providers: [provider] });
  customer = await world.customer({ credits: 1000 });
});
afterEach(() => world.close());

async function story(id: string): Promise<Record<string, unknown>> {
  return (await world.operator('GET', `/api/jobs/${id}`)).json['job'] as Record<string, unknown>;
}

describe('the story of a job', () => {
  test('tells every transition, attempt, entry and file', async () => {
    const id = await makeJob(world, customer.liveKey, { metadata: { order: '17' } });
    await world.advance(10_000);
    const job = await story(id);
    expect(job).toMatchObject({
      jobId: id,
      customerId: customer.id,
      mode: 'live',
      model: 'openai/gpt-image-2',
      state: 'completed',
      input: { prompt: 'a harbour', size: '1:1_SMALL', width: 1024, height: 1024, quality: 'LOW' },
      metadata: { order: '17' },
      chargedCredits: 20,
      refundedCredits: 0,
      error: null,
      attempts: [
        {
          number: 1,
          provider: 'leonardo',
          providerJobId: expect.stringMatching(/^upstream-att_/),
          outcome: 'completed',
        },
      ],
      ledger: [{ type: 'reserve' }, { type: 'capture' }],
      files: [{ role: 'output', contentType: 'image/png', isDeleted: false }],
    });
    expect((job['events'] as { kind: string }[]).map(({ kind }) => kind)).toEqual([
      'job.accepted',
      'job.submitting',
      'job.started',
      'job.storing',
      'job.completed',
    ]);
    const [file] = job['files'] as { url: string }[];
    expect((await world.call('GET', String(file?.url).slice(PUBLIC_URL.length))).status).toBe(200);
    // What the request was answered with names the request that ordered it.
    expect(job['requestId']).toMatch(/^req_/);
  });

  test('shows no link to a file that is past its retention and not deleted yet', async () => {
    const id = await makeJob(world, customer.liveKey);
    await world.advance(10_000);
    world.clock.advance(366 * DAY_MS);
    expect((await story(id))['files']).toMatchObject([{ role: 'output', isDeleted: false, url: null }]);
  });

  test('of a customer is listed with its filters', async () => {
    const other = await world.customer({ credits: 100 });
    const mine = await makeJob(world, customer.liveKey);
    await makeJob(world, customer.testKey);
    await makeJob(world, other.liveKey);
    const ids = async (path: string) =>
      ((await world.operator('GET', path)).json['jobs'] as { jobId: string }[]).map(({ jobId }) => jobId);
    expect(await ids(`/api/jobs?customerId=${customer.id}&mode=live`)).toEqual([mine]);
    expect(await ids(`/api/public/customers/${customer.id}/jobs?mode=live&state=queued`)).toEqual([mine]);
    expect((await ids(`/api/public/customers/${customer.id}/jobs`)).length).toBe(2);
    expect((await ids('/api/jobs?state=queued')).length).toBe(3);
    expect(await ids('/api/jobs?state=completed')).toEqual([]);
    expect(await ids('/api/jobs?model=bytedance/seedance-2.0-fast')).toEqual([]);
  });
});

describe('a cancel by the operator', () => {
  test('gives the credits back, and stands in the audit', async () => {
    const id = await makeJob(world, customer.liveKey);
    const answer = await world.operator('POST', `/api/jobs/${id}/cancel`);
    expect(answer).toMatchObject({ status: 200, json: { job: { state: 'canceled', refundedCredits: 20 } } });
    expect(await world.operator('POST', `/api/jobs/${id}/cancel`)).toMatchObject({
      status: 409,
      code: 'generation_not_cancelable',
    });
    const { json } = await world.operator('GET', `/api/audit?target=${id}`);
    expect(json['events']).toMatchObject([
      { action: 'job.cancel', before: { state: 'queued' }, after: { state: 'canceled' } },
    ]);
  });
});

describe('a refund', () => {
  const refund = (id: string, idempotencyKey = freshKey()) =>
    world.operator('POST', `/api/jobs/${id}/refund`, { body: { reason: 'unusable' }, idempotencyKey });

  test('gives a completed job’s credits back, once', async () => {
    const id = await makeJob(world, customer.liveKey);
    await world.advance(10_000);
    const key = freshKey();
    const first = await refund(id, key);
    expect(first).toMatchObject({ status: 200, json: { job: { state: 'completed', refundedCredits: 20 } } });
    expect((await refund(id, key)).json).toEqual(first.json);
    expect(await refund(id)).toMatchObject({ status: 409, code: 'invalid_state' });
    expect((await world.call('GET', '/v1/usage', { key: customer.liveKey })).json).toMatchObject({
      creditsBalance: 1000,
    });
    expect((await world.call('GET', `/v1/jobs/${id}`, { key: customer.liveKey })).json).toMatchObject({
      status: 'completed',
      chargedCredits: 20,
      refundedCredits: 20,
    });
    // The customer keeps the result.
    expect((await world.call('GET', `/v1/jobs/${id}/result`, { key: customer.liveKey })).status).toBe(200);
  });

  test('is refused for a job that was not charged', async () => {
    const open = await makeJob(world, customer.liveKey);
    expect((await refund(open)).json).toMatchObject({
      error: { message: 'Only a charged job can be refunded.' },
    });
    await world.operator('POST', `/api/jobs/${open}/cancel`);
    expect(await refund(open)).toMatchObject({ status: 409, code: 'invalid_state' });
  });

  test('of one job by two operators at once is made once', async () => {
    const id = await makeJob(world, customer.liveKey);
    await world.advance(10_000);
    const answers = await Promise.all(Array.from({ length: 10 }, () => refund(id)));
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
    expect((await world.call('GET', '/v1/usage', { key: customer.liveKey })).json).toMatchObject({
      creditsBalance: 1000,
    });
  });
});

describe('a job whose outcome is unknown', () => {
  test('can be ended as failed, and no other can', async () => {
    isUnknown = true;
    const id = await makeJob(world, customer.liveKey);
    await world.advance(1000);
    expect(await story(id)).toMatchObject({ state: 'unknown' });
    // To the customer it is a job like any other that goes on.
    expect((await world.call('GET', `/v1/jobs/${id}`, { key: customer.liveKey })).json).toMatchObject({
      status: 'processing',
    });
    expect((await world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.liveKey })).code).toBe(
      'generation_not_cancelable',
    );
    const resolve = () => world.operator('POST', `/api/jobs/${id}/resolve`, { body: { outcome: 'failed' } });
    expect((await resolve()).json).toMatchObject({
      job: { state: 'failed', error: { code: 'outcome_unknown' }, refundedCredits: 20 },
    });
    expect(await resolve()).toMatchObject({ status: 409, code: 'invalid_state' });
    isUnknown = false;
    const other = await makeJob(world, customer.liveKey);
    expect(
      await world.operator('POST', `/api/jobs/${other}/resolve`, { body: { outcome: 'failed' } }),
    ).toMatchObject({
      status: 409,
      code: 'invalid_state',
    });
  });
});

test('the overview counts jobs, credits and customers', async () => {
  const open = await makeJob(world, customer.liveKey);
  const { json } = await world.operator('GET', '/api/overview');
  expect(json).toMatchObject({
    customers: { active: 1 },
    jobs: {
      last24Hours: { queued: 1 },
      oldestQueued: { jobId: open, createdAt: new Date(world.clock.now()).toISOString() },
    },
    creditsOutstanding: { live: 1000, test: 100_000 },
    creditsReserved: { live: 20, test: 0 },
  });
  await world.advance(10_000);
  expect((await world.operator('GET', '/api/overview')).json).toMatchObject({
    jobs: { last24Hours: { completed: 1 }, oldestQueued: null },
    creditsOutstanding: { live: 980 },
    creditsReserved: { live: 0 },
  });
});

const UNKNOWN = '/api/jobs/job_01m7xyqn02e3fa7ae8dqfy7sce';

runScenarios('bad input', [
  ...(
    [
      ['GET', '', undefined],
      ['POST', '/cancel', undefined],
      ['POST', '/refund', { reason: 'x' }],
      ['POST', '/resolve', { outcome: 'failed' }],
    ] as const
  ).map(([method, suffix, body]): Scenario => ({
    name: `${method} ${suffix} of a job that there is not`,
    call: { method, path: UNKNOWN + suffix, as: 'operator', body },
    answer: { status: 404, code: 'generation_not_found' },
  })),
  ...(
    [
      ['/refund', {}, 'reason', 'is required'],
      ['/refund', { reason: 'x', amount: 5 }, 'amount', 'is not a field of this request'],
      ['/resolve', {}, 'outcome', 'is required'],
      ['/resolve', { outcome: 'completed' }, 'outcome', 'must be failed'],
    ] as const
  ).map(([suffix, body, field, says]): Scenario => ({
    name: `${suffix} with ${JSON.stringify(body)}`,
    call: { method: 'POST', path: UNKNOWN + suffix, as: 'operator', body },
    answer: { status: 400, code: 'invalid_input', field, says },
  })),
  ...(
    [
      ['state=done', 'state', 'must be queued, submitting'],
      ['limit=201', 'limit', 'from 1 to 200'],
      ['mode=prod', 'mode', 'must be live or test'],
      ['status=failed', 'status', 'did you mean state?'],
    ] as const
  ).map(([query, field, says]): Scenario => ({
    name: `the list with ${query}`,
    call: { method: 'GET', path: `/api/jobs?${query}`, as: 'operator' },
    answer: { status: 400, code: 'invalid_input', field, says },
  })),
]);
