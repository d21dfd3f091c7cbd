// Who is asked next: another provider only when the first certainly did not take the order, never the same one again,
// and three in all.
import { expect, test } from 'bun:test';
import type { Script } from '../support/scripted-provider.ts';
import { FAILED, openStage, UNKNOWN } from './stage.ts';

const refusing: Script = { submit: () => FAILED };

test('an order that was not taken goes to another provider at once, and is charged once', async () => {
  const stage = await openStage([refusing, {}]);
  const id = await stage.accept();
  await stage.world.settle();
  expect(stage.attempts(id)).toMatchObject([
    { number: 1, provider: 'leonardo', outcome: 'failed', reason: 'no capacity', provider_job_id: null },
    { number: 2, provider: 'other-1', outcome: 'accepted' },
  ]);
  expect(stage.timeline(id)).toEqual(['accepted', 'submitting', 'queued', 'submitting', 'started']);
  await stage.untilEnded(id);
  const { json } = await stage.world.call('GET', '/v1/usage', { key: stage.customer.liveKey });
  expect(json).toMatchObject({ creditsBalance: 999_980, creditsReserved: 0 });
  await stage.close();
});

test('every attempt has an id of its own', async () => {
  const stage = await openStage([refusing, refusing, {}]);
  const id = await stage.accept();
  await stage.world.settle();
  const submitted = stage.providers.flatMap(({ calls }) => calls.submits.map(({ attemptId }) => attemptId));
  expect(submitted).toEqual(stage.attempts(id).map((attempt) => attempt.id));
  expect(new Set(submitted).size).toBe(3);
  await stage.close();
});

test('three providers are asked at most, each once', async () => {
  const stage = await openStage([refusing, refusing, refusing, {}]);
  const id = await stage.accept();
  await stage.world.settle();
  expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'provider_error', refunded: 20 });
  expect(stage.providers.map(({ calls }) => calls.submits.length)).toEqual([1, 1, 1, 0]);
  await stage.close();
});

test('the only provider is not asked twice', async () => {
  const stage = await openStage([refusing]);
  const id = await stage.accept();
  await stage.untilEnded(id);
  expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'provider_error' });
  expect(stage.provider.calls.submits).toHaveLength(1);
  await stage.close();
});

test('a second provider whose answer gets lost ends the search', async () => {
  const stage = await openStage([refusing, { submit: () => UNKNOWN }, {}]);
  const id = await stage.accept();
  await stage.untilEnded(id);
  expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'outcome_unknown' });
  expect(stage.attempts(id)).toMatchObject([{ outcome: 'failed' }, { outcome: 'unknown' }]);
  expect(stage.providers[2]?.calls.submits).toEqual([]);
  await stage.close();
});

test('a job whose other provider is busy when the first refuses has come to its end', async () => {
  let isBusy = false;
  const stage = await openStage([{ submit: () => ((isBusy = true), FAILED) }, { canTake: () => !isBusy }]);
  const id = await stage.accept();
  await stage.world.settle();
  expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'provider_error', refunded: 20 });
  await stage.close();
});

test('a job waits for the one provider that is busy when its turn comes', async () => {
  let freeAt = Infinity;
  let asked = 0;
  const stage = await openStage([{ canTake: () => asked++ === 0 || stage.world.clock.now() >= freeAt }]);
  freeAt = stage.world.clock.now() + 12_000;
  const id = await stage.accept();
  await stage.world.advance(11_000);
  expect(stage.job(id)).toMatchObject({ state: 'queued', tries: 0 });
  expect((await stage.untilEnded(id)).state).toBe('completed');
  await stage.close();
});

test('a test job is never given to a live provider, nor a live job to the sandbox', async () => {
  const stage = await openStage([refusing, { modes: ['test'], canTake: () => false }, {}]);
  const live = await stage.accept();
  const trial = await stage.accept({ mode: 'test' });
  await stage.untilEnded(live);
  await stage.untilEnded(trial);
  expect(stage.attempts(live).map(({ provider }) => provider)).toEqual(['leonardo', 'other-2']);
  expect(stage.attempts(trial).map(({ provider }) => provider)).toEqual(['sandbox']);
  await stage.close();
});

test('what nobody can take is refused before anything is reserved', async () => {
  const stage = await openStage([{ canTake: () => false }]);
  const { world, customer } = stage;
  const answer = await world.call('POST', '/v1/images/generate', {
    key: customer.liveKey,
    idempotencyKey: 'a',
    body: { prompt: 'a harbour' },
  });
  expect(answer).toMatchObject({ status: 503, code: 'provider_unavailable' });
  const { json } = await world.call('GET', '/v1/usage', { key: customer.liveKey });
  expect(json).toMatchObject({ creditsBalance: 1_000_000, creditsReserved: 0 });
  await stage.close();
});

test('a model that is no longer in the catalogue has nobody who serves it: the deadline ends the job', async () => {
  const stage = await openStage();
  const id = await stage.accept();
  stage.tamper('UPDATE jobs SET model = ? WHERE id = ?', 'gone/model', id);
  const ended = await stage.untilEnded(id);
  expect(ended).toMatchObject({ state: 'failed', error_code: 'provider_unavailable', refunded: 20 });
  expect(ended.ended_at).toBe(ended.deadline_at);
  await stage.close();
});

test('a job whose provider is gone from the gateway is asked about until its deadline', async () => {
  const stage = await openStage();
  const id = await stage.accept();
  await stage.world.settle();
  stage.tamper("UPDATE attempts SET provider = 'gone'");
  const ended = await stage.untilEnded(id);
  expect(ended).toMatchObject({ state: 'failed', error_code: 'provider_timeout', refunded: 20 });
  expect(ended.ended_at).toBe(ended.deadline_at);
  expect(stage.world.log.filter(({ msg }) => msg === 'a step failed').length).toBeGreaterThan(2);
  await stage.close();
});
