// The audit of everything finds what it is there to find: each rule is broken by hand, in a database that was lived in,
// and must say so. A check that cannot fail is worth nothing.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { auditWhole } from './audit-whole.ts';
import { makeRuins, type Ruin, type Ruins } from './ruins.ts';

let ruins: Ruins;
let ruin: Ruin;
beforeAll(async () => {
  ruins = await makeRuins({ seed: 11, jobs: 150 });
});
afterAll(() => ruins.remove());
beforeEach(() => {
  ruin = ruins.copy();
});
afterEach(() => ruin.close());

/** Those of an attempt at a provider without accounts. */
const COLUMNS =
  'id, job_id, number, provider, provider_job_id, outcome, reason, outputs, sent_at, accepted_at, ended_at';

const OPEN = 'SELECT id FROM jobs WHERE ended_at IS NULL ORDER BY id LIMIT 1';
const COMPLETED = "SELECT id FROM jobs WHERE state = 'completed' ORDER BY id LIMIT 1";
const LIVE = "SELECT id FROM jobs WHERE state = 'completed' AND mode = 'live' ORDER BY id LIMIT 1";
const TWO = 'SELECT id FROM customers ORDER BY id';

/** What is done to the database, and what must be said of it. */
const HARMS: readonly (readonly [fault: string, sql: string])[] = [
  [
    'exactly one capture or release',
    `DELETE FROM ledger_entries WHERE kind = 'capture' AND reservation_id = (${COMPLETED})`,
  ],
  [
    'exactly one capture or release',
    `UPDATE ledger_entries SET kind = 'release' WHERE kind = 'capture' AND reservation_id = (${COMPLETED})`,
  ],
  ['an open job has its price reserved', `DELETE FROM ledger_entries WHERE reservation_id = (${OPEN})`],
  ['what an ended job cost and gave back', `UPDATE jobs SET refunded = 0 WHERE state = 'failed'`],
  [
    'what an ended job cost and gave back',
    `UPDATE jobs SET price = price + 1, refunded = 0 WHERE id = (${COMPLETED})`,
  ],
  ['what a wallet has reserved is what', `UPDATE wallets SET reserved = reserved + 1`],
  [
    'belongs to a job of the same wallet',
    `UPDATE jobs SET mode = CASE mode WHEN 'live' THEN 'test' ELSE 'live' END WHERE id = (${COMPLETED})`,
  ],
  [
    'belongs to a job of the same wallet',
    `UPDATE ledger_entries SET reservation_id = 'job_none' WHERE reservation_id = (${COMPLETED})`,
  ],
  ['the count of jobs in flight', `UPDATE in_flight SET count = count + 1`],
  ['an open job is counted as in flight', `DELETE FROM in_flight`],
  ['a lease ends with its job', `UPDATE jobs SET lease_owner = 'node_1' WHERE id = (${COMPLETED})`],
  ['nothing takes less than no time', `UPDATE jobs SET ended_at = created_at - 1 WHERE id = (${COMPLETED})`],
  ['a test job stays in the sandbox', `UPDATE attempts SET provider = 'sandbox' WHERE job_id = (${LIVE})`],
  ['attempts are numbered from 1', `UPDATE attempts SET number = number + 1 WHERE job_id = (${COMPLETED})`],
  ['three providers at most', `UPDATE attempts SET number = number + 3 WHERE job_id = (${COMPLETED})`],
  [
    'only one that certainly came to nothing',
    `INSERT INTO attempts (${COLUMNS}) SELECT 'att_more', job_id, number + 1, 'more', NULL, 'completed', NULL, '[]', sent_at, NULL, ended_at
     FROM attempts WHERE job_id = (${COMPLETED})`,
  ],
  [
    'the slots that an account has taken',
    `UPDATE accounts SET slots_taken = slots_taken + 1 WHERE slots_taken < slots`,
  ],
  [
    'the slots that an account has taken',
    `UPDATE accounts SET available = 1e6 * reserved + 1e9, reserved = reserved + 1`,
  ],
  ['an attempt is made with an account of its provider', `UPDATE accounts SET provider = 'third'`],
  [
    'the attempts of an ended job have ended',
    `UPDATE attempts SET ended_at = NULL WHERE job_id = (${COMPLETED})`,
  ],
  [
    'has completed by its last attempt',
    `UPDATE attempts SET outcome = 'failed' WHERE job_id = (${COMPLETED})`,
  ],
  ['a completed job has its output', `DELETE FROM files WHERE role = 'output' AND job_id = (${COMPLETED})`],
  [
    'a completed job has its output',
    `UPDATE files SET job_id = (SELECT id FROM jobs WHERE state = 'failed' LIMIT 1) WHERE job_id = (${COMPLETED})`,
  ],
  [
    'a reference image is let go',
    `UPDATE files SET role = 'reference', deleted_at = NULL, delete_at = 9e15 WHERE job_id = (${COMPLETED})`,
  ],
  [
    'a timeline begins with the acceptance',
    `DELETE FROM events WHERE number = 2 AND job_id = (${COMPLETED})`,
  ],
  [
    'a timeline begins with the acceptance',
    `UPDATE events SET kind = 'job.submitted' WHERE number = 1 AND job_id = (${COMPLETED})`,
  ],
  [
    'a timeline tells of the one ending',
    `UPDATE events SET kind = 'job.failed' WHERE kind = 'job.completed' AND job_id = (${COMPLETED})`,
  ],
  ['every job has a timeline', `DELETE FROM events WHERE job_id = (${COMPLETED})`],
  [
    'stands for a job of this customer',
    `UPDATE idempotency_keys SET resource_id = 'job_none' WHERE resource_id = (${COMPLETED})`,
  ],
  [
    'stands for a job of this customer',
    `UPDATE idempotency_keys SET scope = 'cus_none' WHERE resource_id = (${COMPLETED})`,
  ],
  [
    'never stand for one job',
    `INSERT INTO idempotency_keys SELECT scope, mode, key || '2', fingerprint, resource_id, status, body, created_at, expires_at FROM idempotency_keys WHERE resource_id = (${COMPLETED})`,
  ],
  ['every row that is referred to exists', `DELETE FROM customers WHERE id = (${TWO} LIMIT 1)`],
  ['does not end where its chain ends', `UPDATE wallets SET head = 'x'`],
  ['does not end where its chain ends', `UPDATE wallets SET seq = seq + 1`],
  ['is below zero', `UPDATE wallets SET balance = -1`],
  ['its entries say', `UPDATE wallets SET balance = balance + 1`],
  ['reserved, its entries say', `UPDATE wallets SET reserved = reserved + 1`],
  ['has the number', `DELETE FROM ledger_entries WHERE seq = 3`],
  ['does not have the hash of what it says', `UPDATE ledger_entries SET actor = 'somebody' WHERE seq = 2`],
  ['does not have the hash of what it says', `UPDATE ledger_entries SET hash = 'x' WHERE seq = 2`],
  ['is not chained to the one before', `UPDATE ledger_entries SET prev_hash = 'x' WHERE seq = 2`],
  [
    'does not add up to its balance',
    `UPDATE ledger_entries SET balance_delta = balance_delta + 1 WHERE seq = 1`,
  ],
  [
    'does not add up to its reserved credits',
    `UPDATE ledger_entries SET reserved_delta = reserved_delta + 1 WHERE kind = 'reserve'`,
  ],
  [
    'leaves a wallet below zero',
    `UPDATE ledger_entries SET reserved_after = balance_after + 1 WHERE seq = 4`,
  ],
  ['reserves a second time', `UPDATE ledger_entries SET kind = 'reserve' WHERE kind = 'release'`],
  [
    'is about a reservation that nobody made',
    `UPDATE ledger_entries SET reservation_id = 'job_none' WHERE kind = 'capture'`,
  ],
  [
    'ends another amount than was reserved',
    `UPDATE ledger_entries SET reserved_delta = reserved_delta - 1 WHERE kind = 'capture'`,
  ],
  [
    'ends a reservation that has ended by',
    `UPDATE ledger_entries SET reservation_id = (SELECT reservation_id FROM ledger_entries WHERE kind = 'capture' AND mode = 'live' ORDER BY seq LIMIT 1)
     WHERE kind = 'capture' AND mode = 'live'`,
  ],
  ['refunds what was not captured', `UPDATE ledger_entries SET kind = 'refund' WHERE kind = 'capture'`],
];

describe('the audit of everything', () => {
  test('finds nothing where nothing is wrong', () => {
    expect(auditWhole(ruin.reader)).toEqual([]);
  });

  for (const [index, [fault, sql]] of HARMS.entries()) {
    test(`finds: ${fault} (${index + 1})`, () => {
      ruin.harm(sql);
      expect(auditWhole(ruin.reader).join('\n')).toContain(fault);
    });
  }
});

test('the audit of everything finds a page that is none', () => {
  ruin.tear('tasks');
  expect(auditWhole(ruin.reader).join('\n')).toContain('the file is whole');
});
