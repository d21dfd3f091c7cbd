// A provider as they are: slow, down, forgetful, contradictory. It stands behind the same contract as a real one, keeps
// its own books of what it was asked, and outlives the processes of the gateway.
import type {
  AttemptOutcome,
  Order,
  OutputContent,
  Provider,
  ProviderContext,
  Upstream,
} from '../../src/providers/index.ts';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import type { Dice } from './dice.ts';
import type { Weather } from './weather.ts';

export type ProviderTraits = {
  id: string;
  submitIsRepeatable: boolean;
  canCancel: boolean;
  /** Reached with an account, and with a list in which lost orders can be looked for. */
  hasAccounts: boolean;
  /** How much of what can go wrong does; 1 is a bad provider, 0 a perfect one. */
  trouble: number;
};

/** Told before the provider does anything with an order, while the caller still waits. */
export type SubmitWitness = (submit: { provider: string; attemptId: string; isKnown: boolean }) => void;

type Fate = {
  acceptedAtMs: number;
  readyAtMs: number;
  ending: 'completes' | 'fails' | 'rejects' | 'never ends';
  outputs: 'good' | 'bad at first' | 'bad';
  opened: number;
  order: Order;
};

/** What an order costs, by model. */
const PRICES = { 'openai/gpt-image-2': '8', 'bytedance/seedance-2.0-fast': '500' } as const;

const SUBMITS = {
  accept: 60,
  done: 3,
  refuse: 8,
  reject: 2,
  slow: 6,
  'lose the answer': 4,
  'lose the order': 4,
  'break after taking it': 2,
  'break before taking it': 3,
  hang: 1,
} as const;
const POLLS = { honest: 80, unreachable: 6, unknown: 2, throw: 3, slow: 3, hang: 1, 'too soon': 2 } as const;
const OUTPUTS = { good: 90, throw: 4, slow: 3, 'break off': 3 } as const;
/** Those that pass. */
const ACCOUNT_FAULTS = ['rate', 'rate', 'balance'] as const;
const BAD_FILES = [
  '',
  '<!doctype html><h1>502</h1>',
  '\x89PNG\r\n\x1a\nbut no more',
  '\0\0\0\x18ftypmp42',
] as const;

const SECOND_MS = 1000;
/** Longer than any caller waits. */
const HANG_MS = { from: 31 * SECOND_MS, to: 90 * SECOND_MS } as const;
const SLOW_MS = { from: SECOND_MS, to: 25 * SECOND_MS } as const;
/** Providers forget too, long after every job has ended that could ask. */
const REMEMBERED_MS = 4 * 3600 * SECOND_MS;

