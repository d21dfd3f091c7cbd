// The judgement of a URL by its text: the whole list of refused ones, and what must pass.
import { describe, expect, test } from 'bun:test';
import { judgePublicUrl, MAX_URL_LENGTH } from '../../src/runtime/public-url.ts';
import { REFUSED_URLS } from './refused-urls.ts';

describe('public URLs', () => {
  test.each(REFUSED_URLS.map(([text, reason]) => [text, reason] as [string, string]))(
    '%j is refused: %s',
    (text, reason) => {
      expect(judgePublicUrl(text)).toEqual({ kind: 'refused', reason } as never);
    },
  );

  test('the list of refused URLs is long and without repetition', () => {
    expect(new Set(REFUSED_URLS.map(([text]) => text)).size).toBe(REFUSED_URLS.length);
    expect(REFUSED_URLS.length).toBeGreaterThanOrEqual(300);
  });

  test.each([
    ['https://example.com', 'https://example.com/'],
    ['https://example.com:443/a', 'https://example.com/a'],
    ['HTTPS://EXAMPLE.com/A', 'https://example.com/A'],
    ['https://example.com/a/../b', 'https://example.com/b'],
    ['https://example.com?x=1#y', 'https://example.com/?x=1#y'],
    ['https://example.com/@user', 'https://example.com/@user'],
    ['https://example.com/?u=https://127.0.0.1@x', 'https://example.com/?u=https://127.0.0.1@x'],
    ['https://bücher.example/ü', 'https://xn--bcher-kva.example/%C3%BC'],
    ['https://my_bucket.s3.example.com/x', 'https://my_bucket.s3.example.com/x'],
    ['https://127.0.0.1.nip.example/', 'https://127.0.0.1.nip.example/'],
    ['https://mylocal.example/', 'https://mylocal.example/'],
    ['https://a--b.example.co.uk/', 'https://a--b.example.co.uk/'],
    ['https://1.example.com/', 'https://1.example.com/'],
  ])('%s passes', (text, href) => {
    const judged = judgePublicUrl(text);
    expect(judged.kind === 'ok' ? judged.url.href : judged.reason).toBe(href);
  });

  test('a URL of exactly the greatest length passes', () => {
    const text = 'https://example.com/'.padEnd(MAX_URL_LENGTH, 'a');
    expect(judgePublicUrl(text).kind).toBe('ok');
    expect(judgePublicUrl(`${text}a`)).toEqual({ kind: 'refused', reason: 'too_long' });
  });
});
