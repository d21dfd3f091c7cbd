// What the contract of the Job API promises, statement by statement: orders, retries, credits and results. The
// statements about trouble and about secrets have files of their own beside this one.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import {
  openWorld,
  PUBLIC_URL,
  type Answer,
  type CallOptions,
  type TestCustomer,
  type World,
} from '../../support/world.ts';
import { countEverything, freshKey } from '../scenario.ts';

let world: World;
let customer: TestCustomer;

beforeEach(async () => {
  world = await openWorld({ providers: [createScriptedProvider()] });
  customer = await world.customer({ credits: 12_000 });
});
afterEach(() => world.close());

const IMAGE = { prompt: 'A lighthouse at dawn', quality: 'LOW', size: '16:9_SMALL' };
const VIDEO = { prompt: 'Waves below a lighthouse', size: '16:9_SMALL', duration: 15, motionHasAudio: true };

function post(type: 'images' | 'videos', body: object, options: CallOptions = {}): Promise<Answer> {
  const path = `/v1/${type}/generate`;
  return world.call('POST', path, { key: customer.liveKey, idempotencyKey: freshKey(), body, ...options });
}

async function usage(key = customer.liveKey): Promise<unknown[]> {
  const { json } = await world.call('GET', '/v1/usage', { key });
  return [json['creditsBalance'], json['creditsReserved'], json['creditsAvailable']];
}

test('1. an image costs 20 and a video of 15 seconds 9000, and the answer is 202 with the published fields', async () => {
  const image = await post('images', IMAGE);
  expect(image.status).toBe(202);
  expect(image.json).toEqual({
    ok: true,
    jobId: expect.stringMatching(/^job_[0-9a-z]{26}$/),
    status: 'processing',
    type: 'image',
    model: 'gpt-image-2',
    chargedCredits: 20,
    idempotentReplay: false,
    mode: 'live',
  });
  const video = await post('videos', VIDEO);
  expect(video).toMatchObject({
    status: 202,
    json: { status: 'processing', type: 'video', model: 'seedance-2.0-fast', chargedCredits: 9000 },
  });
});

test('2. the same key and request find the same job again, and another request does not', async () => {
  const idempotencyKey = freshKey();
  const first = await post('images', IMAGE, { idempotencyKey });
  const before = [await usage(), await countEverything(world)];
  const again: CallOptions[] = [
    { body: IMAGE },
    { body: { size: IMAGE.size, quality: IMAGE.quality, prompt: IMAGE.prompt } },
    { text: JSON.stringify(IMAGE, null, 4) },
    { text: String.raw`{"prompt":"\u0041 lighthouse at dawn","quality":"LOW","size":"16:9_SMALL"}` },
    { body: { ...IMAGE, metadata: { order: '17' } } },
  ];
  for (const options of again) {
    const replay = await post('images', IMAGE, { ...options, idempotencyKey });
    expect(replay.status).toBe(202);
    expect(replay.json).toEqual({ ...first.json, idempotentReplay: true });
  }
  const others: ['images' | 'videos', object][] = [
    ['images', { ...IMAGE, prompt: 'Another' }],
    ['images', { ...IMAGE, prompt: 'A lighthouse at dawn ' }],
    // A default that is left out and one that is sent are two requests: a release may change the default.
    ['images', { prompt: IMAGE.prompt, size: IMAGE.size }],
    ['videos', { prompt: IMAGE.prompt, size: IMAGE.size }],
  ];
  for (const [type, body] of others) {
    const conflict = await post(type, body, { idempotencyKey });
    expect({ status: conflict.status, code: conflict.code }).toEqual({
      status: 409,
      code: 'idempotency_key_conflict',
    });
  }
  expect([await usage(), await countEverything(world)]).toEqual(before);
});

test('2. a retry finds its job also after a crash, after its end, and when the credits are gone', async () => {
  const idempotencyKey = freshKey();
  const { jobId } = (await post('images', IMAGE, { idempotencyKey })).json;
  await world.operator('POST', `/api/public/customers/${customer.id}/credits`, {
    body: { operation: 'adjust', amount: -11_980, reason: 'test' },
  });
  expect(await usage()).toEqual([20, 20, 0]);
  await world.crash();
  expect((await post('images', IMAGE, { idempotencyKey })).json).toMatchObject({
    jobId,
    idempotentReplay: true,
  });
  await world.advance(10_000);
  // The first answer again, word for word; how the job stands is for the job's own route.
  expect((await post('images', IMAGE, { idempotencyKey })).json).toMatchObject({
    jobId,
    status: 'processing',
  });
  expect(await usage()).toEqual([0, 0, 0]);
});

