// Breakers and the retry budget: who fails again and again is left alone and found well again within a minute, and what
// is tried a second time stays a small share.
import { describe, expect, test } from 'bun:test';
import { createBreakers } from '../../src/jobs/breaker.ts';
import { createRetryBudget } from '../../src/jobs/retry-budget.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { pending } from '../support/scripted-provider.ts';
import { FAILED, openStage, type Stage } from './stage.ts';

const SECOND_MS = 1000;

describe('a breaker', () => {
  function make() {
    const clock = createManualClock();
    const breakers = createBreakers({ clock });
    const times = (count: number, work: () => void) => {
      for (let done = 0; done < count; done++) work();
    };
    const fail = () => void breakers.fail('a');
    return { clock, breakers, times, fail };
  }

  test('opens at the fifth failure in a row, and says so once', () => {
    const { breakers } = make();
    expect([1, 2, 3, 4, 5, 6].map(() => breakers.fail('a'))).toEqual([
      ...[false, false, false, false, true, false],
    ]);
    expect(breakers.isOpen('a')).toBe(true);
    expect(breakers.isOpen('b')).toBe(false);
  });
  test('is closed by a success between failures', () => {
    const { breakers, times, fail } = make();
    times(4, fail);
    breakers.succeed('a');
    times(4, fail);
    expect(breakers.isOpen('a')).toBe(false);
  });
  test('opens when half of twenty within a minute fail', () => {
    const { breakers, times, fail } = make();
    times(9, () => {
      fail();
      breakers.succeed('a');
    });
    breakers.succeed('a');
    expect(breakers.isOpen('a')).toBe(false);
    fail();
    expect(breakers.isOpen('a')).toBe(true);
  });
  test('forgets what is a minute old', () => {
    const { clock, breakers, times, fail } = make();
    times(9, () => {
      fail();
      breakers.succeed('a');
    });
    clock.advance(60 * SECOND_MS);
    // With those before it would be half of twenty.
    breakers.succeed('a');
    fail();
    expect(breakers.isOpen('a')).toBe(false);
  });
  test('lets one probe through after half a minute, and closes when that goes well', () => {
    const { clock, breakers, times, fail } = make();
    times(5, fail);
    clock.advance(30 * SECOND_MS - 1);
    expect(breakers.isOpen('a')).toBe(true);
    clock.advance(1);
    expect(breakers.isOpen('a')).toBe(false);
    breakers.begin('a');
    expect(breakers.isOpen('a')).toBe(true);
    breakers.succeed('a');
    expect(breakers.isOpen('a')).toBe(false);
    times(4, fail);
    expect(breakers.isOpen('a')).toBe(false);
  });
  test('stays open for a minute when the probe fails, and never for longer', () => {
    const { clock, breakers, times, fail } = make();
    times(5, fail);
    for (const waitMs of [30, 60, 60, 60].map((seconds) => seconds * SECOND_MS)) {
      clock.advance(waitMs - 1);
      expect(breakers.isOpen('a')).toBe(true);
      clock.advance(1);
      expect(breakers.isOpen('a')).toBe(false);
      breakers.begin('a');
      fail();
    }
  });
  test('is not closed by what was under way when it opened', () => {
    const { breakers, times, fail } = make();
    times(5, fail);
    breakers.succeed('a');
    expect(breakers.isOpen('a')).toBe(true);
  });
  test('lets another probe through when a probe was undone, or nobody hears of it', () => {
    const { clock, breakers, times, fail } = make();
    times(5, fail);
    clock.advance(30 * SECOND_MS);
    breakers.begin('a')();
    expect(breakers.isOpen('a')).toBe(false);
    breakers.begin('a');
    clock.advance(60 * SECOND_MS - 1);
    expect(breakers.isOpen('a')).toBe(true);
    clock.advance(1);
    expect(breakers.isOpen('a')).toBe(false);
  });
});

describe('the retry budget', () => {
  const spend = (budget: ReturnType<typeof createRetryBudget>, most: number) => {
    let spent = 0;
    while (spent < most && budget.allows()) {
      budget.count(true);
      spent += 1;
    }
    return spent;
  };

  test('is ten a minute where there are few jobs', () => {
    expect(spend(createRetryBudget({ clock: createManualClock() }), 1000)).toBe(10);
  });
  test('is a tenth of all attempts where there are many', () => {
    const budget = createRetryBudget({ clock: createManualClock() });
    for (let count = 0; count < 900; count++) budget.count(false);
    expect(spend(budget, 1000)).toBe(99);
  });
  test('comes back within two minutes, and not at once', () => {
    const clock = createManualClock();
    const budget = createRetryBudget({ clock });
    expect(spend(budget, 1000)).toBe(10);
    clock.advance(30 * SECOND_MS);
    expect(spend(budget, 1000)).toBeLessThan(10);
    clock.advance(120 * SECOND_MS);
    expect(spend(budget, 1000)).toBe(10);
  });
  test('gets back what was undone', () => {
    const budget = createRetryBudget({ clock: createManualClock() });
    for (let count = 0; count < 50; count++) budget.count(true)();
    expect(spend(budget, 1000)).toBe(10);
  });
});

describe('a provider that is dead', () => {
  /** Ten jobs a second. */
  async function flow(stage: Stage, seconds: number): Promise<string[]> {
    const ids: string[] = [];
    for (let tick = 0; tick < seconds * 10; tick++) {
      ids.push(await stage.accept());
      await stage.world.advance(100);
    }
    return ids;
  }

  test('adds less than a tenth to the attempts, delays nobody by two seconds, and is found well within a minute', async () => {
    let isDead = false;
    const stage = await openStage([
      {
        submit: (_order, id, { clock }) => (isDead ? FAILED : pending(`job-${id}`, clock.now() + 2000)),
        poll: (id) => ({ kind: 'completed', providerJobId: id, outputs: [{ role: 'output', url: id }] }),
      },
      {},
    ]);
    await flow(stage, 5);
    isDead = true;
    const ids = await flow(stage, 90);
    const attempts = ids.flatMap((id) => stage.attempts(id));
    expect(attempts.length).toBeLessThanOrEqual(ids.length * 1.1);
    const delays = ids
      .map((id) => stage.attempts(id).at(-1))
      .map((attempt, index) => Number(attempt?.sent_at) - stage.job(ids[index] ?? '').created_at);
    const p95 = delays.toSorted((a, b) => a - b)[Math.floor(delays.length * 0.95)];
    expect(p95).toBeLessThanOrEqual(2000);
    isDead = false;
    const back = await flow(stage, 61);
    expect(stage.attempts(back.at(-1) ?? '')).toMatchObject([{ provider: 'leonardo' }]);
    await stage.world.advance(60_000);
    expect(new Set([...ids, ...back].map((id) => stage.job(id).state))).toEqual(new Set(['completed']));
    await stage.close();
  }, 60_000);
});
