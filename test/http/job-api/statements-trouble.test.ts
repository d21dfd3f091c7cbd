// What the contract promises when something goes wrong: credits come back once, nothing is ordered twice, and a bad
// reference image costs nothing.
import { describe, expect, test } from 'bun:test';
import { png } from '../../media/image-bytes.ts';
import { MINUTE_MS } from '../../../src/runtime/clock.ts';
import type { NetFailure, NetResponse } from '../../../src/runtime/index.ts';
import { okBytes } from '../../support/fake-net.ts';
import { createScriptedProvider, pending, type Script } from '../../support/scripted-provider.ts';
import { openWorld, type World } from '../../support/world.ts';
import { countEverything, freshKey, makeJob } from '../scenario.ts';

const DEADLINE_MS = 5 * MINUTE_MS;

async function openWith(script: Script) {
  const provider = createScriptedProvider(script);
  const world = await openWorld({ providers: [provider] });
  const { id, liveKey } = await world.customer({ credits: 1000 });
  return { world, provider, customerId: id, key: liveKey };
}

/** The job has ended as failed, and its credits came back by one release. */
async function expectGivenBack(world: World, jobId: string, code: string): Promise<void> {
  const { json } = await world.operator('GET', `/api/jobs/${jobId}`);
  expect(json['job']).toMatchObject({
    state: 'failed',
    error: { code },
    chargedCredits: 20,
    refundedCredits: 20,
  });
  const { ledger } = json['job'] as { ledger: { type: string; amount: number }[] };
  expect(ledger.map(({ type, amount }) => [type, amount])).toEqual([
    ['reserve', 20],
    ['release', -20],
  ]);
}

describe('6. the credits come back, once, after', () => {
  const stories: Record<string, [Script, code: string]> = {
    'a refused order': [
      { submit: () => ({ kind: 'failed', code: 'provider_error', reason: 'no' }) },
      'provider_error',
    ],
    'a refused prompt': [
      { submit: () => ({ kind: 'rejected', code: 'content_policy_violation', reason: 'no' }) },
      'content_policy_violation',
    ],
    'a failure while it works': [
      { poll: () => ({ kind: 'failed', code: 'provider_error', reason: 'no' }) },
      'provider_error',
    ],
    'moderation of what it made': [
      { poll: () => ({ kind: 'rejected', code: 'content_policy_violation', reason: 'no' }) },
      'content_policy_violation',
    ],
    'a provider that never ends': [
      { poll: (id, { clock }) => pending(id, clock.now() + 5000) },
      'provider_timeout',
    ],
    'a provider that cannot be reached any more': [
      { poll: () => ({ kind: 'unreachable', reason: 'gone' }) },
      'provider_timeout',
    ],
    'an answer that never came': [
      { submit: () => ({ kind: 'unknown', reason: 'reset' }) },
      'outcome_unknown',
    ],
    'an output that is no image': [
      { openOutput: () => new TextEncoder().encode('<html>') },
      'provider_error',
    ],
    'an adapter that throws': [
      {
        submit() {
          throw new Error('boom');
        },
      },
      'outcome_unknown',
    ],
  };
  for (const [name, [script, code]] of Object.entries(stories)) {
    test(name, async () => {
      const { world, key } = await openWith(script);
      const jobId = await makeJob(world, key);
      await world.advance(DEADLINE_MS + MINUTE_MS);
      await expectGivenBack(world, jobId, code);
      const usage = await world.call('GET', '/v1/usage', { key });
      expect(usage.json).toMatchObject({ creditsBalance: 1000, creditsReserved: 0, creditsAvailable: 1000 });
      const job = await world.call('GET', `/v1/jobs/${jobId}`, { key });
      expect(job).toMatchObject({
        status: 200,
        json: { status: 'failed', error: { code }, refundedCredits: 20 },
      });
      // What a provider said is for the operator.
      expect(JSON.stringify(job.json)).not.toMatch(/boom|reset|gone/);
      const result = await world.call('GET', `/v1/jobs/${jobId}/result`, { key });
      expect(result).toMatchObject({ status: 409, code: 'job_failed' });
      expect(result.json).toMatchObject({ error: { details: { jobError: { code } } } });
      await world.close();
    });
  }

  test('a cancel, and then the result says so', async () => {
    const { world, key } = await openWith({});
    const jobId = await makeJob(world, key);
    await world.call('POST', `/v1/jobs/${jobId}/cancel`, { key });
    expect((await world.call('GET', '/v1/usage', { key })).json).toMatchObject({ creditsAvailable: 1000 });
    expect(await world.call('GET', `/v1/jobs/${jobId}/result`, { key })).toMatchObject({
      status: 409,
      code: 'job_canceled',
    });
    await world.close();
  });
});

test('7. a process that dies between an order and its answer never orders a second time', async () => {
  const hanging = Promise.withResolvers<never>();
  const { world, provider, key } = await openWith({ submit: () => hanging.promise });
  const jobId = await makeJob(world, key);
  const dying = world.settle();
  while (provider.calls.submits.length === 0) await new Promise(setImmediate);
  await world.crash();
  for (let hour = 0; hour < 3; hour++) {
    await world.advance(DEADLINE_MS);
    await world.crash();
  }
  expect(provider.calls.submits.length).toBe(1);
  await expectGivenBack(world, jobId, 'outcome_unknown');
  await Promise.race([dying, Promise.resolve()]);
  await world.close();
});

