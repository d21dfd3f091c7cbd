// What a golden request finds: each setting prepares a world by its own API and gives the names that the request may
// use in braces.
import { assert } from '../../src/errors.ts';
import { openWorld, PUBLIC_URL, type TestCustomer, type World } from '../support/world.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { createScriptedProvider } from '../support/scripted-provider.ts';

export type Place = { world: World; customer: TestCustomer; fillDisk: () => void };
type Names = Record<string, string>;

const CREDITS = 10_000;

/** A world with a customer, and a live provider that delivers after two seconds. */
export async function openPlace(): Promise<Place> {
  let freeBytes = Number.MAX_SAFE_INTEGER;
  const world = await openWorld({ providers: [createScriptedProvider()], freeBytes: () => freeBytes });
  const customer = await world.customer({ credits: CREDITS, plan: 'starter' });
  return {
    world,
    customer,
    fillDisk() {
      freeBytes = 0;
      world.clock.advance(5000);
    },
  };
}

async function order(
  place: Place,
  body: object = {},
  options: { type?: string; key?: string } = {},
): Promise<string> {
  const { type = 'images', key = place.customer.testKey } = options;
  const answer = await place.world.call('POST', `/v1/${type}/generate`, {
    key,
    idempotencyKey: 'golden',
    body: { prompt: 'A lighthouse at dawn', ...body },
  });
  assert(answer.status === 202, `the setting could order: ${JSON.stringify(answer.json)}`);
  return String(answer.json['jobId']);
}

async function finish(place: Place): Promise<void> {
  await place.world.advance(5000);
}

/** A key of its own, and what is done with it. */
async function madeKey({ world, customer }: Place, body: object): Promise<{ key: string; path: string }> {
  const base = `/api/public/customers/${customer.id}/api-keys`;
  const { json } = await world.operator('POST', base, { body: { mode: 'test', ...body } });
  return { key: String(json['apiKey']), path: `${base}/${(json['key'] as { keyId: string }).keyId}` };
}

async function limit({ world, customer }: Place, limits: Record<string, number>): Promise<void> {
  await world.operator('PATCH', `/api/public/customers/${customer.id}`, { body: { limits } });
}

async function endedJob(place: Place, body: object, type?: string): Promise<Names> {
  const jobId = await order(place, body, type === undefined ? {} : { type });
  await finish(place);
  return { jobId };
}

export const SETTINGS: Readonly<Record<string, (place: Place) => Promise<Names>>> = {
  'a customer': async () => ({}),
  'a queued image': async (place) => ({ jobId: await order(place, { metadata: { order: '17' } }) }),
  'a running video': async (place) => {
    const jobId = await order(place, { duration: 15, seed: 7 }, { type: 'videos' });
    await place.world.settle();
    return { jobId };
  },
  'a completed image': (place) => endedJob(place, { size: '16:9_SMALL' }),
  'a completed video': (place) => endedJob(place, { duration: 15 }, 'videos'),
  'a failed image': (place) => endedJob(place, { prompt: '[test:fail]' }),
  'a rejected image': (place) => endedJob(place, { prompt: '[test:reject]' }),
  'a canceled image': async (place) => {
    const jobId = await order(place);
    await place.world.call('POST', `/v1/jobs/${jobId}/cancel`, { key: place.customer.testKey });
    return { jobId };
  },
  'a completed image past its retention': async (place) => {
    const names = await endedJob(place, {});
    place.world.clock.advance(12 * 3_600_000);
    return names;
  },
  'three jobs': async (place) => {
    await endedJob(place, {});
    const more = async (body: object, idempotencyKey: string) =>
      place.world.call('POST', '/v1/images/generate', { key: place.customer.testKey, idempotencyKey, body });
    await more({ prompt: '[test:fail]' }, 'second');
    await finish(place);
    await more({ prompt: 'A harbour' }, 'third');
    return {};
  },
  'the link to a completed image': async (place) => {
    const { jobId = '' } = await endedJob(place, {});
    const { json } = await place.world.call('GET', `/v1/jobs/${jobId}/result`, {
      key: place.customer.testKey,
    });
    return { link: String(json['url']).slice(PUBLIC_URL.length) };
  },
  'a live video under way': async (place) => {
    await order(place, { duration: 15 }, { type: 'videos', key: place.customer.liveKey });
    return {};
  },
  'a revoked key': async (place) => {
    const { key, path } = await madeKey(place, {});
    await place.world.operator('DELETE', path);
    return { key };
  },
  'a key that may only watch': async (place) => ({
    key: (await madeKey(place, { preset: 'monitor_only' })).key,
  }),
  'a key for one address': async (place) => ({
    key: (await madeKey(place, { ipAllowlist: ['198.51.100.7'] })).key,
  }),
  'an upload': async ({ world, customer }) => {
    const { json } = await world.call('POST', '/v1/uploads', {
      key: customer.testKey,
      headers: { 'content-type': 'image/png' },
      bytes: tinyPng(320, 256),
    });
    return { uploadId: String(json['uploadId']) };
  },
  'a full request window': async (place) => {
    await limit(place, { requestsPerMinute: 1 });
    await place.world.call('GET', '/v1/usage', { key: place.customer.testKey });
    return {};
  },
  'a full generation window': async (place) => {
    await limit(place, { generationsPerMinute: 1 });
    await order(place);
    place.world.clock.advance(20_000);
    return {};
  },
  'as many images open as the plan allows': async (place) => {
    await limit(place, { concurrentImages: 1 });
    await order(place);
    return {};
  },
  'a disk without room': async (place) => {
    place.fillDisk();
    return {};
  },
};
