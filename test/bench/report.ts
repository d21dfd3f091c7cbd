// The table of the bench: medians over the rounds, ratios round by round, and what they should be.
import type { LoadResult } from './load.ts';
import type { StartFigures } from './start.ts';

export type Round = Record<'floor' | 'accept' | 'constant' | 'read', LoadResult>;
export type BenchReport = { rounds: Round[]; start: StartFigures };

type Row = { name: string; value: string; target: string; isMet: boolean };

const TARGETS = { acceptRatio: 0.5, p99Ratio: 2.5, readRatio: 0.5, startMs: 200, idleMb: 90 } as const;

export function printReport(report: BenchReport, path: string): void {
  const { rounds } = report;
  const lines = [
    '',
    'case       requests/s   p50 ms   p99 ms',
    ...(['floor', 'accept', 'constant', 'read'] as const).map((name) => caseLine(name, rounds)),
    '',
    ...rows(report).map(
      ({ name, value, target, isMet }) =>
        `${name.padEnd(34)}${value.padStart(9)}   target ${target.padEnd(8)}${isMet ? 'met' : 'MISSED'}`,
    ),
    '',
    `Medians of ${rounds.length} rounds; answers with a wrong status: ${wrongAnswers(rounds)}. Written to ${path}.`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function rows({ rounds, start }: BenchReport): Row[] {
  const ratio = (of: (round: Round) => number) => median(rounds.map(of));
  const accept = ratio(({ accept, floor }) => accept.perSecond / floor.perSecond);
  const p99 = ratio(({ accept, floor }) => accept.p99Ms / floor.p99Ms);
  const read = ratio(({ read, constant }) => read.perSecond / constant.perSecond);
  const startMs = median(start.firstAnswerMs);
  return [
    row('accept / floor, throughput', accept, 2, {
      target: `>= ${TARGETS.acceptRatio}`,
      isMet: accept >= TARGETS.acceptRatio,
    }),
    row('accept / floor, p99', p99, 2, { target: `<= ${TARGETS.p99Ratio}`, isMet: p99 <= TARGETS.p99Ratio }),
    row('read / constant, throughput', read, 2, {
      target: `>= ${TARGETS.readRatio}`,
      isMet: read >= TARGETS.readRatio,
    }),
    row(`start to first 200, ms (${start.subject})`, startMs, 0, {
      target: `<= ${TARGETS.startMs}`,
      isMet: startMs <= TARGETS.startMs,
    }),
    row('idle memory, MB', start.idleMb, 0, {
      target: `<= ${TARGETS.idleMb}`,
      isMet: start.idleMb <= TARGETS.idleMb,
    }),
  ];
}

function row(
  name: string,
  value: number,
  digits: number,
  { target, isMet }: { target: string; isMet: boolean },
): Row {
  return { name, value: value.toFixed(digits), target, isMet };
}

function caseLine(name: keyof Round, rounds: Round[]): string {
  const of = (pick: (result: LoadResult) => number, digits: number, width: number) =>
    median(rounds.map((round) => pick(round[name])))
      .toFixed(digits)
      .padStart(width);
  return `${name.padEnd(11)}${of((r) => r.perSecond, 0, 10)}${of((r) => r.p50Ms, 2, 9)}${of((r) => r.p99Ms, 2, 9)}`;
}

function wrongAnswers(rounds: Round[]): number {
  return rounds.flatMap((round) => Object.values(round)).reduce((sum, { wrong }) => sum + wrong, 0);
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
