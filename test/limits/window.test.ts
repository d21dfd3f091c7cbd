// The sliding window on a clock that the test moves: in no minute more than the limit, nothing refused below it, and
// who waits as long as told is admitted.
import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { createSlidingWindow, WINDOW_MS } from '../../src/limits/window.ts';

const SEED = 5;

type Step =
  | { kind: 'take'; afterMs: number }
  | { kind: 'give back'; afterMs: number; which: number }
  | { kind: 'limit'; afterMs: number; limit: number }
  | { kind: 'wait'; afterMs: number };

const afterMs = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 5000 }) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * WINDOW_MS }) },
);
const limit = fc.integer({ min: 1, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('take' as const), afterMs }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('give back' as const), afterMs, which: fc.nat(20) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('limit' as const), afterMs, limit }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), afterMs }) },
);

test(`admits exactly what an endless log would (seed ${SEED})`, () => {
  const reached = { refusals: 0, waits: 0, givenBack: 0 };
  fc.assert(
    fc.property(
      limit,
      fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
      (firstLimit, steps) => {
        const window = createSlidingWindow();
        /** Everything that was admitted and not given back, for ever. */
        const log: number[] = [];
        let [now, inForce] = [0, firstLimit];
        const used = () => log.filter((at) => at > now - WINDOW_MS).length;
        const takeBoth = () => {
          const isAllowed = used() < inForce;
          expect(window.take(inForce, now)).toBe(isAllowed);
          if (isAllowed) log.push(now);
          else reached.refusals += 1;
          return isAllowed;
        };
        for (const one of steps) {
          now += one.afterMs;
          switch (one.kind) {
            case 'take':
              takeBoth();
              break;
            case 'give back': {
              const at = log[log.length - 1 - one.which];
              if (at === undefined) break;
              window.giveBack(at);
              log.splice(log.lastIndexOf(at), 1);
              reached.givenBack += 1;
              break;
            }
            case 'limit':
              inForce = one.limit;
              break;
            case 'wait': {
              if (used() < inForce) break;
              const { resetMs } = window.state(inForce, now);
              expect(resetMs).toBeWithin(1, WINDOW_MS + 1);
              now += resetMs - 1;
              expect(used()).toBeGreaterThanOrEqual(inForce);
              expect(takeBoth()).toBe(false);
              now += 1;
              expect(takeBoth()).toBe(true);
              reached.waits += 1;
            }
          }
          const state = window.state(inForce, now);
          expect(state).toMatchObject({ limit: inForce, remaining: Math.max(0, inForce - used()) });
          if (used() > 0) expect(window.idleAt()).toBe(Math.max(...log) + WINDOW_MS);
        }
      },
    ),
    { numRuns: 300, seed: SEED },
  );
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(300);
});

describe('a window', () => {
  test('admits again when its oldest is exactly a minute old', () => {
    const window = createSlidingWindow();
    expect(window.take(1, 0)).toBe(true);
    expect(window.take(1, 59_999)).toBe(false);
    expect(window.state(1, 59_999)).toEqual({ limit: 1, remaining: 0, resetMs: 1 });
    expect(window.take(1, 60_000)).toBe(true);
  });

  test('that is not full says when its oldest leaves', () => {
    const window = createSlidingWindow();
    expect(window.state(5, 0)).toEqual({ limit: 5, remaining: 5, resetMs: 0 });
    window.take(5, 100);
    window.take(5, 200);
    expect(window.state(5, 1100)).toEqual({ limit: 5, remaining: 3, resetMs: 59_000 });
  });

  test('counts nothing that it refuses', () => {
    const window = createSlidingWindow();
    window.take(1, 0);
    for (let at = 1; at < 60_000; at += 1000) window.take(1, at);
    expect(window.take(1, 60_000)).toBe(true);
  });

  test('of a limit of nothing admits nothing', () => {
    expect(createSlidingWindow().take(0, 0)).toBe(false);
  });

  test('begins with what it is told, the oldest first', () => {
    const window = createSlidingWindow([-59_000, -10]);
    expect(window.state(3, 0)).toEqual({ limit: 3, remaining: 1, resetMs: 1000 });
    expect(window.state(3, 1000).remaining).toBe(2);
  });

  test('gives back one of several of the same instant, and none that has left', () => {
    const window = createSlidingWindow();
    for (let count = 0; count < 3; count++) window.take(3, 0);
    window.giveBack(0);
    expect(window.state(3, 0).remaining).toBe(1);
    window.giveBack(7);
    expect(window.state(3, 0).remaining).toBe(1);
    window.take(3, 30_000);
    expect(window.state(3, 60_000).remaining).toBe(2);
    window.giveBack(0);
    expect(window.state(3, 60_000).remaining).toBe(2);
  });

  test('keeps no more than it needs, however long it lives', () => {
    const times: number[] = [];
    const window = createSlidingWindow(times);
    for (let at = 0; at < 10_000_000; at += 10_000) window.take(100, at);
    // The list that it was given was left behind early.
    expect(times.length).toBeLessThan(200);
    expect(window.state(100, 10_000_000).remaining).toBe(95);
  });
});
