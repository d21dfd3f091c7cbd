// The limits of customers: windows of one's own, a generation window that outlives the process, and a count of open
// jobs in the database.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createLimits, type Limits, type LimitsInForce } from '../../src/limits/index.ts';
import type { Tx } from '../../src/store/db.ts';
import type { JobType, Mode } from '../../src/words.ts';
import { handleOf, openDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let limits: Limits;
beforeEach(() => {
  database = openDatabase();
  limits = createLimits({ clock: database.clock });
});
afterEach(() => database.close());

const inForce = (change: Partial<LimitsInForce> = {}): LimitsInForce => ({
  ...{ generationsPerMinute: 3, requestsPerMinute: 3, concurrentImages: 3, concurrentVideos: 2 },
  ...change,
});
const refusalOf = async (work: () => unknown): Promise<Record<string, unknown>> => {
  try {
    await work();
  } catch (thrown) {
    return thrown as Record<string, unknown>;
  }
  throw new Error('nothing was refused');
};

/** Rows of jobs that were accepted so many milliseconds ago. */
async function accept(agesMs: number[], customerId = 'cus_1', mode: Mode = 'live'): Promise<void> {
  await database.store.transaction(async (tx) => {
    const handle = handleOf(tx);
    handle
      .prepare(
        "INSERT OR IGNORE INTO customers VALUES (?, 'n', NULL, NULL, 'free', 'active', NULL, '{}', '{}', 1, 1)",
      )
      .run(customerId);
    for (const ageMs of agesMs) insertJob(tx, { customerId, mode, type: 'image', ageMs });
  });
}

function insertJob(tx: Tx, job: { customerId: string; mode: Mode; type: JobType; ageMs: number }): void {
  const { clock, random } = database;
  const id = Buffer.from(random.bytes(8)).toString('hex');
  handleOf(tx)
    .prepare(
      'INSERT INTO jobs (id, customer_id, mode, key_id, type, model, input, metadata, state, due_at, deadline_at, ' +
        "lease_no, tries, price, price_version, refunded, created_at, updated_at) VALUES (?, ?, ?, 'k', ?, " +
        "'m', '{}', '{}', 'queued', 1, 1, 0, 0, 0, 0, 0, ?, 1)",
    )
    .run(id, job.customerId, job.mode, job.type, clock.now() - job.ageMs);
}

const admit = (limit: number, customerId = 'cus_1') =>
  database.store.transaction((tx) =>
    limits.admitGeneration(tx, customerId, inForce({ generationsPerMinute: limit })),
  );
const generationState = (limit: number) =>
  limits.generationState(database.store.read, 'cus_1', inForce({ generationsPerMinute: limit }));

describe('requests', () => {
  test('are counted for each customer, and refused with what there is to know', async () => {
    const states = [1, 2, 3].map(() => limits.admitRequest('cus_1', inForce()));
    expect(states.map(({ remaining }) => remaining)).toEqual([2, 1, 0]);
    database.clock.advance(1000);
    expect(await refusalOf(() => limits.admitRequest('cus_1', inForce()))).toMatchObject({
      code: 'rate_limit_exceeded',
      retryAfterMs: 59_000,
      details: { bucket: 'requests', limit: 3, retry_after_seconds: 59 },
      window: { limit: 3, remaining: 0, resetMs: 59_000 },
    });
    expect(limits.admitRequest('cus_2', inForce()).remaining).toBe(2);
  });

  test('are admitted again after exactly the wait that was told', async () => {
    for (let count = 0; count < 3; count++) limits.admitRequest('cus_1', inForce());
    database.clock.advance(1);
    const { retryAfterMs } = await refusalOf(() => limits.admitRequest('cus_1', inForce()));
    database.clock.advance(Number(retryAfterMs) - 1);
    await refusalOf(() => limits.admitRequest('cus_1', inForce()));
    database.clock.advance(1);
    limits.admitRequest('cus_1', inForce());
  });

  test('follow a limit that is changed at once', async () => {
    limits.admitRequest('cus_1', inForce());
    await refusalOf(() => limits.admitRequest('cus_1', inForce({ requestsPerMinute: 1 })));
    limits.admitRequest('cus_1', inForce({ requestsPerMinute: 2 }));
  });

  test('and generations are counted apart', async () => {
    for (let count = 0; count < 3; count++) limits.admitRequest('cus_1', inForce());
    await admit(1);
    expect(await refusalOf(() => admit(1))).toMatchObject({ details: { bucket: 'generations', limit: 1 } });
  });
});

describe('a generation', () => {
  test('that came to nothing is given back', async () => {
    const admitted = database.store.transaction(async (tx) => {
      await limits.admitGeneration(tx, 'cus_1', inForce({ generationsPerMinute: 1 }));
      throw new Error('refused further on');
    });
    // In the same commit, right behind the one that is refused.
    const next = admit(1);
    expect(admitted).rejects.toThrow('refused further on');
    await next;
    expect(await generationState(1)).toMatchObject({ remaining: 0 });
  });

  test('is not used up by asking', async () => {
    for (let count = 0; count < 5; count++) expect(await generationState(1)).toMatchObject({ remaining: 1 });
  });

  test('at the same time as 2,000 others: the limit wins', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 2000 }, () => admit(10)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });
});

