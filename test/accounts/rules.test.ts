// The rules of accounts: which one is chosen, how long one rests, what an order will cost, and what is read from a
// paste. No database, no provider.
import { describe, expect, test } from 'bun:test';
import { cooldownEnd, shownStatus, type Account } from '../../src/accounts/account.ts';
import { fromMicros, parseDecimal, toMicros } from '../../src/accounts/amount.ts';
import { readPaste } from '../../src/accounts/paste.ts';
import { inOrder, isFit, isFree } from '../../src/accounts/select.ts';
import { standingAfterCheck, standingAfterFault } from '../../src/accounts/verdict.ts';
import type { Order } from '../../src/providers/index.ts';

const NOW = 1_800_000_000_000;
const ORDER: Order = { model: 'm', type: 'image', prompt: 'a', width: 1000, height: 500 };

const ACCOUNT: Account = {
  ...{ id: 'acc_a', provider: 'p', label: 'one', credentialKind: 'api_key', credentialHint: '…0000' },
  ...{ remoteId: null, status: 'active', lastError: null, priority: 100, weight: 1, models: null },
  ...{ refusedModels: [], slots: 4, slotsTaken: 0, floor: 0, reserved: 0, balanceUnit: 'credits' },
  ...{ available: toMicros(100), subscription: null, paid: null, checkedAt: NOW, cooldownUntil: null },
  ...{ cooldownSteps: 0, expiresAt: null, usedAt: null, createdAt: NOW, updatedAt: NOW },
};

const wanted = (micros: number | null, without: string[] = []) => ({
  order: ORDER,
  estimate: micros === null ? null : ({ micros, unit: 'credits' } as const),
  without,
});

describe('an account is fit', () => {
  const cases: [why: string, change: Partial<Account>, isFitted: boolean][] = [
    ['as it is', {}, true],
    ['paused', { status: 'paused' }, false],
    ['refused', { status: 'auth_error' }, false],
    ['exhausted', { status: 'exhausted' }, false],
    ['expired', { status: 'expired' }, false],
    ['expiring now', { expiresAt: NOW }, false],
    ['expiring in a moment', { expiresAt: NOW + 1 }, true],
    ['for other models', { models: ['other'] }, false],
    ['for this model too', { models: ['other', 'm'] }, true],
    ['refused this model', { refusedModels: ['m'] }, false],
    ['with just enough', { available: toMicros(10) }, true],
    ['with a millionth too little', { available: toMicros(10) - 1 }, false],
    ['with too little above its floor', { floor: toMicros(91) }, false],
    ['with just enough above its floor', { floor: toMicros(90) }, true],
    ['with too little besides what is reserved', { reserved: toMicros(91) }, false],
    ['with a balance that nobody knows', { available: null, balanceUnit: null }, true],
    ['with a balance in another unit', { balanceUnit: 'USD', available: 1 }, true],
    ['with nothing in another unit', { balanceUnit: 'USD', available: 0 }, false],
    ['cooling down: it comes back', { cooldownUntil: NOW + 1 }, true],
    ['busy: it comes back', { slotsTaken: 4 }, true],
  ];
  test.each(cases)('%s', (_why, change, expected) => {
    expect(isFit({ ...ACCOUNT, ...change }, wanted(toMicros(10)), NOW)).toBe(expected);
  });

  test('unless it has failed the job before', () => {
    expect(isFit(ACCOUNT, wanted(null, ['acc_a']), NOW)).toBe(false);
    expect(isFit(ACCOUNT, wanted(null, ['acc_b']), NOW)).toBe(true);
  });
});

test('an account is free with a slot left and no cooldown', () => {
  expect(isFree(ACCOUNT, NOW)).toBe(true);
  expect(isFree({ ...ACCOUNT, slotsTaken: 4 }, NOW)).toBe(false);
  expect(isFree({ ...ACCOUNT, slotsTaken: 5 }, NOW)).toBe(false);
  expect(isFree({ ...ACCOUNT, cooldownUntil: NOW + 1 }, NOW)).toBe(false);
  expect(isFree({ ...ACCOUNT, cooldownUntil: NOW }, NOW)).toBe(true);
});

