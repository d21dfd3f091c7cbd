// What the tests of adapters share whose provider makes films as tasks: an order on its way, and how it ends.
import type { AttemptOutcome, Order, Provider } from '../../src/providers/provider.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, type AdapterBench, type AdapterBenchOptions } from './adapter-bench.ts';

export const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';
export const REFERENCE = { bytes: tinyPng(640, 480), contentType: 'image/png', strength: 'HIGH' } as const;
export const UNKNOWN: Ending = { kind: 'unknown' };
/** What any provider may answer instead of what it should, and what stops in its midst. */
export const BAD = ['reset', 'html', 'empty', 'not_json', 'enormous', 'hang', 'slow'] as const;

export type Ending = { kind: string; code?: string; fault?: string };
export type Options = Partial<AdapterBenchOptions>;

export function failed(fault: string): Ending {
  return { kind: 'failed', code: 'provider_error', fault };
}

/** Gives up as soon as the fake has come to a halt. */
export function benchAt(
  fake: { baseUrl: string; stalled: Promise<void> },
  { provider, order, ...options }: Options & { provider: Provider; order: Order },
): AdapterBench {
  return openAdapterBench({ provider, order, baseUrl: fake.baseUrl, giveUp: fake.stalled, ...options });
}

export function submit({ provider, order, context }: AdapterBench): Promise<AttemptOutcome> {
  return provider.submit(order, ATTEMPT_ID, context);
}

/** What an order comes to that was taken and is polled until it ends or is not to be had. */
export async function carryOut(stage: AdapterBench): Promise<AttemptOutcome> {
  let outcome = await submit(stage);
  for (let polls = 0; outcome.kind === 'pending' && polls < 10; polls++) {
    stage.clock.advance(outcome.pollAt - stage.clock.now());
    outcome = await stage.provider.poll(outcome.providerJobId, stage.context);
  }
  return outcome;
}

/** Fakes that end with the tests, each with what goes wrong in it. */
export function createFakes<F extends { faults: object; close(): void }>(start: () => Promise<F>) {
  const fakes: F[] = [];
  return {
    async start(faults: Partial<F['faults']> = {}): Promise<F> {
      const fake = await start();
      fakes.push(fake);
      Object.assign(fake.faults, faults);
      return fake;
    },
    close: () => fakes.forEach((fake) => fake.close()),
  };
}
