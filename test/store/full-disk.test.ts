// A disk that fills up, at every page that an acceptance asks for: the request is refused as one that may be sent
// again, nothing of it stays behind, and with room it goes through.
import { expect, test } from 'bun:test';
import { readMeta, writeMeta } from '../../src/store/meta.ts';
import { handleOf, openDatabase, type Handle } from '../support/database.ts';
import { openWorld } from '../support/world.ts';

const TABLES = ['jobs', 'events', 'ledger_entries', 'idempotency_keys', 'files', 'wallets', 'in_flight'];

/** Everything that an acceptance touches, as one text. */
function contents(reader: Handle): string {
  return JSON.stringify(TABLES.map((table) => reader.prepare(`SELECT * FROM ${table}`).all()));
}

const pagesOf = (handle: Handle) => Number(handle.pragma('page_count', { simple: true }));
const setMaxPages = (handle: Handle, pages: number) => void handle.pragma(`max_page_count = ${pages}`);
/** SQLite's own largest. */
const NO_LIMIT = 4_294_967_294;

test('an acceptance that finds no room leaves nothing, wherever it stops', async () => {
  const rounds = 120;
  const world = await openWorld();
  const limits = { requestsPerMinute: 1_000_000, generationsPerMinute: rounds, concurrentImages: rounds };
  const { testKey: key } = await world.customer({ limits });
  const writer = await world.store.transaction(async (tx) => handleOf(tx));
  const reader = handleOf(world.store.read);
  const refused: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // Long and short rows, so that each table is at some time the one that needs a new page.
    const body = {
      prompt: 'x'.repeat(1 + ((round * 1367) % 5000)),
      metadata: { round: 'y'.repeat((round * 37) % 500) },
    };
    const before = contents(reader);
    let refusals = 0;
    for (let pages = pagesOf(writer); ; pages++) {
      setMaxPages(writer, pages);
      const answer = await world.call('POST', '/v1/images/generate', {
        key,
        idempotencyKey: `k${round}`,
        body,
      });
      if (answer.code === null) break;
      expect(answer.code).toBe('service_unavailable');
      expect(contents(reader)).toBe(before);
      refusals += 1;
    }
    setMaxPages(writer, NO_LIMIT);
    refused.push(refusals);
  }
  expect(reader.pragma('integrity_check', { simple: true })).toBe('ok');
  // One acceptance can need several new pages, and each of them was missing once.
  expect(Math.max(...refused)).toBeGreaterThan(2);
  expect(refused.reduce((sum, count) => sum + count)).toBeGreaterThan(rounds);
  await world.advance(10_000);
  const { json } = await world.call('GET', '/v1/usage', { key });
  expect(json).toMatchObject({ creditsBalance: 100_000 - rounds * 20, creditsReserved: 0 });
  await world.close();
});

test('SQLite gives up the whole of a shared commit: all who wait hear of it, and none is half done', async () => {
  const { store, close } = openDatabase();
  const writer = await store.transaction(async (tx) => handleOf(tx));
  await store.transaction((tx) => writeMeta(tx, 'first-start', 'before'));
  setMaxPages(writer, pagesOf(writer));
  const attempt = () =>
    Promise.allSettled([
      store.transaction((tx) => writeMeta(tx, 'first-start', 'small')),
      store.transaction((tx) => writeMeta(tx, 'master-key-check', 'x'.repeat(100_000))),
      store.transaction((tx) => readMeta(tx, 'first-start')),
      store.transaction(async () => Promise.reject(new Error('its own fault'))),
    ]);
  const unavailable = { status: 'rejected', reason: { code: 'service_unavailable', retryAfterMs: 5000 } };
  expect(await attempt()).toMatchObject([unavailable, unavailable, unavailable, unavailable]);
  expect(await readMeta(store.read, 'first-start')).toBe('before');
  expect(await readMeta(store.read, 'master-key-check')).toBeNull();
  setMaxPages(writer, NO_LIMIT);
  const [kept, large, read, refused] = await attempt();
  expect([kept, large, read].map((outcome) => String(outcome?.status))).toEqual(
    Array<string>(3).fill('fulfilled'),
  );
  expect(refused).toMatchObject({ reason: { message: 'its own fault' } });
  expect(await readMeta(store.read, 'first-start')).toBe('small');
  await close();
});