describe('the order of accounts', () => {
  const named = (id: string, change: Partial<Account>): Account => ({ ...ACCOUNT, id, ...change });
  const idsOf = (accounts: Account[]) => inOrder(accounts).map(({ id }) => id);

  test('is by priority, whatever the load', () => {
    expect(idsOf([named('b', { priority: 2 }), named('a', { priority: 1, slotsTaken: 3 })])).toEqual([
      'a',
      'b',
    ]);
  });
  test('then by the share of its slots that is taken, as its weight counts it', () => {
    const half = named('half', { slots: 4, slotsTaken: 2 });
    const third = named('third', { slots: 30, slotsTaken: 10 });
    const heavy = named('heavy', { slots: 4, slotsTaken: 3, weight: 3 });
    expect(idsOf([half, third, heavy])).toEqual(['heavy', 'third', 'half']);
  });
  test('then by who was used longest ago, those never used first', () => {
    const used = [named('b', { usedAt: 5 }), named('a', { usedAt: 9 }), named('c', {})];
    expect(idsOf(used)).toEqual(['c', 'b', 'a']);
  });
  test('then by id: the same accounts in any order give the same choice', () => {
    const all = ['d', 'a', 'c', 'b'].map((id) => named(id, {}));
    expect(idsOf(all)).toEqual(['a', 'b', 'c', 'd']);
    expect(idsOf(all.toReversed())).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('a cooldown', () => {
  test('lasts 30 seconds and doubles, up to ten minutes', () => {
    const lengths = [0, 1, 2, 3, 4, 5, 50].map((steps) => (cooldownEnd(NOW, steps, undefined) - NOW) / 1000);
    expect(lengths).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });
  test('lasts as long as the provider says, within a second and ten minutes', () => {
    const told = (ms: number) => cooldownEnd(NOW, 3, NOW + ms) - NOW;
    expect([told(7000), told(-5), told(86_400_000)]).toEqual([7000, 1000, 600_000]);
  });
});

describe('what a fault makes of an account', () => {
  const after = (change: Partial<Account>, fault: 'credential' | 'balance' | 'rate' | 'model' | 'provider') =>
    standingAfterFault({ ...ACCOUNT, ...change }, { fault, reason: 'no', model: 'm' }, NOW);

  test('credential: out of use', () => {
    expect(after({}, 'credential')).toMatchObject({ status: 'auth_error', lastError: 'no' });
    expect(after({ status: 'paused' }, 'credential')).toMatchObject({ status: 'paused', lastError: 'no' });
  });
  test('balance: exhausted, unless somebody has said otherwise meanwhile', () => {
    expect(after({}, 'balance')).toMatchObject({ status: 'exhausted' });
    expect(after({ status: 'auth_error' }, 'balance')).toMatchObject({ status: 'auth_error' });
  });
  test('rate: one longer rest for all orders that were under way together', () => {
    expect(after({}, 'rate')).toMatchObject({
      status: 'active',
      cooldownUntil: NOW + 30_000,
      cooldownSteps: 1,
    });
    expect(after({ cooldownUntil: NOW + 5, cooldownSteps: 1 }, 'rate')).toMatchObject({
      cooldownUntil: NOW + 5,
      cooldownSteps: 1,
    });
    expect(after({ cooldownUntil: NOW, cooldownSteps: 1 }, 'rate')).toMatchObject({
      cooldownUntil: NOW + 60_000,
    });
  });
  test('model: noted once', () => {
    expect(after({ refusedModels: ['m'] }, 'model')).toMatchObject({
      status: 'active',
      refusedModels: ['m'],
    });
  });
  test('provider: nothing', () => expect(after({}, 'provider')).toBeNull());
});

describe('what a look at an account makes of it', () => {
  const ok = (available: string) =>
    ({
      kind: 'ok',
      remoteId: null,
      balance: { unit: 'credits', available },
      slots: null,
    }) as const;

  test('one that was exhausted or refused comes back when there is something on it', () => {
    for (const status of ['exhausted', 'auth_error'] as const) {
      const account: Account = { ...ACCOUNT, status, cooldownUntil: NOW + 9, cooldownSteps: 2 };
      const back = { status: 'active', cooldownUntil: null, cooldownSteps: 0 } as const;
      expect(standingAfterCheck(account, ok('1'))).toMatchObject(back);
    }
  });
  test('a rest that a provider asked for goes on', () => {
    const account: Account = { ...ACCOUNT, cooldownUntil: NOW + 9, cooldownSteps: 2 };
    expect(standingAfterCheck(account, ok('1'))).toMatchObject({ cooldownUntil: NOW + 9, cooldownSteps: 2 });
  });
  test('one at its floor is exhausted', () => {
    expect(standingAfterCheck({ ...ACCOUNT, floor: toMicros(5) }, ok('5')).status).toBe('exhausted');
    expect(standingAfterCheck({ ...ACCOUNT, floor: toMicros(5) }, ok('5.1')).status).toBe('active');
  });
  test('what an operator paused, and what has expired, stays so', () => {
    for (const status of ['paused', 'expired'] as const) {
      expect(standingAfterCheck({ ...ACCOUNT, status }, ok('9')).status).toBe(status);
    }
  });
  test('nobody there says nothing', () => {
    expect(standingAfterCheck(ACCOUNT, { kind: 'unreachable', reason: 'x' })).toMatchObject({
      status: 'active',
      lastError: null,
    });
  });
});

test('the status that is shown tells of a rest and of an end', () => {
  expect(shownStatus({ ...ACCOUNT, cooldownUntil: NOW + 1 }, NOW)).toBe('cooldown');
  expect(shownStatus({ ...ACCOUNT, expiresAt: NOW }, NOW)).toBe('expired');
  expect(shownStatus({ ...ACCOUNT, status: 'paused', cooldownUntil: NOW + 1 }, NOW)).toBe('paused');
});

describe('amounts', () => {
  test('are read from decimals, and from nothing else', () => {
    expect(['27830', '0.1', '-2.5', '0.0000004'].map(parseDecimal)).toEqual([
      27_830_000_000, 100_000, -2_500_000, 0,
    ]);
    for (const text of ['', '1e3', '1,5', ' 1', 'NaN', '.5', '9'.repeat(20)]) {
      expect(parseDecimal(text)).toBeNull();
    }
    expect(fromMicros(parseDecimal('12.345678') ?? 0)).toBe(12.345678);
  });
});

test('a paste holds a key a line, with a label before it or none', () => {
  expect(readPaste('\r\n# ours\nkey-one\n\n studio 2,\tkey-two \nacme; key-three')).toEqual([
    { label: 'pasted 1', apiKey: 'key-one' },
    { label: 'studio 2', apiKey: 'key-two' },
    { label: 'acme', apiKey: 'key-three' },
  ]);
});