describe('after a restart', () => {
  test('what was accepted in the last minute counts, in both modes, and the rest does not', async () => {
    await accept([60_001, 60_000, 59_999, 30_000]);
    await accept([10], 'cus_1', 'test');
    await accept([10, 20], 'cus_2');
    expect(await generationState(5)).toEqual({ limit: 5, remaining: 2, resetMs: 1 });
    await admit(4);
    const refused = await refusalOf(() => admit(4));
    expect(refused).toMatchObject({ code: 'rate_limit_exceeded', retryAfterMs: 1 });
    database.clock.advance(1);
    await admit(4);
  });

  test('a smaller limit waits for all that is too much', async () => {
    await accept([50_000, 40_000, 30_000, 20_000, 10_000]);
    const { retryAfterMs } = await refusalOf(() => admit(2));
    // Only the newest may be left: the one before it leaves in 40 seconds.
    expect(retryAfterMs).toBe(40_000);
    database.clock.advance(40_000);
    await admit(2);
    await refusalOf(() => admit(2));
  });

  test('a limit that is raised within the minute still knows what was before', async () => {
    await accept(Array.from({ length: 40 }, (_, index) => index * 10));
    await refusalOf(() => admit(1));
    expect(await generationState(50)).toMatchObject({ remaining: 10 });
  });

  test('and a clock that was set back counts what lies ahead, and no longer than a minute', async () => {
    await accept([-3_600_000]);
    expect((await generationState(2)).remaining).toBe(1);
    database.clock.advance(59_999);
    expect((await generationState(2)).remaining).toBe(1);
    database.clock.advance(1);
    expect((await generationState(2)).remaining).toBe(2);
    // Nor again, when the window was let go and is read once more.
    limits.forgetIdle();
    expect((await generationState(2)).remaining).toBe(2);
  });

  test('a clock that was set back while serving does not refuse for as long as it was set back', async () => {
    await admit(1);
    await accept([0]);
    database.clock.jump(-3_600_000);
    await refusalOf(() => admit(1));
    database.clock.advance(60_000);
    limits.forgetIdle();
    await admit(1);
    // A restart after a jump cannot know how long ago it was: it counts a minute, and no more.
    limits = createLimits({ clock: database.clock });
    await refusalOf(() => admit(1));
    database.clock.advance(60_000);
    await admit(1);
  });
});

describe('windows', () => {
  test('that nothing is left in are let go, the others kept', async () => {
    limits.admitRequest('cus_1', inForce());
    await admit(1);
    database.clock.advance(59_999);
    limits.forgetIdle();
    expect(await refusalOf(() => admit(1))).toMatchObject({ retryAfterMs: 1 });
    expect(limits.admitRequest('cus_1', inForce()).remaining).toBe(1);
    database.clock.advance(60_000);
    limits.forgetIdle();
    // Set back to when it accepted something, the clock brings nothing back that has left the window.
    await accept([5]);
    expect(await generationState(1)).toMatchObject({ remaining: 1 });
    expect(limits.admitRequest('cus_1', inForce()).remaining).toBe(2);
  });
});

describe('open jobs', () => {
  const open = (type: JobType, change: Partial<LimitsInForce> = {}) =>
    database.store.transaction(async (tx) => {
      await limits.requireFreePlace(tx, { customerId: 'cus_1', type, limits: inForce(change) });
      insertJob(tx, { customerId: 'cus_1', mode: 'live', type, ageMs: 0 });
    });
  const close = (type: JobType) =>
    database.store.transaction(async (tx) => {
      handleOf(tx)
        .prepare(
          "UPDATE jobs SET state = 'canceled', ended_at = 1 " +
            'WHERE id = (SELECT id FROM jobs WHERE type = ? AND ended_at IS NULL LIMIT 1)',
        )
        .run(type);
    });
  beforeEach(() => accept([]));

  test('are counted by type, and refused at the cap', async () => {
    await open('video');
    await open('video');
    expect(await refusalOf(() => open('video'))).toMatchObject({
      code: 'concurrency_limit_exceeded',
      details: { limit: 2, type: 'video' },
      retryAfterMs: 5000,
    });
    for (let count = 0; count < 3; count++) await open('image');
    await refusalOf(() => open('image'));
    await close('image');
    await open('image');
  });

  test('are refused where none may be, and above a cap that was lowered', async () => {
    await refusalOf(() => open('image', { concurrentImages: 0 }));
    await open('image');
    await open('image');
    await refusalOf(() => open('image', { concurrentImages: 1 }));
    await close('image');
    await refusalOf(() => open('image', { concurrentImages: 1 }));
  });

  test('outlive the process, and end once', async () => {
    await open('image', { concurrentImages: 1 });
    await database.reopen();
    limits = createLimits({ clock: database.clock });
    await refusalOf(() => open('image', { concurrentImages: 1 }));
    await close('image');
    await close('image');
    await open('image', { concurrentImages: 1 });
    await refusalOf(() => open('image', { concurrentImages: 1 }));
  });

  test('that arrive together are as many as may be', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => open('image')));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  });
});
