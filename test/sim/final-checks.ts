// What is compared when a simulation has ended and everything has come to rest: what clients were told against what is
// stored, line by line.
import type { Reader } from './reader.ts';
import type { Workload } from './workload.ts';

type JobRow = { id: string; model: string; input: string; price: number; price_version: number };
type Rule = { per: 'job' | 'second'; rates: { when?: { quality?: string }; credits: number }[] };

/** The prices that ship, from the documents of the product. */
const SHIPPED: Readonly<Record<string, Rule>> = {
  'openai/gpt-image-2': {
    per: 'job',
    rates: [
      { when: { quality: 'LOW' }, credits: 20 },
      { when: { quality: 'MEDIUM' }, credits: 165 },
    ],
  },
  'bytedance/seedance-2.0-fast': { per: 'second', rates: [{ credits: 600 }] },
};

export type Told = Pick<Workload, 'acknowledged' | 'lost' | 'recent' | 'population'>;

export function finalChecks(reader: Reader, workload: Told): string[] {
  return [
    ...checkJobs(reader, workload),
    ...checkEndings(reader, workload),
    ...checkMoney(reader, workload),
    ...checkPrices(reader),
  ];
}

/** Every acknowledged job exists, and every job was acknowledged: nothing was lost, nothing made twice. */
function checkJobs(reader: Reader, { acknowledged, lost }: Told): string[] {
  const faults: string[] = [];
  for (const { idempotencyKey } of lost)
    faults.push(`order ${idempotencyKey}: nobody could be found to answer`);
  let known = 0;
  for (const { id } of reader.prepare<[], { id: string }>('SELECT id FROM jobs').iterate()) {
    if (acknowledged.has(id)) known += 1;
    else faults.push(`job ${id}: nobody was told of it`);
  }
  if (known === acknowledged.size) return faults;
  const find = reader.prepare<[string], { id: string }>('SELECT id FROM jobs WHERE id = ?');
  const gone = [...acknowledged].filter((id) => find.get(id) === undefined);
  return [...faults, ...gone.map((id) => `job ${id}: was acknowledged and does not exist`)];
}

/** What clients were told last of their orders is what is stored. */
function checkEndings(reader: Reader, { recent }: Told): string[] {
  const find = reader.prepare<[string], { state: string }>('SELECT state FROM jobs WHERE id = ?');
  return recent.flatMap(({ accepted, ended }) => {
    if (accepted === null) return [];
    const state = find.get(accepted.jobId)?.state;
    return ended === null || ended === state
      ? []
      : [`job ${accepted.jobId}: its customer was told ${ended}, and it is ${state}`];
  });
}

function checkMoney(reader: Reader, { population }: Told): string[] {
  const sum = reader.prepare<[string, string], { sum: number }>(
    `SELECT coalesce(sum(balance_delta), 0) AS sum FROM ledger_entries
     WHERE customer_id = ? AND mode = 'live' AND kind = ?`,
  );
  return population.customers.flatMap(({ id, bought, adjusted }) => {
    const [toppedUp, corrected] = [sum.get(id, 'top_up')?.sum, sum.get(id, 'adjust')?.sum];
    return [
      ...(toppedUp === bought ? [] : [`customer ${id}: bought ${bought}, the books say ${toppedUp}`]),
      ...(corrected === adjusted
        ? []
        : [`customer ${id}: was corrected by ${adjusted}, the books say ${corrected}`]),
    ];
  });
}

/** Every job cost what the price list of its version says. */
function checkPrices(reader: Reader): string[] {
  const rules = new Map<string, Rule>();
  for (const [model, rule] of Object.entries(SHIPPED)) rules.set(`${model}/0`, rule);
  type Version = { model: string; version: number; rule: string };
  for (const { model, version, rule } of reader.prepare<[], Version>('SELECT * FROM price_versions').all()) {
    rules.set(`${model}/${version}`, JSON.parse(rule) as Rule);
  }
  const faults: string[] = [];
  for (const job of reader.prepare<[], JobRow>('SELECT * FROM jobs').iterate()) {
    const rule = rules.get(`${job.model}/${job.price_version}`);
    const wanted =
      rule === undefined ? null : priceOf(rule, JSON.parse(job.input) as Record<string, unknown>);
    if (wanted !== job.price) faults.push(`job ${job.id}: costs ${job.price}, the list says ${wanted}`);
  }
  return faults;
}

function priceOf({ per, rates }: Rule, input: Record<string, unknown>): number | null {
  const rate = rates.find(({ when }) => when?.quality === undefined || when.quality === input['quality']);
  if (rate === undefined) return null;
  const units = per === 'second' ? Number(input['durationSeconds']) : 1;
  return Math.max(1, Math.ceil(Number((rate.credits * units).toFixed(6))));
}
