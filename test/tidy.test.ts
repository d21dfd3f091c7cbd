// The house rules of docs/architecture.md, enforced. A rule that is not tested is a wish.
import { describe, expect, test } from 'bun:test';
import { readSources, ROOT, type SourceFile } from './house/source.ts';
import { MAX_FILE_LINES, MAX_FUNCTION_LINES, mayImport, HOMES } from './house/rules.ts';
import { referencePages } from '../src/build/reference.ts';
import { join } from 'node:path';

const source = await readSources('src');
const tests = await readSources('test');
const everything = [...source, ...tests];

/** The files that break a rule, with what is wrong; an empty list is a pass that names itself well when it is not. */
function faults(files: SourceFile[], check: (file: SourceFile) => string[]): string[] {
  return files.flatMap((file) => check(file).map((fault) => `${file.path}: ${fault}`));
}

describe('every file', () => {
  test('opens with a comment that says what it holds', () => {
    expect(
      faults(everything, ({ text }) => (/^(\/\/ \S|\/\*\*)/.test(text) ? [] : ['no opening comment'])),
    ).toEqual([]);
  });

  test(`has at most ${MAX_FILE_LINES} lines`, () => {
    expect(faults(everything, ({ lines }) => (lines > MAX_FILE_LINES ? [`${lines} lines`] : []))).toEqual([]);
  });

  test(`has functions of at most ${MAX_FUNCTION_LINES} lines of their own`, () => {
    const tooLong = faults(source, ({ functions }) =>
      functions
        .filter(({ lines }) => lines > MAX_FUNCTION_LINES)
        .map(({ name, line, lines }) => `${name} (line ${line}): ${lines} lines`),
    );
    expect(tooLong).toEqual([]);
  });

  test('is named in kebab-case, by a noun or a verb and not by a pattern', () => {
    const names = faults(everything, ({ path }) => {
      const name =
        path
          .split('/')
          .at(-1)
          ?.replace(/(\.test|\.d)?\.tsx?$/, '') ?? '';
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return ['not kebab-case'];
      return /(^|-)(utils?|helpers?|service|manager|common|misc)(-|$)/.test(name)
        ? ['named by a pattern']
        : [];
    });
    expect(names).toEqual([]);
  });

  test('holds no leftovers', () => {
    // Spelled with a class of one character, so that this line is not one of them.
    const marks = /TO[D]O|FIX[M]E|X[X]X|ts-[i]gnore|ts-[n]ocheck/g;
    const escapes = /\bas any\b/g;
    expect(
      faults(everything, ({ text, code }) => [...(text.match(marks) ?? []), ...(code.match(escapes) ?? [])]),
    ).toEqual([]);
  });
});

describe('imports', () => {
  test('go in the allowed direction and through doors', () => {
    const wrong = faults(source, ({ path, imports }) =>
      imports
        .filter(({ file }) => file !== null && !mayImport(path, file))
        .map(({ specifier }) => `must not import ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('form no cycle, types included', () => {
    expect(findCycle(source)).toEqual([]);
  });

  test('of the query builder and of the driver stay in queries.ts and the store', () => {
    const wrong = faults(source, ({ path, imports }) =>
      imports
        .filter(({ specifier }) => /^(drizzle-orm|#sqlite|better-sqlite3)/.test(specifier))
        .filter(() => !path.startsWith('src/store/') && !path.endsWith('/queries.ts'))
        .map(({ specifier }) => `imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the world comes in at one place each', () => {
  for (const { what, pattern, homes } of HOMES) {
    test(what, () => {
      const strays = faults(source, ({ path, code }) => {
        if (homes.some((home) => path === home || (home.endsWith('/') && path.startsWith(home)))) return [];
        return Array.from(code.matchAll(pattern), (match) => `uses ${match[0]}`);
      });
      expect(strays).toEqual([]);
    });
  }
});

describe('documentation', () => {
  for (const [path, text] of Object.entries(referencePages())) {
    test(`${path} is what the code says; 'npm run docs' makes it`, async () => {
      expect(await Bun.file(join(ROOT, path)).text()).toBe(text);
    });
  }

  test('gives every dependency its reason, and no other', async () => {
    const manifest = (await Bun.file(join(ROOT, 'package.json')).json()) as Record<
      string,
      Record<string, string>
    >;
    const wanted = Object.keys({ ...manifest['dependencies'], ...manifest['devDependencies'] }).sort();
    const text = await Bun.file(join(ROOT, 'docs/dependencies.md')).text();
    const named = Array.from(text.matchAll(/^- `([^`]+)`/gm), (match) => match[1] ?? '').sort();
    expect(named).toEqual(wanted);
  });

  test('pins every dependency to one version', async () => {
    const manifest = (await Bun.file(join(ROOT, 'package.json')).json()) as Record<
      string,
      Record<string, string>
    >;
    const loose = Object.entries({ ...manifest['dependencies'], ...manifest['devDependencies'] }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(loose).toEqual([]);
  });
});

/** One cycle of imports, as the paths along it; empty when there is none. */
function findCycle(files: SourceFile[]): string[] {
  const targets = new Map(files.map((file) => [file.path, file.imports.flatMap(({ file: to }) => to ?? [])]));
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const next of targets.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const { path } of files) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
