// The table of the bench: medians over the rounds, ratios round by round, and what they should be.
import type { LoadResult } from './load.ts';
import type { StartFigures } from './start.ts';

export type Round = {
  /** Acceptance and its floor, at so many requests at once. */
  accepting: { connections: number; floor: LoadResult; accept: LoadResult }[];
  reading: { connections: number; constant: LoadResult; read: LoadResult };
};
export type BenchReport = { rounds: Round[]; start: StartFigures };

type Case = { name: string; connections: number; results: LoadResult[] };
type Row = { name: string; value: string; target: string; isMet: boolean };

const TARGETS = { acceptRatio: 0.5, p99Ratio: 2.5, readRatio: 0.5, startMs: 200, idleMb: 90 } as const;

export function printReport({ rounds, start }: BenchReport, path: string): void {
  const cases = casesOf(rounds);
  const wrong = cases.flatMap(({ results }) => results).reduce((sum, result) => sum + result.wrong, 0);
  const lines = [
    '',
    'case       at once   requests/s   p50 ms   p99 ms',
    ...cases.map(caseLine),
    '',
    ...[...ratios(rounds), ...startRows(start)].map(
      ({ name, value, target, isMet }) =>
        `${name.padEnd(38)}${value.padStart(7)}   target ${target.padEnd(8)}${isMet ? 'met' : 'MISSED'}`,
    ),
    '',
    `Medians of ${rounds.length} rounds; answers with a wrong status: ${wrong}. Written to ${path}.`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function casesOf(rounds: Round[]): Case[] {
  const levels = rounds[0]?.accepting.map(({ connections }) => connections) ?? [];
  const accepting = levels.flatMap((connections, index) =>
    (['floor', 'accept'] as const).map((name) => ({
      name,
      connections,
      results: rounds.flatMap((round) => round.accepting[index]?.[name] ?? []),
    })),
  );
  const reading = (['constant', 'read'] as const).map((name) => ({
    name,
    connections: rounds[0]?.reading.connections ?? 0,
    results: rounds.map((round) => round.reading[name]),
  }));
  return [...accepting, ...reading];
}

function caseLine({ name, connections, results }: Case): string {
  const of = (pick: (result: LoadResult) => number, digits: number, width: number) =>
    median(results.map(pick)).toFixed(digits).padStart(width);
  return [
    name.padEnd(11),
    String(connections).padStart(7),
    of((result) => result.perSecond, 0, 13),
    of((result) => result.p50Ms, 2, 9),
    of((result) => result.p99Ms, 2, 9),
  ].join('');
}

function ratios(rounds: Round[]): Row[] {
  const levels = rounds[0]?.accepting.map(({ connections }) => connections) ?? [];
  const accepting = levels.flatMap((connections, index) => {
    const pairs = rounds.flatMap((round) => round.accepting[index] ?? []);
    return [
      atLeast(
        `accept / floor, throughput at ${connections}`,
        median(pairs.map(({ accept, floor }) => accept.perSecond / floor.perSecond)),
        TARGETS.acceptRatio,
      ),
      atMost(
        `accept / floor, p99 at ${connections}`,
        median(pairs.map(({ accept, floor }) => accept.p99Ms / floor.p99Ms)),
        { bound: TARGETS.p99Ratio, digits: 2 },
      ),
    ];
  });
  const read = median(rounds.map(({ reading }) => reading.read.perSecond / reading.constant.perSecond));
  return [...accepting, atLeast('read / constant, throughput', read, TARGETS.readRatio)];
}

function startRows({ subject, firstAnswerMs, idleMb }: StartFigures): Row[] {
  return [
    atMost(`start to first 200, ms (${subject})`, median(firstAnswerMs), {
      bound: TARGETS.startMs,
      digits: 0,
    }),
    atMost('idle memory, MB', idleMb, { bound: TARGETS.idleMb, digits: 0 }),
  ];
}

function atLeast(name: string, value: number, bound: number): Row {
  return { name, value: value.toFixed(2), target: `>= ${bound}`, isMet: value >= bound };
}

function atMost(name: string, value: number, { bound, digits }: { bound: number; digits: number }): Row {
  return { name, value: value.toFixed(digits), target: `<= ${bound}`, isMet: value <= bound };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
