// The audit of everything that is stored, from the first row to the last: each rule is a query for what must not
// exist. Written from the documents, in SQL of its own.
import { createBooks } from './audit-books.ts';
import type { Reader } from './reader.ts';

/** A row that comes back breaks the rule; its `id` says which. */
const RULES: readonly (readonly [rule: string, sql: string])[] = [
  [
    'an ended job has exactly one capture or release, and the right one',
    `SELECT id FROM jobs WHERE ended_at IS NOT NULL AND price > 0 AND (
       SELECT group_concat(kind) FROM ledger_entries WHERE reservation_id = jobs.id AND kind IN ('capture', 'release')
     ) IS NOT CASE state WHEN 'completed' THEN 'capture' ELSE 'release' END`,
  ],
  [
    'an open job has its price reserved, and nothing else booked',
    `SELECT id FROM jobs WHERE ended_at IS NULL AND (
       SELECT group_concat(kind || reserved_delta) FROM ledger_entries WHERE reservation_id = jobs.id
     ) IS NOT 'reserve' || price`,
  ],
  [
    'what an ended job cost and gave back is what was booked',
    `SELECT id FROM jobs WHERE ended_at IS NOT NULL AND (
       refunded <> CASE WHEN state <> 'completed' THEN price
         WHEN EXISTS (SELECT 1 FROM ledger_entries WHERE reservation_id = jobs.id AND kind = 'refund') THEN price
         ELSE 0 END
       OR EXISTS (SELECT 1 FROM ledger_entries
         WHERE reservation_id = jobs.id AND max(abs(balance_delta), abs(reserved_delta)) <> price))`,
  ],
  [
    'what a wallet has reserved is what its open jobs cost',
    `SELECT customer_id || '/' || mode AS id FROM wallets WHERE reserved <> (
       SELECT coalesce(sum(price), 0) FROM jobs
       WHERE jobs.customer_id = wallets.customer_id AND jobs.mode = wallets.mode AND ended_at IS NULL)`,
  ],
  [
    'a reservation belongs to a job of the same wallet',
    `SELECT e.id FROM ledger_entries e LEFT JOIN jobs j ON j.id = e.reservation_id
     WHERE e.reservation_id IS NOT NULL AND (j.id IS NULL OR j.customer_id <> e.customer_id OR j.mode <> e.mode)`,
  ],
  [
    'the count of jobs in flight is how many are open',
    `SELECT customer_id || '/' || type AS id FROM in_flight WHERE count <> (
       SELECT count(*) FROM jobs
       WHERE jobs.customer_id = in_flight.customer_id AND jobs.type = in_flight.type AND ended_at IS NULL)`,
  ],
  [
    'an open job is counted as in flight',
    `SELECT id FROM jobs WHERE ended_at IS NULL AND NOT EXISTS (
       SELECT 1 FROM in_flight WHERE in_flight.customer_id = jobs.customer_id AND in_flight.type = jobs.type)`,
  ],
  ['a lease ends with its job', 'SELECT id FROM jobs WHERE ended_at IS NOT NULL AND lease_owner IS NOT NULL'],
  [
    'nothing takes less than no time',
    'SELECT id FROM jobs WHERE ended_at < created_at OR started_at < created_at',
  ],
  [
    'a test job stays in the sandbox, a live job out of it',
    `SELECT a.id FROM attempts a JOIN jobs j ON j.id = a.job_id WHERE (a.provider = 'sandbox') <> (j.mode = 'test')`,
  ],
  [
    'attempts are numbered from 1',
    `SELECT id FROM (SELECT id, number, row_number() OVER (PARTITION BY job_id ORDER BY number) AS place FROM attempts)
     WHERE number <> place`,
  ],
  ['a job is handed to three providers at most', 'SELECT id FROM attempts WHERE number > 3'],
  [
    'another attempt follows only one that certainly came to nothing',
    `SELECT a.id FROM attempts a JOIN attempts b ON b.job_id = a.job_id AND b.number < a.number
     WHERE b.outcome <> 'failed' OR b.accepted_at IS NOT NULL OR b.ended_at IS NULL
       OR b.provider = a.provider AND (b.account_id IS NULL OR coalesce(b.fault, 'provider') = 'provider'
         OR b.account_id = a.account_id AND b.fault <> 'rate')`,
  ],
  [
    'the slots that an account has taken are those of its open attempts, with what they may cost',
    `SELECT id FROM accounts WHERE slots_taken <> (
         SELECT count(*) FROM attempts WHERE account_id = accounts.id AND ended_at IS NULL)
       OR reserved <> (
         SELECT coalesce(sum(estimate), 0) FROM attempts WHERE account_id = accounts.id AND ended_at IS NULL)`,
  ],
  [
    'an attempt is made with an account of its provider',
    `SELECT a.id FROM attempts a JOIN accounts c ON c.id = a.account_id WHERE c.provider <> a.provider`,
  ],
  [
    'the attempts of an ended job have ended',
    `SELECT a.id FROM attempts a JOIN jobs j ON j.id = a.job_id WHERE j.ended_at IS NOT NULL AND a.ended_at IS NULL`,
  ],
  [
    'a job has completed by its last attempt',
    `SELECT id FROM jobs WHERE state = 'completed' AND (
       SELECT outcome FROM attempts WHERE job_id = jobs.id ORDER BY number DESC LIMIT 1) IS NOT 'completed'`,
  ],
  [
    'a completed job has its output, another has none',
    `SELECT id FROM jobs WHERE (state = 'completed') <>
       EXISTS (SELECT 1 FROM files WHERE job_id = jobs.id AND role = 'output' AND bytes > 0)`,
  ],
  [
    'a reference image is let go at the end',
    `SELECT f.id FROM files f JOIN jobs j ON j.id = f.job_id
     WHERE f.role = 'reference' AND j.ended_at IS NOT NULL AND f.deleted_at IS NULL AND f.delete_at > j.ended_at`,
  ],
  [
    'a timeline begins with the acceptance and has no gap',
    `SELECT id FROM (SELECT id, number, kind, row_number() OVER (PARTITION BY job_id ORDER BY number) AS place FROM events)
     WHERE number <> place OR (number = 1) <> (kind = 'job.accepted')`,
  ],
  [
    'a timeline tells of the one ending',
    `SELECT id FROM jobs WHERE (
       SELECT group_concat(kind) FROM events
       WHERE job_id = jobs.id AND kind IN ('job.completed', 'job.failed', 'job.canceled')
     ) IS NOT CASE WHEN ended_at IS NULL THEN NULL ELSE 'job.' || state END`,
  ],
  [
    'every job has a timeline',
    'SELECT id FROM jobs WHERE NOT EXISTS (SELECT 1 FROM events WHERE job_id = jobs.id)',
  ],
  [
    'an idempotency key of a customer stands for a job of this customer',
    `SELECT k.key AS id FROM idempotency_keys k LEFT JOIN jobs j ON j.id = k.resource_id
     WHERE k.scope <> 'operator' AND (j.id IS NULL OR j.customer_id <> k.scope OR j.mode <> k.mode)`,
  ],
  [
    'two idempotency keys never stand for one job',
    `SELECT resource_id AS id FROM idempotency_keys WHERE scope <> 'operator' GROUP BY resource_id HAVING count(*) > 1`,
  ],
  ['every row that is referred to exists', `SELECT "table" || rowid AS id FROM pragma_foreign_key_check`],
  [
    'the file is whole',
    `SELECT integrity_check AS id FROM pragma_integrity_check WHERE integrity_check <> 'ok'`,
  ],
];

const MAX_NAMED = 5;

/** Everything that is wrong, in words; empty when all is well. */
export function auditWhole(reader: Reader): string[] {
  const faults = createBooks(reader).readOn();
  for (const [rule, sql] of RULES) {
    const fault = breaks(reader, sql);
    if (fault !== null) faults.push(`${rule}: ${fault}`);
  }
  return faults;
}

/** The first rows that break a rule, or why it cannot be asked; null when none does. */
function breaks(reader: Reader, sql: string): string | null {
  try {
    const rows = reader.prepare<[], { id: string }>(sql).all();
    if (rows.length === 0) return null;
    const named = rows.slice(0, MAX_NAMED).map(({ id }) => id);
    return `${named.join(', ')}${rows.length > MAX_NAMED ? ` and ${rows.length - MAX_NAMED} more` : ''}`;
  } catch (thrown) {
    return String(thrown);
  }
}

/** The outputs that a customer can still fetch. */
export function keptOutputs(reader: Reader): { id: string; bytes: number; sha256: string }[] {
  return reader
    .prepare<[], { id: string; bytes: number; sha256: string }>(
      `SELECT id, bytes, sha256 FROM files WHERE role <> 'reference' AND deleted_at IS NULL`,
    )
    .all();
}
