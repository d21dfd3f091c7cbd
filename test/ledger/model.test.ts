// The ledger against a model of twenty lines: whatever is done to both, in whatever order, at once or across a crash,
// they agree, and the entries add up.
import { afterAll, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { handleOf } from '../support/database.ts';
import { openMortalDatabase } from './mortal-database.ts';
import { openPurse, type Move, type Purse } from './purse.ts';

type Hold = { amount: number; state: 'reserved' | 'captured' | 'released' | 'refunded' };
type Model = {
  balance: number;
  reserved: number;
  entries: number;
  holds: Map<string, Hold>;
  paid: Set<string>;
};

const SEED = 20_261_121;
const RUNS = 300;

/** Moves the model; false when the ledger must refuse. */
function moveModel(model: Model, move: Move): boolean {
  const hold = 'id' in move ? model.holds.get(move.id) : undefined;
  switch (move.kind) {
    case 'top_up':
      if (move.reference !== undefined && model.paid.has(move.reference)) return false;
      if (move.reference !== undefined) model.paid.add(move.reference);
      model.balance += move.amount;
      break;
    case 'adjust':
      if (model.balance + move.amount < model.reserved) return false;
      model.balance += move.amount;
      break;
    case 'reserve':
      if (hold !== undefined || model.balance - model.reserved < move.amount) return false;
      model.holds.set(move.id, { amount: move.amount, state: 'reserved' });
      model.reserved += move.amount;
      break;
    case 'capture':
    case 'release':
      if (hold?.state !== 'reserved' || hold.amount !== move.amount) return false;
      hold.state = move.kind === 'capture' ? 'captured' : 'released';
      model.reserved -= move.amount;
      if (move.kind === 'capture') model.balance -= move.amount;
      break;
    case 'refund':
      if (hold?.state !== 'captured' || hold.amount !== move.amount) return false;
      hold.state = 'refunded';
      model.balance += move.amount;
      break;
  }
  model.entries += 1;
  return true;
}

const amount = fc.integer({ min: 1, max: 60 });
/** Few names, and mostly one amount, so that reservations meet their endings. */
const id = fc.integer({ min: 0, max: 4 }).map((number) => `hold-${number}`);
const heldAmount = fc.oneof({ weight: 9, arbitrary: fc.constant(20) }, { weight: 1, arbitrary: amount });
const reference = fc.constantFrom('invoice-1', 'invoice-2');
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ kind: fc.constant('top_up' as const), amount }),
  fc.record({ kind: fc.constant('top_up' as const), amount, reference }),
  fc.record({
    kind: fc.constant('adjust' as const),
    amount: fc.oneof(
      amount,
      amount.map((some) => -some),
    ),
  }),
  fc.record({ kind: fc.constantFrom('reserve' as const, 'reserve' as const), amount: heldAmount, id }),
  fc.record({
    kind: fc.constantFrom('capture' as const, 'release' as const, 'refund' as const),
    amount: heldAmount,
    id,
  }),
);

type Real = Purse & { prefix: string };
type Command = fc.AsyncCommand<Model, Real>;

/** Reservations are named for all wallets together, so that each run gets names of its own. */
const named = (some: Move, prefix: string): Move => ('id' in some ? { ...some, id: prefix + some.id } : some);

/** Moves that arrive together and share a commit. */
const moves = (together: Move[]): Command => ({
  check: () => true,
  async run(model, { prefix, move: act, balance }) {
    const outcomes = await Promise.allSettled(together.map((some) => act(named(some, prefix))));
    const allowed = together.map((some) => moveModel(model, some));
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(allowed);
    const { balance: actual, reserved, available } = await balance();
    expect([Number(actual), Number(reserved)]).toEqual([model.balance, model.reserved]);
    expect(Number(available)).toBe(model.balance - model.reserved);
  },
  toString: () => JSON.stringify(together),
});

const crash: Command = {
  check: () => true,
  async run(model, { balance }) {
    await database.crash();
    expect(await balance()).toMatchObject({ balance: model.balance, reserved: model.reserved });
  },
  toString: () => 'crash',
};

const database = openMortalDatabase();
afterAll(() => database.close());

test(`agrees with the model (seed ${SEED})`, async () => {
  const total = { entries: 0, captured: 0, open: 0 };
  const command = fc.oneof(
    { weight: 40, arbitrary: move.map((one) => moves([one])) },
    // The same move twice, as a retry makes it.
    { weight: 20, arbitrary: move.map((one) => moves([one, one])) },
    { weight: 20, arbitrary: fc.array(move, { minLength: 2, maxLength: 5 }).map(moves) },
    { weight: 1, arbitrary: fc.constant(crash) },
  );
  const commands = fc.commands([command], { maxCommands: 30, size: 'max' });
  let run = 0;
  const purses = new Set<string>();
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      run += 1;
      const purse = await openPurse(database);
      purses.add(purse.customerId);
      const model: Model = { balance: 0, reserved: 0, entries: 0, holds: new Map(), paid: new Set() };
      await fc.asyncModelRun(() => ({ model, real: { ...purse, prefix: `${run}-` } }), sequence);
      const holds = [...model.holds.values()];
      expect(
        holds.filter(({ state }) => state === 'reserved').reduce((sum, hold) => sum + hold.amount, 0),
      ).toBe(model.reserved);
      total.entries += model.entries;
      total.open += model.reserved;
      total.captured += holds
        .filter(({ state }) => state === 'captured' || state === 'refunded')
        .reduce((sum, hold) => sum + hold.amount, 0);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  const { ledger } = await openPurse(database);
  const report = await ledger.audit(database.store.read);
  expect(report).toEqual({ wallets: 2 * (purses.size + 1), entries: total.entries, faults: [] });
  const sum = (expression: string) =>
    handleOf(database.store.read)
      .prepare(`SELECT coalesce(${expression}, 0) FROM ledger_entries`)
      .pluck()
      .get();
  expect(sum("-sum(balance_delta) FILTER (WHERE kind = 'capture')")).toBe(total.captured);
  expect(sum('sum(reserved_delta)')).toBe(total.open);
  // What the sequences reached is worth something only if they reached enough.
  expect(total.entries).toBeGreaterThan(RUNS * 5);
  expect(total.captured).toBeGreaterThan(RUNS * 5);
  expect(database.crashes).toBeGreaterThan(RUNS / 10);
}, 30_000);