export function createFaultyProvider(
  traits: ProviderTraits,
  { dice, weather, witness }: { dice: Dice; weather: Weather; witness: SubmitWitness },
): Provider {
  const { id, submitIsRepeatable, canCancel, hasAccounts, trouble } = traits;
  /** By attempt, which is also the provider's own id of the order. */
  const orders = new Map<string, Fate>();
  const isTroubled = () => dice.isHit(trouble);

  function take(order: Order, attemptId: string, nowMs: number): Fate {
    const known = orders.get(attemptId);
    if (known !== undefined) return known;
    for (const [old, { acceptedAtMs }] of orders) {
      if (acceptedAtMs > nowMs - REMEMBERED_MS) break;
      orders.delete(old);
    }
    const fate: Fate = {
      acceptedAtMs: nowMs,
      readyAtMs: nowMs + dice.between(0.2 * SECOND_MS, (order.type === 'video' ? 60 : 12) * SECOND_MS),
      ending: isTroubled() ? dice.draw({ completes: 5, fails: 8, rejects: 4, 'never ends': 1 }) : 'completes',
      outputs: isTroubled() ? dice.draw({ good: 5, 'bad at first': 3, bad: 1 }) : 'good',
      opened: 0,
      order,
    };
    orders.set(attemptId, fate);
    return fate;
  }

  async function submit(
    order: Order,
    attemptId: string,
    { clock }: ProviderContext,
  ): Promise<AttemptOutcome> {
    witness({ provider: id, attemptId, isKnown: orders.has(attemptId) });
    const accepted = (): AttemptOutcome => {
      take(order, attemptId, clock.elapsedMs());
      return { kind: 'pending', providerJobId: attemptId, pollAt: clock.now() + dice.between(-500, 6000) };
    };
    if (weather.isDown(id)) return { kind: 'failed', code: 'provider_error', reason: 'status 503' };
    const turn = isTroubled() ? dice.draw(SUBMITS) : 'accept';
    switch (turn) {
      case 'accept':
        return accepted();
      case 'done':
        take(order, attemptId, clock.elapsedMs()).readyAtMs = 0;
        return poll(attemptId, clock.now());
      case 'refuse':
        return {
          ...({ kind: 'failed', code: 'provider_error', reason: 'status 429' } as const),
          ...(hasAccounts && dice.isHit(0.5) ? { fault: dice.pick(ACCOUNT_FAULTS) } : {}),
        };
      case 'reject':
        return { kind: 'rejected', code: 'content_policy_violation', reason: 'a filter says no' };
      case 'slow':
        // What has left the house is acted upon, whether somebody still waits or not.
        accepted();
        await clock.sleep(dice.between(SLOW_MS.from, SLOW_MS.to));
        return accepted();
      case 'lose the answer':
        accepted();
        return { kind: 'unknown', reason: 'reset after the request' };
      case 'lose the order':
        return { kind: 'unknown', reason: 'status 500' };
      case 'break after taking it':
        accepted();
        throw new Error('a fault of the adapter after the request');
      case 'break before taking it':
        throw new Error('a fault of the adapter before the request');
      case 'hang':
        if (dice.isHit(0.5)) accepted();
        await clock.sleep(dice.between(HANG_MS.from, HANG_MS.to));
        return accepted();
    }
  }

  /** What is true of an order, whatever was said before. */
  function poll(attemptId: string, now: number, elapsedMs = Infinity): AttemptOutcome {
    const fate = orders.get(attemptId);
    if (fate === undefined) return { kind: 'failed', code: 'provider_error', reason: 'status 404' };
    if (fate.ending === 'never ends' || elapsedMs < fate.readyAtMs) {
      return { kind: 'pending', providerJobId: attemptId, pollAt: now + dice.between(500, 10_000) };
    }
    switch (fate.ending) {
      case 'completes':
        return { kind: 'completed', providerJobId: attemptId, outputs: outputsOf(fate, attemptId) };
      case 'fails':
        return { kind: 'failed', code: 'provider_error', reason: 'it did not work out' };
      case 'rejects':
        return { kind: 'rejected', code: 'content_policy_violation', reason: 'a filter says no' };
    }
  }

  async function answerPoll(attemptId: string, { clock }: ProviderContext): Promise<AttemptOutcome> {
    const truth = () => poll(attemptId, clock.now(), clock.elapsedMs());
    const turn = weather.isDown(id) ? 'unreachable' : isTroubled() ? dice.draw(POLLS) : 'honest';
    switch (turn) {
      case 'honest':
        return truth();
      case 'unreachable': {
        const retryAt = dice.isHit(0.3) ? { retryAt: clock.now() + dice.between(1000, 20_000) } : {};
        return { kind: 'unreachable', reason: 'status 502', ...retryAt };
      }
      case 'unknown':
        return { kind: 'unknown', reason: 'status 500' };
      case 'throw':
        throw new Error('a state that the adapter does not know');
      case 'slow':
        await clock.sleep(dice.between(SLOW_MS.from, SLOW_MS.to));
        return truth();
      case 'hang':
        await clock.sleep(dice.between(HANG_MS.from, HANG_MS.to));
        return truth();
      case 'too soon':
        return { kind: 'pending', providerJobId: attemptId, pollAt: 0 };
    }
  }

  async function open(attemptId: string, role: string, { clock }: ProviderContext): Promise<OutputContent> {
    const fate = orders.get(attemptId);
    if (fate === undefined) throw new Error('status 404');
    fate.opened += 1;
    const isBad = fate.outputs === 'bad' || (fate.outputs === 'bad at first' && fate.opened === 1);
    if (isBad) return { pieces: [new TextEncoder().encode(dice.pick(BAD_FILES))] };
    const { type, width, height } = fate.order;
    const bytes = type === 'image' || role === 'poster' ? tinyPng(width, height) : tinyMp4(width, height);
    switch (isTroubled() ? dice.draw(OUTPUTS) : 'good') {
      case 'good':
        return { pieces: [bytes] };
      case 'throw':
        throw new Error('status 502');
      case 'slow':
        await clock.sleep(dice.between(SLOW_MS.from, 4 * SLOW_MS.to));
        return { pieces: [bytes] };
      case 'break off':
        return { pieces: breakingOff(bytes) };
    }
  }

  const upstream: Upstream = {
    baseUrl: 'https://api.provider.example',
    outputHosts: [],
    credentials: ['api_key'],
    models: Object.fromEntries(
      Object.entries(PRICES).map(([model, amount]) => {
        const cost = { per: 'job', unit: 'credits', rates: [{ amount }], source: 'sim', asOf: '2026-11-01' };
        return [model, { raw: model, cost } as const satisfies { raw: string; cost: object }];
      }),
    ) as Upstream['models'],
    capabilities: { cancel: 'running', callback: 'none', hasBalance: true },
    async verify() {
      if (weather.isDown(id) || dice.isHit(0.05)) return { kind: 'unreachable', reason: 'status 502' };
      const balance = { unit: 'credits', available: '100000' } as const;
      return { kind: 'ok', remoteId: null, balance, slots: null };
    },
    async findSubmitted(_order, { attemptId }, { clock }) {
      if (weather.isDown(id) || dice.isHit(0.3)) return { kind: 'unknown', reason: 'status 502' };
      return poll(attemptId, clock.now(), clock.elapsedMs());
    },
  };

  return {
    id,
    modes: ['live'],
    submitIsRepeatable,
    ...(hasAccounts ? { upstream } : {}),
    serves: () => true,
    canTake: () => !weather.isDown(id) || dice.isHit(0.5),
    submit,
    poll: answerPoll,
    openOutput: (output, _order, context) => open(output.url.slice('sim:'.length), output.role, context),
    ...(canCancel
      ? {
          async cancel(attemptId: string, { clock }: ProviderContext) {
            if (isTroubled() && dice.isHit(0.2)) throw new Error('status 500');
            if (isTroubled() && dice.isHit(0.1)) await clock.sleep(HANG_MS.to);
            const fate = orders.get(attemptId);
            if (fate === undefined || clock.elapsedMs() >= fate.readyAtMs || dice.isHit(0.2)) return false;
            fate.ending = 'fails';
            return true;
          },
        }
      : {}),
  };
}

function outputsOf({ order }: Fate, attemptId: string) {
  const url = `sim:${attemptId}`;
  const output = { role: 'output', url } as const;
  return order.type === 'video' ? [output, { role: 'poster', url } as const] : [output];
}

async function* breakingOff(bytes: Uint8Array) {
  yield bytes.slice(0, bytes.length / 2);
  throw new Error('reset in the middle');
}
