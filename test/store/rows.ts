// One right row for every table that has rules, and a database that holds some of them, for the tests of what the
// database itself refuses.
import { credits } from '../../src/credits.ts';
import { createLedger } from '../../src/ledger/index.ts';
import { handleOf, openDatabase, type Handle } from '../support/database.ts';

export type Row = Record<string, string | number | null>;

export const CUSTOMER: Row = {
  ...{ id: 'cus_1', name: 'One', email: null, external_id: 'one', plan: 'free', status: 'active' },
  ...{ status_reason: null, limits: '{}', metadata: '{}', created_at: 1, updated_at: 1 },
};
export const JOB: Row = {
  ...{
    id: 'job_new',
    customer_id: 'cus_1',
    mode: 'live',
    key_id: 'key_1',
    type: 'image',
    model: 'm',
    input: '{}',
  },
  ...{ metadata: '{}', state: 'queued', due_at: 1, deadline_at: 2, lease_owner: null, lease_no: 0, tries: 0 },
  ...{ price: 20, price_version: 0, refunded: 0, error_code: null, error_message: null, request_id: null },
  ...{ created_at: 1, started_at: null, updated_at: 1, ended_at: null },
};
export const KEY: Row = {
  ...{
    id: 'key_new',
    customer_id: 'cus_1',
    mode: 'live',
    name: null,
    prefix: 'p',
    hash: 'new',
    preset: null,
  },
  ...{
    scopes: '[]',
    ip_allowlist: null,
    created_at: 1,
    expires_at: null,
    last_used_at: null,
    rotated_at: null,
  },
  ...{ successor_id: null, revoked_at: null },
};
const ACCOUNT: Row = {
  ...{ id: 'acc_1', provider: 'p', label: 'One', credential_kind: 'api_key', sealed_credential: 'v1.x.y' },
  ...{ credential_hash: 'h', credential_hint: '…1', remote_id: null, status: 'active', last_error: null },
  ...{ priority: 100, weight: 1, models: null, refused_models: '[]', slots: 2, slots_taken: 0, floor: 10 },
  ...{ reserved: 0, balance_unit: 'USD', available: 100, subscription: null, paid: null, checked_at: 1 },
  ...{
    cooldown_until: null,
    cooldown_steps: 0,
    expires_at: null,
    used_at: null,
    created_at: 1,
    updated_at: 1,
  },
};
export const ATTEMPT: Row = {
  ...{ id: 'att_new', job_id: 'job_open', number: 2, provider: 'p', provider_job_id: null, outcome: 'sent' },
  ...{ reason: null, outputs: '[]', sent_at: 1, accepted_at: null, ended_at: null, account_id: null },
  ...{ estimate: 0, cost: null, cost_unit: null, fault: null },
};
export const FILE: Row = {
  ...{ id: 'file_new', customer_id: 'cus_1', job_id: 'job_open', role: 'output', position: 1, bytes: 1 },
  ...{ content_type: 'image/png', sha256: 'x', width: 1, height: 1, duration_ms: null, created_at: 1 },
  ...{ delete_at: 2, deleted_at: null },
};
export const EVENT: Row = {
  ...{
    id: 'evt_new',
    job_id: 'job_open',
    number: 2,
    customer_id: 'cus_1',
    kind: 'job.accepted',
    reason: null,
  },
  ...{ actor: 'gateway', created_at: 1 },
};
export const AUDIT: Row = {
  ...{ seq: 1, id: 'aud_1', actor: 'a', action: 'b', target: 'c', address_hash: null, request_id: null },
  ...{ summary: 's', before: null, after: null, created_at: 1, prev_hash: 'x', hash: 'y' },
};
export const PRICE: Row = { model: 'm', version: 1, rule: '{}', actor: 'a', created_at: 1 };
export const CLAIM: Row = {
  ...{ scope: 'cus_1', mode: 'live', key: 'k', fingerprint: 'f', resource_id: null, status: 202, body: '{}' },
  ...{ created_at: 1, expires_at: 2 },
};

export type RowBench = {
  readonly handle: Handle;
  insert(table: string, row: Row, verb?: string): void;
  /** Runs work that leaves nothing behind; what SQLite says against it, or `accepted`. */
  verdictOn(work: () => void): string;
  /** The verdict on a statement. */
  run(sql: string): string;
  /** Every verdict so far. */
  readonly verdicts: Set<string>;
  close(): Promise<void>;
};

/** Two open jobs with 20 of 140 reserved for each, a canceled and a completed one, and one row of all that is kept. */
export async function openRowBench(): Promise<RowBench> {
  const database = openDatabase();
  const handle = await database.store.transaction(async (tx) => handleOf(tx));
  const verdicts = new Set<string>();
  const insert = (table: string, row: Row, verb?: string) => insertRow(handle, { table, row, verb });
  const verdictOn = (work: () => void): string => {
    const verdict = judge(handle, work);
    verdicts.add(verdict);
    return verdict;
  };
  const ledger = createLedger({ random: database.random });
  await database.store.transaction(async (tx) => {
    insert('customers', CUSTOMER);
    insert('customers', { ...CUSTOMER, id: 'cus_2', external_id: null });
    await ledger.openWallets(tx, 'cus_1');
    const wallet = { customerId: 'cus_1', mode: 'live', actor: 'test' } as const;
    await ledger.topUp(tx, { ...wallet, amount: credits(160), reference: 'invoice' });
    for (const id of ['job_open', 'job_other', 'job_canceled', 'job_completed']) {
      insert('jobs', { ...JOB, id });
      await ledger.reserve(tx, { ...wallet, amount: credits(20), reservationId: id });
    }
    await ledger.release(tx, { ...wallet, amount: credits(20), reservationId: 'job_canceled' });
    await ledger.capture(tx, { ...wallet, amount: credits(20), reservationId: 'job_completed' });
    for (const state of ['canceled', 'completed'])
      handle.exec(`UPDATE jobs SET state = '${state}', ended_at = 2 WHERE id = 'job_${state}'`);
    insert('api_keys', { ...KEY, id: 'key_1', hash: 'taken' });
    insert('accounts', ACCOUNT);
    insert('attempts', { ...ATTEMPT, id: 'att_1', number: 1 });
    insert('files', { ...FILE, id: 'file_1', position: 0 });
    insert('events', { ...EVENT, id: 'evt_1', number: 1 });
    insert('audit_events', AUDIT);
    insert('price_versions', PRICE);
    insert('idempotency_keys', CLAIM);
  });
  return {
    handle,
    insert,
    verdictOn,
    run: (sql) => verdictOn(() => void handle.exec(sql)),
    verdicts,
    close: database.close,
  };
}

function insertRow(
  handle: Handle,
  { table, row, verb = 'INSERT' }: { table: string; row: Row; verb: string | undefined },
): void {
  const names = Object.keys(row);
  const values = names.map((name) => `@${name}`).join(', ');
  handle.prepare(`${verb} INTO ${table} (${names.join(', ')}) VALUES (${values})`).run(row);
}

function judge(handle: Handle, work: () => void): string {
  handle.exec('BEGIN');
  try {
    work();
    return 'accepted';
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    if (handle.inTransaction) handle.exec('ROLLBACK');
  }
}
