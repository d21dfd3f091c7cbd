// What is found in the data folder of a process that is dead, held against what its customers know. Reads a copy, so
// that the next start finds everything as the death left it.
import Database from '#sqlite';
import { Glob } from 'bun';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { sha256Hex } from '../../src/crypto.ts';
import { auditWhole, keptOutputs } from '../sim/audit-whole.ts';
import type { Reader } from '../sim/reader.ts';
import { FIRST_CREDITS, type Diary } from './record.ts';

type JobRow = { id: string; state: string; price: number };

/** Opens what is committed, with the write-ahead log as a start would find it. */
function openCopy(dataDir: string, scratch: string): Reader {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch);
  for (const name of ['sluice.db', 'sluice.db-wal']) {
    if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(scratch, name));
  }
  return new Database(join(scratch, 'sluice.db'));
}

/** After a death: nothing that was promised is missing, and no order was taken twice. Returns what is wrong. */
export function judgeDeath(
  { dataDir, scratch }: { dataDir: string; scratch: string },
  diary: Diary,
  options: { isThorough: boolean },
): string[] {
  const reader = openCopy(dataDir, scratch);
  const faults = [...judgePromises(reader, diary), ...(options.isThorough ? auditWhole(reader) : [])];
  reader.close();
  return faults;
}

function judgePromises(reader: Reader, diary: Diary): string[] {
  const faults: string[] = [];
  const findJob = reader.prepare<[string], JobRow>('SELECT id, state, price FROM jobs WHERE id = ?');
  const reservesOf = reader
    .prepare<[string], number>(
      `SELECT count(*) FROM ledger_entries WHERE kind = 'reserve' AND reservation_id = ?`,
    )
    .pluck();
  for (const { jobId, price, ending } of diary.orders) {
    if (jobId === null) continue;
    const job = findJob.get(jobId);
    if (job === undefined) faults.push(`${jobId} was promised and is lost`);
    else if (job.price !== price) faults.push(`${jobId} was promised for ${price} and costs ${job.price}`);
    else if (ending !== null && job.state !== ending)
      faults.push(`${jobId} was ${ending} and is ${job.state}`);
    if (reservesOf.get(jobId) !== 1) faults.push(`${jobId} has ${reservesOf.get(jobId)} reservations`);
  }
  const twice = reader
    .prepare<[], { name: string }>(
      `SELECT metadata ->> 'order' AS name FROM jobs GROUP BY name HAVING count(*) > 1`,
    )
    .all();
  for (const { name } of twice) faults.push(`${name} has become two jobs`);
  return faults;
}

/** At the very end: everything has ended, and all that was paid, charged and delivered agrees. */
export function judgeEnd(dataDir: string, diary: Diary): string[] {
  const reader = new Database(join(dataDir, 'sluice.db'), { readonly: true });
  const faults = [
    ...auditWhole(reader),
    ...judgePromises(reader, diary),
    ...judgeOpen(reader, diary),
    ...judgeWallets(reader, diary),
    ...judgeFiles(reader, dataDir),
  ];
  reader.close();
  return faults;
}

function judgeOpen(reader: Reader, diary: Diary): string[] {
  const count = (sql: string) => reader.prepare<[], number>(sql).pluck().get() ?? 0;
  const [jobs, open] = [
    count('SELECT count(*) FROM jobs'),
    count('SELECT count(*) FROM jobs WHERE ended_at IS NULL'),
  ];
  const inFlight = count('SELECT coalesce(sum(count), 0) FROM in_flight');
  const faults: string[] = [];
  if (jobs !== diary.orders.length) faults.push(`there are ${jobs} jobs for ${diary.orders.length} orders`);
  if (open > 0) faults.push(`${open} jobs have not ended`);
  if (inFlight !== 0) faults.push(`${inFlight} jobs are counted as in flight`);
  return faults;
}

function judgeWallets(reader: Reader, diary: Diary): string[] {
  const balanceOf = reader
    .prepare<[string], number>(`SELECT balance FROM wallets WHERE customer_id = ? AND mode = 'test'`)
    .pluck();
  return diary.customers.flatMap((customer) => {
    const paid = diary.credits.filter((credit) => credit.customer === customer);
    const delivered = diary.orders.filter(
      (order) => order.customer === customer && order.ending === 'completed',
    );
    const expected =
      FIRST_CREDITS +
      paid.reduce((sum, { amount }) => sum + amount, 0) -
      delivered.reduce((sum, { price }) => sum + price, 0);
    const balance = balanceOf.get(customer.id);
    return balance === expected ? [] : [`the wallet of ${customer.id} has ${balance} and not ${expected}`];
  });
}

function judgeFiles(reader: Reader, dataDir: string): string[] {
  const folder = join(dataDir, 'media');
  const paths = new Map(
    Array.from(new Glob('**').scanSync({ cwd: folder }), (path) => [basename(path), path]),
  );
  return keptOutputs(reader).flatMap(({ id, bytes, sha256 }) => {
    const path = paths.get(id);
    if (path === undefined) return [`the file ${id} is missing`];
    const content = readFileSync(join(folder, path));
    return content.length === bytes && sha256Hex(content) === sha256
      ? []
      : [`the file ${id} is not what was made`];
  });
}
