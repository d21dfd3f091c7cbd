// The probes, and a disk that runs low: new work is refused, what is open is settled, and it all comes back.
import { expect, test } from 'bun:test';
import { openWorld, type World } from '../support/world.ts';
import { countEverything, freshKey, makeJob } from './scenario.ts';

const MEBIBYTE = 1024 * 1024;
/** How long the gateway relies on a look at the disk. */
const LOOK_MS = 5000;

async function readiness(world: World) {
  const { status, json, headers } = await world.call('GET', '/readyz');
  const checks = json['checks'] as { name: string; ok: boolean }[];
  expect(headers.get('cache-control')).toBe('no-store');
  return { status, ok: json['ok'], failing: checks.filter(({ ok }) => !ok).map(({ name }) => name) };
}

test('the probes answer without a key and tell nothing', async () => {
  const world = await openWorld();
  for (const path of ['/livez', '/health']) {
    expect((await world.call('GET', path)).json).toEqual({ ok: true, status: 'up' });
  }
  expect((await world.call('GET', '/readyz')).json).toEqual({
    ok: true,
    status: 'ready',
    checks: ['database', 'disk', 'draining'].map((name) => ({ name, ok: true })),
  });
  await world.close();
});

test('a disk that runs low refuses new work, settles what is open, and recovers by itself', async () => {
  let freeBytes = 1024 * MEBIBYTE;
  const world = await openWorld({ freeBytes: () => freeBytes });
  const { testKey: key } = await world.customer();
  const open = await makeJob(world, key);
  const replayed = { key, idempotencyKey: freshKey(), body: { prompt: 'a harbour' } };
  await world.call('POST', '/v1/images/generate', replayed);

  freeBytes = 127 * MEBIBYTE;
  world.clock.advance(LOOK_MS);
  expect(await readiness(world)).toEqual({ status: 503, ok: false, failing: ['disk'] });
  expect((await world.call('GET', '/livez')).status).toBe(200);
  const before = await countEverything(world);
  const order = { key, idempotencyKey: freshKey(), body: { prompt: 'another' } };
  const refused = await world.call('POST', '/v1/images/generate', order);
  expect({ status: refused.status, code: refused.code }).toEqual({
    status: 503,
    code: 'service_unavailable',
  });
  expect(refused.json).toMatchObject({ error: { retryable: true } });
  expect(refused.headers.get('retry-after')).toBe('30');
  expect(await countEverything(world)).toEqual(before);

  // A retry of what was accepted before is no new work, and reading is none either.
  expect((await world.call('POST', '/v1/images/generate', replayed)).json).toMatchObject({
    idempotentReplay: true,
  });
  await world.advance(10_000);
  expect((await world.call('GET', `/v1/jobs/${open}`, { key })).json).toMatchObject({ status: 'completed' });

  freeBytes = 128 * MEBIBYTE;
  world.clock.advance(LOOK_MS);
  expect(await readiness(world)).toEqual({ status: 200, ok: true, failing: [] });
  expect((await world.call('POST', '/v1/images/generate', order)).status).toBe(202);
  await world.close();
});

test('a gateway that stops is not ready, and goes on to answer', async () => {
  const world = await openWorld();
  const { testKey: key } = await world.customer();
  const job = await makeJob(world, key);
  await world.app.drain(25_000);
  expect(await readiness(world)).toEqual({ status: 503, ok: false, failing: ['draining'] });
  expect((await world.call('GET', '/health')).status).toBe(200);
  expect((await world.call('GET', `/v1/jobs/${job}`, { key })).json).toMatchObject({ status: 'processing' });
  // What is accepted now is on disk like everything else, and done by the next process.
  const late = await makeJob(world, key);
  await world.crash();
  await world.advance(10_000);
  for (const id of [job, late]) {
    expect((await world.call('GET', `/v1/jobs/${id}`, { key })).json).toMatchObject({ status: 'completed' });
  }
  await world.close();
});
