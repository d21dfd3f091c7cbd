// Waiting for what is under way without waiting for time: turn after turn of the event loop, a bounded number of them.
import { nextTurn } from '../../src/runtime/clock.ts';

/** What a test sets in motion needs tens of turns; files on a busy disk need thousands. */
const MAX_TURNS = 100_000;

/** Goes on when `isSo` holds; fails when it does not come to hold by itself. */
export async function eventually(what: string, isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    if (isSo()) return;
    await nextTurn();
  }
  throw new Error(`it did not come to this: ${what}`);
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}
