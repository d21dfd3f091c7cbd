// Stored media by signed link: whole, in part, not at all; and that a link is good for one file and one time.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { makeLink } from '../../src/media/link.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/runtime/clock.ts';
import { openWorld, PUBLIC_URL, type Answer, type TestCustomer, type World } from '../support/world.ts';
import { makeJob, runScenarios, type Scenario } from './scenario.ts';
import { openPort } from './socket.ts';

let world: World;
let customer: TestCustomer;
/** A completed image: its link as path and query, and its bytes. */
let link: string;
let whole: Uint8Array;
let etag: string;

beforeAll(async () => {
  world = await openWorld();
  customer = await world.customer();
  link = await makeFile(world, customer.testKey);
  const answer = await follow();
  whole = answer.bytes;
  etag = answer.headers.get('etag') ?? '';
});
afterAll(() => world.close());

/** Makes an image; returns the path and query of the link to it. */
async function makeFile(on: World, key: string): Promise<string> {
  const id = await makeJob(on, key);
  await on.advance(5000);
  return linkOf(await on.call('GET', `/v1/jobs/${id}/result`, { key }));
}

function linkOf({ json }: Answer): string {
  const url = String(json['url']);
  expect(url).toStartWith(`${PUBLIC_URL}/v1/files/file_`);
  return url.slice(PUBLIC_URL.length);
}

function follow(headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return world.call(method, link, { headers });
}

describe('a whole file', () => {
  test('comes with headers that make a browser believe nothing', async () => {
    const { status, headers } = await follow();
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('image/png');
    expect(headers.get('content-length')).toBe(String(whole.length));
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-disposition')).toMatch(
      /^attachment; filename="job_[0-9a-z]{26}-output\.png"$/,
    );
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    expect(headers.get('accept-ranges')).toBe('bytes');
    expect(headers.get('cache-control')).toBe('private, max-age=3600, immutable');
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect(new Bun.CryptoHasher('sha256').update(whole).digest('hex')).toBe(etag.slice(1, -1));
  });

  test('HEAD says the same and sends nothing, also over a socket', async () => {
    const answer = await follow({ range: 'bytes=0-1' }, 'HEAD');
    expect({ status: answer.status, bytes: answer.bytes.length }).toEqual({ status: 200, bytes: 0 });
    const port = openPort(world);
    const response = await fetch(port.url + link, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe(String(whole.length));
    expect((await response.bytes()).length).toBe(0);
    // Of a 304 a length would be that of the file.
    const known = await fetch(port.url + link, { method: 'HEAD', headers: { 'if-none-match': etag } });
    expect([known.status, known.headers.get('content-length')]).toEqual([304, null]);
    await port.close();
  });
});

