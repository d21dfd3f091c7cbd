// The ledger's moves one by one: what each does to a wallet, what it refuses, and who wins when many move at once.
import { afterAll, describe, expect, test } from 'bun:test';
import { credits } from '../../src/credits.ts';
import { CHAIN_START, hashEntry } from '../../src/ledger/entry.ts';
import { faultOf, openDatabase } from '../support/database.ts';
import { openPurse, type Move } from './purse.ts';

const database = openDatabase();
const { store } = database;
afterAll(() => database.close());

const topUp = (amount: number, reference?: string): Move => ({
  kind: 'top_up',
  amount,
  ...(reference === undefined ? {} : { reference }),
});
const on = (kind: 'reserve' | 'capture' | 'release' | 'refund', id: string, amount: number): Move => ({
  kind,
  id,
  amount,
});
const refusalOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was refused',
    (thrown: unknown) => thrown,
  );

describe('a wallet', () => {
  test('moves as each kind says', async () => {
    const { move, balance } = await openPurse(database);
    const steps: [Move, balance: number, reserved: number][] = [
      [topUp(100), 100, 0],
      [on('reserve', 'a1', 30), 100, 30],
      [on('reserve', 'a2', 70), 100, 100],
      [on('capture', 'a1', 30), 70, 70],
      [on('release', 'a2', 70), 70, 0],
      [on('refund', 'a1', 30), 100, 0],
      [{ kind: 'adjust', amount: -100 }, 0, 0],
      [{ kind: 'adjust', amount: 5 }, 5, 0],
    ];
    for (const [step, after, reserved] of steps) {
      expect(await move(step)).toMatchObject({
        kind: step.kind,
        balanceAfter: after,
        reservedAfter: reserved,
      });
      expect(await balance()).toEqual({
        balance: credits(after),
        reserved: credits(reserved),
        available: credits(after - reserved),
      });
    }
  });

  test('of one mode knows nothing of the other', async () => {
    const { customerId, ledger, move, balance } = await openPurse(database, 'test');
    await move(topUp(100));
    const live = { customerId, mode: 'live' } as const;
    expect(await ledger.balanceOf(store.read, live)).toMatchObject({ balance: 0, available: 0 });
    const reserving = store.transaction((tx) =>
      ledger.reserve(tx, { ...live, amount: credits(1), reservationId: 'live-1', actor: 'test' }),
    );
    expect(await refusalOf(reserving)).toMatchObject({ code: 'insufficient_credits' });
    await move(on('reserve', 'test-1', 10));
    const crossing = store.transaction((tx) =>
      ledger.capture(tx, { ...live, amount: credits(10), reservationId: 'test-1', actor: 'test' }),
    );
    expect(await faultOf(() => crossing)).toContain('refused a capture');
    expect(await balance()).toMatchObject({ balance: 100, reserved: 10 });
  });

  test('that does not exist is a bug and not an empty one', async () => {
    const { ledger } = await openPurse(database);
    expect(await faultOf(() => ledger.balanceOf(store.read, { customerId: 'cus_none', mode: 'live' }))).toBe(
      'customer cus_none has no live wallet',
    );
  });
});

