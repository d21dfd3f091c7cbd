// Kling's accounts: what an account has, what became of an order whose answer was lost, and callbacks.
import { afterAll, describe, expect, test } from 'bun:test';
import { hmacBase64 } from '../../src/crypto.ts';
import { createKling } from '../../src/providers/kling.ts';
import type { Order } from '../../src/providers/provider.ts';
import { startKlingFake, type KlingFake, type KlingFaults } from '../fakes/kling.ts';
import { recordedBody } from '../fakes/recording.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { TEST_KEY, type AdapterBench } from './adapter-bench.ts';
import {
  ATTEMPT_ID,
  benchAt,
  createFakes,
  failed,
  REFERENCE,
  submit,
  UNKNOWN,
  type Options,
} from './film-scene.ts';

const wall = createManualClock();
const fakes = createFakes(() => startKlingFake({ apiKey: TEST_KEY, now: wall.now }));
const startFake = fakes.start;
afterAll(fakes.close);
const calm = await startFake();

const FILM: Order = {
  model: 'kling/kling-3.0',
  type: 'video',
  prompt: 'a pier at dawn',
  width: 1280,
  height: 720,
  durationSeconds: 5,
  hasAudio: true,
};
const LEGACY: Order = { ...FILM, model: 'kling/kling-2.6', width: 1920, height: 1080 };

function bench(fake: KlingFake, order: Order = FILM, options: Options = {}): AdapterBench {
  return benchAt(fake, { provider: createKling(), order, ...options });
}

describe('a submit whose answer was lost', () => {
  const sentAt = wall.now();
  const find = ({ provider, context, order }: AdapterBench) =>
    provider.upstream?.findSubmitted?.(order, { attemptId: ATTEMPT_ID, sentAt }, context);

  for (const order of [FILM, LEGACY, { ...LEGACY, reference: REFERENCE }]) {
    const name = `${order.model}${order.reference === undefined ? '' : ' with a reference'}`;
    test(`${name}: is found by our own id, and goes on`, async () => {
      const fake = await startFake({ submit: 'taken_reset' });
      const stage = bench(fake, order);
      expect(await submit(stage)).toMatchObject(UNKNOWN);
      const found = await find(stage);
      expect(found).toMatchObject({ kind: 'pending' });
      if (found?.kind !== 'pending') return;
      expect(found.providerJobId).toEndWith(`.${fake.tasks[0]?.id}`);
      expect(await stage.provider.poll(found.providerJobId, stage.context)).toMatchObject({
        kind: 'completed',
      });
    });

    test(`${name}: has not arrived once it is not listed after a while`, async () => {
      const stage = bench(await startFake({ submit: 'reset' }), order);
      await submit(stage);
      expect(await find(stage)).toMatchObject(UNKNOWN);
      stage.clock.advance(120_000);
      expect(await find(stage)).toMatchObject(failed('provider'));
    });
  }

  test('is not taken for that of another', async () => {
    const fake = await startFake();
    fake.how.echoesExternalId = false;
    const stage = bench(fake);
    await submit(stage);
    stage.clock.advance(1000);
    expect(await find(stage)).toMatchObject(UNKNOWN);
  });

  test('stays unknown while it cannot be looked for', async () => {
    for (const fault of ['5000', 'html', 'reset', 'empty'] as const) {
      const stage = bench(await startFake({ find: fault }));
      stage.clock.advance(3_600_000);
      expect(await find(stage)).toMatchObject(UNKNOWN);
    }
    const legacy = bench(await startFake({ find: 'no_list' }), LEGACY);
    legacy.clock.advance(3_600_000);
    expect(await find(legacy)).toMatchObject(UNKNOWN);
  });

  test('is refused the second time, and that does not make it another order', async () => {
    const fake = await startFake();
    fake.how.refusesDoubles = true;
    const stage = bench(fake);
    expect(await submit(stage)).toMatchObject({ kind: 'pending' });
    expect(await submit(stage)).toMatchObject(UNKNOWN);
    expect(fake.tasks).toHaveLength(1);
  });
});

describe('an account of Kling', () => {
  const verify = async (faults: Partial<KlingFaults>, options: Options = {}) => {
    const { provider, context } = bench(await startFake(faults), FILM, options);
    return provider.upstream?.verify(context);
  };

  test('has what is left of its packages for films', async () => {
    const balance = { unit: 'credits', available: '118.5', subscription: '118.5' } as const;
    expect(await verify({})).toEqual({ kind: 'ok', remoteId: null, balance, slots: null });
  });

  test('is refused with another key', async () => {
    expect(await verify({}, { credential: { kind: 'api_key', apiKey: 'another' } })).toMatchObject({
      kind: 'refused',
    });
  });

  test('is not known when nothing can be learned', async () => {
    for (const account of ['5000', '1302', 'html', 'reset', 'empty'] as const) {
      expect(await verify({ account })).toMatchObject({ kind: 'unreachable' });
    }
  });
});

describe('a callback of Kling', () => {
  const callbackSecret = 'whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=';
  const key = Buffer.from(callbackSecret.slice('whsec_'.length), 'base64');
  const body = Buffer.from(JSON.stringify(recordedBody('kling/callback', { id: '913827032734642185' })));
  const JOB = 'tasks.913827032734642185';
  const { provider, context, account } = bench(calm);
  const secured = {
    ...context,
    account: { ...account, credential: { kind: 'api_key', apiKey: TEST_KEY, callbackSecret } as const },
  };
  const at = context.clock.now() / 1000;
  const sign = (seconds: number, text: Uint8Array = body) =>
    `v1,${hmacBase64(key, Buffer.concat([Buffer.from(`evt1.${seconds}.`), text]))}`;
  const headersOf = (signature: string, seconds = at) => ({
    ...{ 'webhook-id': 'evt1', 'webhook-timestamp': String(seconds), 'webhook-signature': signature },
  });
  const read = (headers: Record<string, string>, text: Uint8Array = body, as: typeof context = secured) =>
    provider.upstream?.readCallback?.({ headers, body: text }, as);

  test('is signed as its documentation shows', () => {
    const example =
      '{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}';
    expect(hmacBase64(key, Buffer.from(`9876543210.1781080794.${example}`))).toBe(
      'UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=',
    );
  });

  test('tells its job, by either of two secrets while they change', async () => {
    expect(await read(headersOf(sign(at)))).toBe(JOB);
    expect(await read(headersOf(`v1,bm90aGluZw== ${sign(at)}`))).toBe(JOB);
  });

  test('is nothing when it is forged, unsigned, changed, early or late', async () => {
    const other = Buffer.from(body.toString().replace('913827032734642185', '913827032734642186'));
    expect(await read(headersOf('v1,bm90aGluZw=='))).toBeNull();
    expect(await read({})).toBeNull();
    expect(await read(headersOf(sign(at)), other)).toBeNull();
    expect(await read(headersOf(sign(at), at + 1))).toBeNull();
    for (const seconds of [at - 301, at + 301])
      expect(await read(headersOf(sign(seconds), seconds))).toBeNull();
    expect(await read(headersOf(sign(at - 299), at - 299))).toBe(JOB);
  });

  test('without a secret is known by its address alone, and must be one', async () => {
    expect(await read({}, body, context)).toBe(JOB);
    for (const text of ['', '[]', '{"id":7}', '{"id":"a b"}', '<html>']) {
      expect(await read({}, Buffer.from(text), context)).toBeNull();
    }
  });
});
