// The reference page and the OpenAPI file as they are served: complete, compressed, revalidated, and alone: nothing in
// them leads to another host. What the page does in a browser is for test/browser.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { gunzipSync } from 'node:zlib';
import { openWorld, type Answer, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  world.call('GET', path, { headers });
const textOf = ({ bytes }: Answer) => new TextDecoder().decode(bytes);
const GZIP = { 'accept-encoding': 'gzip, deflate, br' };

const FILES = ['/openapi.json', '/docs', '/docs/scalar.js', '/docs/start.js', '/docs/scalar-license.txt'];

describe('the root', () => {
  test('leads to the reference', async () => {
    const { status, headers } = await get('/');
    expect([status, headers.get('location')]).toEqual([302, '/docs']);
  });
});

describe('the page', () => {
  test('may run our scripts, call us, and nothing else', async () => {
    const { status, headers } = await get('/docs');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = Object.fromEntries(
      (headers.get('content-security-policy') ?? '').split('; ').map((directive) => {
        const [name = '', ...sources] = directive.split(' ');
        return [name, sources.join(' ')];
      }),
    );
    expect(policy).toEqual({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'unsafe-inline'",
      'connect-src': "'self'",
      'img-src': "'self' data: blob:",
      'media-src': "'self' blob:",
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    });
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-frame-options')).toBe('DENY');
  });

  test('holds no script of its own and refers to files of this origin only, all of which are there', async () => {
    const html = textOf(await get('/docs'));
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|<style|style=/);
    const targets = Array.from(html.matchAll(/(?:src|href)="([^"]*)"/g), (match) => match[1] ?? '');
    const paths = targets.filter((target) => !target.startsWith('data:'));
    expect(paths).toEqual(['/openapi.json', '/docs/scalar.js', '/docs/start.js']);
    for (const path of paths) expect((await get(path)).status).toBe(200);
  });

  test('is started with a script that names no other host', async () => {
    expect(textOf(await get('/docs/start.js'))).not.toMatch(/https?:/);
  });

  test('is also there for who types a slash behind it', async () => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await world.call(method, '/docs/');
      expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    }
    expect((await get('/openapi.json/')).status).toBe(404);
  });

  test('knows no file but its own', async () => {
    expect(await get('/docs/package.json')).toMatchObject({ status: 404, code: 'not_found' });
    expect(await get('/docs/..%2f..%2fpackage.json')).toMatchObject({ status: 404 });
  });
});

describe('each file', () => {
  for (const path of FILES) {
    describe(path, () => {
      test('is the same compressed and not, under two tags', async () => {
        const [plain, packed] = [await get(path), await get(path, GZIP)];
        expect(plain.headers.get('content-encoding')).toBeNull();
        expect(packed.headers.get('content-encoding')).toBe('gzip');
        expect(Buffer.from(gunzipSync(packed.bytes)).equals(plain.bytes)).toBe(true);
        expect(packed.headers.get('etag')).not.toBe(plain.headers.get('etag'));
        for (const { headers, bytes } of [plain, packed]) {
          expect(headers.get('vary')).toBe('accept-encoding');
          expect(headers.get('content-length')).toBe(String(bytes.length));
          expect(headers.get('x-content-type-options')).toBe('nosniff');
        }
      });

      test('is sent once: after that its tag is asked about', async () => {
        const first = await get(path, GZIP);
        expect(first.headers.get('cache-control')).toBe('no-cache');
        const tag = first.headers.get('etag') ?? '';
        expect(tag).toMatch(/^"[0-9a-f]{32}-gzip"$/);
        const again = await get(path, { ...GZIP, 'if-none-match': tag });
        expect([again.status, again.bytes.length]).toEqual([304, 0]);
        const other = await get(path, { ...GZIP, 'if-none-match': '"another"' });
        expect(other.status).toBe(200);
      });

      test('answers HEAD with the headers alone', async () => {
        const [got, asked] = [await get(path), await world.call('HEAD', path)];
        expect([asked.status, asked.bytes.length]).toEqual([200, 0]);
        for (const name of ['etag', 'content-type', 'content-length'])
          expect(asked.headers.get(name)).toBe(got.headers.get(name));
      });
    });
  }

  test('is not compressed for who refuses that', async () => {
    for (const header of ['gzip;q=0', 'identity', 'br, gzip;q=0.0']) {
      const { headers } = await get('/docs', { 'accept-encoding': header });
      expect(headers.get('content-encoding')).toBeNull();
    }
    const { headers } = await get('/docs', { 'accept-encoding': 'br;q=1.0, gzip;q=0.8' });
    expect(headers.get('content-encoding')).toBe('gzip');
  });
});

test('the whole page is at most 1.1 MB on the wire', async () => {
  const sizes = await Promise.all(
    FILES.slice(0, 4).map(async (path) => (await get(path, GZIP)).bytes.length),
  );
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(1_100_000);
});
