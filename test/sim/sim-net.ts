// The network of a simulation: a few pictures that customers refer to, some of which are not what they seem.
import type { Net, NetResponse } from '../../src/runtime/index.ts';
import { tinyPng } from '../support/tiny-media.ts';
import type { Dice } from './dice.ts';
import type { SimClock } from './sim-clock.ts';

const PICTURE = tinyPng(256, 256);

export function createSimNet(dice: Dice, clock: SimClock): Net {
  const answer = (status: number, body: Uint8Array = new Uint8Array()): NetResponse => ({
    ...{ kind: 'response', status, headers: {}, body },
  });
  return {
    async fetch({ url, deadlineMs }) {
      const name = url.slice(url.lastIndexOf('/') + 1);
      if (name === 'missing.png') return answer(404);
      if (name === 'page.html') return answer(200, new TextEncoder().encode('<html>'));
      if (name !== 'shaky.png' || dice.isHit(0.5)) return answer(200, PICTURE);
      if (dice.isHit(0.5)) return answer(503);
      await clock.sleep(deadlineMs);
      return { kind: 'ambiguous', reason: 'deadline', detail: '' };
    },
    download: () => Promise.reject(new Error('nothing is downloaded in a simulation')),
  };
}
