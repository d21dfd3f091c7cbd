// Reference images: fetched by the worker, kept for the next attempt, judged by their bytes, and let go at the end.
import { describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError } from '../../src/errors.ts';
import type { NetFailure, NetResponse } from '../../src/runtime/index.ts';
import { okBytes } from '../support/fake-net.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { join as joinBytes, pngChunk } from '../media/image-bytes.ts';
import { FAILED, openStage, UNKNOWN, type Stage } from './stage.ts';

const URL = 'https://pictures.example/cat.png';
const CAT = tinyPng(512, 384);
/** Signature and head. */
const PNG_HEAD_BYTES = 33;
const byUrl = { body: { referenceImage: { imageUrl: URL, strength: 'HIGH' } } };
const inline = { body: { referenceImage: { imageBase64: CAT.toBase64(), strength: 'LOW' } } };

const status = (code: number): NetResponse => ({ ...okBytes(new Uint8Array()), status: code });
const unreachable: NetFailure = { kind: 'unsent', reason: 'connect_failed', detail: '' };

/** The files of a job's references that are on disk. */
function keptReferences({ world, references }: { world: Stage['world']; references: string[] }): string[] {
  return references.filter((id) => existsSync(join(world.dir, 'media', id.slice(-3, -1), id)));
}

function referencesOf(stage: Stage, id: string): string[] {
  return stage.files(id).flatMap((file) => (file.role === 'reference' ? [file.id] : []));
}

describe('a reference by URL', () => {
  test('is fetched by the worker and not by the request, and given to the provider', async () => {
    const stage = await openStage();
    stage.world.net.route(URL, okBytes(CAT));
    const id = await stage.accept(byUrl);
    expect(stage.world.net.requested).toEqual([]);
    await stage.untilEnded(id);
    expect(stage.world.net.requested).toEqual([URL]);
    expect(stage.provider.calls.submits[0]?.order.reference).toEqual({
      bytes: CAT,
      contentType: 'image/png',
      strength: 'HIGH',
    });
    await stage.close();
  });

  test('is fetched once for all attempts, also across a crash', async () => {
    const stage = await openStage([{ submit: () => FAILED }, { submit: () => FAILED }, {}]);
    stage.world.net.route(URL, okBytes(CAT));
    const id = await stage.accept(byUrl);
    await stage.world.settle();
    await stage.world.crash();
    await stage.untilEnded(id);
    expect(stage.job(id).state).toBe('completed');
    expect(stage.world.net.requested).toEqual([URL]);
    expect(stage.providers[2]?.calls.submits[0]?.order.reference?.bytes).toEqual(CAT);
    await stage.close();
  });

  for (const [what, answer, code] of [
    ['is not there', status(404), 'file_download_error'],
    ['is behind a redirect too many', status(302), 'file_download_error'],
    [
      'is in a private network',
      { kind: 'blocked', reason: 'private_address', detail: '' },
      'file_download_error',
    ],
    ['has too many bytes', { ...status(200), kind: 'partial', reason: 'too_large' }, 'file_size_exceeded'],
    ['is no image', okBytes(new TextEncoder().encode('<html>')), 'unsupported_file_format'],
    ['is too small', okBytes(tinyPng(100, 100)), 'file_too_small'],
    ['is too large', okBytes(tinyPng(8000, 300)), 'file_too_large'],
    ['is cut short', okBytes(CAT.subarray(0, -1)), 'file_load_error'],
  ] as const) {
    test(`that ${what} fails the job at once, before any provider hears of it`, async () => {
      const stage = await openStage();
      stage.world.net.route(URL, answer);
      const id = await stage.accept(byUrl);
      await stage.world.settle();
      expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: code, refunded: 20 });
      expect(stage.provider.calls.submits).toEqual([]);
      await stage.close();
    });
  }

  for (const [what, answer] of [
    ['whose server fails', status(500)],
    ['whose server cannot be reached', unreachable],
    ['whose server breaks off', { ...status(200), kind: 'partial', reason: 'cut_short' }],
    ['whose server is too slow', { kind: 'ambiguous', reason: 'deadline', detail: '' }],
  ] as const) {
    test(`${what} is fetched again, and the job goes on when it comes`, async () => {
      const stage = await openStage();
      let misses = 2;
      stage.world.net.route(URL, () => (misses-- > 0 ? answer : okBytes(CAT)));
      const id = await stage.accept(byUrl);
      await stage.world.settle();
      expect(stage.job(id)).toMatchObject({ state: 'queued', tries: 1 });
      expect((await stage.untilEnded(id)).state).toBe('completed');
      expect(stage.world.net.requested).toHaveLength(3);
      await stage.close();
    });

    test(`${what} for good fails the job after six tries`, async () => {
      const stage = await openStage();
      stage.world.net.route(URL, answer);
      const id = await stage.accept(byUrl);
      expect(await stage.untilEnded(id)).toMatchObject({
        state: 'failed',
        error_code: 'file_download_error',
      });
      expect(stage.world.net.requested).toHaveLength(6);
      expect(stage.provider.calls.submits).toEqual([]);
      await stage.close();
    });
  }

  test('is not kept by a worker that has lost the job meanwhile', async () => {
    const stage = await openStage();
    const { world, customer } = stage;
    const answer = Promise.withResolvers<NetResponse>();
    const asked = Promise.withResolvers<void>();
    world.net.route(URL, () => (asked.resolve(), answer.promise));
    const id = await stage.accept(byUrl);
    const settling = world.settle();
    await asked.promise;
    await world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.liveKey });
    answer.resolve(okBytes(CAT));
    await settling;
    expect(stage.job(id).state).toBe('canceled');
    expect(stage.files(id)).toEqual([]);
    expect(stage.provider.calls.submits).toEqual([]);
    await stage.close();
  });
});

