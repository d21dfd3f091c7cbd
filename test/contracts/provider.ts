// What every provider has to do, whoever is behind it: the suite that each adapter passes, with the sandbox as it is
// and the others against recordings of what their provider answered.
import { describe, expect, test } from 'bun:test';
import { ERROR_CODES } from '../../src/errors.ts';
import { readImageHeader, readMp4Header } from '../../src/media/index.ts';
import type {
  AttemptOutcome,
  Order,
  Provider,
  ProviderContext,
  ProviderOutput,
} from '../../src/providers/index.ts';
import type { ManualClock } from '../support/manual-clock.ts';

/** A provider on a stage of its own, and an order that plays the scenario there. */
export type Bench = {
  provider: Provider;
  order: Order;
  clock: ManualClock;
  context: ProviderContext;
};

/** `fails` after it was accepted; `refuses`: another provider may take it; `rejects`: nobody would. */
export type Scenario = 'image' | 'video' | 'with reference' | 'fails' | 'refuses' | 'rejects';

export type ProviderSubject = {
  name: string;
  /** Null for what the provider cannot do, or what nobody has seen it do. */
  open(scenario: Scenario): Bench | null;
  /** An id in the provider's form that it never gave out. */
  strangeJobId: string;
  /** The same order makes the same bytes: of a provider that draws, and of none that dreams. */
  isDeterministic: boolean;
};

const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';
const MAX_POLLS = 100;
/** What one column of an operator's screen can show. */
const MAX_REASON_LENGTH = 500;
const MAX_JOB_ID_LENGTH = 200;

export function providerContract(subject: ProviderSubject): void {
  describe(`the provider ${subject.name}`, () => {
    describeOrders(subject);
    describeOutputs(subject);
    describeAnswers(subject);
  });
}

function describeOrders({ open, strangeJobId }: ProviderSubject): void {
  for (const scenario of ['image', 'video', 'with reference'] as const) {
    const bench = open(scenario);
    if (bench === null) continue;
    test(`takes an order (${scenario}) and completes it`, async () => {
      expect(bench.provider.canTake(bench.order)).toBe(true);
      expect(bench.provider.serves(bench.order.model)).toBe(true);
      const ended = await carryOut(bench);
      expect(ended.at(-1)?.kind).toBe('completed');
    });
  }

  test('keeps one id for an order from its acceptance to its end', async () => {
    const bench = openAny(open);
    if (bench === null) return;
    const outcomes = await carryOut(bench);
    const ids = outcomes.flatMap((outcome) => ('providerJobId' in outcome ? [outcome.providerJobId] : []));
    expect(new Set(ids).size).toBe(1);
  });

  test('takes a repeated order for the first one, where it says that it does', async () => {
    const bench = openAny(open);
    if (bench === null || !bench.provider.submitIsRepeatable) return;
    const [first, second] = [await submit(bench), await submit(bench)];
    expect(second).toEqual(first);
    expect(jobIdOf(first)).not.toBe(jobIdOf(await submit(bench, 'att_01mcc5rm00eyxr2ma7ek430gr0')));
  });

  test('answers in its own time, by the clock that it is given', async () => {
    const bench = openAny(open);
    if (bench === null) return;
    const submitted = await submit(bench);
    if (submitted.kind !== 'pending') return;
    const before = bench.clock.now();
    expect((await poll(bench, submitted.providerJobId)).kind).toBe('pending');
    expect(bench.clock.now()).toBe(before);
  });

  test('has never heard of an id that it did not give out', async () => {
    const bench = openAny(open);
    if (bench === null) return;
    const outcome = await poll(bench, strangeJobId);
    expectWellFormed(outcome, bench);
    expect(outcome.kind).toBe('failed');
  });

  test('stops an order that is under way, and not one that has ended, where it can stop any', async () => {
    for (const scenario of ['image', 'video'] as const) {
      const [bench, done] = [open(scenario), open(scenario)];
      if (bench?.provider.cancel === undefined || done === null) continue;
      const submitted = await submit(bench);
      // What is made while we wait has ended already.
      if (submitted.kind === 'pending') {
        expect(await bench.provider.cancel(submitted.providerJobId, bench.context)).toBe(true);
      }
      const outcomes = await carryOut(done);
      expect(await done.provider.cancel?.(jobIdOf(outcomes[0]), done.context)).toBe(false);
      expect(await bench.provider.cancel(strangeJobId, bench.context)).toBe(false);
    }
  });
}