describe('a range', () => {
  const size = () => whole.length;
  const cases: [range: string, expected: () => [number, number] | 'whole' | 'none'][] = [
    ['bytes=0-9', () => [0, 10]],
    ['bytes=0-0', () => [0, 1]],
    ['bytes=10-', () => [10, size()]],
    ['bytes=-10', () => [size() - 10, size()]],
    ['bytes=-999999', () => [0, size()]],
    ['bytes=5-999999', () => [5, size()]],
    ['bytes=0-', () => [0, size()]],
    ['bytes=999999-', () => 'none'],
    ['bytes=999999-9999999', () => 'none'],
    ['bytes=-0', () => 'none'],
    ['bytes=9-5', () => 'whole'],
    ['bytes=0-1,5-6', () => 'whole'],
    ['bytes=', () => 'whole'],
    ['bytes=-', () => 'whole'],
    ['bytes=a-b', () => 'whole'],
    ['bytes = 0-9', () => 'whole'],
    ['bytes=0-9 ', () => [0, 10]],
    ['items=0-9', () => 'whole'],
    ['bytes=99999999999999999999-', () => 'whole'],
  ];
  for (const [range, expected] of cases) {
    test(range, async () => {
      const { status, headers, bytes } = await follow({ range });
      const want = expected();
      if (want === 'none') {
        expect({ status, range: headers.get('content-range') }).toEqual({
          status: 416,
          range: `bytes */${size()}`,
        });
      } else if (want === 'whole') {
        expect({ status, length: bytes.length }).toEqual({ status: 200, length: size() });
        expect(headers.get('content-range')).toBeNull();
      } else {
        const [start, end] = want;
        expect(status).toBe(206);
        expect(headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${size()}`);
        expect(headers.get('content-length')).toBe(String(end - start));
        expect(Buffer.from(bytes).equals(whole.subarray(start, end))).toBe(true);
      }
    });
  }

  test('counts only while the file is the one that If-Range names', async () => {
    const statusWith = async (ifRange: string) =>
      (await follow({ range: 'bytes=0-9', 'if-range': ifRange })).status;
    expect(await statusWith(etag)).toBe(206);
    for (const other of ['"other"', `W/${etag}`, 'Sat, 01 Jan 2028 00:00:00 GMT', '*'])
      expect(await statusWith(other)).toBe(200);
  });
});

describe('a copy at hand', () => {
  for (const [name, header, isFresh] of [
    ['the tag', () => etag, true],
    ['the tag, weak', () => `W/${etag}`, true],
    ['the tag among others', () => `"other", ${etag}`, true],
    ['any tag', () => '*', true],
    ['another tag', () => '"other"', false],
    ['half a tag', () => etag.slice(0, -2), false],
  ] as const) {
    test(`is ${isFresh ? 'still right' : 'not right'}: ${name}`, async () => {
      const { status, bytes, headers } = await follow({ 'if-none-match': header(), range: 'bytes=0-9' });
      expect(status).toBe(isFresh ? 304 : 206);
      if (isFresh) expect({ bytes: bytes.length, etag: headers.get('etag') }).toEqual({ bytes: 0, etag });
    });
  }
});

describe('a link', () => {
  const refused: [name: string, change: (path: string) => string][] = [
    ['with another signature', (path) => path.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
    ['with its signature cut', (path) => path.slice(0, -1)],
    [
      'with a later expiry',
      (path) => path.replace(/exp=(\d+)/, (_, exp: string) => `exp=${Number(exp) + 1}`),
    ],
    ['with an expiry in another spelling', (path) => path.replace('exp=', 'exp=0')],
    ['with no number as expiry', (path) => path.replace(/exp=\d+/, 'exp=never')],
    ['for another file', (path) => path.replace(/file_./, 'file_7')],
  ];
  for (const [name, change] of refused) {
    test(`${name} is refused`, async () => {
      const changed = change(link);
      expect(changed).not.toBe(link);
      const answer = await world.call('GET', changed);
      expect({ status: answer.status, code: answer.code }).toEqual({
        status: 403,
        code: 'invalid_signature',
      });
    });
  }

  test('needs no key, and a key makes no link unnecessary', async () => {
    expect((await world.call('GET', link)).status).toBe(200);
    const bare = await world.call('GET', link.slice(0, link.indexOf('?')), { key: customer.testKey });
    expect({ status: bare.status, code: bare.code }).toEqual({ status: 400, code: 'invalid_input' });
  });

  test('made under another key is worth nothing here', async () => {
    const fileId = /file_[0-9a-z]{26}/.exec(link)?.[0] ?? '';
    const foreign = makeLink(Buffer.alloc(32, 7), fileId, world.clock.now() + HOUR_MS);
    expect((await world.call('GET', foreign.path)).code).toBe('invalid_signature');
  });

  test('lives for a day, to the second', async () => {
    const fresh = await makeFile(world, customer.testKey);
    const expiresAt = Number(/exp=(\d+)/.exec(fresh)?.[1]) * 1000;
    expect(expiresAt - world.clock.now()).toBe(24 * HOUR_MS);
    world.clock.advance(24 * HOUR_MS - 1);
    expect((await world.call('GET', fresh)).status).toBe(200);
    world.clock.advance(1);
    expect((await world.call('GET', fresh)).code).toBe('invalid_signature');
  });
});

runScenarios(
  'a path that is no file',
  [
    '..%2f..%2fsluice.db',
    '%2e%2e/sluice.db',
    '%00',
    'file_',
    'job_01m7xyqn02e3fa7ae8dqfy7sce',
    'FILE_01M7XYQN02E3FA7AE8DQFY7SCE',
    '~root',
    'con',
  ].map((id): Scenario => ({
    name: id,
    call: { method: 'GET', path: `/v1/files/${id}?exp=1&sig=a`, as: 'nobody' },
    answer: { status: 404, code: id.includes('/') ? 'route_not_found' : 'not_found' },
  })),
);

describe('the end of retention', () => {
  test('deletes the file, and the job says so', async () => {
    const keeping = await openWorld();
    // An hour, in this plan.
    const { testKey: key } = await keeping.customer({ plan: 'free' });
    const id = await makeJob(keeping, key);
    await keeping.advance(5000);
    const result = await keeping.call('GET', `/v1/jobs/${id}/result`, { key });
    const path = linkOf(result);
    const media = join(keeping.dir, 'media');
    expect(readdirSync(media, { recursive: true }).some((name) => String(name).includes('file_'))).toBe(true);
    // The link expires with the file, and not after it.
    const storedAt = Date.parse(String(result.json['expiresAt'])) - HOUR_MS;
    expect(keeping.clock.now() - storedAt).toBeLessThan(5000);

    keeping.clock.advance(storedAt + HOUR_MS - 1 - keeping.clock.now());
    expect((await keeping.call('GET', path)).status).toBe(200);
    keeping.clock.advance(1001);
    // From the second on, whether or not anybody has swept yet.
    expect((await keeping.call('GET', path)).code).toBe('invalid_signature');
    expect((await keeping.call('GET', `/v1/jobs/${id}/result`, { key })).code).toBe('result_unavailable');
    await keeping.advance(2 * MINUTE_MS);
    expect(readdirSync(media, { recursive: true }).some((name) => String(name).includes('file_'))).toBe(
      false,
    );
    const [row] = await keeping.store.read.q.select().from(keeping.store.read.t.files);
    expect(row?.deletedAt).not.toBeNull();
    const gone = await keeping.call('GET', `/v1/jobs/${id}/result`, { key });
    expect({ status: gone.status, code: gone.code }).toEqual({ status: 410, code: 'result_unavailable' });
    const job = await keeping.call('GET', `/v1/jobs/${id}`, { key });
    expect(job.json).toMatchObject({ status: 'completed', chargedCredits: 20, refundedCredits: 0 });
    const story = await keeping.operator('GET', `/api/jobs/${id}`);
    expect(story.json).toMatchObject({ job: { files: [{ isDeleted: true, url: null }] } });
    await keeping.close();
  });

  test('a file that is gone from the disk is said to be gone', async () => {
    const broken = await openWorld();
    const { testKey } = await broken.customer();
    const path = await makeFile(broken, testKey);
    rmSync(join(broken.dir, 'media'), { recursive: true });
    const answer = await broken.call('GET', path);
    expect({ status: answer.status, code: answer.code }).toEqual({ status: 410, code: 'result_unavailable' });
    await broken.close();
  });

  test('and so is one that was cut short there, whatever part of it is asked for', async () => {
    const broken = await openWorld();
    const { testKey } = await broken.customer();
    const path = await makeFile(broken, testKey);
    const media = join(broken.dir, 'media');
    const name = readdirSync(media, { recursive: true }).find((each) => String(each).includes('file_'));
    truncateSync(join(media, String(name)), 10);
    for (const headers of [{}, { range: 'bytes=0-3' }]) {
      expect((await broken.call('GET', path, { headers })).code).toBe('result_unavailable');
    }
    await broken.close();
  });
});
