// Provider accounts through the operator API: added, imported row by row, changed, rotated, looked at, tried and
// deleted; and the credentials that come in and are in nothing that goes out.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accountOf, askProvider } from '../../../src/providers/wire.ts';
import type { ProviderContext, Verified } from '../../../src/providers/index.ts';
import { createScriptedProvider } from '../../support/scripted-provider.ts';
import { openWorld, type Answer, type World } from '../../support/world.ts';

const PATH = '/api/accounts';
let world: World;
let verdict: Verified;
let asked: ProviderContext[];
let counter = 0;

const OK: Verified = {
  kind: 'ok',
  remoteId: 'user-of-the-provider-77ab',
  balance: { unit: 'credits', available: '27830.5', subscription: '0', paid: '27830.5' },
  slots: 7,
};
const provider = createScriptedProvider({
  upstream: {
    verify: (context) => {
      asked.push(context);
      return verdict;
    },
  },
  submit: async (order, _id, context) => {
    const { credential } = accountOf(context);
    const key = credential.kind === 'api_key' ? credential.apiKey : credential.token;
    const body = { prompt: order.prompt, width: order.width, key };
    const headers = { authorization: `Bearer ${key}`, 'x-note': `of ${key}` };
    const answer = await askProvider(context, {
      to: `/v1/make?key=${key}`,
      method: 'POST',
      headers,
      json: body,
    });
    return { kind: 'failed', code: 'provider_error', reason: answer.kind };
  },
});
const keyOnly = createScriptedProvider({ id: 'openai', upstream: { credentials: ['api_key'], models: {} } });

beforeAll(async () => {
  verdict = OK;
  asked = [];
  world = await openWorld({ providers: [provider, keyOnly] });
});
afterAll(() => world.close());

const freshSecret = () => `canary-of-the-tests-${String((counter += 1)).padStart(4, '0')}`;

type Account = Record<string, unknown> & { accountId: string };
const accountIn = ({ json }: Answer) => json['account'] as Account;

async function create(body: Record<string, unknown> = {}): Promise<Account> {
  const answer = await world.operator('POST', PATH, {
    body: { label: 'studio', apiKey: freshSecret(), ...body },
  });
  expect(answer.status).toBe(201);
  return accountIn(answer);
}

