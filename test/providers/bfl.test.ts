// Black Forest Labs: the contract of all providers against a fake on a real socket, what each fault becomes, where a job
// is asked for, and who may tell us about one.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { createBfl } from '../../src/providers/bfl.ts';
import type { AttemptOutcome, Order } from '../../src/providers/provider.ts';
import { FLUX_SIZES } from '../../src/providers/sizes.ts';
import { providerContract, type Scenario } from '../contracts/provider.ts';
import { startFakeBfl, type PollFault, type SubmitFault } from '../fakes/bfl.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY, type AdapterBench, type AdapterBenchOptions } from './adapter-bench.ts';

const IMAGE: Order = {
  model: 'bfl/flux-2-pro',
  type: 'image',
  prompt: 'a pier',
  width: 1920,
  height: 1088,
  seed: 7,
};
const REFERENCE = { bytes: tinyPng(512, 512), contentType: 'image/png', strength: 'MID' } as const;
const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';
const CALLBACK_URL = 'https://gateway.example.com/callbacks/secret-of-the-attempt';

function pixelsOf(model: string, ratio: string): readonly [number, number] {
  const resolution = model.includes('ultra') ? '4MP' : '1MP';
  const found = [...FLUX_SIZES].find(([, size]) => size.ratio === ratio && size.resolution === resolution);
  const [width = 0, height = 0] = found?.[0].split('x').map(Number) ?? [];
  return [width, height];
}

const start = () => startFakeBfl(TEST_KEY, pixelsOf);
const [fake, failing, refusing, rejecting] = await Promise.all([start(), start(), start(), start()]);
failing.faults.poll = 'failed';
refusing.faults.submit = 'busy';
rejecting.faults.poll = 'moderated_content';
afterAll(() => [fake, failing, refusing, rejecting].forEach(({ close }) => close()));
beforeEach(() => {
  fake.faults = { submit: null, poll: null, sample: null };
  fake.accepted = 0;
  fake.ordered = null;
});

function bench(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}): AdapterBench {
  return openAdapterBench({ provider: createBfl(), baseUrl: fake.origin, order, ...more });
}

function submit(order: Order = IMAGE, more: Partial<AdapterBenchOptions> = {}): Promise<AttemptOutcome> {
  const { provider, context } = bench(order, more);
  return provider.submit(order, ATTEMPT_ID, context);
}

/** An order that was taken, and asked after once. */
async function taken(more: Partial<AdapterBenchOptions> = {}) {
  const stage = bench(IMAGE, more);
  const outcome = await stage.provider.submit(IMAGE, ATTEMPT_ID, stage.context);
  if (outcome.kind !== 'pending') throw new Error(`it was not taken: ${JSON.stringify(outcome)}`);
  const { providerJobId } = outcome;
  const poll = () => stage.provider.poll(providerJobId, stage.context);
  expect((await poll()).kind).toBe('pending');
  return { ...stage, providerJobId, poll };
}

const SCENARIOS: Record<Scenario, { order: Order; baseUrl: string } | null> = {
  image: { order: IMAGE, baseUrl: fake.origin },
  video: null,
  'with reference': { order: { ...IMAGE, reference: REFERENCE }, baseUrl: fake.origin },
  fails: { order: IMAGE, baseUrl: failing.origin },
  refuses: { order: IMAGE, baseUrl: refusing.origin },
  rejects: { order: IMAGE, baseUrl: rejecting.origin },
};

providerContract({
  name: 'bfl',
  open: (scenario) => {
    const stage = SCENARIOS[scenario];
    return stage && bench(stage.order, { baseUrl: stage.baseUrl });
  },
  strangeJobId: 'task-of-somebody-else',
  isDeterministic: false,
});

const FAILED = { kind: 'failed', code: 'provider_error' } as const;
const UNSAFE = { kind: 'rejected', code: 'content_policy_violation' } as const;
const WAITED_FOR = new Set<string>(['hang', 'slow', 'enormous']);
const patienceFor = (fault: string) => ({ deadlineMs: WAITED_FOR.has(fault) ? 200 : 5000 });

