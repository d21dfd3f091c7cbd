// A worker that draws cards like the real one, but dies of the prompts `exit` (at once) and `throw` (by an error).
import type { TestCard } from '../../src/testcard/index.ts';
import { renderCard } from '../../src/testcard/render.ts';

declare const self: Worker;

self.addEventListener('message', ({ data: card }: MessageEvent<TestCard>) => {
  if (card.prompt === 'exit') process.exit(1);
  if (card.prompt === 'throw') throw new Error('the worker fell over');
  void renderCard(card).then((rendered) =>
    self.postMessage({ kind: 'rendered', rendered }, { transfer: [] }),
  );
});
