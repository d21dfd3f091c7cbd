// The log: one JSON line an event, and no secret in it, wherever in the event the secret stood.
import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../src/errors.ts';
import { makeKey } from '../../src/keys/key.ts';
import { createLog, LOG_LEVELS, scrub, type LogLevel } from '../../src/runtime/log.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const KEY = makeKey('live', createSeededRandom(1)).key;
const TEST_KEY = makeKey('test', createSeededRandom(2)).key;
const OPERATOR_KEY = `slo_${'aB3'.repeat(14)}x`;
const MASTER_KEY = 'bWFzdGVyIGtleSBvZiB0aGUgdGVzdHMsIDMyIGJ5dGU=';

/** Each secret, the part of it that must not be seen, and what stands in its place. */
const SECRETS: [what: string, text: string, hidden: string, shown: string][] = [
  ["a customer's live key", KEY, KEY.slice(16), 'ak_live_…'],
  ["a customer's test key", TEST_KEY, TEST_KEY.slice(16), 'ak_test_…'],
  ["the operator's key", OPERATOR_KEY, OPERATOR_KEY.slice(4), 'slo_…'],
  ['a bearer value', 'Bearer abc.def-ghi', 'abc.def', 'Bearer …'],
  ['a bearer value in lower case', 'authorization: bearer   xyz', 'xyz', 'authorization: bearer   …'],
  ['a webhook secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'MfKQ', 'whsec_…'],
  ["a provider's key", 'sk-proj_abcdefgh12345', 'abcdefgh', 'sk-…'],
  ['the signature of a link', '/v1/files/file_1?exp=1&sig=AbC_d-9', 'AbC', '/v1/files/file_1?exp=1&sig=…'],
  ['a token in a link', 'https://a.example/?token=abc&b=1', 'abc', 'https://a.example/?token=…&b=1'],
  [
    "a storage provider's link",
    'https://b.example/x?X-Amz-Credential=AKIA&X-Amz-Signature=0f1e&X-Amz-Date=1',
    '0f1e',
    'https://b.example/x?X-Amz-Credential=…&X-Amz-Signature=…&X-Amz-Date=1',
  ],
  ['the password of an address', 'postgres://sluice:hunter2@db/sluice', 'hunter2', 'postgres://…@db/sluice'],
  ['the master key', MASTER_KEY, MASTER_KEY.slice(0, 20), '…'],
];

const logged = (act: (log: ReturnType<typeof createLog>) => void, level: LogLevel = 'debug'): string[] => {
  const lines: string[] = [];
  act(createLog({ level, write: (line) => void lines.push(line) }));
  return lines;
};
const entryOf = (lines: string[]) => JSON.parse(lines[0] ?? '') as Record<string, unknown>;

describe.each(SECRETS)('%s', (_, text, hidden, shown) => {
  test('is hidden, and what it was is still told', () => {
    expect(scrub(`a ${text} b`)).toBe(`a ${shown} b`);
  });

  const places: [string, (secret: string) => [fields: Record<string, unknown>, message: string]][] = [
    ['in the message', (secret) => [{}, `before ${secret} after`]],
    ['in a field', (secret) => [{ url: secret }, 'm']],
    ['deep in a field', (secret) => [{ a: { b: [{ c: secret }] } }, 'm']],
    ['in the name of a field', (secret) => [{ [secret]: 1 }, 'm']],
    ['after a line break', (secret) => [{ text: `first line\n${secret}\nlast line` }, 'm']],
    ['after a tab', (secret) => [{}, `a\t${secret}\t`]],
    ['after a backslash', (secret) => [{ path: `C:\\${secret}\\` }, 'm']],
    ['in quotes', (secret) => [{}, `say "${secret}"`]],
    ['in JSON in a string', (secret) => [{ body: JSON.stringify({ secret }) }, 'm']],
    ['in an error', (secret) => [{ err: new Error(`no ${secret}`) }, 'm']],
    ['in the cause of a cause', (secret) => [{ err: wrapped(new Error(`no ${secret}`)) }, 'm']],
    ['in the details of a refusal', (secret) => [{ err: refusal(secret) }, 'm']],
    ['in one of several errors', (secret) => [{ err: new AggregateError([new Error(secret)], 'many') }, 'm']],
  ];
  test.each(places)('is hidden %s, and the line is still JSON', (_, place) => {
    const lines = logged((log) => log.error(...place(text)));
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(hidden);
    expect(entryOf(lines)['level']).toBe('error');
  });
});

function wrapped(inner: Error): Error {
  return new Error('outer', { cause: new Error('middle', { cause: inner }) });
}

function refusal(secret: string): Error {
  return new GatewayError('invalid_input', {
    details: { secret },
    fields: [{ path: secret, message: secret }],
  });
}

describe('what is no secret stays', () => {
  test.each([
    KEY.slice(0, 16),
    'job_06f3abcdefghjkmnpqrstvwxyz',
    'a'.repeat(64),
    'task-abcdefghijkl and risk-assessment',
    'https://example.com/a?b=c&d=e',
    'mail to a@b.example, see https://example.com',
    '/v1/files/file_1?exp=1800000000',
    'the key of the map, and the token ring',
    'data:image/png;base64,iVBORw0KGgo=',
  ])('%s', (text) => {
    expect(scrub(text)).toBe(text);
  });
});

describe('a line', () => {
  test('is JSON with level, time, fields and message, and ends', () => {
    const lines = logged((log) => log.info({ jobId: 'job_1', count: 2 }, 'done'));
    expect(lines[0]).toEndWith('}\n');
    const { time, ...rest } = entryOf(lines);
    expect(rest).toEqual({ level: 'info', jobId: 'job_1', count: 2, msg: 'done' });
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('is one line, whatever stands in it', () => {
    const nasty = 'a\nb\r\n{"level":"error"}\u001b[31m\u2028\0';
    const lines = logged((log) => log.warn({ nasty, [nasty]: 1 }, nasty));
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trimEnd()).not.toMatch(/\p{Cc}/u);
    expect(entryOf(lines)).toMatchObject({ nasty, msg: nasty, level: 'warn' });
  });

  test('tells of an error with its causes and its stack', () => {
    const lines = logged((log) => log.error({ err: wrapped(new Error('inner')) }, 'failed'));
    const { err } = entryOf(lines) as { err: { message: string; stack: string; type: string } };
    expect(err.message).toBe('outer: middle: inner');
    expect(err.stack).toContain('log.test.ts');
  });

  test('survives what cannot be JSON', () => {
    const circle: Record<string, unknown> = { big: 1n };
    circle['self'] = circle;
    expect(entryOf(logged((log) => log.info({ circle }, 'm')))).toMatchObject({ msg: 'm' });
  });

  test('is out when the call returns: nothing is handed to another thread', () => {
    let written = '';
    const log = createLog({ level: 'info', write: (line) => void (written = line) });
    log.info({}, 'now');
    expect(written).toContain('"now"');
    log.flush();
  });
});

describe('levels', () => {
  const NAMES = ['debug', 'info', 'warn', 'error'] as const;
  test.each(LOG_LEVELS.map((level, index) => [level, NAMES.slice(index)] as const))(
    '%s writes %j',
    (level, expected) => {
      const lines = logged((log) => {
        for (const name of NAMES) log[name]({}, name);
        expect(NAMES.filter((name) => log.isEnabled(name))).toEqual([...expected]);
      }, level);
      expect(lines.map((line) => entryOf([line])['msg'])).toEqual([...expected]);
    },
  );
});
