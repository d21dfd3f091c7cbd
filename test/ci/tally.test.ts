// Counting what suites say they did.
import { describe, expect, test } from 'bun:test';
import { readTally, sumOf, tallyOf } from './tally.ts';

const BUN =
  '(pass) one [0.10ms]\n\n 12 pass\n 1 skip\n 3 fail\n 40 expect() calls\nRan 15 tests across 2 files. [1.00s]\n';

describe('the count of a suite', () => {
  test.each([
    ['of bun test', BUN, { passed: 12, failed: 3 }],
    ['of a suite of ours', 'pass  this\n4 passed, 1 failed\n', { passed: 4, failed: 1 }],
    ['is the last one', '9 passed, 9 failed\n2 passed, 0 failed\n', { passed: 2, failed: 0 }],
    ['of a suite of ours that ran bun inside', `${BUN}1 passed, 0 failed\n`, { passed: 1, failed: 0 }],
  ])('%s', (_, output, tally) => {
    expect(readTally(output)).toEqual(tally);
  });

  test.each(['', 'nothing to count', ' 12 pass\n', 'we had 4 passed, 1 failed in all\n'])(
    'is not in %j',
    (output) => {
      expect(readTally(output)).toBeNull();
    },
  );
});

describe('what a suite counts for', () => {
  test.each([
    ['a clean end without a count is one', { code: 0, output: '' }, { passed: 1, failed: 0 }],
    ['a crash without a count is one failure', { code: 139, output: 'boom' }, { passed: 0, failed: 1 }],
    [
      'a crash after a clean count is a failure too',
      { code: 1, output: '5 passed, 0 failed\n' },
      { passed: 5, failed: 1 },
    ],
    ['failures are counted once', { code: 1, output: BUN }, { passed: 12, failed: 3 }],
    [
      'failures count even when the exit code hides them',
      { code: 0, output: BUN },
      { passed: 12, failed: 3 },
    ],
  ])('%s', (_, ended, tally) => {
    expect(tallyOf(ended)).toEqual(tally);
  });

  test('several are added up', () => {
    expect(
      sumOf([
        { passed: 1, failed: 0 },
        { passed: 12, failed: 3 },
      ]),
    ).toEqual({ passed: 13, failed: 3 });
    expect(sumOf([])).toEqual({ passed: 0, failed: 0 });
  });
});
