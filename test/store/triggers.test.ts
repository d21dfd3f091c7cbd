// The triggers of the schema: what is written is kept, a ledger entry tells of a move that was made and ends what began,
// and a job ends once and together with its reservation.
import { afterAll, describe, expect, test } from 'bun:test';
import { ATTEMPT, AUDIT, EVENT, JOB, openRowBench, PRICE, type Row } from './rows.ts';

const { handle, insert, verdictOn, run, verdicts, close } = await openRowBench();
afterAll(close);

const CHECK = 'CHECK constraint failed';
const UNIQUE = 'UNIQUE constraint failed';
const FOREIGN = 'FOREIGN KEY constraint failed';

describe('what is kept', () => {
  const kept: [table: string, column: string, row: Row, fault: string][] = [
    ['ledger_entries', 'reason', {}, 'the ledger is append-only'],
    ['audit_events', 'summary', AUDIT, 'the audit is append-only'],
    ['price_versions', 'actor', PRICE, 'price versions are append-only'],
  ];

  test.each(kept)('%s cannot be changed, deleted or replaced', (table, column, row, fault) => {
    expect(run(`UPDATE ${table} SET ${column} = 'other'`)).toBe(fault);
    expect(run(`DELETE FROM ${table}`)).toBe(fault);
    expect(run(`UPDATE OR REPLACE ${table} SET ${column} = 'other'`)).toBe(fault);
    if (Object.keys(row).length > 0)
      expect(verdictOn(() => insert(table, { ...row, [column]: 'other' }, 'INSERT OR REPLACE'))).toBe(fault);
  });
});

describe('an entry of the ledger', () => {
  const columns =
    'id, customer_id, mode, seq, kind, balance_delta, reserved_delta, balance_after, reserved_after, reservation_id, ' +
    'actor, reason, reference, request_id, created_at, prev_hash, hash';

  /** Moves the wallet as an entry says, and writes the entry; `change` makes the two differ. */
  function post(
    kind: string,
    [balance, reserved]: [number, number],
    entry: Row = {},
    change: Row = {},
  ): void {
    handle
      .prepare(
        "UPDATE wallets SET balance = balance + ?, reserved = reserved + ?, seq = seq + 1 WHERE customer_id = 'cus_1' AND mode = 'live'",
      )
      .run(balance, reserved);
    const wallet = handle
      .prepare<[], Record<'balance' | 'reserved' | 'seq', number> & { head: string }>(
        "SELECT * FROM wallets WHERE customer_id = 'cus_1' AND mode = 'live'",
      )
      .get();
    const row: Row = {
      ...{ id: 'led_new', customer_id: 'cus_1', mode: 'live', seq: wallet?.seq ?? 0, kind },
      ...{ balance_delta: balance, reserved_delta: reserved, actor: 'test', reason: null, reference: null },
      ...{ balance_after: wallet?.balance ?? 0, reserved_after: wallet?.reserved ?? 0, reservation_id: null },
      ...{ request_id: null, created_at: 1, prev_hash: wallet?.head ?? '', hash: 'new' },
    };
    handle
      .prepare(`INSERT INTO ledger_entries (${columns}) VALUES (${columns.replaceAll(/\w+/g, '@$&')})`)
      .run({ ...row, ...entry, ...change });
  }

  const open = { reservation_id: 'job_open' };
  const right: [string, [number, number], Row][] = [
    ['top_up', [10, 0], {}],
    ['adjust', [-10, 0], {}],
    ['adjust', [10, 0], {}],
    ['reserve', [0, 10], { reservation_id: 'job_new' }],
    ['capture', [-20, -20], open],
    ['release', [0, -20], open],
    ['refund', [20, 0], { reservation_id: 'job_completed' }],
  ];
  test.each(right)('%s with %j and %j is taken', (kind, deltas, entry) => {
    expect(verdictOn(() => post(kind, deltas, entry))).toBe('accepted');
  });

  const wrong: [string, string, [number, number], Row, string][] = [
    ['of an unknown kind', 'gift', [10, 0], {}, CHECK],
    ['that tops up nothing', 'top_up', [0, 0], {}, CHECK],
    ['that tops up less than nothing', 'top_up', [-1, 0], {}, CHECK],
    ['that tops up what is reserved', 'top_up', [10, 10], {}, CHECK],
    ['that adjusts nothing', 'adjust', [0, 0], {}, CHECK],
    ['that adjusts what is reserved', 'adjust', [10, 5], {}, CHECK],
    ['that reserves nothing', 'reserve', [0, 0], { reservation_id: 'job_new' }, CHECK],
    ['that reserves and takes', 'reserve', [-10, 10], { reservation_id: 'job_new' }, CHECK],
    [
      'that captures without giving back what was reserved',
      'capture',
      [-20, 0],
      open,
      'ends what an earlier',
    ],
    ['that releases and takes', 'release', [-20, -20], open, CHECK],
    ['that refunds what is reserved', 'refund', [20, 20], { reservation_id: 'job_completed' }, CHECK],
    ['that reserves without a name', 'reserve', [0, 10], {}, CHECK],
    ['that tops up a reservation', 'top_up', [10, 0], open, CHECK],
    ['that captures more than was reserved', 'capture', [-21, -21], open, 'ends what an earlier one began'],
    ['that captures less than was reserved', 'capture', [-19, -19], open, 'ends what an earlier one began'],
    ['that releases less than was reserved', 'release', [0, -19], open, 'ends what an earlier one began'],
    ['that ends what never began', 'release', [0, -20], { reservation_id: 'job_9' }, 'ends what an earlier'],
    [
      'that refunds what was not captured',
      'refund',
      [20, 0],
      { reservation_id: 'job_canceled' },
      'ends what',
    ],
    [
      'that refunds more than was captured',
      'refund',
      [21, 0],
      { reservation_id: 'job_completed' },
      'ends what',
    ],
    ['that reserves a second time', 'reserve', [0, 10], open, UNIQUE],
    ['that captures a second time', 'capture', [-20, -20], { reservation_id: 'job_completed' }, UNIQUE],
    ['that captures what was released', 'capture', [-20, -20], { reservation_id: 'job_canceled' }, UNIQUE],
    ['that releases what was captured', 'release', [0, -20], { reservation_id: 'job_completed' }, UNIQUE],
    ['of a payment that was booked before', 'top_up', [10, 0], { reference: 'invoice' }, UNIQUE],
    ['of another number than its wallet', 'top_up', [10, 0], { seq: 1 }, 'tells of the move'],
    ['that skips a number', 'top_up', [10, 0], { seq: 99 }, 'tells of the move'],
    ['of another balance than its wallet', 'top_up', [10, 0], { balance_after: 1000 }, 'tells of the move'],
    ['of another reserve than its wallet', 'top_up', [10, 0], { reserved_after: 0 }, 'tells of the move'],
    ['that does not follow the last one', 'top_up', [10, 0], { prev_hash: 'x' }, 'tells of the move'],
    ['of the other wallet', 'top_up', [10, 0], { mode: 'test' }, 'tells of the move'],
  ];
  test.each(wrong)('%s is refused', (_, kind, deltas, entry, fault) => {
    expect(verdictOn(() => post(kind, deltas, entry))).toContain(fault);
  });

  test('cannot take a wallet below what is reserved, nor below nothing', () => {
    expect(verdictOn(() => post('adjust', [-100, 0]))).toBe('accepted');
    expect(verdictOn(() => post('adjust', [-101, 0]))).toContain(CHECK);
    expect(verdictOn(() => post('adjust', [-141, 0]))).toContain(CHECK);
  });
});