describe('an entry', () => {
  test('tells of its move and follows the one before it', async () => {
    const { customerId, ledger, move } = await openPurse(database);
    const first = await move(topUp(10, 'invoice 1'));
    const second = await move(on('reserve', 'b1', 4));
    expect(first).toMatchObject({ seq: 1, balanceDelta: 10, reservedDelta: 0, prevHash: CHAIN_START });
    expect(second).toMatchObject({ seq: 2, balanceDelta: 0, reservedDelta: 4, prevHash: first.hash });
    expect(second.hash).toBe(hashEntry(second));
    const { rows } = await ledger.listEntries(
      store.read,
      { customerId, mode: 'live' },
      { limit: 10, cursor: null },
    );
    expect(rows).toEqual([second, first]);
    expect(await ledger.entriesOf(store.read, 'b1')).toEqual([second]);
  });

  test('hashes every one of its fields', async () => {
    const { move } = await openPurse(database);
    const entry = await move(topUp(10, 'invoice 1'));
    const { hash, ...fields } = entry;
    for (const name of Object.keys(fields)) {
      expect([name, hashEntry({ ...fields, [name]: 'another' })]).not.toEqual([name, hash]);
    }
  });

  test('is listed newest first, by kind and page by page', async () => {
    const { customerId, ledger, move } = await openPurse(database);
    for (let amount = 1; amount <= 5; amount++) await move(topUp(amount));
    await move({ kind: 'adjust', amount: 1 });
    const filter = { customerId, mode: 'live', kind: 'top_up' } as const;
    const amounts: number[] = [];
    let cursor: string | null = null;
    do {
      const page: { rows: { balanceDelta: number }[]; nextCursor: string | null } = await ledger.listEntries(
        store.read,
        filter,
        { limit: 2, cursor },
      );
      amounts.push(...page.rows.map((row) => row.balanceDelta));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(amounts).toEqual([5, 4, 3, 2, 1]);
  });

  test('adds up with all others of its mode', async () => {
    const before = await openPurse(database);
    const totals = () => before.ledger.totals(store.read, 'live');
    const { balance, reserved } = await totals();
    await before.move(topUp(100));
    await before.move(on('reserve', 'c1', 60));
    expect(await totals()).toEqual({ balance: balance + 100, reserved: reserved + 60 });
  });
});

describe('refused, with nothing moved', () => {
  test.each<[string, Move, object]>([
    [
      'more than is available',
      on('reserve', 'more', 71),
      { code: 'insufficient_credits', details: { requiredCredits: 71, creditsAvailable: 70 } },
    ],
    [
      'an adjustment below what is reserved',
      { kind: 'adjust', amount: -71 },
      { code: 'balance_below_reservations', details: { creditsReserved: 30, resultingBalance: 29 } },
    ],
    ['a payment that was booked before', topUp(1, 'paid'), { code: 'already_exists' }],
    ['a refund of what is only reserved', on('refund', 'open', 30), { code: 'invalid_state' }],
    ['a refund of what was released', on('refund', 'released', 5), { code: 'invalid_state' }],
    ['a second refund', on('refund', 'refunded', 5), { code: 'invalid_state' }],
    ['a refund of nothing', on('refund', 'nobody', 5), { code: 'invalid_state' }],
    ['a capture after a release', on('capture', 'released', 5), { message: /UNIQUE/ }],
    ['a release after a capture', on('release', 'refunded', 5), { message: /UNIQUE/ }],
    ['a second reservation of the same name', on('reserve', 'open', 1), { message: /UNIQUE/ }],
    ['a capture of more than was reserved', on('capture', 'open', 31), { message: /refused a capture/ }],
    ['a capture of less than was reserved', on('capture', 'open', 29), { message: /ends what an earlier/ }],
    ['a release of nothing', on('release', 'nobody', 30), { message: /ends what an earlier/ }],
    ['a top-up of nothing', topUp(0), { message: /positive/ }],
    ['a top-up of less than nothing', topUp(-1), { message: /positive/ }],
    ['a reservation of nothing', on('reserve', 'zero', 0), { message: /CHECK/ }],
    ['a reservation of less than nothing', on('reserve', 'negative', -1), { message: /CHECK/ }],
    ['an adjustment of nothing', { kind: 'adjust', amount: 0 }, { message: /CHECK/ }],
    ['more than a number can hold', topUp(Number.MAX_SAFE_INTEGER), { message: /CHECK/ }],
  ])('%s', async (_, wrong, fault) => {
    const other = openDatabase();
    const { move, balance, ledger } = await openPurse(other);
    await move(topUp(100, 'paid'));
    await move(on('reserve', 'open', 30));
    await move(on('reserve', 'released', 5));
    await move(on('release', 'released', 5));
    await move(on('reserve', 'refunded', 5));
    await move(on('capture', 'refunded', 5));
    await move(on('refund', 'refunded', 5));
    const refusal = (await refusalOf(move(wrong))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(fault)) {
      if (value instanceof RegExp) expect(refusal[name]).toMatch(value);
      else expect(refusal[name]).toEqual(value);
    }
    expect(await balance()).toMatchObject({ balance: 100, reserved: 30, available: 70 });
    expect((await ledger.audit(other.store.read)).faults).toEqual([]);
    await other.close();
  });

  test.each([0.5, NaN, Infinity, 2 ** 53, -(2 ** 53)])('%d, which is no amount', (amount) => {
    expect(() => credits(amount)).toThrow('credits must be a safe integer');
  });
});

describe('at the same time', () => {
  test('a thousand reservations of 1 on a balance of 100 are exactly 100', async () => {
    const { move, balance, ledger } = await openPurse(database);
    await move(topUp(100));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 1000 }, (_, index) => move(on('reserve', `d${index}`, 1))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(new Set(refused.map(({ reason }) => (reason as { code: string }).code))).toEqual(
      new Set(['insufficient_credits']),
    );
    expect(await balance()).toMatchObject({ balance: 100, reserved: 100, available: 0 });
    expect((await ledger.audit(store.read)).faults).toEqual([]);
  });

  test('a capture and a release of one reservation are one ending', async () => {
    const { move, balance, ledger } = await openPurse(database);
    await move(topUp(1000));
    for (let round = 0; round < 50; round++) {
      const id = `e${round}`;
      await move(on('reserve', id, 10));
      const kinds = round % 2 === 0 ? (['capture', 'release'] as const) : (['release', 'capture'] as const);
      const outcomes = await Promise.allSettled(kinds.map((kind) => move(on(kind, id, 10))));
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    }
    expect(await balance()).toMatchObject({ balance: 750, reserved: 0 });
    expect((await ledger.audit(store.read)).faults).toEqual([]);
  });

  test('an adjustment and a reservation never both take the last credit', async () => {
    const { move, balance } = await openPurse(database);
    await move(topUp(10));
    const outcomes = await Promise.allSettled([
      move({ kind: 'adjust', amount: -5 }),
      move(on('reserve', 'f1', 6)),
      move(on('reserve', 'f2', 5)),
      move({ kind: 'adjust', amount: -1 }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(await balance()).toMatchObject({ balance: 5, reserved: 5, available: 0 });
  });
});
