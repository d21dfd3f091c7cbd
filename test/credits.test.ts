// Credits are whole numbers that a double can hold; everything else is a crash and not a debt.
import { describe, expect, test } from 'bun:test';
import { addCredits, credits, negateCredits, NO_CREDITS } from '../src/credits.ts';

describe('an amount', () => {
  test.each([0, 1, -1, 20, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])('may be %d', (amount) => {
    expect(Number(credits(amount))).toBe(amount);
  });

  test.each([0.5, 1e-9, NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 53)])('may not be %d', (amount) => {
    expect(() => credits(amount)).toThrow(`credits must be a safe integer, got ${amount}`);
  });

  test('of nothing has no sign', () => {
    expect(Object.is(Number(credits(-0)), 0)).toBe(true);
    expect(Object.is(Number(negateCredits(NO_CREDITS)), 0)).toBe(true);
  });
});

test('sums and negations are checked as well', () => {
  expect(Number(addCredits(credits(20), credits(-5)))).toBe(15);
  expect(Number(negateCredits(credits(20)))).toBe(-20);
  expect(() => addCredits(credits(Number.MAX_SAFE_INTEGER), credits(1))).toThrow('safe integer');
});
