// The command line as such: what is a command and what is not, help for everything, and the exit codes.
import { describe, expect, test } from 'bun:test';
import { COMMANDS } from '../../src/cli/index.ts';
import { parseLine } from '../../src/cli/parse.ts';
import { VERSION } from '../../src/version.ts';
import { runSluice } from './terminal.ts';

describe('help', () => {
  test('is what sluice alone prints, with the code for a wrong command line', async () => {
    const { code, out } = await runSluice([]);
    expect(code).toBe(2);
    for (const { name } of COMMANDS) expect(out).toContain(`${name} `);
    for (const { summary } of COMMANDS) expect(out).toContain(summary.slice(0, 20));
  });

  test('is there on request, in every spelling', async () => {
    for (const args of [['--help'], ['-h'], ['help']]) {
      const { code, out } = await runSluice(args);
      expect([code, out.split('\n')[0]]).toEqual([0, expect.stringContaining(`Sluice ${VERSION}`)]);
    }
  });

  test('lists the actions of a noun', async () => {
    const asked = await runSluice(['keys', '--help']);
    expect([asked.code, asked.out]).toEqual([0, expect.stringContaining('keys rotate')]);
    expect(asked.out).not.toContain('customers');
    expect((await runSluice(['keys'])).code).toBe(2);
  });

  for (const command of COMMANDS) {
    test(`of ${command.name} names every option and shows an example that is right`, async () => {
      const { code, out } = await runSluice([...command.name.split(' '), '--help']);
      expect(code).toBe(0);
      for (const option of Object.keys(command.options)) expect(out).toContain(`--${option}`);
      expect(out).toContain(command.example);
      const words = shellWords(command.example);
      const from = words.indexOf('sluice');
      const name = command.name.split(' ');
      expect(words.slice(from + 1, from + 1 + name.length)).toEqual(name);
      expect(parseLine(command, words.slice(from + 1 + name.length))).toMatchObject({ kind: 'parsed' });
      expect((await runSluice(['help', ...name])).out).toBe(out);
    });
  }
});

test('--version prints the version and nothing else', async () => {
  expect(await runSluice(['--version'])).toMatchObject({ code: 0, out: VERSION, notes: '' });
});

describe('a wrong command line ends with 2 and one sentence', () => {
  const WRONG: [string, string][] = [
    ['frobnicate', 'there is no command "frobnicate"'],
    ['keys frobnicate', 'there is no command "keys frobnicate"'],
    ['serve --frobnicate', 'there is no option --frobnicate'],
    ['serve -x', 'there is no option -x'],
    ['serve now', '"now" is one word too many'],
    ['serve --config', '--config needs a value'],
    ['doctor --config --json', '--config needs a value'],
    ['config --json=yes', '--json takes no value'],
    ['restore', 'FOLDER is missing'],
    ['customers create', '--name is missing'],
    ['customers top-up acme', '--credits is missing'],
    ['customers top-up acme --credits many', '--credits must be a whole number'],
    ['customers top-up acme --credits 1e3', '--credits must be a whole number'],
    ['customers adjust acme --credits -5', '--credits needs a value'],
  ];
  for (const [line, fault] of WRONG) {
    test(line, async () => {
      const { code, out, notes } = await runSluice(line.split(' '));
      expect(code).toBe(2);
      expect(out).toBe('');
      expect(notes).toContain(fault);
      expect(notes.split('\n')).toHaveLength(1);
      expect(notes).toEndWith('.');
    });
  }
});

test('a fault that nobody expected is one line and its stack, and ends with 1', async () => {
  const environment = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new RangeError('the environment is on fire');
      },
    },
  );
  const { code, out, notes } = await runSluice(['config'], { environment });
  expect(code).toBe(1);
  expect(out).toBe('');
  expect(notes.split('\n')[0]).toBe('sluice config: an unexpected fault: the environment is on fire');
  expect(notes).toContain('command-line.test.ts');
});

/** Words as a shell makes them of a line with single quotes. */
function shellWords(line: string): string[] {
  return Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');
}