describe('10. a bad reference image is refused and costs nothing', () => {
  const good = png(512, 512).toBase64();
  const bad: Record<string, [reference: unknown, code: string, field: string]> = {
    'a private address': [
      { imageUrl: 'https://10.0.0.1/a.png' },
      'invalid_reference_image',
      'referenceImage.imageUrl',
    ],
    'the metadata service': ['https://169.254.169.254/latest', 'invalid_reference_image', 'referenceImage'],
    'a name of this machine': ['https://localhost/a.png', 'invalid_reference_image', 'referenceImage'],
    'no encryption': ['http://images.example.com/a.png', 'invalid_reference_image', 'referenceImage'],
    'credentials in the URL': [
      'https://user:pw@images.example.com/a.png',
      'invalid_reference_image',
      'referenceImage',
    ],
    'another scheme': ['file:///etc/passwd', 'invalid_reference_image', 'referenceImage'],
    'two sources': [
      { imageUrl: 'https://images.example.com/a.png', imageBase64: good },
      'invalid_reference_image',
      'referenceImage',
    ],
    'no source': [{ strength: 'MID' }, 'invalid_reference_image', 'referenceImage'],
    'no image': [
      { imageBase64: btoa('hello world') },
      'unsupported_file_format',
      'referenceImage.imageBase64',
    ],
    'another type than it says': [
      `data:image/jpeg;base64,${good}`,
      'unsupported_file_format',
      'referenceImage',
    ],
    'an image that is too small': [png(255, 512).toBase64(), 'file_too_small', 'referenceImage'],
    'an image that is too large': [png(6001, 512).toBase64(), 'file_too_large', 'referenceImage'],
    'too many bytes': [
      Buffer.alloc(10 * 1024 * 1024 + 1).toString('base64'),
      'file_size_exceeded',
      'referenceImage',
    ],
  };
  for (const [name, [referenceImage, code, field]] of Object.entries(bad)) {
    test(`at once: ${name}`, async () => {
      const { world, key } = await openWith({});
      const before = await countEverything(world);
      for (const path of ['/v1/images/generate', '/v1/videos/generate']) {
        const body = { prompt: 'a', referenceImage };
        const answer = await world.call('POST', path, { key, idempotencyKey: freshKey(), body });
        expect(answer).toMatchObject({ status: 400, code, json: { error: { param: field } } });
      }
      expect(await countEverything(world)).toEqual(before);
      expect(world.net.requested).toEqual([]);
      await world.close();
    });
  }

  const URL = 'https://images.example.com/a.png';
  const fetched: Record<string, [NetResponse | NetFailure, code: string]> = {
    'a redirect to a private address': [
      { kind: 'blocked', reason: 'private_address', detail: '10.0.0.1' },
      'file_download_error',
    ],
    'a page that is not there': [
      { kind: 'response', status: 404, headers: {}, body: new Uint8Array() },
      'file_download_error',
    ],
    'no image': [okBytes(new TextEncoder().encode('<svg/>')), 'unsupported_file_format'],
    'an image that is too small': [okBytes(png(10, 10)), 'file_too_small'],
    'a server that never answers': [
      { kind: 'unsent', reason: 'connect_slow', detail: 'no answer' },
      'file_download_error',
    ],
  };
  for (const [name, [answer, code]] of Object.entries(fetched)) {
    test(`when it is fetched: ${name}`, async () => {
      const { world, provider, key } = await openWith({});
      world.net.route(URL, answer);
      const jobId = await makeJob(world, key, { referenceImage: URL });
      await world.advance(DEADLINE_MS + MINUTE_MS);
      await expectGivenBack(world, jobId, code);
      expect(provider.calls.submits).toEqual([]);
      await world.close();
    });
  }

  test('a good one reaches the provider, and is deleted after the job', async () => {
    const { world, provider, key } = await openWith({});
    world.net.route(URL, okBytes(png(512, 512)));
    const jobId = await makeJob(world, key, { referenceImage: { imageUrl: URL, strength: 'HIGH' } });
    await world.advance(10_000);
    expect(provider.calls.submits[0]?.order.reference).toEqual({
      bytes: png(512, 512),
      contentType: 'image/png',
      strength: 'HIGH',
    });
    const job = await world.call('GET', `/v1/jobs/${jobId}`, { key });
    expect(job.json).toMatchObject({ status: 'completed', request: { hasReferenceImage: true } });
    expect(JSON.stringify(job.json)).not.toContain('images.example.com');
    await world.advance(2 * MINUTE_MS);
    const story = await world.operator('GET', `/api/jobs/${jobId}`);
    const { files } = story.json['job'] as { files: { role: string; isDeleted: boolean }[] };
    expect(files.map(({ role, isDeleted }) => [role, isDeleted])).toEqual([
      ['output', false],
      ['reference', true],
    ]);
    await world.close();
  });
});
