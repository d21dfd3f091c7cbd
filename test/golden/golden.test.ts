// The golden files: what the Job API answers, byte by byte, so that no change of it goes unseen.
// `bun test/golden/main.ts` writes them anew.
import { describe, expect, test } from 'bun:test';
import { readGoldenFiles } from './exchange-file.ts';
import { openPlace, SETTINGS } from './settings.ts';
import { replay } from './replay.ts';

const files = readGoldenFiles();

describe('the Job API answers as it did:', () => {
  for (const file of files) {
    test(file.name, async () => {
      expect(await replay(file)).toBe(file.answer);
    });
  }
});

describe('the golden files', () => {
  test('hold a success of every route for customers, and of every link', async () => {
    const { world } = await openPlace();
    const routes = world.app.routes.filter(({ path }) => path.startsWith('/v1/'));
    await world.close();
    const missing = routes.filter(({ method, path }) => {
      const pattern = new RegExp(`^${path.replaceAll(/:\w+/g, '[^/?]+')}(\\?.*)?$`);
      return !files.some(({ request, answer }) => {
        const given = request.path.replace('{link}', '/v1/files/x?exp=1');
        return request.method === method && pattern.test(given) && answer.startsWith('2');
      });
    });
    expect(missing.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  test('use every setting', () => {
    const used = new Set(files.map(({ given }) => given));
    expect(Object.keys(SETTINGS).filter((name) => !used.has(name))).toEqual([]);
  });

  test('say in a first line what they show', () => {
    expect(files.filter(({ head }) => !/^# [A-Z].*\.\n/.test(head)).map(({ name }) => name)).toEqual([]);
  });
});
