// The audit of the books: it passes over what the ledger wrote, and finds whatever somebody changed by hand, also when
// they took the triggers away first.
import { describe, expect, test } from 'bun:test';
import { createLedger } from '../../src/ledger/index.ts';
import { hashEntry, type Entry } from '../../src/ledger/entry.ts';
import { handleOf, openByHand, openDatabase, type Handle, type TestDatabase } from '../support/database.ts';
import { makeCustomer, openPurse } from './purse.ts';

const audit = ({ store, random }: TestDatabase) => createLedger({ random }).audit(store.read);

/** A wallet with four entries: 100 bought, 30 reserved and captured, 20 reserved. */
async function openBooks(): Promise<{ database: TestDatabase; customerId: string }> {
  const database = openDatabase();
  const { move, customerId } = await openPurse(database);
  await move({ kind: 'top_up', amount: 100, reference: 'paid' });
  await move({ kind: 'reserve', amount: 30, id: 'job_1' });
  await move({ kind: 'capture', amount: 30, id: 'job_1' });
  await move({ kind: 'reserve', amount: 20, id: 'job_2' });
  return { database, customerId };
}

function dropTriggers(handle: Handle): void {
  const names = handle
    .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    .pluck()
    .all();
  for (const name of names) handle.exec(`DROP TRIGGER ${name}`);
}

const COLUMNS: Record<keyof Entry, string> = {
  ...{ id: 'id', customerId: 'customer_id', mode: 'mode', seq: 'seq', kind: 'kind', actor: 'actor' },
  ...{ balanceDelta: 'balance_delta', reservedDelta: 'reserved_delta', balanceAfter: 'balance_after' },
  ...{ reservedAfter: 'reserved_after', reservationId: 'reservation_id', reason: 'reason' },
  ...{ reference: 'reference', requestId: 'request_id', createdAt: 'created_at', prevHash: 'prev_hash' },
  hash: 'hash',
};

function readEntry(handle: Handle, seq: number): Entry {
  const names = Object.entries(COLUMNS).map(([name, column]) => `${column} AS ${name}`);
  const entry = handle
    .prepare<[number], Entry>(`SELECT ${names.join(', ')} FROM ledger_entries WHERE seq = ?`)
    .get(seq);
  if (entry === undefined) throw new Error(`there is no entry ${seq}`);
  return entry;
}

/** Writes an entry with a hash that fits it, over the one of its number if there is one. */
function forge(handle: Handle, entry: Entry): string {
  const hash = hashEntry(entry);
  handle
    .prepare(
      `INSERT OR REPLACE INTO ledger_entries (${Object.values(COLUMNS).join(', ')}) ` +
        `VALUES (${Object.keys(COLUMNS)
          .map((name) => `@${name}`)
          .join(', ')})`,
    )
    .run({ ...entry, hash });
  return hash;
}

const sql = (text: string) => (handle: Handle) => void handle.exec(text);

const TAMPERINGS: [what: string, tamper: (handle: Handle) => void, fault: string][] = [
  ['an amount', sql('UPDATE ledger_entries SET balance_delta = 200 WHERE seq = 1'), 'entry 1 was changed'],
  ['a reason', sql("UPDATE ledger_entries SET reason = 'gift' WHERE seq = 1"), 'entry 1 was changed'],
  [
    'a time',
    sql('UPDATE ledger_entries SET created_at = created_at + 1 WHERE seq = 2'),
    'entry 2 was changed',
  ],
  ['an entry taken out', sql('DELETE FROM ledger_entries WHERE seq = 2'), 'entry 2 is missing'],
  ['the first entry taken out', sql('DELETE FROM ledger_entries WHERE seq = 1'), 'entry 1 is missing'],
  [
    'the last entry taken out',
    sql('DELETE FROM ledger_entries WHERE seq = 4'),
    'the wallet counts 4 entries, there are 3',
  ],
  [
    'an entry taken out and the gap closed',
    sql('DELETE FROM ledger_entries WHERE seq = 3; UPDATE ledger_entries SET seq = 3 WHERE seq = 4'),
    'entry 3 does not follow the one before it',
  ],
  [
    'an entry with a new hash',
    (handle) => void forge(handle, { ...readEntry(handle, 2), reason: 'other' }),
    'entry 3 does not follow the one before it',
  ],
  [
    'the last entry with a new hash',
    (handle) => void forge(handle, { ...readEntry(handle, 4), reason: 'other' }),
    'the wallet does not end where its entries end',
  ],
  [
    'an entry that does not add up, chained as it should be',
    (handle) => {
      const last = readEntry(handle, 4);
      const head = forge(handle, { ...last, balanceAfter: last.balanceAfter + 1 });
      handle.prepare("UPDATE wallets SET head = ? WHERE mode = 'live'").run(head);
    },
    'entry 4 does not add up',
  ],
  [
    'an entry put behind the last',
    (handle) => {
      const last = readEntry(handle, 4);
      const after = { seq: 5, prevHash: last.hash, reservationId: 'job_3' };
      forge(handle, { ...last, ...after, id: 'led_5', reservedAfter: last.reservedAfter + 20 });
    },
    'there is an entry 5, which the wallet does not count',
  ],
  [
    'an entry put behind the last, counted but not in the totals',
    (handle) => {
      const last = readEntry(handle, 4);
      const after = { seq: 5, prevHash: last.hash, reservationId: 'job_3' };
      const head = forge(handle, { ...last, ...after, id: 'led_5', reservedAfter: last.reservedAfter + 20 });
      handle.prepare("UPDATE wallets SET head = ?, seq = 5 WHERE mode = 'live'").run(head);
    },
    'the reserved credits are not what the entries add up to',
  ],
  [
    "a wallet's balance",
    sql('UPDATE wallets SET balance = 71 WHERE balance = 70'),
    'the balance is not what',
  ],
  [
    "a wallet's reserve",
    sql('UPDATE wallets SET reserved = 0 WHERE reserved = 20'),
    'the reserved credits are not',
  ],
  ["a wallet's count", sql('UPDATE wallets SET seq = 3 WHERE seq = 4'), 'there is an entry 4, which'],
  ["a wallet's head", sql("UPDATE wallets SET head = 'x' WHERE seq = 4"), 'the wallet does not end where'],
  [
    'credit in an empty wallet',
    sql('UPDATE wallets SET balance = 5 WHERE seq = 0'),
    'the balance is not what',
  ],
];

