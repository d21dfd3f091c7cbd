// A network that answers from what a test declared, and fails on anything else.
import type { Net, NetFailure, NetResponse } from '../../src/runtime/index.ts';

type Answer = NetResponse | NetFailure;

export type FakeNet = Net & {
  /** Answers a URL from now on. */
  route(url: string, answer: Answer | (() => Answer | Promise<Answer>)): void;
  /** The URLs that were asked for, in order. */
  readonly requested: readonly string[];
};

export function createFakeNet(): FakeNet {
  const routes = new Map<string, () => Answer | Promise<Answer>>();
  const requested: string[] = [];
  return {
    requested,
    route: (url, answer) => void routes.set(url, typeof answer === 'function' ? answer : () => answer),
    async fetch({ url }) {
      requested.push(url);
      const answer = routes.get(url);
      if (answer === undefined) throw new Error(`the test declared no answer for ${url}`);
      return answer();
    },
    async download({ url }) {
      throw new Error(`the test declared no download of ${url}`);
    },
  };
}

export function okBytes(body: Uint8Array): NetResponse {
  return { kind: 'response', status: 200, headers: {}, body };
}
