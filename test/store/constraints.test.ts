// The constraints of the schema: for every table a row that is right, and next to it every way to be wrong that the
// database refuses, whatever the code above it does.
import { afterAll, describe, expect, test } from 'bun:test';
import {
  ATTEMPT,
  AUDIT,
  CLAIM,
  CUSTOMER,
  EVENT,
  FILE,
  JOB,
  KEY,
  openRowBench,
  PRICE,
  type Row,
} from './rows.ts';

const { insert, verdictOn, close } = await openRowBench();
afterAll(close);

const CHECK = 'CHECK constraint failed';
const UNIQUE = 'UNIQUE constraint failed';
const FOREIGN = 'FOREIGN KEY constraint failed';

/** For each table a row that is right, and changes that make it wrong. */
const INSERTIONS: [table: string, right: Row, wrong: [change: Row, fault: string][]][] = [
  [
    'customers',
    { ...CUSTOMER, id: 'cus_3', external_id: 'three' },
    [
      [{ status: 'gone' }, CHECK],
      [{ external_id: 'one' }, UNIQUE],
      [{ id: 'cus_1' }, UNIQUE],
      [{ name: null }, 'NOT NULL constraint failed'],
      [{ created_at: 'today' }, 'cannot store TEXT value in INTEGER column'],
    ],
  ],
  [
    'api_keys',
    KEY,
    [
      [{ mode: 'both' }, CHECK],
      [{ hash: 'taken' }, UNIQUE],
      [{ customer_id: 'cus_9' }, FOREIGN],
    ],
  ],
  [
    'wallets',
    { customer_id: 'cus_2', mode: 'live', balance: 100, reserved: 100, seq: 0, head: 'h' },
    [
      [{ mode: 'both' }, CHECK],
      [{ balance: -1, reserved: 0 }, CHECK],
      [{ balance: 2 ** 53 }, CHECK],
      [{ balance: 0.5 }, 'cannot store REAL value in INTEGER column'],
      [{ reserved: -1 }, CHECK],
      [{ reserved: 101 }, CHECK],
      [{ customer_id: 'cus_1' }, UNIQUE],
      [{ customer_id: 'cus_9' }, FOREIGN],
    ],
  ],
  [
    'price_versions',
    { ...PRICE, version: 2 },
    [
      [{ version: 0 }, CHECK],
      [{ version: 1 }, UNIQUE],
    ],
  ],
  ['idempotency_keys', { ...CLAIM, mode: 'test' }, [[{ mode: 'live' }, UNIQUE]]],
  [
    'in_flight',
    { customer_id: 'cus_1', type: 'video', count: 0 },
    [
      [{ type: 'sound' }, CHECK],
      [{ count: -1 }, CHECK],
      [{ customer_id: 'cus_9' }, FOREIGN],
    ],
  ],
  [
    'jobs',
    JOB,
    [
      [{ mode: 'both' }, CHECK],
      [{ type: 'sound' }, CHECK],
      [{ state: 'lost' }, CHECK],
      [{ price: -1 }, CHECK],
      [{ refunded: -1 }, CHECK],
      [{ refunded: 21 }, CHECK],
      [{ customer_id: 'cus_9' }, FOREIGN],
      [{ error_code: 'provider_error' }, CHECK],
      [{ ended_at: 2 }, 'a job begins open'],
      [{ state: 'completed', ended_at: 2 }, 'a job begins open'],
      [{ state: 'completed' }, CHECK],
    ],
  ],
  [
    'attempts',
    ATTEMPT,
    [
      [{ number: 0 }, CHECK],
      [{ number: 1 }, UNIQUE],
      [{ outcome: 'lost' }, CHECK],
      [{ job_id: 'job_9' }, FOREIGN],
    ],
  ],
  [
    'files',
    FILE,
    [
      [{ role: 'sound' }, CHECK],
      [{ position: 0 }, UNIQUE],
      [{ job_id: 'job_9' }, FOREIGN],
      [{ customer_id: 'cus_9' }, FOREIGN],
    ],
  ],
  [
    'events',
    EVENT,
    [
      [{ number: 0 }, CHECK],
      [{ number: 1 }, UNIQUE],
      [{ job_id: 'job_9' }, FOREIGN],
    ],
  ],
  [
    'audit_events',
    { ...AUDIT, seq: 2, id: 'aud_2' },
    [
      [{ id: 'aud_1' }, UNIQUE],
      [{ seq: 1 }, UNIQUE],
    ],
  ],
];

describe.each(INSERTIONS)('%s', (table, right, wrong) => {
  test('take a row that is right', () => {
    expect(verdictOn(() => insert(table, right))).toBe('accepted');
  });

  test.each(wrong)('refuse one with %j', (change, fault) => {
    expect(verdictOn(() => insert(table, { ...right, ...change }))).toContain(fault);
  });
});