function describeOutputs({ open, isDeterministic }: ProviderSubject): void {
  for (const scenario of ['image', 'video', 'with reference'] as const) {
    const bench = open(scenario);
    if (bench === null) continue;
    test(`delivers what was ordered (${scenario})`, async () => {
      const outputs = await outputsOf(bench);
      expect(outputs.filter(({ role }) => role === 'output')).toHaveLength(1);
      for (const output of outputs) await expectOrdered(bench, output);
    });
  }

  test('opens an output as often as it is asked', async () => {
    const bench = openAny(open);
    if (bench === null) return;
    const [output] = await outputsOf(bench);
    if (output === undefined) throw new Error('there is no output');
    expect(await read(bench, output)).toEqual(await read(bench, output));
  });

  if (!isDeterministic) return;
  test('makes the same of the same order, and another of another', async () => {
    const [bench, again] = [open('image'), open('image')];
    if (bench === null || again === null) return;
    again.clock.advance(3_600_000);
    const one = await firstBytes(bench);
    expect(await firstBytes(again)).toEqual(one);
    for (const change of [{ prompt: 'something else' }, { seed: 4711 }, { width: bench.order.width + 16 }]) {
      const other = open('image');
      if (other === null) return;
      expect(await firstBytes({ ...other, order: { ...other.order, ...change } })).not.toEqual(one);
    }
  });
}

function describeAnswers({ open }: ProviderSubject): void {
  for (const [scenario, kind] of [
    ['refuses', 'failed'],
    ['fails', 'failed'],
    ['rejects', 'rejected'],
  ] as const) {
    const bench = open(scenario);
    if (bench === null) continue;
    test(`tells that an order ${scenario}, and why`, async () => {
      const outcomes = await carryOut(bench);
      expect(outcomes.at(-1)?.kind).toBe(kind);
    });
  }
}

/** A stage for what holds for every order: with a picture, or a film where no pictures are made. */
function openAny(open: ProviderSubject['open']): Bench | null {
  return open('image') ?? open('video');
}

function submit({ provider, order, context }: Bench, attemptId = ATTEMPT_ID): Promise<AttemptOutcome> {
  return provider.submit(order, attemptId, context);
}

function poll({ provider, context }: Bench, providerJobId: string): Promise<AttemptOutcome> {
  return provider.poll(providerJobId, context);
}

/** Everything that the provider answers to an order, at the instants for which it asks; each can be worked with. */
async function carryOut(bench: Bench): Promise<AttemptOutcome[]> {
  const outcomes = [await submit(bench)];
  for (let polls = 0; polls < MAX_POLLS; polls++) {
    const last = outcomes.at(-1);
    if (last !== undefined) expectWellFormed(last, bench);
    if (last?.kind !== 'pending') return outcomes;
    bench.clock.advance(Math.max(1, last.pollAt - bench.clock.now()));
    outcomes.push(await poll(bench, last.providerJobId));
  }
  throw new Error(`the order has not ended after ${MAX_POLLS} polls`);
}

async function outputsOf(bench: Bench): Promise<ProviderOutput[]> {
  const ended = (await carryOut(bench)).at(-1);
  return ended?.kind === 'completed' ? ended.outputs : [];
}

function jobIdOf(outcome: AttemptOutcome | undefined): string {
  if (outcome === undefined || !('providerJobId' in outcome)) throw new Error('the order was not taken');
  return outcome.providerJobId;
}

async function read({ provider, order, context }: Bench, output: ProviderOutput): Promise<Uint8Array> {
  const { pieces } = await provider.openOutput(output, order, context);
  return Buffer.concat(await Array.fromAsync(pieces));
}

async function firstBytes(bench: Bench): Promise<Uint8Array> {
  const [output] = await outputsOf(bench);
  if (output === undefined) throw new Error('there is no output');
  return read(bench, output);
}

/** Sizes are the order's; a film is as long as ordered, to a frame, and has sound when that was ordered. */
async function expectOrdered(bench: Bench, output: ProviderOutput): Promise<void> {
  const { width, height, type, durationSeconds = 0, hasAudio = false } = bench.order;
  const bytes = await read(bench, output);
  if (output.role === 'poster' || type === 'image') {
    expect(readImageHeader(bytes)).toMatchObject({ width, height, isAnimated: false });
    return;
  }
  const header = await readMp4Header(bytes);
  expect(header).toMatchObject({ width, height, hasAudio });
  expect(Math.abs((header?.durationMs ?? 0) - durationSeconds * 1000)).toBeLessThanOrEqual(100);
}

/** Whether the engine can work with it: nothing missing, nothing that grows, no instant in the past. */
function expectWellFormed(outcome: AttemptOutcome, { clock }: Bench): void {
  if ('providerJobId' in outcome) {
    expect(outcome.providerJobId).toMatch(new RegExp(`^[\\x21-\\x7e]{1,${MAX_JOB_ID_LENGTH}}$`));
  }
  if ('reason' in outcome) {
    expect(outcome.reason.trim()).not.toBe('');
    expect(outcome.reason.length).toBeLessThanOrEqual(MAX_REASON_LENGTH);
  }
  if ('code' in outcome) expect(ERROR_CODES).toContain(outcome.code);
  if (outcome.kind === 'pending') {
    expect(Number.isSafeInteger(outcome.pollAt)).toBe(true);
    expect(outcome.pollAt).toBeGreaterThanOrEqual(clock.now());
  }
  if (outcome.kind === 'completed') {
    expect(outcome.outputs.length).toBeGreaterThan(0);
    for (const { role, url } of outcome.outputs) {
      expect(['output', 'poster']).toContain(role);
      expect(url).toMatch(/^[a-z][a-z0-9+.-]*:/);
    }
  }
}
