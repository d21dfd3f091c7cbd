// What the contract promises about secrets, books and modes: keys are shown once, entries cannot be changed, operators
// and customers do not mix, and a test key costs nobody anything.
import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import { openWorld, OPERATOR_KEY, type World } from '../../support/world.ts';
import { freshKey, makeJob } from '../scenario.ts';

/** Everything that the gateway keeps, database and write-ahead log included. */
function everyByteOf(world: World): string {
  const files = readdirSync(world.dir, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  expect(files.map(({ name }) => name)).toContain('sluice.db-wal');
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')).join('\n');
}

test('11. a key is in the answer that makes it and nowhere else; a prompt is in no log', async () => {
  const world = await openWorld({ providers: [createScriptedProvider()] });
  const prompt = 'a sentence that nobody else has to read';
  const { id, liveKey, testKey } = await world.customer({ credits: 100 });
  const base = `/api/public/customers/${id}/api-keys`;
  const rotated = await world.operator('POST', `${base}/${await firstKeyId(world, base)}/rotate`, {
    body: {},
    idempotencyKey: freshKey(),
  });
  const secrets = [liveKey, testKey, String(rotated.json['apiKey']), OPERATOR_KEY];
  for (const key of secrets.slice(0, 3)) {
    await makeJob(world, key, { prompt });
    await world.call('GET', '/v1/nope', { key });
    await world.call('POST', '/v1/images/generate', { key, text: `{"prompt":"${prompt}"` });
  }
  await world.advance(60_000);
  const [stored, logged] = [everyByteOf(world), JSON.stringify(world.log)];
  for (const secret of secrets) {
    expect(stored.includes(secret)).toBe(false);
    expect(logged.includes(secret)).toBe(false);
  }
  for (const key of secrets.slice(0, 3)) {
    const hash = new Bun.CryptoHasher('sha256').update(key).digest('hex');
    expect(stored.includes(hash)).toBe(true);
    expect(stored.includes(key.slice(0, 16))).toBe(true);
    // The prefix is to recognise a key by; a character more is nowhere.
    expect(stored.includes(key.slice(0, 17))).toBe(false);
    expect(logged.includes(key.slice(0, 17))).toBe(false);
  }
  expect(logged).not.toContain(prompt);
  for (const path of [base, base.replace('/api-keys', ''), '/api/audit', '/api/jobs']) {
    const text = new TextDecoder().decode((await world.operator('GET', path)).bytes);
    for (const key of secrets) expect(text.includes(key.slice(0, 17))).toBe(false);
    for (const key of secrets) {
      expect(text.includes(new Bun.CryptoHasher('sha256').update(key).digest('hex'))).toBe(false);
    }
  }
  await world.close();
});

async function firstKeyId(world: World, base: string): Promise<string> {
  const { json } = await world.operator('GET', base);
  return (json['keys'] as { keyId: string }[])[0]?.keyId ?? '';
}

describe('12.', () => {
  test('an adjustment below what is reserved is refused, and the ledger is as it was', async () => {
    const world = await openWorld({ providers: [createScriptedProvider()] });
    const { id, liveKey } = await world.customer({ credits: 100 });
    await makeJob(world, liveKey);
    const path = `/api/public/customers/${id}/credits`;
    const before = await world.operator('GET', path);
    const refused = await world.operator('POST', path, {
      body: { operation: 'adjust', amount: -81, reason: 'test' },
    });
    expect(refused).toMatchObject({ status: 409, code: 'balance_below_reservations' });
    expect(refused.json).toMatchObject({ error: { details: { creditsReserved: 20, resultingBalance: 19 } } });
    expect((await world.operator('GET', path)).json).toEqual(before.json);
    const down = await world.operator('POST', path, {
      body: { operation: 'adjust', amount: -80, reason: 'test' },
    });
    expect(down.json).toMatchObject({ creditsBalance: 20, creditsReserved: 20, creditsAvailable: 0 });
    await world.close();
  });

  test('nothing can change or delete an entry of the ledger, a line of the audit or a price', async () => {
    const world = await openWorld();
    await world.customer({ credits: 100 });
    const rule = { per: 'job', rates: [{ credits: 1 }] };
    await world.operator('PUT', '/api/pricing', {
      body: { prices: [{ model: 'openai/gpt-image-2', rule }] },
    });
    const { store } = world;
    const attempts = [
      () => store.transaction(async ({ q, t }) => q.update(t.ledgerEntries).set({ balanceDelta: 1 })),
      () => store.transaction(async ({ q, t }) => q.delete(t.ledgerEntries)),
      () => store.transaction(async ({ q, t }) => q.update(t.auditEvents).set({ summary: 'x' })),
      () => store.transaction(async ({ q, t }) => q.delete(t.auditEvents)),
      () => store.transaction(async ({ q, t }) => q.update(t.priceVersions).set({ actor: 'x' })),
      () => store.transaction(async ({ q, t }) => q.delete(t.priceVersions)),
    ];
    for (const attempt of attempts) {
      const outcome = await attempt().then(
        () => 'done',
        (thrown: unknown) => String(thrown instanceof Error ? (thrown.cause ?? thrown) : thrown),
      );
      expect(outcome).toContain('append-only');
    }
    await world.close();
  });
});

test('13. the operator’s key needs no token of a form, a cookie opens nothing, and a customer’s key is not for /api', async () => {
  const world = await openWorld();
  const { liveKey } = await world.customer();
  const create = (headers: Record<string, string>) =>
    world.call('POST', '/api/public/customers', { headers, body: { name: 'Test' } });
  const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
  expect((await create({ authorization: `Bearer ${OPERATOR_KEY}` })).status).toBe(201);
  expect((await create({ cookie: `session=${OPERATOR_KEY}; __Host-gw_session=x`, ...foreign })).code).toBe(
    'authentication_required',
  );
  expect((await create({ authorization: `Bearer ${liveKey}` })).code).toBe('authentication_failed');
  // No page of another origin may read an answer.
  for (const path of ['/v1/usage', '/api/overview']) {
    const { headers } = await world.call('GET', path, { key: OPERATOR_KEY, headers: foreign });
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  }
  await world.close();
});

test('14. a test key reaches no provider, no network and no live credit', async () => {
  const provider = createScriptedProvider();
  const world = await openWorld({ providers: [provider] });
  const { liveKey, testKey } = await world.customer({ credits: 500 });
  for (const prompt of ['a', '[test:fail]', '[test:reject]', '[test:slow]']) {
    await makeJob(world, testKey, { prompt });
    world.clock.advance(1);
  }
  const refused = await world.call('POST', '/v1/images/generate', {
    key: testKey,
    idempotencyKey: freshKey(),
    body: { prompt: '[test:503]' },
  });
  expect(refused).toMatchObject({ status: 503, code: 'provider_unavailable' });
  await world.advance(120_000);
  expect(provider.calls).toEqual({ submits: [], polls: [], cancels: [], opens: 0 });
  expect(world.net.requested).toEqual([]);
  const usage = async (key: string) => (await world.call('GET', '/v1/usage', { key })).json;
  expect(await usage(liveKey)).toMatchObject({ mode: 'live', creditsBalance: 500, creditsReserved: 0 });
  expect(await usage(testKey)).toMatchObject({
    mode: 'test',
    creditsBalance: 100_000 - 2 * 20,
    creditsReserved: 0,
  });
  const jobs = (await world.call('GET', '/v1/jobs', { key: testKey })).json['jobs'] as {
    status: string;
    mode: string;
  }[];
  expect(jobs.map(({ status }) => status)).toEqual(['completed', 'failed', 'failed', 'completed']);
  expect((await world.call('GET', '/v1/jobs', { key: liveKey })).json).toMatchObject({ jobs: [] });
  await world.close();
});

test('14. without a provider a live order is refused before anything is reserved', async () => {
  const world = await openWorld();
  const { liveKey: key } = await world.customer({ credits: 500 });
  const answer = await world.call('POST', '/v1/videos/generate', {
    key,
    idempotencyKey: freshKey(),
    body: { prompt: 'a' },
  });
  expect(answer).toMatchObject({ status: 503, code: 'provider_unavailable' });
  expect((await world.call('GET', '/v1/usage', { key })).json).toMatchObject({ creditsAvailable: 500 });
  await world.close();
});
