// A provider that does what a test says. Without a script it takes every order, needs two seconds and delivers.
import type {
  AttemptOutcome,
  Order,
  Provider,
  ProviderContext,
  Upstream,
  Verified,
} from '../../src/providers/index.ts';
import { tinyMp4, tinyPng } from './tiny-media.ts';

export type Script = {
  id?: string;
  modes?: Provider['modes'];
  submitIsRepeatable?: boolean;
  canTake?: (order: Order) => boolean;
  submit?: (
    order: Order,
    attemptId: string,
    context: ProviderContext,
  ) => AttemptOutcome | Promise<AttemptOutcome>;
  poll?: (providerJobId: string, context: ProviderContext) => AttemptOutcome | Promise<AttemptOutcome>;
  cancel?: (providerJobId: string) => boolean | Promise<boolean>;
  openOutput?: (order: Order) => Uint8Array | Promise<Uint8Array>;
  /** Makes it a provider with accounts: every image costs 10 credits, a video 100 a second. */
  upstream?: Partial<Omit<Upstream, 'verify'>> & {
    verify?: (context: ProviderContext) => Verified | Promise<Verified>;
  };
};

export type ScriptedProvider = Provider & {
  /** What it was asked, in order. */
  readonly calls: {
    submits: { order: Order; attemptId: string }[];
    polls: string[];
    cancels: string[];
    opens: number;
  };
};

const LATENCY_MS = 2000;

export function createScriptedProvider(script: Script = {}): ScriptedProvider {
  const calls: ScriptedProvider['calls'] = { submits: [], polls: [], cancels: [], opens: 0 };
  const readyAt = new Map<string, number>();
  const { cancel } = script;
  return {
    calls,
    id: script.id ?? 'leonardo',
    modes: script.modes ?? ['live'],
    serves: () => true,
    canTake: script.canTake ?? (() => true),
    submitIsRepeatable: script.submitIsRepeatable ?? false,
    async submit(order, attemptId, context) {
      calls.submits.push({ order, attemptId });
      if (script.submit !== undefined) return script.submit(order, attemptId, context);
      const providerJobId = `job-${attemptId}`;
      const at = context.clock.now() + LATENCY_MS;
      readyAt.set(providerJobId, at);
      return { kind: 'pending', providerJobId, pollAt: at };
    },
    async poll(providerJobId, context) {
      calls.polls.push(providerJobId);
      if (script.poll !== undefined) return script.poll(providerJobId, context);
      const at = readyAt.get(providerJobId) ?? 0;
      if (context.clock.now() < at) return { kind: 'pending', providerJobId, pollAt: at };
      return completed(providerJobId);
    },
    ...(cancel === undefined
      ? {}
      : {
          async cancel(providerJobId: string) {
            calls.cancels.push(providerJobId);
            return cancel(providerJobId);
          },
        }),
    ...(script.upstream === undefined ? {} : { upstream: scriptedUpstream(script.upstream) }),
    async openOutput(_output, order) {
      calls.opens += 1;
      return { pieces: [script.openOutput === undefined ? mediaFor(order) : await script.openOutput(order)] };
    },
  };
}

const COST = { unit: 'credits', source: 'the test', asOf: '2026-11-01' } as const;

function scriptedUpstream({
  verify = () => ({ kind: 'ok', remoteId: null, balance: null, slots: null }),
  ...given
}: NonNullable<Script['upstream']>): Upstream {
  return {
    baseUrl: 'https://api.provider.example',
    outputHosts: [],
    credentials: ['api_key', 'session'],
    models: {
      'openai/gpt-image-2': { raw: 'image', cost: { per: 'job', rates: [{ amount: '10' }], ...COST } },
      'bytedance/seedance-2.0-fast': {
        raw: 'video',
        cost: { per: 'second', rates: [{ amount: '100' }], ...COST },
      },
    },
    capabilities: { cancel: 'none', callback: 'none', hasBalance: true },
    verify: async (context) => verify(context),
    ...given,
  };
}

export function pending(providerJobId: string, pollAt: number): AttemptOutcome {
  return { kind: 'pending', providerJobId, pollAt };
}

export function completed(providerJobId: string): AttemptOutcome {
  return { kind: 'completed', providerJobId, outputs: [{ role: 'output', url: `test:${providerJobId}` }] };
}

function mediaFor({ type, width, height }: Order): Uint8Array {
  return type === 'image' ? tinyPng(width, height) : tinyMp4(width, height);
}
