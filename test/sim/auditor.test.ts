// The auditor finds what goes wrong between two ticks, what leaves for a provider that must not, and at the end what
// clients were told otherwise: each is made by hand, in a database that was lived in.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { keptOutputs } from './audit-whole.ts';
import { createAuditor, type Auditor } from './auditor.ts';
import { finalChecks, type Told } from './final-checks.ts';
import { makeRuins, type Ruin, type Ruins } from './ruins.ts';

const SECOND_MS = 1000;

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
const LIVE = "SELECT id FROM jobs WHERE state = 'completed' AND mode = 'live' ORDER BY id LIMIT 1";

describe('the audit of a tick', () => {
  let auditor: Auditor;
  let nowMs: number;
  let missing: string | null;
  const wallAt = (ms: number) => ruins.stage.clock.now() + ms;
  const one = (sql: string) => ruin.reader.prepare<[], { id: string }>(sql).get()?.id ?? 'none';
  /** A tick at which the gateway could work all the time. */
  const pass = (ms: number) => {
    nowMs += ms;
    return auditor.tick(ms).join('\n');
  };
  beforeEach(() => {
    nowMs = 0;
    missing = null;
    const bytes = new Map(keptOutputs(ruin.reader).map(({ id, bytes: count }) => [id, count]));
    auditor = createAuditor({
      reader: ruin.reader,
      clock: { now: () => wallAt(nowMs), elapsedMs: () => nowMs },
      media: { bytesOf: (id) => (id === missing ? null : (bytes.get(id) ?? null)) },
      repeatable: ['other'],
    });
    expect(auditor.tick(0)).toEqual([]);
  });

  test('has open jobs to look at', () => {
    expect(auditor.openJobs()).toBeGreaterThan(0);
    expect(auditor.whole()).toEqual([]);
  });

  test('finds a file that does not open', () => {
    missing = one("SELECT id FROM files WHERE role = 'output' AND deleted_at IS NULL LIMIT 1");
    expect(auditor.whole()).toEqual([`the file ${missing} does not open`]);
  });

  test('finds a job that is due and that nobody comes to, unless the gateway cannot work', () => {
    ruin.harm(`UPDATE jobs SET due_at = ${wallAt(0)}, deadline_at = 9e15 WHERE id = (${OPEN})`);
    ruin.harm(`UPDATE jobs SET due_at = 9e15, state = 'unknown' WHERE ended_at IS NULL AND id <> (${OPEN})`);
    for (let second = 0; second < 120; second++) {
      nowMs += SECOND_MS;
      expect(auditor.tick(0)).toEqual([]);
    }
    let told = '';
    for (let second = 0; second < 91; second++) told += pass(SECOND_MS);
    expect(told).toEqual(expect.stringMatching(/^job \S+: is \S+, due, and nobody comes to it$/));
  });

  test('finds a job that is not due for a long time, unless its outcome is unknown', () => {
    ruin.harm(`UPDATE jobs SET due_at = 9e15, state = 'unknown' WHERE ended_at IS NULL`);
    expect(pass(91 * SECOND_MS)).toBe('');
    ruin.harm(`UPDATE jobs SET state = 'running' WHERE id = (${OPEN})`);
    expect(pass(90 * SECOND_MS)).toBe('');
    expect(pass(SECOND_MS)).toMatch(/^job \S+: is running, and not due for a long time$/);
  });

  test('finds a job that is open long after its deadline, unless the gateway cannot work', () => {
    ruin.harm("UPDATE jobs SET due_at = 9e15, state = 'unknown' WHERE ended_at IS NULL");
    nowMs += 1801 * SECOND_MS;
    expect(auditor.tick(0)).toEqual([]);
    expect(pass(200 * SECOND_MS)).toBe('');
    const told = pass(SECOND_MS);
    for (const { id } of ruin.reader.prepare<[], { id: string }>(OPEN.replace('LIMIT 1', '')).all()) {
      expect(told).toContain(`job ${id}: is unknown long after its deadline`);
    }
  });

  const DONE = `UPDATE jobs SET state = 'failed', error_code = 'provider_error', refunded = price, ended_at = updated_at, lease_owner = NULL`;
  const RELEASE = [
    `INSERT INTO ledger_entries SELECT 'led_more', j.customer_id, j.mode, w.seq + 1, 'release', 0, -j.price, w.balance,
       w.reserved - j.price, j.id, 'gateway', NULL, NULL, NULL, 1, w.head, 'x'
     FROM jobs j JOIN wallets w ON w.customer_id = j.customer_id AND w.mode = j.mode WHERE j.id = (${OPEN})`,
    `UPDATE wallets SET seq = seq + 1
     WHERE EXISTS (SELECT 1 FROM ledger_entries e WHERE e.id = 'led_more' AND e.customer_id = wallets.customer_id AND e.mode = wallets.mode)`,
  ];
  const TICK_HARMS: readonly (readonly [fault: string, ...sql: string[]])[] = [
    ['is gone', `DELETE FROM jobs WHERE id = (${OPEN})`],
    ['its reservation ended by nothing', `${DONE} WHERE id = (${OPEN})`],
    ['says 0 refunded, the books say', ...RELEASE, `${DONE}, refunded = 0 WHERE id = (${OPEN})`],
    ['cost another amount than was reserved', ...RELEASE, `${DONE}, price = price + 1 WHERE id = (${OPEN})`],
    ['has ended, and its lease has not', ...RELEASE, `${DONE}, lease_owner = 'node_1' WHERE id = (${OPEN})`],
    ['reserved, ', 'UPDATE wallets SET reserved = reserved + 1'],
    ['are counted, ', 'UPDATE in_flight SET count = count + 1'],
    ['its price is not what is reserved', `UPDATE jobs SET price = price + 1 WHERE id = (${OPEN})`],
    [
      'before its deadline',
      ...RELEASE,
      `INSERT OR REPLACE INTO events SELECT job_id, job_id, 99, customer_id, 'job.failed', NULL, 'gateway', created_at FROM events WHERE number = 1 AND job_id = (${OPEN})`,
      `${DONE}, error_code = 'provider_timeout' WHERE id = (${OPEN})`,
    ],
    [
      'has outputs without having completed',
      ...RELEASE,
      `UPDATE files SET job_id = (${OPEN}) WHERE role = 'output'`,
      `${DONE} WHERE id = (${OPEN})`,
    ],
    [
      'completed without an output',
      `UPDATE jobs SET state = 'completed', ended_at = updated_at WHERE id = (${OPEN})`,
    ],
    [
      'completed by no attempt',
      `UPDATE jobs SET state = 'completed', ended_at = updated_at WHERE id = (${OPEN})`,
    ],
    [
      'tried again although attempt 1 was unknown',
      ...RELEASE,
      `DELETE FROM attempts WHERE job_id = (${OPEN})`,
      `INSERT INTO attempts (${COLUMNS}) SELECT 'att_1', id, 1, 'third', NULL, 'unknown', NULL, '[]', 1, NULL, NULL FROM jobs WHERE id = (${OPEN})`,
      `INSERT INTO attempts (${COLUMNS}) SELECT 'att_2', id, 2, 'other', NULL, 'sent', NULL, '[]', 1, NULL, NULL FROM jobs WHERE id = (${OPEN})`,
      `${DONE} WHERE id = (${OPEN})`,
    ],
  ];

  for (const [fault, ...harms] of TICK_HARMS) {
    test(`finds: ${fault}`, () => {
      for (const sql of harms) ruin.harm(sql);
      expect(pass(SECOND_MS)).toContain(fault);
    });
  }

  test('finds a lease that a drained process has kept', () => {
    ruin.harm('UPDATE jobs SET lease_owner = NULL WHERE lease_owner IS NOT NULL OR id IS NOT NULL');
    expect(auditor.drained()).toEqual([]);
    ruin.harm(`UPDATE jobs SET lease_owner = 'node_1' WHERE id = (${OPEN})`);
    expect(auditor.drained()).toHaveLength(1);
  });
});

