// The stage of an adapter in the tests: the real network on the real clock towards a fake provider on the loopback, and
// a clock that stands still for everything that the adapter counts itself.
import type { Bench } from '../contracts/provider.ts';
import type { AccountAccess, Credential, Order, Provider } from '../../src/providers/provider.ts';
import { createSystemClock } from '../../src/runtime/clock.ts';
import { createNet, type Net } from '../../src/runtime/net.ts';
import { createManualClock } from '../support/manual-clock.ts';

export type AdapterBenchOptions = {
  provider: Provider;
  /** Where the fake listens, with the path of the provider's base URL if it has one. */
  baseUrl: string;
  order: Order;
  credential?: Credential;
  remoteId?: string | null;
  callbackUrl?: string | null;
  /** When to give up, as the engine does when a call takes too long: `stalled` of the fake, mostly. */
  giveUp?: Promise<void>;
  /** Shortens what the adapter would wait for an answer. */
  deadlineMs?: number;
};

export type AdapterBench = Bench & {
  account: AccountAccess;
  /** The bytes that came with answers, by the URL under which they are kept. */
  kept: ReadonlyMap<string, Uint8Array>;
};

export const TEST_KEY = 'key-canary-7f3a9c51';

export function openAdapterBench(options: AdapterBenchOptions): AdapterBench {
  const kept = new Map<string, Uint8Array>();
  const clock = createManualClock();
  const abort = new AbortController();
  void options.giveUp?.then(() => abort.abort());
  const account: AccountAccess = {
    id: 'acc_of_the_tests',
    credential: options.credential ?? { kind: 'api_key', apiKey: TEST_KEY },
    remoteId: options.remoteId ?? null,
    baseUrl: options.baseUrl,
    destination: { kind: 'operator', origin: new URL(options.baseUrl).origin },
    callbackUrl: options.callbackUrl ?? null,
  };
  return {
    provider: withKept(options.provider, kept),
    order: options.order,
    clock,
    account,
    kept,
    context: {
      net: impatient(createNet({ clock: createSystemClock() }), options.deadlineMs),
      clock,
      signal: abort.signal,
      account,
      keep: async (role, bytes) => {
        const url = `kept:${kept.size}`;
        kept.set(url, bytes);
        return { role, url };
      },
    },
  };
}

function impatient(net: Net, deadlineMs: number | undefined): Net {
  if (deadlineMs === undefined) return net;
  const sooner = <R extends { deadlineMs: number; firstByteMs?: number }>(request: R): R => ({
    ...request,
    deadlineMs: Math.min(deadlineMs, request.deadlineMs),
    firstByteMs: Math.min(deadlineMs, request.firstByteMs ?? deadlineMs),
  });
  return {
    fetch: (request) => net.fetch(sooner(request)),
    download: (request, sink) => net.download(sooner(request), sink),
  };
}

/** What is kept is opened by the engine and not by the adapter. */
function withKept(provider: Provider, kept: ReadonlyMap<string, Uint8Array>): Provider {
  return {
    ...provider,
    async openOutput(output, order, context) {
      const bytes = kept.get(output.url);
      return bytes === undefined ? provider.openOutput(output, order, context) : { pieces: [bytes] };
    },
  };
}