describe('an inline reference', () => {
  test('survives a crash between acceptance and submit', async () => {
    const stage = await openStage();
    const id = await stage.accept(inline);
    await stage.world.crash();
    await stage.untilEnded(id);
    expect(stage.provider.calls.submits[0]?.order.reference).toEqual({
      bytes: CAT,
      contentType: 'image/png',
      strength: 'LOW',
    });
    expect(stage.world.net.requested).toEqual([]);
    await stage.close();
  });

  test('is given to a repetition as well', async () => {
    let asked = 0;
    const stage = await openStage([
      { submitIsRepeatable: true, submit: () => (asked++ === 0 ? UNKNOWN : FAILED), poll: () => FAILED },
    ]);
    const id = await stage.accept(inline);
    await stage.world.advance(5000);
    const given = stage.provider.calls.submits.map(({ order }) => order.reference?.bytes);
    expect(given.length).toBeGreaterThan(1);
    expect(new Set(given.map((bytes) => bytes?.toBase64()))).toEqual(new Set([CAT.toBase64()]));
    await stage.untilEnded(id);
    await stage.close();
  });

  test('that is gone fails the job, and nothing is sent without it', async () => {
    const stage = await openStage();
    const id = await stage.accept(inline);
    const [file = ''] = referencesOf(stage, id);
    await Bun.file(join(stage.world.dir, 'media', file.slice(-3, -1), file)).delete();
    await stage.world.settle();
    expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'file_load_error' });
    expect(stage.provider.calls.submits).toEqual([]);
    await stage.close();
  });

  test('that cannot be decoded ends the job at once, and says why', async () => {
    const openOutput = () => Promise.reject(new GatewayError('file_load_error'));
    const stage = await openStage([{ openOutput }]);
    const id = await stage.accept(inline);
    await stage.world.advance(3000);
    expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'file_load_error' });
    expect(stage.provider.calls.opens).toBe(1);
    await stage.close();
  });

  test('that is gone when the output is ready costs nobody the output', async () => {
    const stage = await openStage();
    const id = await stage.accept(inline);
    await stage.world.settle();
    const [file = ''] = referencesOf(stage, id);
    await Bun.file(join(stage.world.dir, 'media', file.slice(-3, -1), file)).delete();
    expect((await stage.untilEnded(id)).state).toBe('completed');
    await stage.close();
  });
});

test('no provider sees where a picture was taken, whichever way it came', async () => {
  const place = pngChunk('tEXt', new TextEncoder().encode('Location\0 52.5200 N 13.4050 E'));
  const tagged = joinBytes(CAT.subarray(0, PNG_HEAD_BYTES), place, CAT.subarray(PNG_HEAD_BYTES));
  for (const referenceImage of [URL, tagged.toBase64()]) {
    const stage = await openStage();
    stage.world.net.route(URL, okBytes(tagged));
    const id = await stage.accept({ body: { referenceImage } });
    await stage.world.settle();
    expect(stage.provider.calls.submits[0]?.order.reference?.bytes).toEqual(CAT);
    const [file = ''] = referencesOf(stage, id);
    expect(await Bun.file(join(stage.world.dir, 'media', file.slice(-3, -1), file)).bytes()).toEqual(
      Uint8Array.from(CAT),
    );
    await stage.close();
  }
});

for (const [what, wish, end] of [
  ['by URL', byUrl, 'completed'],
  ['inline', inline, 'completed'],
  ['inline', inline, 'failed'],
  ['inline', inline, 'canceled'],
] as const) {
  test(`a reference ${what} is deleted within a minute after its job has ${end}`, async () => {
    const stage = await openStage([end === 'failed' ? { poll: () => FAILED } : {}]);
    const { world, customer } = stage;
    world.net.route(URL, okBytes(CAT));
    const id = await stage.accept(wish);
    if (wish === byUrl) await world.settle();
    const references = referencesOf(stage, id);
    expect(keptReferences({ world, references })).toHaveLength(1);
    if (end === 'canceled') await world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.liveKey });
    expect((await stage.untilEnded(id)).state).toBe(end);
    await world.advance(60_000);
    expect(keptReferences({ world, references })).toEqual([]);
    await stage.close();
  });
}

test('a refused order leaves no reference behind', async () => {
  const stage = await openStage();
  const { world, customer } = stage;
  const answer = await world.call('POST', '/v1/images/generate', {
    key: customer.testKey,
    idempotencyKey: 'a',
    body: { prompt: '[test:503]', ...inline.body },
  });
  expect(answer.code).toBe('provider_unavailable');
  const files = await Array.fromAsync(new Bun.Glob('**/file_*').scan(join(world.dir, 'media')));
  expect(files).toEqual([]);
  await stage.close();
});
