// What a promise that has to fail fails with.
import { messageOf } from '../../src/errors.ts';

/** The message; fails the test when nothing was thrown. */
export function faultOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => {
    throw new Error('nothing was thrown');
  }, messageOf);
}
