// The audit: every change on record in the order in which it was made, chained so that nothing can be changed, taken
// out or slipped in unseen.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { createAudit, type Audit, type AuditEvent, type NewAuditEvent } from '../../src/audit/index.ts';
import { CHAIN_START, hashEvent } from '../../src/audit/event.ts';
import { faultOf, openByHand, openDatabase, type TestDatabase } from '../support/database.ts';

const SEED = 17;

let database: TestDatabase;
let audit: Audit;
beforeEach(() => {
  database = openDatabase();
  audit = createAudit({ random: database.random });
});
afterEach(() => database.close());

const record = (change: Partial<NewAuditEvent> = {}) =>
  database.store.transaction((tx) =>
    audit.record(tx, {
      actor: 'operator:a',
      action: 'customer.create',
      target: 'cus_1',
      summary: 's',
      ...change,
    }),
  );
const list = (filter = {}, page = { limit: 10, beforeSeq: null as number | null }) =>
  audit.list(database.store.read, filter, page);
const verify = () => audit.verify(database.store.read);

/** Changes the table with the triggers gone. */
function tamper(sql: string): void {
  const byHand = openByHand(database.store);
  byHand.exec('DROP TRIGGER audit_keep_update; DROP TRIGGER audit_keep_delete;');
  byHand.exec(sql);
  byHand.close();
}

describe('a record', () => {
  test('tells who did what to what, when, and what it was before and after', async () => {
    const told = { addressHash: 'h', requestId: 'req_1', before: { a: 1 }, after: { a: 2 } };
    const event = await record(told);
    expect(event).toMatchObject({
      ...{ seq: 1, actor: 'operator:a', action: 'customer.create', target: 'cus_1', summary: 's' },
      ...told,
      ...{ createdAt: database.clock.now(), prevHash: CHAIN_START },
    });
    expect((await list()).events).toEqual([event]);
  });

  test('needs no more than that', async () => {
    expect(await record()).toMatchObject({ addressHash: null, requestId: null, before: null, after: null });
  });

  test('follows the one before it, also when many are made at once', async () => {
    const events = await Promise.all(Array.from({ length: 50 }, () => record()));
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    for (const [index, event] of events.entries())
      expect(event.prevHash).toBe(events[index - 1]?.hash ?? CHAIN_START);
    expect(await verify()).toEqual({ events: 50, fault: null });
  });

  test('of what is undone is undone with it, and leaves no gap', async () => {
    await record();
    const undone = database.store.transaction(async (tx) => {
      await audit.record(tx, { actor: 'a', action: 'b', target: 'c', summary: 'd' });
      throw new Error('undone');
    });
    expect(await faultOf(() => undone)).toBe('undone');
    expect((await record()).seq).toBe(2);
    expect(await verify()).toEqual({ events: 2, fault: null });
  });

  test('hashes every one of its fields', async () => {
    const { hash, ...fields } = await record({ before: { a: 1 } });
    for (const name of Object.keys(fields))
      expect([name, hashEvent({ ...fields, [name]: 'another' })]).not.toEqual([name, hash]);
  });

  test(`has the same hash when it is read back, whatever stands in it (seed ${SEED})`, async () => {
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.constant({ z: 1, a: { y: undefined, 10: 'x', 9: null }, list: [undefined, -0, 1e21, 0.1] }),
      fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
    );
    await fc.assert(
      fc.asyncProperty(odd, odd, async (before, after) => {
        await record({ before, after });
      }),
      { numRuns: 200, seed: SEED },
    );
    expect(await verify()).toEqual({ events: 200, fault: null });
  });
});

describe('the list', () => {
  test('is newest first, page by page, and filtered', async () => {
    for (let index = 0; index < 5; index++)
      await record({
        actor: `operator:${index % 2}`,
        action: index < 3 ? 'a.b' : 'c.d',
        target: `t${index}`,
      });
    const seqs = ({ events }: { events: AuditEvent[] }) => events.map(({ seq }) => seq);
    const first = await list({}, { limit: 2, beforeSeq: null });
    expect([seqs(first), first.hasMore]).toEqual([[5, 4], true]);
    const last = await list({}, { limit: 3, beforeSeq: 4 });
    expect([seqs(last), last.hasMore]).toEqual([[3, 2, 1], false]);
    expect(seqs(await list({ actor: 'operator:1' }))).toEqual([4, 2]);
    expect(seqs(await list({ action: 'c.d' }))).toEqual([5, 4]);
    expect(seqs(await list({ target: 't2' }))).toEqual([3]);
    expect(seqs(await list({ actor: 'operator:0', action: 'c.d' }))).toEqual([5]);
    expect(seqs(await list({ target: 'nobody' }))).toEqual([]);
  });
});

