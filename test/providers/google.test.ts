// Google: the contract of all providers against a fake on a real socket, for films and pictures; what each fault becomes;
// and the fake in front of Google's own client.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { GoogleGenAI } from '@google/genai';
import { createGoogle } from '../../src/providers/google.ts';
import type { AttemptOutcome, Order } from '../../src/providers/provider.ts';
import { NANO_BANANA_PRO_SIZES, NANO_BANANA_SIZES } from '../../src/providers/sizes.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startFakeGoogle, type PollFault, type SubmitFault } from '../fakes/google.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBench, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = {
  model: 'google/nano-banana-pro',
  type: 'image',
  prompt: 'a pier',
  width: 2752,
  height: 1536,
};
const VIDEO: Order = {
  model: 'google/veo-3.1-fast',
  type: 'video',
  prompt: 'a pier',
  width: 720,
  height: 1280,
  durationSeconds: 6,
  hasAudio: true,
};
const REFERENCE = { bytes: tinyPng(512, 512), contentType: 'image/png', strength: 'MID' } as const;
const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';
const SCREENS: Readonly<Record<string, readonly [number, number]>> = {
  '720p': [1280, 720],
  '1080p': [1920, 1080],
  '4k': [3840, 2160],
};

function pixelsOf(model: string, ratio: string, resolution: string): readonly [number, number] {
  if (model.startsWith('veo')) {
    const [long, short] = SCREENS[resolution] ?? [0, 0];
    return ratio === '16:9' ? [long, short] : [short, long];
  }
  const table = model === 'gemini-2.5-flash-image' ? NANO_BANANA_SIZES : NANO_BANANA_PRO_SIZES;
  const isThis = (size: { ratio: string; resolution: string }) =>
    size.ratio === ratio && size.resolution === resolution;
  const [width = 0, height = 0] =
    [...table]
      .find(([, size]) => isThis(size))?.[0]
      .split('x')
      .map(Number) ?? [];
  return [width, height];
}

const start = () => startFakeGoogle(TEST_KEY, pixelsOf);
const [fake, failing, refusing, rejecting] = await Promise.all([start(), start(), start(), start()]);
failing.faults.poll = 'failed';
refusing.faults.submit = 'rate';
rejecting.faults.poll = 'filtered';
afterAll(() => [fake, failing, refusing, rejecting].forEach(({ close }) => close()));
beforeEach(() => {
  fake.faults = { submit: null, poll: null, file: null };
  fake.accepted = 0;
  fake.ordered = null;
});

function bench(order: Order, more: Partial<AdapterBenchOptions> = {}): AdapterBench {
  return openAdapterBench({ provider: createGoogle(), baseUrl: fake.baseUrl, order, ...more });
}

function submit(order: Order, more: Partial<AdapterBenchOptions> = {}): Promise<AttemptOutcome> {
  const { provider, context } = bench(order, more);
  return provider.submit(order, ATTEMPT_ID, context);
}

/** A film that was begun, and asked after once. */
async function begun(more: Partial<AdapterBenchOptions> = {}) {
  const stage = bench(VIDEO, more);
  const started = await stage.provider.submit(VIDEO, ATTEMPT_ID, stage.context);
  if (started.kind !== 'pending') throw new Error(`it was not begun: ${JSON.stringify(started)}`);
  const poll = () => stage.provider.poll(started.providerJobId, stage.context);
  expect(await poll()).toMatchObject({ kind: 'pending', pollAt: stage.clock.now() + 10_000 });
  return { ...stage, poll };
}

const SCENARIOS: Record<Scenario, { order: Order; baseUrl: string }> = {
  image: { order: IMAGE, baseUrl: fake.baseUrl },
  video: { order: VIDEO, baseUrl: fake.baseUrl },
  'with reference': { order: { ...VIDEO, reference: REFERENCE }, baseUrl: fake.baseUrl },
  fails: { order: VIDEO, baseUrl: failing.baseUrl },
  refuses: { order: IMAGE, baseUrl: refusing.baseUrl },
  rejects: { order: VIDEO, baseUrl: rejecting.baseUrl },
};

