// Live orders from end to end: the executable with an account at a provider, which is a fake on the loopback. Pictures and
// films come through the pool, are charged once, and nothing of the credential is left anywhere.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readImageHeader, readMp4Header } from '../../src/media/index.ts';
import { startLeonardoFake, type LeonardoFake } from '../fakes/leonardo.ts';
import {
  callerOf,
  readOperatorKey,
  startExecutable,
  type Caller,
  type Running,
} from '../support/executable.ts';

const SLOW_MS = 90_000;
/** Stands nowhere but in the account. */
const API_KEY = 'credential-canary-5d1f0c2b7a';
const FREE_CREDITS = 20_000;

let dir: string;
let fake: LeonardoFake;
let running: Running;
let call: Caller;
let operatorKey: string;
let customer: { id: string; key: string };

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-live-'));
  fake = await startLeonardoFake({ now: Date.now, apiKey: API_KEY });
  const environment = { PORT: '0', LOG_LEVEL: 'debug', SLUICE_LEONARDO_URL: fake.baseUrl };
  running = await startExecutable({ cwd: dir, environment });
  call = callerOf(running.url);
  operatorKey = readOperatorKey(join(dir, 'data'));
  const made = await operator('POST', '/api/public/customers', { name: 'Live' });
  const { customerId: id } = made['customer'] as { customerId: string };
  const { apiKey } = await operator('POST', `/api/public/customers/${id}/api-keys`, { mode: 'live' });
  await operator('POST', `/api/public/customers/${id}/credits`, {
    ...{ operation: 'top_up', mode: 'live', amount: FREE_CREDITS, reason: 'a first payment' },
  });
  customer = { id, key: String(apiKey) };
}, SLOW_MS);
afterAll(async () => {
  running.signal('SIGTERM');
  await running.ended;
  fake.close();
  rmSync(dir, { recursive: true, force: true });
});

async function operator(method: string, path: string, body: object): Promise<Record<string, unknown>> {
  const { status, json } = await call(method, path, { key: operatorKey, body });
  expect(status, JSON.stringify(json)).toBeLessThan(300);
  return json;
}

function order(type: 'images' | 'videos', body: object, idempotencyKey: string) {
  return call('POST', `/v1/${type}/generate`, {
    ...{ key: customer.key, body, idempotencyKey, headers: { prefer: 'wait=60' } },
  });
}

async function outputOf(json: Record<string, unknown>): Promise<Uint8Array> {
  const { url } = json['result'] as { url: string };
  return (await fetch(url)).bytes();
}

test('without an account a live order is refused before anything is reserved', async () => {
  const refused = await order('images', { prompt: 'a pier' }, 'too-early');
  expect(refused).toMatchObject({ status: 503, json: { code: 'provider_unavailable' } });
  expect(fake.generations).toEqual([]);
  const usage = await call('GET', '/v1/usage', { key: customer.key });
  expect(usage.json).toMatchObject({ creditsBalance: FREE_CREDITS, creditsReserved: 0 });
});

test('a wrong credential is refused when it is added, and a right one tells its balance', async () => {
  const wrong = await call('POST', '/api/accounts', {
    ...{ key: operatorKey, body: { label: 'Wrong', apiKey: 'another-credential-of-nobody' } },
  });
  expect(wrong.status).toBe(400);
  const { account } = await operator('POST', '/api/accounts', { label: 'First', apiKey: API_KEY });
  expect(account).toMatchObject({ provider: 'leonardo', status: 'active', availableTokens: 1500 });
});

test(
  'a picture and a film are made through the pool and charged once',
  async () => {
    const picture = await order('images', { prompt: 'a pier', size: '16:9_SMALL' }, 'picture');
    expect(picture).toMatchObject({ status: 200, json: { status: 'completed', chargedCredits: 20 } });
    expect(readImageHeader(await outputOf(picture.json))).toMatchObject({ width: 1376, height: 768 });

    const film = await order('videos', { prompt: 'a pier', duration: 4 }, 'film');
    expect(film).toMatchObject({ status: 200, json: { status: 'completed', chargedCredits: 2400 } });
    expect(await readMp4Header(await outputOf(film.json))).toMatchObject({ width: 1280, height: 720 });

    const again = await order('images', { prompt: 'a pier', size: '16:9_SMALL' }, 'picture');
    expect(again.json).toMatchObject({ jobId: picture.json['jobId'], idempotentReplay: true });
    expect(fake.generations.map(({ model }) => model)).toEqual(['gpt-image-2', 'seedance-2.0-fast']);
    const usage = await call('GET', '/v1/usage', { key: customer.key });
    expect(usage.json).toMatchObject({ creditsBalance: FREE_CREDITS - 2420, creditsReserved: 0 });
  },
  SLOW_MS,
);

test(
  'what fails at the provider costs nothing, and no slot of the account stays taken',
  async () => {
    fake.faults.poll = 'failed';
    const failed = await order('images', { prompt: 'a pier in the fog' }, 'fog');
    expect(failed).toMatchObject({ status: 200, json: { status: 'failed', result: null } });
    fake.faults.poll = null;
    const usage = await call('GET', '/v1/usage', { key: customer.key });
    expect(usage.json).toMatchObject({ creditsBalance: FREE_CREDITS - 2420, creditsReserved: 0 });
    const { json } = await call('GET', '/api/accounts', { key: operatorKey });
    expect(json['accounts']).toMatchObject([{ activeJobs: 0, reservedTokens: 0 }]);
  },
  SLOW_MS,
);

test('the credential stands in no log, no answer and no file', async () => {
  const { json } = await call('GET', '/api/accounts', { key: operatorKey });
  const said = [JSON.stringify(json), running.out(), running.notes()].join('\n');
  expect(said).toContain('First');
  expect(said).not.toContain(API_KEY);
  const files = readdirSync(join(dir, 'data'), { recursive: true, withFileTypes: true });
  const contents = files
    .filter((file) => file.isFile())
    .map((file) => readFileSync(join(file.parentPath, file.name)));
  expect(contents.some((content) => content.includes('a pier in the fog'))).toBe(true);
  expect(contents.filter((content) => content.includes(API_KEY))).toEqual([]);
});
