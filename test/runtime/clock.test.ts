// The system's clock: instants that are shown in one form, and sleeps that end when they are told to.
import { describe, expect, test } from 'bun:test';
import {
  createSystemClock,
  isoInstant,
  isoInstantOrNull,
  nextTurn,
  onNextTurn,
} from '../../src/runtime/clock.ts';

describe('an instant', () => {
  test.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [1_800_000_000_123, '2027-01-15T08:00:00.123Z'],
  ])('%d is shown as %s', (instant, text) => {
    expect(isoInstant(instant)).toBe(text);
    expect(isoInstantOrNull(instant)).toBe(text);
  });

  test('that there is not is shown as null', () => {
    expect(isoInstantOrNull(null)).toBeNull();
  });

  test('of the system is now, and elapsed time never goes back', () => {
    const clock = createSystemClock();
    const before = Date.now();
    expect(clock.now()).toBeWithin(before, before + 60_000);
    const first = clock.elapsedMs();
    expect(clock.elapsedMs()).toBeGreaterThanOrEqual(first);
  });
});

describe('a sleep', () => {
  const clock = createSystemClock();

  test('ends by itself', async () => {
    await clock.sleep(1);
  });

  test('ends at once, and without an error, when its signal aborts, before or meanwhile', async () => {
    await clock.sleep(10_000_000, AbortSignal.abort());
    const controller = new AbortController();
    const asleep = clock.sleep(10_000_000, controller.signal);
    controller.abort();
    await asleep;
  });

  test('of more than a timer can hold does not end at once', async () => {
    const controller = new AbortController();
    let isOver = false;
    const asleep = clock.sleep(Number.MAX_SAFE_INTEGER, controller.signal).then(() => (isOver = true));
    await nextTurn();
    await nextTurn();
    await clock.sleep(2);
    expect(isOver).toBe(false);
    controller.abort();
    await asleep;
  });
});

test('the next turn comes after everything that is ready now, and can be called off', async () => {
  const order: string[] = [];
  const callOff = onNextTurn(() => void order.push('called off'));
  onNextTurn(() => void order.push('next turn'));
  void Promise.resolve().then(() => order.push('this turn'));
  callOff();
  await nextTurn();
  expect(order).toEqual(['this turn', 'next turn']);
});
