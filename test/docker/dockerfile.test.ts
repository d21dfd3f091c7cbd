// The reader of the Dockerfile, and what the file promises that no build can show.
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { ROOT } from '../house/source.ts';
import { parseCopy, parseDockerfile, parseEnv, textsOf } from './dockerfile.ts';

test('lines are joined, comments left out, stages told apart', () => {
  const content = '# why\nFROM one:1 AS first\nRUN a \\\n # in between\n && b\n\nFROM scratch\nCMD ["x"]\n';
  expect(parseDockerfile(content)).toEqual([
    { base: 'one:1', name: 'first', instructions: [{ keyword: 'RUN', text: 'a  && b' }] },
    { base: 'scratch', name: null, instructions: [{ keyword: 'CMD', text: '["x"]' }] },
  ]);
});

test('an instruction that the proof would skip is refused', () => {
  expect(() => parseDockerfile('FROM scratch\nADD a b\n')).toThrow('ADD');
});

test('options of a COPY and pairs of an ENV are read', () => {
  expect(parseCopy('--from=build --chown=1:2 a b /c')).toEqual({
    from: 'build',
    owner: '1:2',
    sources: ['a', 'b'],
    target: '/c',
  });
  expect(parseEnv('A=1 B=/x=y')).toEqual({ A: '1', B: '/x=y' });
});

const [build, image] = parseDockerfile(await Bun.file(join(ROOT, 'Dockerfile')).text());

describe('our Dockerfile', () => {
  test('ends in an image of its own with one volume, a user that is not root and no shell form', () => {
    expect(build?.name).toBe('build');
    expect(image?.base).toBe('scratch');
    if (image === undefined) return;
    expect(textsOf(image, 'USER')).toEqual(['65532:65532']);
    expect(textsOf(image, 'VOLUME')).toEqual(['/data']);
    expect(textsOf(image, 'RUN')).toEqual([]);
    for (const keyword of ['ENTRYPOINT', 'CMD'] as const) {
      expect(textsOf(image, keyword).map((text) => Array.isArray(JSON.parse(text)))).toEqual([true]);
    }
  });

  test('copies only what .dockerignore lets through', async () => {
    const allowed = (await Bun.file(join(ROOT, '.dockerignore')).text()).match(/^!.+$/gm) ?? [];
    const sources =
      build === undefined ? [] : textsOf(build, 'COPY').flatMap((text) => parseCopy(text).sources);
    for (const source of sources) {
      expect(allowed.some((line) => source === line.slice(1) || source.startsWith(`${line.slice(1)}/`))).toBe(
        true,
      );
    }
  });
});
