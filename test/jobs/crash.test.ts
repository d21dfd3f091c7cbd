// A process that dies, or whose disk fails, at every single gate between it and the outside, in every story: after the
// next start there is exactly one job, one ending and one charge, and the order was believed to be sent once.
import { describe, expect, test } from 'bun:test';
import { INSIST_AFTER_MS } from '../../src/jobs/call.ts';
import { okBytes } from '../support/fake-net.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import type { Verdict } from '../support/mortal.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { completed, type Script } from '../support/scripted-provider.ts';
import type { Answer } from '../support/world.ts';
import { FAILED, openStage, UNKNOWN, type Stage } from './stage.ts';

const PICTURE_URL = 'https://pictures.example/cat.png';
/** More than any story has; a story that passes as many gates runs in a circle. */
const MAX_GATES = 200;

type Story = {
  tells: string;
  scripts: () => Script[];
  body?: Record<string, unknown>;
  mode?: 'live' | 'test';
  /** Whether the customer cancels after a second. */
  isCanceled?: boolean;
};

const STORIES: Story[] = [
  { tells: 'a plain order', scripts: () => [{}] },
  { tells: 'a plain test order', scripts: () => [{}], mode: 'test' },
  { tells: 'an order that is ready at once', scripts: () => [{ submit: (_order, id) => completed(id) }] },
  { tells: 'an order that its provider takes twice for once', scripts: () => [{ submitIsRepeatable: true }] },
  { tells: 'an order that another provider takes', scripts: () => [{ submit: () => FAILED }, {}] },
  { tells: 'an order that may have been taken', scripts: () => [{ submit: () => UNKNOWN }] },
  { tells: 'an order that comes to nothing', scripts: () => [{ poll: () => FAILED }] },
  {
    tells: 'an order with a picture from elsewhere',
    scripts: () => [{}],
    body: { referenceImage: PICTURE_URL },
  },
  {
    tells: 'an order with its picture',
    scripts: () => [{}],
    body: { referenceImage: tinyPng(300, 300).toBase64() },
  },
  { tells: 'an order that is canceled', scripts: () => [{ cancel: () => true }], isCanceled: true },
];

/** Lets the n-th gate from `arm` on stop whoever comes to it. */
function createPorter() {
  let left = Infinity;
  let verdict: Verdict = 'go';
  return {
    arm(gates: number, what: Verdict) {
      left = gates;
      verdict = what;
    },
    /** Whether the gate was come to. */
    hasStopped: () => left < 0,
    keeper: (): Verdict => (left-- === 0 ? verdict : 'go'),
  };
}

/** Lets time pass for a step that waits between two tries to write something down. */
function hurry(clock: ManualClock): void {
  const watch = async (ms: number): Promise<void> => {
    await clock.someoneSleeps(ms);
    clock.advance(ms);
    return watch(ms);
  };
  for (const ms of INSIST_AFTER_MS) void watch(ms);
}

/** Sends a request again and again, as a good client does, through whatever becomes of the process. */
async function insist({ world }: Stage, send: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      const answer = await send();
      if (answer.status < 500) return answer;
    } catch (thrown) {
      if (!world.isDead()) throw thrown;
      await world.crash();
    }
  }
}

async function live(
  stage: Stage,
  { body, mode = 'live', isCanceled = false }: Story,
  key: string,
): Promise<string> {
  const { world, customer } = stage;
  const auth = { key: mode === 'live' ? customer.liveKey : customer.testKey };
  const order = { ...auth, idempotencyKey: key, body: { prompt: `a story called ${key}`, ...body } };
  const accepted = await insist(stage, () => world.call('POST', '/v1/images/generate', order));
  expect(accepted.status).toBe(202);
  const id = String(accepted.json['jobId']);
  const pass = async (ms: number) => {
    // The loop of a real process logs what it cannot do and comes back to it.
    await world.advance(ms).catch(() => undefined);
    if (world.isDead()) await world.crash();
  };
  await pass(0);
  if (isCanceled) await insist(stage, () => world.call('POST', `/v1/jobs/${id}/cancel`, auth));
  for (let minute = 0; minute < 10 && stage.job(id).ended_at === null; minute++) await pass(60_000);
  return id;
}

function expectOneStory(stage: Stage, id: string, key: string): void {
  expect(stage.job(id).ended_at).not.toBeNull();
  const attempts = stage.attempts(id);
  for (const provider of stage.providers) {
    const submits = provider.calls.submits.filter(({ order }) => order.prompt.endsWith(`called ${key}`));
    const ids = new Set(submits.map(({ attemptId }) => attemptId));
    // Believed in: every order that left the house stands in the books, and a second one only where it is recognised.
    expect(ids.size).toBeLessThanOrEqual(1);
    if (!provider.submitIsRepeatable) expect(submits.length).toBe(ids.size);
    for (const attemptId of ids) expect(attempts.map((attempt) => attempt.id)).toContain(attemptId);
  }
}

for (const verdict of ['die', 'fail'] as const) {
  describe(verdict === 'die' ? 'a process that dies' : 'a call that fails', () => {
    for (const story of STORIES) {
      test(`at any gate of ${story.tells}`, async () => {
        const porter = createPorter();
        const stage = await openStage(story.scripts(), { gateKeeper: porter.keeper });
        hurry(stage.world.clock);
        stage.world.net.route(PICTURE_URL, okBytes(tinyPng(300, 300)));
        let gates = 0;
        let hasStopped = false;
        do {
          const key = `${verdict}-${gates}`;
          porter.arm(gates++, verdict);
          expectOneStory(stage, await live(stage, story, key), key);
          expect(gates).toBeLessThan(MAX_GATES);
          hasStopped = porter.hasStopped();
          // What this story has left to clean up is no part of the next one.
          porter.arm(Infinity, 'go');
          await stage.world.advance(120_000);
        } while (hasStopped);
        expect(gates).toBeGreaterThan(10);
        await stage.close();
      });
    }
  });
}