describe('the books balance', () => {
  test('after every kind of move, wallet by wallet', async () => {
    const { database } = await openBooks();
    expect(await audit(database)).toEqual({ wallets: 2, entries: 4, faults: [] });
    await database.close();
  });

  test('with nothing in them', async () => {
    const database = openDatabase();
    expect(await audit(database)).toEqual({ wallets: 0, entries: 0, faults: [] });
    await database.close();
  });

  test('over more wallets and more entries than one page holds', async () => {
    const database = openDatabase();
    const { move, ledger } = await openPurse(database);
    await Promise.all(Array.from({ length: 2001 }, () => move({ kind: 'top_up', amount: 1 })));
    await Promise.all(
      Array.from({ length: 204 }, () => makeCustomer(database.store, ledger, database.random)),
    );
    expect(await audit(database)).toEqual({ wallets: 410, entries: 2001, faults: [] });
    await database.close();
  });

  test('while credits move', async () => {
    const database = openDatabase();
    const { move } = await openPurse(database);
    await Promise.all(Array.from({ length: 1500 }, () => move({ kind: 'top_up', amount: 1 })));
    const moving = (async () => {
      for (let round = 0; round < 40; round++) await move({ kind: 'reserve', amount: 1, id: `job_${round}` });
    })();
    const reports = [];
    for (let round = 0; round < 10; round++) reports.push(await audit(database));
    await moving;
    expect(reports.flatMap(({ faults }) => faults)).toEqual([]);
    expect(reports.at(-1)?.entries).toBeGreaterThan(1500);
    await database.close();
  });
});

describe('the audit finds', () => {
  test.each(TAMPERINGS)('%s', async (_, tamper, fault) => {
    const { database, customerId } = await openBooks();
    const byHand = openByHand(database.store);
    dropTriggers(byHand);
    tamper(byHand);
    byHand.close();
    const { faults } = await audit(database);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ customerId, fault: expect.stringContaining(fault) as unknown });
    await database.close();
  });

  test('what is wrong with each wallet, and goes on', async () => {
    const { database } = await openBooks();
    await openPurse(database);
    const byHand = openByHand(database.store);
    byHand.exec("UPDATE wallets SET balance = balance + 1 WHERE mode = 'live'");
    byHand.close();
    const { wallets, faults } = await audit(database);
    expect([wallets, faults.map(({ mode }) => mode)]).toEqual([4, ['live', 'live']]);
    await database.close();
  });

  test('nothing that a hand could do while the triggers stand', async () => {
    const { database } = await openBooks();
    const byHand = openByHand(database.store);
    for (const statement of ['UPDATE ledger_entries SET actor = 1', 'DELETE FROM ledger_entries'])
      expect(() => byHand.exec(statement)).toThrow('the ledger is append-only');
    byHand.close();
    expect((await audit(database)).faults).toEqual([]);
    expect(handleOf(database.store.read).pragma('integrity_check', { simple: true })).toBe('ok');
    await database.close();
  });
});