describe('the audit of an order that leaves', () => {
  const SENT = `UPDATE attempts SET outcome = 'sent', provider = 'third' WHERE job_id = (${OPEN})`;
  let auditor: Auditor;
  beforeEach(() => {
    auditor = createAuditor({
      reader: ruin.reader,
      clock: { now: () => ruins.stage.clock.now(), elapsedMs: () => 0 },
      media: { bytesOf: () => null },
      repeatable: ['other'],
    });
    ruin.harm(`UPDATE jobs SET state = 'submitting', mode = 'live' WHERE id = (${OPEN})`);
    ruin.harm(
      `INSERT OR REPLACE INTO attempts (${COLUMNS}) SELECT 'att_new', id, 1, 'third', NULL, 'sent', NULL, '[]', 1, NULL, NULL
       FROM jobs WHERE id = (${OPEN})`,
    );
    ruin.harm(
      `DELETE FROM attempts WHERE job_id = (${OPEN}) AND id <> 'att_new' OR id = 'att_none' OR number > 1`,
    );
    ruin.harm(SENT);
  });
  const leave = (submit: Partial<Parameters<Auditor['witness']>[0]> = {}) => {
    auditor.witness({ provider: 'third', attemptId: 'att_new', isKnown: false, ...submit });
    return auditor.tick(0).filter((fault) => fault.startsWith('attempt '));
  };
  const isSaid = (...faults: string[]) => faults.map((fault) => `attempt att_new at third: ${fault}`);

  test('finds nothing where nothing is wrong', () => {
    expect(leave()).toEqual([]);
  });

  test('finds one that is not written down, or for another', () => {
    expect(leave({ attemptId: 'att_none' })).toEqual([
      'attempt att_none at third: was sent before it was written down',
    ]);
    expect(leave({ provider: 'other' })).toEqual(['attempt att_new at other: was written down for third']);
  });

  test('finds one of a job that is elsewhere, or of the other mode', () => {
    ruin.harm(`UPDATE jobs SET state = 'running' WHERE id = (${OPEN})`);
    expect(leave()).toEqual(isSaid('its job is running'));
    ruin.harm(`UPDATE jobs SET state = 'submitting', mode = 'test' WHERE id = (${OPEN})`);
    expect(leave()).toEqual(isSaid('is of a test job'));
  });

  test('finds one that is sent again, except where that is the same order', () => {
    expect(leave({ isKnown: true })).toEqual(isSaid('was sent twice'));
    ruin.harm(`UPDATE attempts SET outcome = 'unknown' WHERE id = 'att_new'`);
    expect(leave()).toEqual(isSaid('was sent again while unknown'));
    ruin.harm(`UPDATE attempts SET provider = 'other' WHERE id = 'att_new'`);
    expect(leave({ provider: 'other', isKnown: true })).toEqual([]);
  });

  test('finds one that follows another which may have arrived, or at the same provider', () => {
    ruin.harm(
      `INSERT INTO attempts (${COLUMNS}) SELECT 'att_old', job_id, 0, 'third', NULL, 'unknown', NULL, '[]', 1, NULL, NULL
       FROM attempts WHERE id = 'att_new'`,
    );
    expect(leave()).toEqual(isSaid('attempt 0 is unknown', 'the same provider was asked before'));
  });
});