test('3. no idempotency key is 400, no usable key is 401, one credit too few is 402 and no job', async () => {
  const before = await countEverything(world);
  const missing = await world.call('POST', '/v1/images/generate', { key: customer.liveKey, body: IMAGE });
  expect({ status: missing.status, code: missing.code }).toEqual({
    status: 400,
    code: 'idempotency_key_required',
  });
  expect(
    (await world.call('POST', '/v1/images/generate', { body: IMAGE, idempotencyKey: freshKey() })).status,
  ).toBe(401);
  expect(await countEverything(world)).toEqual(before);

  const poor = await world.customer({ credits: 19 });
  const idempotencyKey = freshKey();
  const refused = await post('images', IMAGE, { key: poor.liveKey, idempotencyKey });
  expect(refused).toMatchObject({
    status: 402,
    json: { code: 'insufficient_credits', error: { details: { requiredCredits: 20, creditsAvailable: 19 } } },
  });
  expect(await countEverything(world)).toMatchObject({ jobs: 0, idempotencyKeys: 0 });
  // After a top-up the same request under the same key works.
  await world.operator('POST', `/api/public/customers/${poor.id}/credits`, {
    body: { operation: 'top_up', amount: 1, reason: 'test' },
  });
  expect((await post('images', IMAGE, { key: poor.liveKey, idempotencyKey })).json).toMatchObject({
    idempotentReplay: false,
  });
});

test('4. fifty requests at once against credits for three: three are accepted', async () => {
  const poor = await world.customer({ credits: 60 });
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => post('images', IMAGE, { key: poor.liveKey })),
  );
  expect(answers.filter(({ status }) => status === 202).length).toBe(3);
  expect(answers.filter(({ status }) => status === 402).length).toBe(47);
  expect(await usage(poor.liveKey)).toEqual([60, 60, 0]);
});

test('5. while a job is open, usage shows what it has reserved; available is balance less reserved', async () => {
  expect(await usage()).toEqual([12_000, 0, 12_000]);
  await post('videos', VIDEO);
  expect(await usage()).toEqual([12_000, 9000, 3000]);
  await world.advance(10_000);
  expect(await usage()).toEqual([3000, 0, 3000]);
});

test('8. the result is 202 while the job runs, then a link that downloads, and 403 when the link has expired', async () => {
  const image = await post('images', IMAGE);
  const path = `/v1/jobs/${String(image.json['jobId'])}/result`;
  const early = await world.call('GET', path, { key: customer.liveKey });
  expect({ status: early.status, json: early.json }).toEqual({
    status: 202,
    json: { ok: true, jobId: image.json['jobId'], status: 'processing' },
  });
  expect(Number(early.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  await world.advance(10_000);
  const { json } = await world.call('GET', path, { key: customer.liveKey });
  expect(json).toEqual({
    ok: true,
    jobId: image.json['jobId'],
    status: 'completed',
    type: 'image',
    model: 'gpt-image-2',
    url: json['imageUrl'],
    imageUrl: expect.stringMatching(
      /^http:\/\/localhost\/v1\/files\/file_[0-9a-z]{26}\?exp=\d+&sig=[\w-]{43}$/,
    ),
    contentType: 'image/png',
    width: 1376,
    height: 768,
    expiresAt: new Date(world.clock.now() + 24 * 3_600_000).toISOString(),
  });
  const link = String(json['url']).slice(PUBLIC_URL.length);
  expect((await world.call('GET', link)).bytes.length).toBeGreaterThan(50);
  world.clock.advance(24 * 3_600_000);
  expect(await world.call('GET', link)).toMatchObject({ status: 403, code: 'invalid_signature' });
  const renewed = await world.call('GET', path, { key: customer.liveKey });
  expect((await world.call('GET', String(renewed.json['url']).slice(PUBLIC_URL.length))).status).toBe(200);
});

test('8. the result of a video says what was made', async () => {
  const video = await post('videos', { ...VIDEO, motionHasAudio: false });
  await world.advance(10_000);
  const { json } = await world.call('GET', `/v1/jobs/${String(video.json['jobId'])}/result`, {
    key: customer.liveKey,
  });
  expect(json).toMatchObject({
    type: 'video',
    url: json['videoUrl'],
    previewUrl: null,
    contentType: 'video/mp4',
    width: 1280,
    height: 720,
    hasAudio: false,
  });
  expect(json['duration']).toBeGreaterThan(0);
});

test('9. a wrong value is 400 and names its field', async () => {
  const faults: [body: object, field: string][] = [
    [{ size: '4:3_SMALL' }, 'size'],
    [{ motionHasAudio: 'true' }, 'motionHasAudio'],
    [{ duration: '15' }, 'duration'],
    [{ duration: 15.5 }, 'duration'],
    [{ duration: 3 }, 'duration'],
    [{ duration: 16 }, 'duration'],
    [{ motion_has_audio: true }, 'motion_has_audio'],
  ];
  for (const [fault, field] of faults) {
    const { status, json } = await post('videos', { ...VIDEO, ...fault });
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'invalid_input', error: { param: field, fields: [{ path: field }] } });
  }
  expect(await countEverything(world)).toMatchObject({ jobs: 0, inFlight: 0, idempotencyKeys: 0 });
});
