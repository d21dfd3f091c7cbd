// The worker's side: takes one card at a time, draws it and sends the bytes back. It is an entry point of its
// own in the executable, and holds no state between cards.
import { GatewayError, messageOf } from '../errors.ts';
import type { TestCard } from './card.ts';
import type { WorkerAnswer } from './pool.ts';
import { renderCard } from './render.ts';

declare const self: Worker;

self.addEventListener('message', (event: MessageEvent<TestCard>) => {
  void draw(event.data).then(({ answer, transfer }) => self.postMessage(answer, { transfer }));
});

async function draw(card: TestCard): Promise<{ answer: WorkerAnswer; transfer: ArrayBuffer[] }> {
  try {
    const rendered = await renderCard(card);
    const files = rendered.poster ? [rendered, rendered.poster] : [rendered];
    return {
      answer: { kind: 'rendered', rendered },
      transfer: files.flatMap(({ bytes }) => wholeBuffer(bytes)),
    };
  } catch (thrown) {
    const answer: WorkerAnswer =
      thrown instanceof GatewayError
        ? { kind: 'refused', code: thrown.code, message: thrown.message }
        : { kind: 'failed', message: messageOf(thrown) };
    return { answer, transfer: [] };
  }
}

/** The memory behind a file may be handed over instead of copied, if nothing else lies in it. */
function wholeBuffer({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