describe('the last look', () => {
  let told: Told;
  const sumOf = (customer: string, kind: string) =>
    ruin.reader
      .prepare<[string, string], { sum: number }>(
        `SELECT coalesce(sum(balance_delta), 0) AS sum FROM ledger_entries
         WHERE customer_id = ? AND mode = 'live' AND kind = ?`,
      )
      .get(customer, kind)?.sum ?? 0;
  beforeEach(() => {
    const { workload } = ruins.stage;
    const jobs = ruin.reader.prepare<[], { id: string }>('SELECT id FROM jobs').all();
    told = {
      acknowledged: new Set(jobs.map(({ id }) => id)),
      lost: new Set(),
      recent: [],
      population: {
        customers: workload.population.customers.map((customer) =>
          Object.assign({}, customer, {
            bought: sumOf(customer.id, 'top_up'),
            adjusted: sumOf(customer.id, 'adjust'),
          }),
        ),
      },
    };
  });
  const order = () => {
    const found = ruins.stage.workload.recent.find(({ accepted }) => accepted !== null);
    if (found === undefined) throw new Error('nothing was accepted');
    return found;
  };

  test('finds nothing where nothing is wrong', () => {
    expect(finalChecks(ruin.reader, told)).toEqual([]);
  });

  test('finds a job that was acknowledged and is not there, and one that nobody was told of', () => {
    const [first = '', ...others] = told.acknowledged;
    expect(finalChecks(ruin.reader, { ...told, acknowledged: new Set(others) })).toEqual([
      `job ${first}: nobody was told of it`,
    ]);
    const more = new Set([first, ...others, 'job_none']);
    expect(finalChecks(ruin.reader, { ...told, acknowledged: more })).toEqual([
      'job job_none: was acknowledged and does not exist',
    ]);
  });

  test('finds an order that nobody knows the fate of, and an ending that was another', () => {
    const lost = order();
    expect(finalChecks(ruin.reader, { ...told, lost: new Set([lost]) })).toEqual([
      `order ${lost.idempotencyKey}: nobody could be found to answer`,
    ]);
    const recent = [{ ...lost, ended: 'lost in the post' }];
    expect(finalChecks(ruin.reader, { ...told, recent }).join()).toContain('was told lost in the post');
  });

  test('finds money that was paid and is not in the books', () => {
    const [customer, ...others] = told.population.customers;
    if (customer === undefined) throw new Error('there are no customers');
    const with_ = (change: Partial<typeof customer>) =>
      finalChecks(ruin.reader, {
        ...told,
        population: { customers: [{ ...customer, ...change }, ...others] },
      });
    expect(with_({ bought: customer.bought + 1 }).join()).toContain(
      `bought ${customer.bought + 1}, the books`,
    );
    expect(with_({ adjusted: customer.adjusted - 1 }).join()).toContain('was corrected by');
  });

  test('finds a price that is not on the list', () => {
    ruin.harm(`UPDATE jobs SET price = price + 1 WHERE id = (${LIVE})`);
    expect(finalChecks(ruin.reader, told).join()).toContain('the list says');
    ruin.harm(`UPDATE jobs SET price = price - 1, price_version = 99 WHERE id = (${LIVE})`);
    expect(finalChecks(ruin.reader, told).join()).toContain('the list says null');
  });
});