describe('a job', () => {
  test.each([
    ["UPDATE jobs SET state = 'completed', ended_at = 2 WHERE id = 'job_open'", 'a job ends together with'],
    ["UPDATE jobs SET state = 'canceled', ended_at = 2 WHERE id = 'job_open'", 'a job ends together with'],
    [
      "UPDATE jobs SET state = 'failed', error_code = 'x', ended_at = 2 WHERE id = 'job_open'",
      'a job ends together with',
    ],
    ["UPDATE jobs SET state = 'canceled' WHERE id = 'job_canceled'", 'a job ends once'],
    ["UPDATE jobs SET state = 'completed' WHERE id = 'job_canceled'", 'a job ends'],
    ["UPDATE jobs SET state = 'queued', ended_at = NULL WHERE id = 'job_completed'", 'a job ends once'],
    ["UPDATE jobs SET ended_at = 3 WHERE id = 'job_completed'", 'a job ends once'],
    ["UPDATE jobs SET ended_at = 3 WHERE id = 'job_open'", CHECK],
    ["UPDATE jobs SET refunded = 21 WHERE id = 'job_completed'", CHECK],
    ["UPDATE jobs SET price = 1 WHERE id = 'job_open'", 'a job keeps its owner and its price'],
    ["UPDATE jobs SET customer_id = 'cus_2' WHERE id = 'job_open'", 'a job keeps its owner and its price'],
    ["UPDATE jobs SET mode = 'test' WHERE id = 'job_completed'", 'a job keeps its owner and its price'],
    ["DELETE FROM jobs WHERE id = 'job_open'", 'an open job is not deleted'],
    ["DELETE FROM customers WHERE id = 'cus_1'", FOREIGN],
    ["UPDATE in_flight SET count = -1 WHERE customer_id = 'cus_1'", CHECK],
  ])('refuses %s', (sql, fault) => {
    expect(run(sql)).toContain(fault);
  });

  test('that has ended takes the note that it was refunded, and takes its rows along when it goes', () => {
    expect(run("UPDATE jobs SET refunded = 20, updated_at = 3 WHERE id = 'job_completed'")).toBe('accepted');
    const left = () => {
      insert('events', { ...EVENT, job_id: 'job_completed' });
      handle.exec("DELETE FROM jobs WHERE id = 'job_completed'");
      expect(handle.prepare("SELECT count(*) FROM events WHERE job_id = 'job_completed'").pluck().get()).toBe(
        0,
      );
    };
    expect(verdictOn(left)).toBe('accepted');
  });

  test('that begins with an end is refused', () => {
    const ended = { ...JOB, state: 'canceled', ended_at: 2 };
    expect(verdictOn(() => insert('jobs', ended))).toBe('a job begins open');
  });

  test('that cost nothing ends without an entry', () => {
    const free = () => {
      insert('jobs', { ...JOB, price: 0 });
      handle.exec("UPDATE jobs SET state = 'completed', ended_at = 2 WHERE id = 'job_new'");
    };
    expect(verdictOn(free)).toBe('accepted');
  });
});

