// Cancel against the job's own end, a thousand times, each at another point of the job's way: exactly one of the two
// wins, the credits move once, and the customer's count of open jobs comes back to nothing.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { completed, createScriptedProvider, pending } from '../../support/scripted-provider.ts';
import { openWorld, type Answer, type TestCustomer, type World } from '../../support/world.ts';
import { freshKey, makeJob } from '../scenario.ts';

const ROUNDS = 250;
/** Jobs that race side by side; below the cap of the plan. */
const BATCH = 50;
/** Turns of the event loop after which a cancel comes: from before the first step to after the last. */
const TURNS = 24;

/** The provider takes its time to say yes to a cancel, as all do that are asked over a network. */
const STORIES = {
  'while it waits': { submit: 'takes it', stops: false },
  'at a provider that delivers at once': { submit: 'delivers', stops: true },
  'at a provider that stops on demand': { submit: 'takes it', stops: true },
  'at a provider that stops, and loses the job': { submit: 'fails', stops: true },
} as const;

function providerOf({ submit, stops }: (typeof STORIES)[keyof typeof STORIES]) {
  let polls = 0;
  return createScriptedProvider({
    submit(_order, attemptId, { clock }) {
      if (submit === 'delivers') return completed(attemptId);
      return pending(attemptId, clock.now());
    },
    poll(providerJobId, { clock }) {
      polls += 1;
      if (polls % 3 === 0) return pending(providerJobId, clock.now());
      if (submit === 'fails') return { kind: 'failed', code: 'provider_error', reason: 'lost' };
      return completed(providerJobId);
    },
    ...(stops ? { cancel: async () => (await turns(2), true) } : {}),
  });
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

describe('1,000 cancels against as many endings', () => {
  for (const [name, story] of Object.entries(STORIES)) {
    describe(name, () => {
      let world: World;
      let customer: TestCustomer;
      const states: Record<string, number> = {};

      beforeAll(async () => {
        world = await openWorld({ providers: [providerOf(story)] });
        customer = await world.customer({
          credits: 1_000_000,
          limits: { generationsPerMinute: 100_000, requestsPerMinute: 100_000 },
        });
      });
      afterAll(() => world.close());

      test(`each of ${ROUNDS} ends once and settles once`, async () => {
        for (let round = 0; round < ROUNDS; round += BATCH) {
          const ids = await Promise.all(
            Array.from({ length: BATCH }, () => makeJob(world, customer.liveKey)),
          );
          const cancels = ids.map(async (id, at) => {
            await turns((at + round) % TURNS);
            return world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.liveKey });
          });
          const working = world.advance(60_000);
          const answers = await Promise.all(cancels);
          await working;
          await world.advance(60_000);
          for (const [at, id] of ids.entries()) {
            const state = await expectOneEnding(world, id, answers[at]);
            states[state] = (states[state] ?? 0) + 1;
          }
        }
        const { json } = await world.call('GET', '/v1/usage', { key: customer.liveKey });
        expect(json).toMatchObject({
          creditsReserved: 0,
          creditsBalance: 1_000_000 - 20 * (states['completed'] ?? 0),
        });
      });

      test('both sides have won', () => {
        const ended = story.submit === 'fails' ? 'failed' : 'completed';
        expect(Object.keys(states).sort()).toEqual(['canceled', ended].sort());
      });

      test('nothing is in flight, and the books balance', async () => {
        const { q, t } = world.store.read;
        const open = (await q.select().from(t.inFlight)).map((row) => row.count);
        expect(open).toEqual([0]);
        expect((await world.operator('GET', '/api/audit/verify')).json).toMatchObject({
          books: { faults: [] },
        });
        expect((await makeJob(world, customer.liveKey)).length).toBeGreaterThan(0);
      });

      test('nothing that a canceled job has stored is kept', async () => {
        const { q, t } = world.store.read;
        expect(await q.$count(t.files)).toBe(states['completed'] ?? 0);
      });
    });
  }
});

/** @returns how the job ended */
async function expectOneEnding(world: World, id: string, cancel: Answer | undefined): Promise<string> {
  const { json } = await world.operator('GET', `/api/jobs/${id}`);
  const job = json['job'] as {
    state: string;
    refundedCredits: number;
    ledger: { type: string }[];
    events: { kind: string }[];
  };
  const isCanceled = job.state === 'canceled';
  expect({ state: job.state, status: cancel?.status, code: cancel?.code ?? null }).toEqual(
    isCanceled
      ? { state: 'canceled', status: 200, code: null }
      : { state: job.state, status: 409, code: 'generation_not_cancelable' },
  );
  const ending = job.state === 'completed' ? 'capture' : 'release';
  expect(job.ledger.map(({ type }) => type)).toEqual(['reserve', ending]);
  expect(job.refundedCredits).toBe(job.state === 'completed' ? 0 : 20);
  const endings = job.events.filter(({ kind }) => /^job\.(completed|failed|canceled)$/.test(kind));
  expect(endings.map(({ kind }) => kind)).toEqual([`job.${job.state}`]);
  return job.state;
}

test('a second cancel of a canceled job says that it has ended', async () => {
  const world = await openWorld();
  const { testKey: key } = await world.customer();
  const id = await makeJob(world, key);
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => world.call('POST', `/v1/jobs/${id}/cancel`, { key })),
  );
  expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 409, 409, 409, 409]);
  await world.close();
});

test('an operator and a customer cancel at once: one ending, and a line in the audit for the operator’s', async () => {
  const world = await openWorld();
  const { testKey: key } = await world.customer();
  for (let round = 0; round < 20; round++) {
    const id = await makeJob(world, key);
    const [mine, theirs] = await Promise.all([
      world.call('POST', `/v1/jobs/${id}/cancel`, { key }),
      world.operator('POST', `/api/jobs/${id}/cancel`, { idempotencyKey: freshKey() }),
    ]);
    expect([mine.status, theirs.status].sort((a, b) => a - b)).toEqual([200, 409]);
    const audit = await world.operator('GET', `/api/audit?target=${id}`);
    expect((audit.json['events'] as unknown[]).length).toBe(theirs.status === 200 ? 1 : 0);
  }
  await world.close();
});