describe('the chain', () => {
  beforeEach(async () => {
    for (let index = 1; index <= 4; index++) await record({ target: `t${index}`, after: { value: index } });
  });

  test('of nothing is whole', async () => {
    const empty = openDatabase();
    expect(await audit.verify(empty.store.read)).toEqual({ events: 0, fault: null });
    await empty.close();
  });

  test.each([
    ['a changed actor', "UPDATE audit_events SET actor = 'nobody' WHERE seq = 2", 1, 'event 2 was changed'],
    [
      'a changed value',
      `UPDATE audit_events SET after = '{"value":9}' WHERE seq = 3`,
      2,
      'event 3 was changed',
    ],
    [
      'a value that was taken out',
      'UPDATE audit_events SET after = NULL WHERE seq = 1',
      0,
      'event 1 was changed',
    ],
    ['a changed time', 'UPDATE audit_events SET created_at = 1 WHERE seq = 4', 3, 'event 4 was changed'],
    ['an event taken out', 'DELETE FROM audit_events WHERE seq = 2', 1, 'event 2 is missing'],
    ['the last taken out', 'DELETE FROM audit_events WHERE seq = 4', 3, 'event 4 is missing'],
    ['all taken out', 'DELETE FROM audit_events', 0, 'event 1 is missing'],
    ['the first taken out', 'DELETE FROM audit_events WHERE seq = 1', 0, 'event 1 is missing'],
    [
      'an event taken out and the gap closed',
      'DELETE FROM audit_events WHERE seq = 2; UPDATE audit_events SET seq = 2 WHERE seq = 3',
      1,
      'event 2 was changed',
    ],
    [
      'two exchanged',
      'UPDATE audit_events SET seq = -1 WHERE seq = 2; UPDATE audit_events SET seq = 2 WHERE seq = 3; UPDATE audit_events SET seq = 3 WHERE seq = -1',
      1,
      'event 2 was changed',
    ],
    [
      'one slipped in',
      "INSERT INTO audit_events SELECT 5, 'aud_x', actor, action, target, address_hash, request_id, summary, before, after, created_at, prev_hash, hash FROM audit_events WHERE seq = 4",
      4,
      'event 5 was changed',
    ],
  ])('shows %s', async (_, sql, events, fault) => {
    expect(await verify()).toEqual({ events: 4, fault: null });
    tamper(sql);
    expect(await verify()).toEqual({ events, fault });
  });

  test('shows one put behind the last, with a hash that fits', async () => {
    const { events } = await list();
    const [last] = events;
    if (last === undefined) throw new Error('there is no event');
    const { hash: _, ...forged } = { ...last, seq: 5, id: 'aud_5', target: 'x', prevHash: last.hash };
    const hash = hashEvent(forged);
    tamper(
      `INSERT INTO audit_events SELECT 5, 'aud_5', actor, action, 'x', address_hash, request_id, summary, before, after, created_at, '${last.hash}', '${hash}' FROM audit_events WHERE seq = 4`,
    );
    expect(await verify()).toEqual({ events: 5, fault: 'there are events that were not recorded' });
  });

  test('shows events that no end was noted for', async () => {
    tamper("DELETE FROM meta WHERE name = 'audit-head'");
    expect((await verify()).fault).toBe('there are events that were not recorded');
  });

  test('that grows while it is followed is whole', async () => {
    await Promise.all(Array.from({ length: 1500 }, () => record()));
    const verified = verify();
    await record();
    expect((await verified).fault).toBeNull();
  });

  test('is followed over more events than one page holds', async () => {
    await Promise.all(Array.from({ length: 1000 }, () => record()));
    expect(await verify()).toEqual({ events: 1004, fault: null });
    tamper("UPDATE audit_events SET summary = 'x' WHERE seq = 1003");
    expect(await verify()).toEqual({ events: 1002, fault: 'event 1003 was changed' });
  });

  test('cannot be touched while the triggers stand', () => {
    const byHand = openByHand(database.store);
    for (const sql of ["UPDATE audit_events SET actor = 'x'", 'DELETE FROM audit_events'])
      expect(() => byHand.exec(sql)).toThrow('the audit is append-only');
    byHand.close();
  });
});