// Once with pictures and once without: what holds for every order is shown with the first kind there is.
for (const isOfFilms of [false, true]) {
  providerContract({
    name: isOfFilms ? 'google, films' : 'google',
    open: (scenario) => {
      if (isOfFilms && scenario === 'image') return null;
      const { order, baseUrl } = SCENARIOS[scenario];
      return bench(order, { baseUrl });
    },
    strangeJobId: 'models/veo-3.1-generate-preview/operations/of-somebody-else',
    isDeterministic: false,
  });
}

const FAILED = { kind: 'failed', code: 'provider_error' } as const;
const UNSAFE = { kind: 'rejected', code: 'content_policy_violation' } as const;
const WAITED_FOR = new Set<string>(['hang', 'slow', 'enormous']);
const BOTH: readonly (readonly [SubmitFault, object, number])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }, 0],
  ['key_blocked', { ...FAILED, fault: 'credential' }, 0],
  ['forbidden_page', { ...FAILED, fault: 'provider' }, 0],
  ['unauthenticated', { ...FAILED, fault: 'credential' }, 0],
  ['billing', { ...FAILED, fault: 'balance' }, 0],
  ['no_credits', { ...FAILED, fault: 'balance' }, 0],
  ['location', { ...FAILED, fault: 'model' }, 0],
  ['no_model', { ...FAILED, fault: 'model' }, 0],
  ['model_denied', { ...FAILED, fault: 'model' }, 0],
  ['rate', { ...FAILED, fault: 'rate' }, 0],
  ['moderation', UNSAFE, 0],
  ['bad_image', { kind: 'rejected', code: 'file_load_error' }, 0],
  ['overloaded', { ...FAILED, fault: 'provider' }, 0],
  ['error_before', { kind: 'unknown' }, 0],
  ['error_after', { kind: 'unknown' }, 1],
  ['error_in_many_words', { kind: 'unknown' }, 1],
  ['deadline_after', { kind: 'unknown' }, 1],
  ['reset_before', { kind: 'unknown' }, 0],
  ['reset', { kind: 'unknown' }, 1],
  ['hang', { kind: 'unknown' }, 1],
  ['slow', { kind: 'unknown' }, 1],
  ['html', { kind: 'unknown' }, 1],
  ['empty', { kind: 'unknown' }, 1],
  ['not_json', { kind: 'unknown' }, 1],
  ['enormous', { kind: 'unknown' }, 1],
];
const PICTURES: typeof BOTH = [
  ['blocked', UNSAFE, 1],
  ['unsafe', UNSAFE, 1],
  ['no_image', { ...FAILED, fault: 'provider' }, 1],
  ['text_only', { ...FAILED, fault: 'provider' }, 1],
];

describe('what Google answers to an order', () => {
  for (const [order, faults] of [
    [VIDEO, BOTH],
    [IMAGE, [...BOTH, ...PICTURES]],
  ] as const) {
    for (const [fault, outcome, accepted] of faults) {
      test(`${order.type}: ${fault} is ${Object.values(outcome).join(', ')}`, async () => {
        fake.faults.submit = fault;
        const told = await submit(order, { deadlineMs: WAITED_FOR.has(fault) ? 200 : 5000 });
        expect(told).toMatchObject(outcome);
        expect(fake.accepted).toBe(accepted);
        expect(JSON.stringify(told)).not.toMatch(/canary/);
      });
    }
  }

  test('a delay that it names is kept, and a quota of the day is there again on the next', async () => {
    const { provider, context, clock } = bench(VIDEO);
    fake.faults.submit = 'rate_with_delay';
    const soon = await provider.submit(VIDEO, ATTEMPT_ID, context);
    expect(soon).toMatchObject({ kind: 'failed', fault: 'rate', retryAt: clock.now() + 12_500 });
    fake.faults.submit = 'rate_for_the_day';
    const tomorrow = await provider.submit(VIDEO, ATTEMPT_ID, context);
    // The clock of the tests begins on 2027-01-15 at 08:00.
    expect(tomorrow).toMatchObject({ fault: 'rate', retryAt: Date.parse('2027-01-16T08:00:00Z') });
    fake.faults.submit = 'rate';
    expect(await provider.submit(VIDEO, ATTEMPT_ID, context)).not.toHaveProperty('retryAt');
  });

  test('what it thought on the way is no picture', async () => {
    fake.faults.submit = 'thoughts';
    const { provider, context, kept } = bench(IMAGE);
    expect(await provider.submit(IMAGE, ATTEMPT_ID, context)).toMatchObject({ kind: 'completed' });
    expect([...kept.values()]).toEqual([tinyPng(2752, 1536)]);
  });

  test('another key than that of the account is refused', async () => {
    const told = await submit(VIDEO, { credential: { kind: 'api_key', apiKey: 'another' } });
    expect(told).toMatchObject({ ...FAILED, fault: 'credential' });
  });
});