describe('what triggers keep in step', () => {
  const one = <Found>(sql: string) => handle.prepare<[], Found>(sql).get();

  test('open jobs are counted with the rows, and an ended one once', () => {
    const count = () => one<{ count: number }>("SELECT count FROM in_flight WHERE type = 'image'")?.count;
    const kept = () => {
      expect(count()).toBe(2);
      insert('jobs', { ...JOB, price: 0 });
      expect(count()).toBe(3);
      handle.exec("UPDATE jobs SET state = 'completed', ended_at = 2 WHERE id = 'job_new'");
      expect(count()).toBe(2);
      handle.exec("UPDATE jobs SET updated_at = 3, refunded = 0 WHERE id = 'job_new'");
      expect(count()).toBe(2);
    };
    expect(verdictOn(kept)).toBe('accepted');
  });

  test('the newest entry is the head of its wallet, and of no other', () => {
    const heads = handle
      .prepare<[], { mode: string; isHead: number }>(
        `SELECT wallets.mode, head = coalesce((SELECT hash FROM ledger_entries AS e WHERE e.customer_id =
           wallets.customer_id AND e.mode = wallets.mode ORDER BY e.seq DESC LIMIT 1), printf('%064d', 0)) AS isHead
         FROM wallets WHERE customer_id = 'cus_1' ORDER BY mode`,
      )
      .all();
    expect(heads).toEqual([
      { mode: 'live', isHead: 1 },
      { mode: 'test', isHead: 1 },
    ]);
  });

  const account = () =>
    one<Record<'slots_taken' | 'reserved' | 'available', number>>(
      'SELECT slots_taken, reserved, available FROM accounts',
    );
  const take = (number: number, estimate: number) =>
    insert('attempts', { ...ATTEMPT, id: `att_${number}`, number, account_id: 'acc_1', estimate });
  const end = (number: number, outcome: string, cost: number | null = null) =>
    handle
      .prepare('UPDATE attempts SET outcome = ?, ended_at = 2, cost = ?, cost_unit = ? WHERE number = ?')
      .run(outcome, cost, cost === null ? null : 'USD', number);

  test.each([
    ['failed', null, 100],
    ['rejected', null, 100],
    ['completed', 7, 93],
    ['completed', null, 70],
    ['unknown', null, 70],
  ] as const)(
    'an attempt that %s (cost %p) gives its slot back and leaves %i',
    (outcome, cost, available) => {
      const kept = () => {
        take(2, 30);
        expect(account()).toEqual({ slots_taken: 1, reserved: 30, available: 100 });
        end(2, outcome, cost);
        expect(account()).toEqual({ slots_taken: 0, reserved: 0, available });
      };
      expect(verdictOn(kept)).toBe('accepted');
    },
  );

  test('an account gives no more than it has, and stays while it is used', () => {
    expect(verdictOn(() => take(2, 90))).toBe('accepted');
    expect(verdictOn(() => take(2, 91))).toBe('an account promises no more than it has');
    expect(verdictOn(() => [2, 3].forEach((number) => take(number, 1)))).toBe('accepted');
    expect(verdictOn(() => [2, 3, 4].forEach((number) => take(number, 1)))).toBe(
      'an account gives no more slots than it has',
    );
    const removed = () => {
      take(2, 1);
      handle.exec('DELETE FROM accounts');
    };
    expect(verdictOn(removed)).toBe('an account in use is not deleted');
  });

  test('an attempt keeps its account, and ends once', () => {
    const moved = (change: string) => () => {
      take(2, 1);
      handle.exec(`UPDATE attempts SET ${change} WHERE number = 2`);
    };
    expect(verdictOn(moved("account_id = 'acc_2'"))).toBe('an attempt keeps its account');
    expect(verdictOn(moved('estimate = 2'))).toBe('an attempt keeps its account');
    const twice = () => {
      take(2, 1);
      end(2, 'failed');
      handle.exec('UPDATE attempts SET ended_at = NULL WHERE number = 2');
    };
    expect(verdictOn(twice)).toBe('an attempt ends once');
  });
});

test('every trigger that refuses has had its say', () => {
  const triggers = handle
    .prepare<[], string>("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
    .pluck()
    .all();
  const messages = triggers.flatMap((sql) => /RAISE\(ABORT, '([^']*)'\)/.exec(sql)?.[1] ?? []);
  expect(messages.length).toBeGreaterThan(10);
  expect(messages.filter((message) => !verdicts.has(message))).toEqual([]);
});
