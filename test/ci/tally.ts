// What a suite's output says of itself, and what it counts for. Two forms are understood: the last line
// `N passed, N failed` of our own suites, and the ` N pass` and ` N fail` lines of `bun test`.
export type Tally = { passed: number; failed: number };

export function readTally(output: string): Tally | null {
  const own = Array.from(output.matchAll(/^(\d+) passed, (\d+) failed$/gm)).at(-1);
  if (own !== undefined) return { passed: Number(own[1]), failed: Number(own[2]) };
  const last = (word: string) =>
    Array.from(output.matchAll(new RegExp(`^ +(\\d+) ${word}$`, 'gm'))).at(-1)?.[1];
  const [passed, failed] = [last('pass'), last('fail')];
  return passed === undefined || failed === undefined
    ? null
    : { passed: Number(passed), failed: Number(failed) };
}

/**
 * What a suite that ended counts for: its own count, or one for a suite without one. An exit code other than 0 is at
 * least one failure, whatever the output says.
 */
export function tallyOf({ code, output }: { code: number; output: string }): Tally {
  const told = readTally(output) ?? { passed: code === 0 ? 1 : 0, failed: 0 };
  return code === 0 || told.failed > 0 ? told : { ...told, failed: 1 };
}

export function sumOf(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
  };
}