const POLLS: readonly (readonly [PollFault, object])[] = [
  ['failed', FAILED],
  ['refused', UNSAFE],
  ['filtered', UNSAFE],
  ['invalid', { kind: 'rejected', code: 'invalid_input' }],
  ['invalid_status', { kind: 'rejected', code: 'invalid_input' }],
  ['gone', FAILED],
  ['unknown_state', { kind: 'pending' }],
  ['overloaded', { kind: 'unreachable' }],
  ['error', { kind: 'unreachable' }],
  ...(['reset', 'hang', 'slow', 'html', 'empty', 'not_json', 'enormous'] as const).map(
    (fault) => [fault, { kind: 'unreachable' }] as const,
  ),
];

describe('what Google answers about a film', () => {
  for (const [fault, outcome] of POLLS) {
    test(`${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      const { poll } = await begun({ deadlineMs: WAITED_FOR.has(fault) ? 200 : 5000 });
      fake.faults.poll = fault;
      expect(await poll()).toMatchObject(outcome);
      expect(fake.accepted).toBe(1);
    });
  }

  test('done without a film is asked again, and failed in the end', async () => {
    const { poll } = await begun();
    fake.faults.poll = 'no_film';
    const kinds = [];
    for (let times = 0; times < 4; times++) kinds.push((await poll()).kind);
    expect(kinds).toEqual(['pending', 'pending', 'pending', 'failed']);
  });

  test('a delay that it names is kept', async () => {
    const { poll, clock } = await begun();
    fake.faults.poll = 'rate_with_delay';
    expect(await poll()).toMatchObject({ kind: 'unreachable', retryAt: clock.now() + 12_500 });
  });

  test('its link is kept without the key, and opened with it', async () => {
    const { poll, provider, context } = await begun();
    const done = await poll();
    if (done.kind !== 'completed') throw new Error(`it was not completed: ${JSON.stringify(done)}`);
    const [output] = done.outputs;
    if (output === undefined) throw new Error('there is no output');
    expect(output.url).toBe(`${fake.baseUrl}/files/film-1:download?alt=media`);
    fake.faults.file = 'gone';
    const { pieces } = await provider.openOutput(output, VIDEO, context);
    expect(Array.fromAsync(pieces)).rejects.toThrow('404');
  });

  test('a link to a host that is not its own is not followed with the key', async () => {
    const { provider, context } = bench(VIDEO);
    const output = { role: 'output', url: 'https://example.com/film.mp4' } as const;
    expect(provider.openOutput(output, VIDEO, context)).rejects.toThrow('no host of the provider');
  });

  test('what is no name of an operation is not asked for', async () => {
    const { provider, context } = bench(VIDEO);
    for (const name of ['../models', 'models/x:predict', 'operations/a/../../b', '']) {
      expect(await provider.poll(name, context)).toMatchObject({ kind: 'failed' });
    }
  });
});

describe('what Google is asked for', () => {
  test('a film in words, from a picture where there is a reference', async () => {
    await submit({ ...VIDEO, reference: REFERENCE });
    const image = {
      bytesBase64Encoded: Buffer.from(REFERENCE.bytes).toString('base64'),
      mimeType: 'image/png',
    };
    expect(fake.ordered).toEqual({
      instances: [{ prompt: 'a pier', image }],
      parameters: { aspectRatio: '9:16', resolution: '720p', durationSeconds: 6, sampleCount: 1 },
    });
  });

  test('a picture in words, with the bytes of a reference', async () => {
    await submit({ ...IMAGE, seed: 7, reference: REFERENCE });
    const inlineData = { mimeType: 'image/png', data: Buffer.from(REFERENCE.bytes).toString('base64') };
    expect(fake.ordered).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'a pier' }, { inlineData }] }],
      generationConfig: {
        responseModalities: ['TEXT', 'IMAGE'],
        imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
        seed: 7,
      },
    });
  });

  for (const model of Object.keys(createGoogle().upstream?.models ?? {})) {
    test(`${model} is made`, async () => {
      const isFilm = model.includes('veo');
      const order = isFilm ? { ...VIDEO, model } : { ...IMAGE, model, width: 1024, height: 1024 };
      expect(createGoogle().canTake(order)).toBe(true);
      expect(await submit(order)).toMatchObject({ kind: isFilm ? 'pending' : 'completed' });
    });
  }

  test('what it cannot make is known without asking', () => {
    const { canTake } = createGoogle();
    const cannot: Order[] = [
      { ...VIDEO, model: 'google/veo-3.0' },
      { ...VIDEO, type: 'image' },
      { ...IMAGE, type: 'video', durationSeconds: 8 },
      { ...VIDEO, durationSeconds: 5 },
      { ...VIDEO, width: 1080, height: 1920, durationSeconds: 6 },
      { ...VIDEO, width: 960, height: 960 },
      { ...VIDEO, seed: 7 },
      { ...VIDEO, model: 'google/veo-3.1-lite', width: 2160, height: 3840, durationSeconds: 8 },
      { ...IMAGE, model: 'google/nano-banana' },
      { ...IMAGE, model: 'google/nano-banana-2-lite' },
      { ...IMAGE, width: 1000 },
      { ...IMAGE, prompt: 'a'.repeat(32_001) },
    ];
    expect(cannot.filter((order) => canTake(order))).toEqual([]);
    expect(canTake({ ...VIDEO, width: 1920, height: 1080, durationSeconds: 8 })).toBe(true);
  });
});

test('Google can neither stop a film, nor call back, nor say what is left', () => {
  const { cancel, upstream } = createGoogle();
  expect(cancel).toBeUndefined();
  expect(upstream?.capabilities).toEqual({ cancel: 'none', callback: 'none', hasBalance: false });
});

describe('the credential of Google', () => {
  const verify = (more: Partial<AdapterBenchOptions> = {}) => {
    const { provider, context } = bench(VIDEO, more);
    return provider.upstream?.verify(context);
  };

  test('is good when it may list the models', async () => {
    expect(await verify()).toEqual({ kind: 'ok', remoteId: null, balance: null, slots: null });
  });

  for (const fault of ['bad_key', 'key_blocked', 'unauthenticated'] as const) {
    test(`is refused by ${fault}`, async () => {
      fake.faults.submit = fault;
      const told = await verify();
      expect(told).toMatchObject({ kind: 'refused' });
      expect(JSON.stringify(told)).not.toMatch(/canary/);
    });
  }

  for (const fault of [
    'forbidden_page',
    'error_before',
    'overloaded',
    'rate',
    'html',
    'empty',
    'reset',
    'hang',
  ] as const) {
    test(`is not judged by ${fault}`, async () => {
      fake.faults.submit = fault;
      expect(await verify({ deadlineMs: 200 })).toMatchObject({ kind: 'unreachable' });
    });
  }
});

describe("Google's own client takes the fake for Google", () => {
  const client = () =>
    new GoogleGenAI({
      apiKey: TEST_KEY,
      httpOptions: { baseUrl: fake.origin, retryOptions: { attempts: 1 } },
    });

  test('it begins a film, waits for it, and finds its link', async () => {
    let operation = await client().models.generateVideos({
      model: 'veo-3.1-generate-preview',
      source: { prompt: 'a pier' },
      config: { aspectRatio: '16:9', resolution: '1080p', durationSeconds: 8, numberOfVideos: 1 },
    });
    while (!operation.done) operation = await client().operations.getVideosOperation({ operation });
    expect(operation.response?.generatedVideos?.[0]?.video?.uri).toContain('/files/film-1:download');
  });

  test('it makes a picture', async () => {
    const answer = await client().models.generateContent({
      model: 'gemini-3-pro-image',
      contents: 'a pier',
      config: {
        responseModalities: ['TEXT', 'IMAGE'],
        imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
      },
    });
    const data = answer.candidates?.[0]?.content?.parts?.find((part) => part.inlineData)?.inlineData?.data;
    expect(Buffer.from(data ?? '', 'base64')).toEqual(Buffer.from(tinyPng(2752, 1536)));
  });

  test('it reads its errors', async () => {
    fake.faults.submit = 'moderation';
    const asked = client().models.generateContent({ model: 'gemini-3-pro-image', contents: 'a pier' });
    expect(await asked.catch((thrown: unknown) => thrown)).toMatchObject({ status: 400 });
  });
});
