// The corpus of attacks on the way out: hundreds of forms by hand and ten thousand made, as URLs, as answers of names,
// as redirects, and by names that change their mind. Canaries on the loopback must never hear of one of them.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { get } from './net-scene.ts';
import { isAlive } from './loopback.ts';
import { REFUSED_URLS } from './refused-urls.ts';
import { hostileUrl, mixedAnswer, PRIVATE_ANSWERS, privateAddress, publicAddress } from './ssrf-forms.ts';
import { openSsrfScene, type SsrfScene } from './ssrf-scene.ts';

const SEED = 20_261_120;
/** Together ten thousand. */
const RUNS = { urls: 5000, answers: 3000, redirects: 1600, flips: 400 };
const NAME = 'https://files.example/';
let scene: SsrfScene;

beforeAll(async () => {
  scene = await openSsrfScene();
});
afterAll(() => scene.close());

const silence = () =>
  expect({ heard: scene.heard(), astray: scene.astray }).toEqual({ heard: 0, astray: [] });

/** The outcome of following a redirect to here from an origin that the operator has allowed. */
async function followFromOwn(location: string): Promise<string> {
  const { net, own, redirects } = scene;
  redirects.set('/own', location);
  const destination = { kind: 'operator', origin: own.origin } as const;
  return (await net.fetch(get(`${own.origin}/own`, { destination, maxRedirects: 3 }))).kind;
}

/** The same from a public name that answers as it should. */
async function followFromPublic(location: string): Promise<string> {
  scene.redirects.set('/public', location);
  scene.names.set('files.example', () => ['93.184.216.34']);
  return (await scene.net.fetch(get(`${NAME}public`, { maxRedirects: 3 }))).kind;
}

describe('by hand', () => {
  test('there are more than 300 forms', () => {
    expect(REFUSED_URLS.length + new Set(PRIVATE_ANSWERS).size).toBeGreaterThan(400);
  });

  test('no URL leads inside', async () => {
    scene.names.clear();
    for (const [url, reason] of REFUSED_URLS) {
      expect(await scene.net.fetch(get(url, { maxRedirects: 3 }))).toMatchObject({ kind: 'blocked', reason });
    }
    silence();
  });

  test('no redirect leads inside, from the public or from an origin of the operator', async () => {
    scene.names.clear();
    const kinds = { blocked: 0, response: 0 };
    for (const [url] of REFUSED_URLS.filter(([text]) => !/[\r\n\0]/.test(text))) {
      for (const kind of [await followFromPublic(url), await followFromOwn(url)]) {
        expect([url, kind]).toEqual([url, isNowhere(url) ? expect.anything() : 'blocked']);
        if (kind === 'blocked' || kind === 'response') kinds[kind] += 1;
      }
    }
    expect(kinds.blocked).toBeGreaterThan(400);
    silence();
  });

  test.each(PRIVATE_ANSWERS)(
    'a name that answers %j is refused, alone and among public ones',
    async (address) => {
      for (const answer of [
        [address],
        ['93.184.216.34', address],
        [address, '2606:4700:4700::1111', '1.1.1.1'],
      ]) {
        scene.names.set('files.example', () => answer);
        const outcome = await scene.net.fetch(get(NAME));
        expect(outcome).toMatchObject({ kind: 'blocked', reason: 'private_address' });
      }
      silence();
    },
  );

  test('who was led away from the origin of the operator is not led back into it', async () => {
    const { own, redirects } = scene;
    redirects.set('/back', `${own.origin}/inside`);
    scene.names.set('files.example', () => ['1.1.1.1']);
    const before = own.requests.length;
    expect(await followFromOwn(`${NAME}back`)).toBe('blocked');
    expect(own.requests.slice(before).map((request) => request.split(' ')[1])).toEqual(['/own']);
  });
});

describe('made by dice', () => {
  test('no URL leads inside, whatever its spelling', async () => {
    scene.names.clear();
    const check = async (url: string) => {
      expect((await scene.net.fetch(get(url, { maxRedirects: 3 }))).kind).toBe('blocked');
      silence();
    };
    await fc.assert(fc.asyncProperty(hostileUrl(scene.port), check), { seed: SEED, numRuns: RUNS.urls });
  });

  test('no name leads inside that has one address there among any number', async () => {
    const check = async (answer: string[]) => {
      scene.names.set('files.example', () => answer);
      const outcome = await scene.net.fetch(get(NAME));
      expect(outcome).toMatchObject({ kind: 'blocked', reason: 'private_address' });
      silence();
    };
    await fc.assert(fc.asyncProperty(mixedAnswer, check), { seed: SEED, numRuns: RUNS.answers });
  });

  test('no redirect leads inside', async () => {
    scene.names.clear();
    const kinds = new Map<string, number>();
    const check = async (url: string) => {
      const kind = await followFromOwn(encodeURI(url));
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      silence();
    };
    await fc.assert(fc.asyncProperty(hostileUrl(scene.port), check), { seed: SEED, numRuns: RUNS.redirects });
    // The rest is no URL at all, or a path of the origin that it came from.
    expect(kinds.get('blocked')).toBeGreaterThan(RUNS.redirects / 2);
  });

  test('no name leads inside by changing its mind, between calls or between the redirects of one', async () => {
    const { server, redirects, names } = scene;
    for (let hop = 0; hop < 3; hop++) redirects.set(`/${hop}`, `/${hop + 1}`);
    redirects.delete('/3');
    const flips = fc.tuple(fc.integer({ min: 0, max: 3 }), publicAddress, privateAddress);
    const check = async ([honestAnswers, open, closed]: [number, string, string]) => {
      let asked = 0;
      names.set('files.example', () => [asked++ < honestAnswers ? open : closed]);
      const before = server.connections();
      expect(await scene.net.fetch(get(`${NAME}0`, { maxRedirects: 3 }))).toMatchObject({ kind: 'blocked' });
      // Once for each step, and once more for the one that was refused.
      expect([server.connections() - before, asked]).toEqual([honestAnswers, honestAnswers + 1]);
      silence();
    };
    await fc.assert(fc.asyncProperty(flips, check), { seed: SEED, numRuns: RUNS.flips });
  });
});

describe('the scene', () => {
  test('lets the public through', async () => {
    scene.redirects.clear();
    scene.names.set('files.example', () => ['2606:4700:4700::1111', '1.1.1.1']);
    expect(await scene.net.fetch(get(NAME))).toMatchObject({ kind: 'response', status: 200 });
  });

  test('would have seen whoever came through: a canary hears what the operator allows', async () => {
    const { canaries, net, port } = scene;
    silence();
    for (const { host, peer } of canaries) {
      const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
      const destination = { kind: 'operator', origin } as const;
      void net.fetch(get(origin, { destination, deadlineMs: 2000 }));
      await peer.connected;
      expect([peer.connections(), scene.astray.at(-1)]).toEqual([1, host]);
      expect(await isAlive(host, peer.port)).toBe(true);
      expect(peer.connections()).toBe(2);
    }
  });
});

/** Whether a redirect to this is a path of where it came from, or nothing that a header can carry as a URL. */
function isNowhere(url: string): boolean {
  return (
    !/^[\t -~]*$/.test(url) || URL.parse(url, NAME) === null || URL.parse(url, NAME)?.host === 'files.example'
  );
}