describe('a new account', () => {
  test('is verified, and shown without its key', async () => {
    asked = [];
    const apiKey = freshSecret();
    const created = await create({ apiKey, minBalance: 100.25, priority: 5, weight: 2 });
    expect(created).toMatchObject({
      ...{ label: 'studio', provider: 'leonardo', status: 'active', credential: 'api_key' },
      ...{ keyHint: `…${apiKey.slice(-4)}`, providerUserHint: '…77ab', balanceUnit: 'credits' },
      ...{ availableTokens: 27_830.5, paidTokens: 27_830.5, subscriptionTokens: 0, reservedTokens: 0 },
      ...{ minBalance: 100.25, concurrencySlots: 7, activeJobs: 0, priority: 5, weight: 2, models: null },
      ...{ lastError: null, cooldownUntil: null, lastUsedAt: null },
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.account).toMatchObject({
      credential: { kind: 'api_key', apiKey },
      baseUrl: 'https://api.provider.example',
      destination: { kind: 'public' },
    });
    expect(accountIn(await world.operator('GET', `${PATH}/${created.accountId}`))).toEqual(created);
  });

  test('is not verified when that is not wanted', async () => {
    asked = [];
    const created = await create({ verify: false, maxConcurrentJobs: 3 });
    expect(asked).toEqual([]);
    expect(created).toMatchObject({ availableTokens: null, lastCheckedAt: null, concurrencySlots: 3 });
  });

  test('can be a session, with an end', async () => {
    const expiresAt = new Date(world.clock.now() + 3_600_000).toISOString();
    const session = { token: freshSecret(), cookie: 'sid=canary-of-a-cookie', expiresAt };
    const answer = await world.operator('POST', PATH, { body: { label: 'a session', session } });
    expect(accountIn(answer)).toMatchObject({ credential: 'session', expiresAt, status: 'active' });
  });

  test('is refused when the provider refuses the key, and asked for again when it cannot be reached', async () => {
    const count = async () => (await world.operator('GET', PATH)).json['accounts'] as unknown[];
    const before = (await count()).length;
    verdict = { kind: 'refused', reason: 'no such key' };
    const refused = await world.operator('POST', PATH, { body: { label: 'x', apiKey: freshSecret() } });
    expect(refused).toMatchObject({ status: 400, code: 'provider_key_rejected' });
    verdict = { kind: 'unreachable', reason: 'status 502' };
    const later = await world.operator('POST', PATH, { body: { label: 'x', apiKey: freshSecret() } });
    expect(later).toMatchObject({ status: 503, code: 'provider_unavailable' });
    verdict = OK;
    expect((await count()).length).toBe(before);
  });

  test('is not made twice of one key, at one provider', async () => {
    const apiKey = freshSecret();
    await create({ apiKey });
    const again = await world.operator('POST', PATH, { body: { label: 'again', apiKey } });
    expect(again).toMatchObject({ status: 409, code: 'already_exists' });
    expect((await create({ apiKey, provider: 'openai' })).provider).toBe('openai');
  });

  test('is made once for one idempotency key', async () => {
    const body = { label: 'once', apiKey: freshSecret() };
    const [one, two] = [
      await world.operator('POST', PATH, { body, idempotencyKey: 'account-once' }),
      await world.operator('POST', PATH, { body, idempotencyKey: 'account-once' }),
    ];
    expect(two.headers.get('idempotency-replayed')).toBe('true');
    expect(two.json).toEqual(one.json);
  });

  const session = { token: 'a-token-of-a-session' };
  const BAD: [string, Record<string, unknown>, string][] = [
    ['no credential', {}, 'apiKey'],
    ['two credentials', { apiKey: 'canary-of-bad-input', session }, 'session'],
    ['a key with a space', { apiKey: 'canary of bad input' }, 'apiKey'],
    ['a key with a line break inside', { apiKey: 'canary-of\nbad-input' }, 'apiKey'],
    ['a key that is a number', { apiKey: 12_345_678 }, 'apiKey'],
    ['a key of seven characters', { apiKey: '1234567' }, 'apiKey'],
    ['a key without end', { apiKey: 'k'.repeat(5000) }, 'apiKey'],
    ['a cookie of two lines', { session: { ...session, cookie: 'a=b\nHost: x' } }, 'session.cookie'],
    [
      'a session that has ended',
      { session: { ...session, expiresAt: '2020-01-01T00:00:00Z' } },
      'session.expiresAt',
    ],
    ['a provider that there is not', { apiKey: 'canary-of-bad-input', provider: 'nobody' }, 'provider'],
    ['a provider that takes no sessions', { session, provider: 'openai' }, 'session'],
    ['no label', { apiKey: 'canary-of-bad-input', label: ' ' }, 'label'],
    ['half a slot', { apiKey: 'canary-of-bad-input', maxConcurrentJobs: 0.5 }, 'maxConcurrentJobs'],
    ['no slots', { apiKey: 'canary-of-bad-input', maxConcurrentJobs: 0 }, 'maxConcurrentJobs'],
    ['a negative floor', { apiKey: 'canary-of-bad-input', minBalance: -1 }, 'minBalance'],
    ['a priority below 0', { apiKey: 'canary-of-bad-input', priority: -1 }, 'priority'],
    ['no models', { apiKey: 'canary-of-bad-input', models: [] }, 'models'],
    ['a secret of callbacks alone', { session, callbackSecret: 'canary-of-bad-input' }, 'callbackSecret'],
    ['a field that there is not', { apiKey: 'canary-of-bad-input', key: 'x' }, 'key'],
  ];
  test.each(BAD)('is refused with %s', async (_what, body, path) => {
    const answer = await world.operator('POST', PATH, { body: { label: 'bad', ...body } });
    expect(answer).toMatchObject({ status: 400, code: 'invalid_input' });
    const { fields } = answer.json['error'] as { fields: { path: string }[] };
    expect(fields.map((field) => field.path)).toContain(path);
    const text = new TextDecoder().decode(answer.bytes);
    expect(text).not.toContain('canary');
    expect(text).not.toContain('12345678');
  });
});

describe('an import', () => {
  test('takes what is right, and names what is not by its row and the reason', async () => {
    const known = freshSecret();
    await create({ apiKey: known });
    const good = { label: 'good', apiKey: freshSecret() };
    const rows = [
      good,
      { label: 'known', apiKey: known },
      { label: 'twice', apiKey: good.apiKey },
      { label: 'no key' },
      { label: 'other', apiKey: freshSecret(), provider: 'nobody' },
      { label: 'odd', apiKey: freshSecret(), wrong: 1 },
      { label: 'good too', session: { token: freshSecret() }, priority: 7 },
    ];
    const { status, json } = await world.operator('POST', `${PATH}/import`, { body: { accounts: rows } });
    expect(status).toBe(200);
    expect(json).toMatchObject({ imported: 2, accounts: [{ index: 0 }, { index: 6 }] });
    expect(json['skipped']).toMatchObject([
      { index: 1, code: 'already_exists' },
      { index: 2, code: 'already_exists' },
      { index: 3, code: 'invalid_input', message: 'apiKey is required, or a session.' },
      { index: 4, code: 'invalid_input', message: 'provider must be one of leonardo, openai.' },
      { index: 5, code: 'invalid_input' },
    ]);
    expect(JSON.stringify(json)).not.toContain('canary');
  });

  test('leaves out what a provider refuses', async () => {
    verdict = { kind: 'refused', reason: 'no' };
    const body = { accounts: [{ label: 'a', apiKey: freshSecret() }] };
    const { json } = await world.operator('POST', `${PATH}/import`, { body });
    verdict = OK;
    expect(json).toMatchObject({ imported: 0, skipped: [{ index: 0, code: 'provider_key_rejected' }] });
  });

  test('reads a paste', async () => {
    const paste = `# keys of ours\nstudio a, ${freshSecret()}\n\n${freshSecret()}\nshort`;
    const { json } = await world.operator('POST', `${PATH}/import`, {
      body: { paste, provider: 'openai', verify: false },
    });
    expect(json).toMatchObject({ imported: 2, skipped: [{ index: 2, code: 'invalid_input' }] });
    const [first] = json['accounts'] as { accountId: string }[];
    const account = accountIn(await world.operator('GET', `${PATH}/${first?.accountId}`));
    expect(account).toMatchObject({ label: 'studio a', provider: 'openai' });
  });

  test.each([
    ['nothing', {}],
    ['both', { accounts: [{ label: 'a', apiKey: 'k'.repeat(9) }], paste: 'x' }],
    ['an empty list', { accounts: [] }],
    ['an empty paste', { paste: ' \n# only a comment\n' }],
    ['fifty-one', { accounts: Array.from({ length: 51 }, () => ({ label: 'a', apiKey: 'k'.repeat(9) })) }],
    ['a list of texts', { accounts: ['key'] }],
  ])('is refused with %s', async (_what, body) => {
    const answer = await world.operator('POST', `${PATH}/import`, { body });
    expect(answer).toMatchObject({ status: 400, code: 'invalid_input' });
  });
});

describe('a change', () => {
  test('is in force at once, and leaves what it does not name', async () => {
    const { accountId } = await create({ priority: 3 });
    const body = { status: 'paused', label: 'renamed', minBalance: 5, models: ['openai/gpt-image-2'] };
    const changed = accountIn(await world.operator('PATCH', `${PATH}/${accountId}`, { body }));
    expect(changed).toMatchObject({ ...body, priority: 3 });
    const back = await world.operator('PATCH', `${PATH}/${accountId}`, {
      body: { status: 'active', models: null },
    });
    expect(accountIn(back)).toMatchObject({ status: 'active', models: null, label: 'renamed' });
  });

  test('gives it another key, which is verified; its own is none of another', async () => {
    const [first, second, taken] = [freshSecret(), freshSecret(), freshSecret()];
    const { accountId } = await create({ apiKey: first });
    await create({ apiKey: taken });
    asked = [];
    const replace = (apiKey: string) => world.operator('PATCH', `${PATH}/${accountId}`, { body: { apiKey } });
    expect(accountIn(await replace(second)).keyHint).toBe(`…${second.slice(-4)}`);
    expect(asked[0]?.account?.credential).toEqual({ kind: 'api_key', apiKey: second });
    expect((await replace(second)).status).toBe(200);
    expect(await replace(taken)).toMatchObject({ status: 409, code: 'already_exists' });
    verdict = { kind: 'refused', reason: 'no' };
    expect(await replace(freshSecret())).toMatchObject({ status: 400, code: 'provider_key_rejected' });
    verdict = OK;
    expect((await create({ apiKey: first })).keyHint).toBe(`…${first.slice(-4)}`);
  });

  test('gives it a key that nobody has asked about: what was known of the old one is not known of it', async () => {
    const { accountId, availableTokens } = await create();
    expect(availableTokens).not.toBeNull();
    const body = { apiKey: freshSecret(), verify: false };
    expect(accountIn(await world.operator('PATCH', `${PATH}/${accountId}`, { body }))).toMatchObject({
      ...{ status: 'active', availableTokens: null, providerUserHint: null, lastCheckedAt: null },
    });
  });

  test('is refused when it is none, or of what is not there', async () => {
    const { accountId } = await create();
    const send = (id: string, body: object) => world.operator('PATCH', `${PATH}/${id}`, { body });
    expect(await send(accountId, {})).toMatchObject({ code: 'invalid_input' });
    expect(await send(accountId, { verify: false })).toMatchObject({ code: 'invalid_input' });
    expect(await send(accountId, { status: 'exhausted' })).toMatchObject({ code: 'invalid_input' });
    expect(await send('acc_nobody', { label: 'x' })).toMatchObject({ status: 404, code: 'not_found' });
  });
});

test('a look at an account writes down what the provider says', async () => {
  const { accountId } = await create();
  const look = () => world.operator('POST', `${PATH}/${accountId}/refresh`, {});
  verdict = { ...OK, balance: { unit: 'credits', available: '0' } };
  expect(accountIn(await look())).toMatchObject({ status: 'exhausted', availableTokens: 0 });
  verdict = { kind: 'refused', reason: 'revoked' };
  expect(accountIn(await look())).toMatchObject({ status: 'auth_error', lastError: 'revoked' });
  verdict = { kind: 'unreachable', reason: 'status 500' };
  expect(await look()).toMatchObject({ status: 503, code: 'provider_unavailable' });
  verdict = OK;
  expect(accountIn(await look())).toMatchObject({
    status: 'active',
    availableTokens: 27_830.5,
    lastError: null,
  });
});

test('the list can be narrowed, and says what it comes to', async () => {
  const paused = await create({ provider: 'openai', verify: false });
  await world.operator('PATCH', `${PATH}/${paused.accountId}`, { body: { status: 'paused' } });
  const { json } = await world.operator('GET', `${PATH}?provider=openai&status=paused`);
  expect((json['accounts'] as Account[]).map(({ accountId }) => accountId)).toEqual([paused.accountId]);
  expect(json['totals']).toEqual({
    ...{ accounts: 1, byStatus: { paused: 1 }, concurrencySlots: 0, activeJobs: 0, balances: [] },
  });
  const all = (await world.operator('GET', PATH)).json;
  const { balances } = all['totals'] as { balances: object[] };
  expect(balances).toMatchObject([{ provider: 'leonardo', unit: 'credits', reservedTokens: 0 }]);
  expect(await world.operator('GET', `${PATH}?status=broken`)).toMatchObject({ code: 'invalid_input' });
});

test('a rotation puts the preferred account at the end of its row', async () => {
  const own = await openWorld({ providers: [createScriptedProvider({ upstream: {} })] });
  const ids: string[] = [];
  for (const label of ['a', 'b', 'c']) {
    const answer = await own.operator('POST', PATH, { body: { label, apiKey: freshSecret() } });
    ids.push(accountIn(answer).accountId);
    own.clock.advance(1);
  }
  const rotate = async (body: object = {}) =>
    (await own.operator('POST', `${PATH}/rotate`, { body })).json['activeAccountId'];
  expect([await rotate(), await rotate(), await rotate(), await rotate()]).toEqual([
    ids[1],
    ids[2],
    ids[0],
    ids[1],
  ]);
  expect(await rotate({ fromAccountId: ids[1] })).toBe(ids[2]);
  expect(await own.operator('POST', `${PATH}/rotate`, { body: { provider: 'none' } })).toMatchObject({
    status: 404,
    code: 'not_found',
  });
  await own.close();
});

test('a test generation shows the exact request, with the key nowhere in it, and sends nothing', async () => {
  const apiKey = freshSecret();
  const { accountId } = await create({ apiKey });
  const path = `${PATH}/${accountId}/test-generation`;
  const answer = await world.operator('POST', path, { body: { type: 'image', prompt: 'a harbour' } });
  expect(answer.json).toMatchObject({
    ...{ dryRun: true, canRun: true, model: 'openai/gpt-image-2', estimate: { amount: 10, unit: 'credits' } },
    request: {
      method: 'POST',
      url: 'https://api.provider.example/v1/make?key=(hidden)',
      headers: { authorization: '(hidden)', 'x-note': 'of (hidden)', 'content-type': 'application/json' },
      body: { prompt: 'a harbour', width: 1024, key: '(hidden)' },
    },
  });
  expect(new TextDecoder().decode(answer.bytes)).not.toContain(apiKey);
  expect(world.net.requested).toEqual([]);
  const bad = (body: object) => world.operator('POST', path, { body });
  expect(await bad({ type: 'image', size: 'huge' })).toMatchObject({ code: 'invalid_input' });
  expect(await bad({ type: 'image', quality: 'NONE' })).toMatchObject({ code: 'invalid_input' });
  expect(await bad({ type: 'image', model: 'no/model' })).toMatchObject({ code: 'model_not_found' });
});

test('an account is deleted, and not while a job is open that was made with it', async () => {
  const busy = createScriptedProvider({ upstream: {} });
  const own = await openWorld({ providers: [busy] });
  const { liveKey } = await own.customer({ credits: 1000 });
  const created = accountIn(
    await own.operator('POST', PATH, { body: { label: 'a', apiKey: freshSecret() } }),
  );
  const path = `${PATH}/${created.accountId}`;
  await own.call('POST', '/v1/images/generate', {
    key: liveKey,
    idempotencyKey: 'one',
    body: { prompt: 'a' },
  });
  await own.settle();
  expect(accountIn(await own.operator('GET', path))).toMatchObject({ activeJobs: 1 });
  expect(await own.operator('DELETE', path)).toMatchObject({ status: 409, code: 'account_in_use' });
  await own.advance(60_000);
  expect((await own.operator('DELETE', path)).status).toBe(200);
  expect(await own.operator('GET', path)).toMatchObject({ status: 404, code: 'not_found' });
  await own.close();
});

test('a credential is in no answer, no audit, no log and no file, and its hash is keyed', async () => {
  const files = readdirSync(world.dir, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const stored = files
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
    .join('\n');
  const audit = new TextDecoder().decode((await world.operator('GET', '/api/audit?limit=200')).bytes);
  expect(audit).toContain('account.create');
  for (const text of [stored, audit, JSON.stringify(world.log)]) {
    // The canaries of good and of bad input, and the cookie.
    expect(text.includes('canary-of')).toBe(false);
    for (let count = 1; count <= counter; count++) {
      const secret = `canary-of-the-tests-${String(count).padStart(4, '0')}`;
      expect(text.includes(new Bun.CryptoHasher('sha256').update(secret).digest('hex'))).toBe(false);
    }
  }
});
