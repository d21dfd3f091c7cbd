// Every job ends by its deadline, whatever state it is in, and gives its credits back once.
import { describe, expect, test } from 'bun:test';
import { pending, type Script } from '../support/scripted-provider.ts';
import { openStage, UNKNOWN, type Stage } from './stage.ts';

const IMAGE_DEADLINE_MS = 300_000;
const VIDEO_DEADLINE_MS = 1_800_000;

/** A provider that is busy as soon as it has been asked whether it could take an order. */
function busy(): Script {
  let asked = 0;
  return { canTake: () => asked++ === 0 };
}

const later = (jobId: string, now: number) => pending(jobId, now + 8 * 3_600_000);

const STORIES: { state: string; code: string; script: Script }[] = [
  { state: 'queued', code: 'provider_unavailable', script: busy() },
  { state: 'unknown', code: 'outcome_unknown', script: { submit: () => UNKNOWN } },
  {
    state: 'unknown',
    code: 'outcome_unknown',
    script: { submit: () => UNKNOWN, submitIsRepeatable: true },
  },
  { state: 'running', code: 'provider_timeout', script: { poll: (id, { clock }) => later(id, clock.now()) } },
  {
    state: 'storing',
    code: 'storage_error',
    script: {},
  },
];

async function expectDeadline(stage: Stage, id: string, { code, state }: { code: string; state: string }) {
  const { deadline_at } = stage.job(id);
  await stage.world.advance(deadline_at - stage.world.clock.now() - 1);
  expect(stage.job(id)).toMatchObject({ state, ended_at: null });
  await stage.world.advance(1);
  expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: code, ended_at: deadline_at });
  expect(stage.job(id).refunded).toBe(stage.job(id).price);
  expect(stage.timeline(id).at(-1)).toBe('failed');
  for (const attempt of stage.attempts(id)) expect(attempt.ended_at).not.toBeNull();
}

describe('a deadline ends a job', () => {
  for (const { state, code, script } of STORIES) {
    const how = script.submitIsRepeatable === true ? ' and asked about again and again' : '';
    test(`that is ${state}${how}, as ${code}`, async () => {
      const stage = await openStage([script]);
      const id = await stage.accept();
      if (state === 'storing')
        stage.tamper('UPDATE jobs SET deadline_at = created_at + 20000 WHERE id = ?', id);
      if (state === 'storing') await breakStore(stage);
      await expectDeadline(stage, id, { state, code });
      await stage.close();
    });
  }

  test('that was being submitted when the process died', async () => {
    const stage = await openStage([{ submit: () => new Promise<never>(() => undefined) }], {
      gateKeeper: (gate) => (gate === 'before leonardo.submit' ? 'die' : 'go'),
    });
    const id = await stage.accept();
    await stage.world.settle();
    expect(stage.job(id)).toMatchObject({ state: 'submitting' });
    stage.world.clock.advance(IMAGE_DEADLINE_MS);
    await stage.world.crash();
    await stage.world.settle();
    expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'outcome_unknown', refunded: 20 });
    expect(stage.attempts(id)).toMatchObject([{ outcome: 'sent', ended_at: stage.world.clock.now() }]);
    await stage.close();
  });

  test('that no process looked at for longer than its deadline', async () => {
    const stage = await openStage();
    const id = await stage.accept();
    await stage.world.settle();
    stage.world.clock.advance(10 * IMAGE_DEADLINE_MS);
    await stage.world.crash();
    await stage.world.settle();
    expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'provider_timeout' });
    await stage.close();
  });
});

test('images and videos have the deadline of their model', async () => {
  const stage = await openStage();
  const [image, video] = [await stage.accept(), await stage.accept({ type: 'video' })];
  expect(stage.job(image).deadline_at - stage.job(image).created_at).toBe(IMAGE_DEADLINE_MS);
  expect(stage.job(video).deadline_at - stage.job(video).created_at).toBe(VIDEO_DEADLINE_MS);
  await stage.close();
});

test('a result that comes after the deadline changes nothing', async () => {
  let tell: () => void = () => undefined;
  const stage = await openStage([
    {
      poll: (id) =>
        new Promise((resolve) => {
          tell = () => resolve({ kind: 'completed', providerJobId: id, outputs: [] });
        }),
    },
  ]);
  const id = await stage.accept();
  await stage.world.settle();
  stage.world.clock.advance(2000);
  const settling = stage.world.settle();
  await stage.world.clock.someoneSleeps(30_000);
  stage.tamper('UPDATE jobs SET due_at = 0, deadline_at = created_at WHERE id = ?', id);
  await stage.world.openNode().scheduler.runDue();
  expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'provider_timeout' });
  tell();
  await settling;
  expect(stage.job(id)).toMatchObject({ state: 'failed', refunded: 20 });
  await stage.close();
});

/** From now on nothing can be written to the media folder. */
async function breakStore({ world }: Stage): Promise<void> {
  await Bun.write(`${world.dir}/media`, 'not a folder');
}
