// What the tests of the network share: a request with its limits, a resolver over a list, and a scene with one peer at
// the operator's origin, a clock that stands still and the real way out.
import { expect } from 'bun:test';
import { messageOf } from '../../src/errors.ts';
import { createNet, type Net } from '../../src/runtime/net.ts';
import type { NetRequest } from '../../src/runtime/net-outcome.ts';
import { listen, type Peer, type PeerOptions } from './loopback.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';

export const PUBLIC_ADDRESS = '93.184.216.34';

export const get = (url: string, more: Partial<NetRequest> = {}): NetRequest => ({
  url,
  destination: { kind: 'public' },
  deadlineMs: 15_000,
  maxBytes: 1000,
  ...more,
});

/** A resolver over a fixed list that notes what it was asked. */
export function resolverOf(names: Record<string, string[]>) {
  const asked: string[] = [];
  const resolve = async (host: string) => {
    asked.push(host);
    return names[host] ?? [];
  };
  return { resolve, asked };
}

/** The message of what a promise rejects with. */
export function faultOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no fault', messageOf);
}

export type Scene = { net: Net; clock: ManualClock; peer: Peer; request: NetRequest };

/** A peer on plain http at the operator's origin, over the real last step. */
export async function scene(options: PeerOptions, more: Partial<NetRequest> = {}): Promise<Scene> {
  const peer = await listen(options);
  const clock = createManualClock();
  const origin = `http://127.0.0.1:${peer.port}`;
  const request = get(`${origin}/path`, { destination: { kind: 'operator', origin }, ...more });
  return { net: createNet({ clock }), clock, peer, request };
}

/** Ends with the call: peers close, and no timer is left. */
export async function outcomeOf({ net, clock, peer, request }: Scene) {
  const outcome = await net.fetch(request);
  expect(clock.sleepers()).toBe(0);
  peer.close();
  return outcome;
}