const SUBMITS: readonly (readonly [SubmitFault, object, number])[] = [
  ['bad_key', { ...FAILED, fault: 'credential' }, 0],
  ['forbidden_page', { ...FAILED, fault: 'provider' }, 0],
  ['no_credits', { ...FAILED, fault: 'balance' }, 0],
  ['busy', { ...FAILED, fault: 'rate' }, 0],
  ['no_model', { ...FAILED, fault: 'model' }, 0],
  ['policy', UNSAFE, 0],
  ['overloaded', { ...FAILED, fault: 'provider' }, 0],
  ['error_before', { kind: 'unknown' }, 0],
  ['error_after', { kind: 'unknown' }, 1],
  ['bad_gateway', { kind: 'unknown' }, 1],
  ['no_id', { kind: 'unknown' }, 1],
  ['reset_before', { kind: 'unknown' }, 0],
  ['reset', { kind: 'unknown' }, 1],
  ['hang', { kind: 'unknown' }, 1],
  ['slow', { kind: 'unknown' }, 1],
  ['html', { kind: 'unknown' }, 1],
  ['empty', { kind: 'unknown' }, 1],
  ['not_json', { kind: 'unknown' }, 1],
  ['enormous', { kind: 'unknown' }, 1],
];

describe('what Black Forest Labs answers to an order', () => {
  for (const [fault, outcome, accepted] of SUBMITS) {
    test(`${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      fake.faults.submit = fault;
      const told = await submit(IMAGE, patienceFor(fault));
      expect(told).toMatchObject(outcome);
      expect(JSON.stringify(told)).not.toMatch(/canary/);
      expect(fake.accepted).toBe(accepted);
    });
  }

  test('a hint of when to come back is kept, in its body or in a header', async () => {
    for (const [fault, afterMs] of [
      ['busy_with_hint', 5000],
      ['busy_with_header', 9000],
    ] as const) {
      fake.faults.submit = fault;
      const { provider, context, clock } = bench();
      const told = await provider.submit(IMAGE, ATTEMPT_ID, context);
      expect(told).toMatchObject({ kind: 'failed', fault: 'rate', retryAt: clock.now() + afterMs });
    }
    fake.faults.submit = 'busy';
    expect(await submit()).not.toHaveProperty('retryAt');
  });

  test('what it does not know of an order is bad input', async () => {
    const told = await submit({ ...IMAGE, width: 1000 });
    expect(told).toMatchObject({ kind: 'rejected', code: 'invalid_input' });
    expect(fake.accepted).toBe(0);
  });

  test('its credits are cents', async () => {
    expect(await submit()).toMatchObject({ kind: 'pending', cost: { amount: '0.045', unit: 'USD' } });
    fake.faults.submit = 'no_cost';
    expect(await submit()).not.toHaveProperty('cost');
  });

  test('another key than that of the account is refused', async () => {
    const told = await submit(IMAGE, { credential: { kind: 'api_key', apiKey: 'another' } });
    expect(told).toMatchObject({ ...FAILED, fault: 'credential' });
  });
});

const POLLS: readonly (readonly [PollFault, object])[] = [
  ['moderated_request', UNSAFE],
  ['moderated_content', UNSAFE],
  ['policy', UNSAFE],
  ['bad_image', { kind: 'rejected', code: 'file_load_error' }],
  ['failed', { ...FAILED, fault: 'provider' }],
  ['unknown_state', { kind: 'pending' }],
  ['no_status', { kind: 'unreachable' }],
  ['busy', { kind: 'unreachable' }],
  ['bad_key', { kind: 'unreachable' }],
  ['error', { kind: 'unreachable' }],
  ...(['reset', 'hang', 'slow', 'html', 'empty', 'not_json', 'enormous'] as const).map(
    (fault) => [fault, { kind: 'unreachable' }] as const,
  ),
];

describe('what Black Forest Labs answers about a job', () => {
  for (const [fault, outcome] of POLLS) {
    test(`${fault} is ${Object.values(outcome).join(', ')}`, async () => {
      const { poll } = await taken(patienceFor(fault));
      fake.faults.poll = fault;
      expect(await poll()).toMatchObject(outcome);
      expect(fake.accepted).toBe(1);
    });
  }

  test('ready without a picture is asked again, and failed in the end', async () => {
    const { poll } = await taken();
    fake.faults.poll = 'no_sample';
    const kinds = [];
    for (let times = 0; times < 4; times++) kinds.push((await poll()).kind);
    expect(kinds).toEqual(['pending', 'pending', 'pending', 'failed']);
  });

  test('a job that is not known yet is waited for, and one that is not known any more has failed', async () => {
    for (const fault of ['not_found', 'not_found_at_all'] as const) {
      fake.faults.poll = null;
      const { poll, clock } = await taken();
      fake.faults.poll = fault;
      expect((await poll()).kind).toBe('pending');
      clock.advance(20_000);
      expect(await poll()).toMatchObject(FAILED);
    }
  });

  test('the older a job, the rarer the question', async () => {
    const { poll, clock } = await taken();
    fake.faults.poll = 'unknown_state';
    const gaps = [];
    for (const ms of [0, 10_000, 50_000]) {
      clock.advance(ms);
      const told = await poll();
      gaps.push(told.kind === 'pending' ? told.pollAt - clock.now() : told.kind);
    }
    expect(gaps).toEqual([1000, 2000, 5000]);
  });

  test('a link that has run out is no output', async () => {
    const { poll, provider, context } = await taken();
    const done = await poll();
    if (done.kind !== 'completed') throw new Error(`it was not completed: ${JSON.stringify(done)}`);
    fake.faults.sample = 'gone';
    for (const output of done.outputs) {
      const { pieces } = await provider.openOutput(output, IMAGE, context);
      expect(Array.fromAsync(pieces)).rejects.toThrow('403');
    }
  });
});

describe('where a job is asked for', () => {
  test('at the address that came with the answer, by another process too', async () => {
    const { providerJobId, context } = await taken();
    expect(providerJobId).toMatch(/\/eu2\/v1\/get_result\?id=task-1#\d+$/);
    expect(await createBfl().poll(providerJobId, context)).toMatchObject({
      kind: 'completed',
      providerJobId,
    });
  });

  test('with the id alone where there is no such address', async () => {
    fake.faults.submit = 'no_polling_url';
    expect(await submit()).toMatchObject({ kind: 'pending', providerJobId: 'task-1' });
  });

  test('never at a host that is not theirs, which would learn the key', async () => {
    fake.faults.submit = 'foreign_polling_url';
    expect(await submit()).toMatchObject({ kind: 'pending', providerJobId: 'task-1' });
    const { provider, context } = bench();
    for (const url of [
      'https://example.com/v1/get_result?id=a',
      'http://api.bfl.ai/v1/get_result?id=a',
      'https://notbfl.ai/v1/get_result?id=a',
      'https://api.bfl.ai:8443/v1/get_result?id=a',
    ]) {
      const told = await provider.poll(url, context);
      expect(told).toMatchObject({ ...FAILED, reason: 'that is no address of a job' });
    }
  });
});

describe('what Black Forest Labs is asked for', () => {
  test('pixels where it takes any, a ratio where it does not', async () => {
    await submit({ ...IMAGE, reference: REFERENCE });
    expect(fake.ordered).toEqual({
      model: 'flux-2-pro',
      body: {
        prompt: 'a pier',
        output_format: 'png',
        width: 1920,
        height: 1088,
        seed: 7,
        input_image: Buffer.from(REFERENCE.bytes).toString('base64'),
      },
    });
    const { seed: _, ...unseeded } = IMAGE;
    await submit({ ...unseeded, model: 'bfl/flux-1.1-pro-ultra', width: 2688, height: 1536 });
    expect(fake.ordered).toEqual({
      model: 'flux-pro-1.1-ultra',
      body: { prompt: 'a pier', output_format: 'png', aspect_ratio: '16:9' },
    });
  });

  for (const model of Object.keys(createBfl().upstream?.models ?? {})) {
    test(`${model} is made`, async () => {
      const width = model.includes('ultra') ? 2048 : 1024;
      const order = { ...IMAGE, model, width, height: width };
      expect(createBfl().canTake(order)).toBe(true);
      expect(await submit(order)).toMatchObject({ kind: 'pending' });
    });
  }

  test('what it cannot make is known without asking', () => {
    const { canTake } = createBfl();
    const square = { ...IMAGE, width: 1024, height: 1024 };
    const cannot: Order[] = [
      { ...IMAGE, model: 'bfl/flux-schnell' },
      { ...IMAGE, type: 'video' },
      { ...IMAGE, width: 1000 },
      { ...IMAGE, width: 48 },
      { ...IMAGE, width: 2064, height: 2048 },
      { ...IMAGE, model: 'bfl/flux-dev' },
      { ...square, model: 'bfl/flux-dev', width: 1040 },
      { ...square, model: 'bfl/flux-1.1-pro-ultra' },
      { ...IMAGE, model: 'bfl/flux-kontext-pro' },
      { ...square, model: 'bfl/flux-1.1-pro', reference: REFERENCE },
      { ...IMAGE, prompt: 'a'.repeat(32_001) },
    ];
    expect(cannot.filter((order) => canTake(order))).toEqual([]);
    expect(canTake({ ...square, model: 'bfl/flux-kontext-pro', reference: REFERENCE })).toBe(true);
    expect(canTake({ ...square, model: 'bfl/flux-1.1-pro', width: 256, height: 1440 })).toBe(true);
    expect(canTake({ ...IMAGE, width: 64, height: 64 })).toBe(true);
  });
});

describe('the callbacks of Black Forest Labs', () => {
  const asking = () =>
    bench(IMAGE, { provider: createBfl({ asksForCallbacks: true }), callbackUrl: CALLBACK_URL });

  async function ordered() {
    const stage = asking();
    const told = await stage.provider.submit(IMAGE, ATTEMPT_ID, stage.context);
    const read = (callback: { headers: Record<string, string>; body: Uint8Array }) =>
      stage.provider.upstream?.readCallback?.(callback, stage.context);
    return { ...stage, told, read };
  }

  test('are asked for only when that is wanted, since they cost the address of the job', async () => {
    await submit(IMAGE, { callbackUrl: CALLBACK_URL });
    expect(fake.ordered?.body).not.toHaveProperty('webhook_url');
    const { told } = await ordered();
    expect(fake.ordered?.body).toMatchObject({ webhook_url: CALLBACK_URL });
    expect(told).toMatchObject({ kind: 'pending', providerJobId: 'task-2' });
    expect(createBfl().upstream?.capabilities).toEqual({
      cancel: 'none',
      callback: 'none',
      hasBalance: true,
    });
  });

  test('are signed with a secret that is not the key', async () => {
    const { read, clock } = await ordered();
    expect(fake.ordered?.body['webhook_secret']).not.toContain(TEST_KEY);
    const callback = fake.callback(clock.now());
    expect(await read(callback)).toBe('task-1');
    // It says the same however often it comes: what has happened already is for the engine to know.
    expect(await read(callback)).toBe('task-1');
  });

  test('may carry the secret itself, as they did before', async () => {
    const { read, clock } = await ordered();
    const { body } = fake.callback(clock.now());
    const secret = String(fake.ordered?.body['webhook_secret']);
    expect(await read({ headers: { 'x-webhook-secret': secret }, body })).toBe('task-1');
    expect(await read({ headers: { 'x-webhook-secret': `${secret}x` }, body })).toBeNull();
  });

  test('of anybody else, of another body or of another day are none', async () => {
    const { read, clock } = await ordered();
    const { headers, body } = fake.callback(clock.now());
    const forged = Buffer.from(Buffer.from(body).toString().replace('task-1', 'task-9'));
    expect(await read(fake.callback(clock.now(), 'another secret'))).toBeNull();
    expect(await read({ headers, body: new Uint8Array(forged) })).toBeNull();
    expect(await read({ headers: {}, body })).toBeNull();
    expect(await read({ headers: { 'x-bfl-signature': 'sha256=00' }, body })).toBeNull();
    expect(await read(fake.callback(clock.now() - 301_000))).toBeNull();
    expect(await read(fake.callback(clock.now() + 301_000))).toBeNull();
    expect(await read(fake.callback(clock.now() - 299_000))).toBe('task-1');
  });
});

describe('the credential of Black Forest Labs', () => {
  const verify = (more: Partial<AdapterBenchOptions> = {}) => {
    const { provider, context } = bench(IMAGE, more);
    return provider.upstream?.verify(context);
  };

  test('is good when it may see its credits', async () => {
    expect(await verify()).toEqual({
      kind: 'ok',
      remoteId: null,
      balance: { unit: 'USD', available: '41.235' },
      slots: null,
    });
  });

  test('is refused', async () => {
    expect(await verify({ credential: { kind: 'api_key', apiKey: 'x' } })).toMatchObject({ kind: 'refused' });
  });

  for (const fault of [
    'forbidden_page',
    'error_before',
    'overloaded',
    'busy',
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
