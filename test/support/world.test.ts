// The test world itself: a job runs through, time is in the test's hands, and a crash loses nothing.
import { expect, test } from 'bun:test';
import { openWorld } from './world.ts';

test('a test job runs from acceptance to its file, also across a crash', async () => {
  const world = await openWorld();
  const { testKey: key } = await world.customer();
  const accepted = await world.call('POST', '/v1/images/generate', {
    key,
    idempotencyKey: 'a',
    body: { prompt: 'a harbour' },
  });
  expect(accepted.status).toBe(202);
  await world.crash();
  await world.advance(10_000);
  const job = await world.call('GET', `/v1/jobs/${String(accepted.json['jobId'])}`, { key });
  expect(job.json).toMatchObject({ status: 'completed', chargedCredits: 20 });
  const usage = await world.call('GET', '/v1/usage', { key });
  expect(usage.json).toMatchObject({ creditsBalance: 99_980, creditsReserved: 0 });
  await world.close();
});
