// The one place where a job ends: credits, count, files, event and state together, or none of them; and once.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { openReader, type Reader } from '../sim/reader.ts';
import { FAILED, openStage, UNKNOWN, type Stage } from './stage.ts';

let stage: Stage;
let reader: Reader;

async function open(...script: Parameters<typeof openStage>) {
  stage = await openStage(...script);
  reader = openReader(stage.world.dir);
}
beforeEach(() => open());
afterEach(async () => {
  reader.close();
  await stage.close();
});

const rows = <Row>(sql: string, ...values: string[]) => reader.prepare<string[], Row>(sql).all(...values);

function entriesOf(id: string): string[] {
  const sql = 'SELECT kind FROM ledger_entries WHERE reservation_id = ? ORDER BY seq';
  return rows<{ kind: string }>(sql, id).map(({ kind }) => kind);
}

function inFlight(type: string): number {
  return rows<{ count: number }>('SELECT count FROM in_flight WHERE type = ?', type)[0]?.count ?? 0;
}

async function reopen(...script: Parameters<typeof openStage>) {
  reader.close();
  await stage.close();
  await open(...script);
}

describe('an ending', () => {
  test('captures what was reserved when the output is stored, and not before', async () => {
    const id = await stage.accept();
    await stage.world.settle();
    expect(entriesOf(id)).toEqual(['reserve']);
    await stage.untilEnded(id);
    expect(entriesOf(id)).toEqual(['reserve', 'capture']);
    expect(stage.job(id).refunded).toBe(0);
  });

  test('releases what was reserved when there is no output', async () => {
    await reopen([{ poll: () => FAILED }]);
    const id = await stage.accept();
    await stage.untilEnded(id);
    expect(entriesOf(id)).toEqual(['reserve', 'release']);
    expect(stage.job(id)).toMatchObject({ refunded: 20, price: 20 });
  });

  test('counts one job in flight less, of its own type', async () => {
    const image = await stage.accept();
    await stage.accept({ type: 'video' });
    await stage.accept({ type: 'video', mode: 'test' });
    expect([inFlight('image'), inFlight('video')]).toEqual([1, 2]);
    await stage.world.advance(2000);
    expect(stage.job(image).state).toBe('completed');
    expect([inFlight('image'), inFlight('video')]).toEqual([0, 1]);
    await stage.world.advance(10_000);
    expect(inFlight('video')).toBe(0);
  });

  test('keeps the price of the acceptance when prices change meanwhile', async () => {
    const id = await stage.accept();
    await stage.world.operator('PUT', '/api/pricing', {
      body: { prices: [{ model: 'openai/gpt-image-2', rule: { per: 'job', rates: [{ credits: 999 }] } }] },
    });
    await stage.untilEnded(id);
    expect(stage.job(id)).toMatchObject({ price: 20, price_version: 0 });
    expect(stage.job(await stage.accept())).toMatchObject({ price: 999, price_version: 1 });
  });

  test('happens for jobs of a customer who was suspended meanwhile', async () => {
    const id = await stage.accept();
    const path = `/api/public/customers/${stage.customer.id}`;
    await stage.world.operator('PATCH', path, { body: { status: 'suspended' } });
    expect((await stage.untilEnded(id)).state).toBe('completed');
  });

  test('writes a timeline in order, even when all of it happens in one millisecond', async () => {
    await reopen([{ submit: () => FAILED }, { submit: () => FAILED }, { submit: () => FAILED }]);
    // Fewer than make a breaker open.
    for (let count = 0; count < 4; count++) {
      const id = await stage.accept();
      await stage.world.settle();
      const again = ['submitting', 'queued'];
      expect(stage.timeline(id)).toEqual(['accepted', ...again, ...again, 'submitting', 'failed']);
    }
  });
});

describe('a second ending', () => {
  const ENDED = ['completed', 'failed', 'canceled'] as const;
  for (const from of ENDED) {
    test(`is refused by the database itself when it has ${from}`, async () => {
      await reopen([from === 'failed' ? { poll: () => FAILED } : {}]);
      const id = await stage.accept();
      const { world, customer } = stage;
      if (from === 'canceled') await world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.liveKey });
      expect((await stage.untilEnded(id)).state).toBe(from);
      for (const to of [...ENDED, 'queued', 'running']) {
        expect(() => stage.tamper('UPDATE jobs SET state = ? WHERE id = ?', to, id)).toThrow(/a job ends/);
      }
    });
  }

  test('cannot be booked: neither the same entry again, nor the other one', async () => {
    const id = await stage.accept();
    await stage.untilEnded(id);
    for (const kind of ['capture', 'release', 'reserve']) {
      const copy = `INSERT INTO ledger_entries SELECT 'led_again', customer_id, mode, seq + 1, ?, balance_delta,
        reserved_delta, balance_after, reserved_after, reservation_id, actor, reason, reference, request_id, created_at,
        prev_hash, hash FROM ledger_entries WHERE reservation_id = ? AND kind = 'capture'`;
      expect(() => stage.tamper(copy, kind, id)).toThrow();
    }
  });

  test('without its reservation being settled is refused by the database itself', async () => {
    const id = await stage.accept();
    const sql = `UPDATE jobs SET state = 'failed', ended_at = 1, error_code = 'internal_error' WHERE id = ?`;
    expect(() => stage.tamper(sql, id)).toThrow('a job ends together with its reservation');
  });
});

describe('an operator', () => {
  const resolve = (id: string) =>
    stage.world.operator('POST', `/api/jobs/${id}/resolve`, { body: { outcome: 'failed' } });

  test('ends a job of unknown outcome once, and no other job', async () => {
    await reopen([{ submit: ({ prompt }) => (prompt === 'lost' ? UNKNOWN : FAILED) }]);
    const lost = await stage.accept({ body: { prompt: 'lost' } });
    await stage.world.settle();
    expect((await resolve(lost)).status).toBe(200);
    expect(stage.job(lost)).toMatchObject({ state: 'failed', error_code: 'outcome_unknown', refunded: 20 });
    expect(stage.attempts(lost)).toMatchObject([{ outcome: 'unknown', ended_at: stage.world.clock.now() }]);
    expect((await resolve(lost)).code).toBe('invalid_state');
    const waiting = await stage.accept();
    expect((await resolve(waiting)).code).toBe('invalid_state');
    expect(entriesOf(lost)).toEqual(['reserve', 'release']);
    await stage.untilEnded(waiting);
  });

  test('refunds a completed job once, and no other job', async () => {
    const refund = (id: string) =>
      stage.world.operator('POST', `/api/jobs/${id}/refund`, { body: { reason: 'unusable' } });
    const id = await stage.accept();
    expect((await refund(id)).code).toBe('invalid_state');
    await stage.untilEnded(id);
    const answers = await Promise.all([refund(id), refund(id), refund(id)]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(entriesOf(id)).toEqual(['reserve', 'capture', 'refund']);
    expect(stage.job(id)).toMatchObject({ state: 'completed', refunded: 20 });
    expect(stage.timeline(id).slice(-2)).toEqual(['completed', 'refunded']);
  });
});
