// The auditor of a simulation: after each tick it looks at what has changed, through a connection of its own, and at
// each order it looks over the provider's shoulder. What it expects is written from the documents.
import { createBooks, type WalletRow } from './audit-books.ts';
import { auditWhole, keptOutputs } from './audit-whole.ts';
import type { SubmitWitness } from './faulty-provider.ts';
import type { MemoryMedia } from './memory-media.ts';
import type { Reader } from './reader.ts';
import type { SimClock } from './sim-clock.ts';

export type Auditor = {
  /** Stands beside the providers. */
  readonly witness: SubmitWitness;
  /** Looks at what a tick has changed; `servedMs` is for how long of it the gateway could work. */
  tick(servedMs: number): string[];
  /** Looks at everything. */
  whole(): string[];
  /** Looks at what a process has left that was drained. */
  drained(): string[];
  openJobs(): number;
};

type JobRow = {
  id: string;
  customer_id: string;
  mode: string;
  type: 'image' | 'video';
  state: string;
  price: number;
  refunded: number;
  error_code: string | null;
  lease_owner: string | null;
  due_at: number;
  ended_at: number | null;
};
type Known = {
  row: JobRow;
  /** It was accepted after this look, */
  notBeforeMs: number;
  /** and before this one. */
  seenMs: number;
  /**
   * For how long it was open past its deadline, due past all patience, or not due for longer than anything waits, while
   * the gateway could work.
   */
  overdueMs: number;
  stuckMs: number;
  asleepMs: number;
};
type AttemptRow = {
  id: string;
  number: number;
  provider: string;
  outcome: string;
  accepted_at: number | null;
  account_id: string | null;
};

const SECOND_MS = 1000;
/** From the model catalogue's documents: how long a job may live. */
const DEADLINE_MS = { image: 300 * SECOND_MS, video: 1800 * SECOND_MS } as const;
/** One step more: the longest is a copy that is given up after ten minutes; then a lease and a pause. */
const GRACE_MS = { storing: 800 * SECOND_MS, other: 200 * SECOND_MS } as const;
/** A loop that looks twice a minute has come to what was due this long ago. */
const STUCK_MS = 90 * SECOND_MS;
/** Nothing but an unknown outcome waits for longer: retries a minute, leases too, providers less. */
const MAX_SLEEP_MS = 300 * SECOND_MS;
/** Only a deadline ends a job with one of these, when no operator did. */
const DEADLINE_CODES = new Set(['provider_timeout', 'outcome_unknown', 'provider_unavailable']);

export type AuditorParts = {
  reader: Reader;
  clock: Pick<SimClock, 'now' | 'elapsedMs'>;
  media: Pick<MemoryMedia, 'bytesOf'>;
  /** The providers that take a repetition for the first order. */
  repeatable: readonly string[];
};

export function createAuditor({ reader, clock, media, repeatable }: AuditorParts): Auditor {
  const books = createBooks(reader);
  const open = new Map<string, Known>();
  let lastLookMs = 0;
  /** What the witness has seen since the last tick. */
  const witnessed: string[] = [];
  const sql = prepareAll(reader);

  function meet(row: JobRow, servedMs: number): string[] {
    const nowMs = clock.elapsedMs();
    const known = open.get(row.id) ?? {
      ...{ notBeforeMs: lastLookMs, seenMs: nowMs, overdueMs: 0, stuckMs: 0, asleepMs: 0 },
    };
    const isOverdue = nowMs - known.seenMs > DEADLINE_MS[row.type];
    const overdueMs = known.overdueMs + (isOverdue ? servedMs : 0);
    const isStuck = row.due_at < clock.now() - STUCK_MS;
    const stuckMs = isStuck ? known.stuckMs + servedMs : 0;
    const isAsleep = row.state !== 'unknown' && row.due_at > clock.now() + MAX_SLEEP_MS;
    const asleepMs = isAsleep ? known.asleepMs + servedMs : 0;
    open.set(row.id, { ...known, row, overdueMs, stuckMs, asleepMs });
    const faults: string[] = [];
    const graceMs = row.state === 'storing' ? GRACE_MS.storing : GRACE_MS.other;
    if (overdueMs > graceMs) faults.push(`is ${row.state} long after its deadline`);
    if (asleepMs > STUCK_MS) faults.push(`is ${row.state}, and not due for a long time`);
    if (stuckMs > STUCK_MS) faults.push(`is ${row.state}, due, and nobody comes to it`);
    const reservation = books.reservationOf(row.id);
    if (reservation?.ending !== null || reservation.amount !== row.price) {
      faults.push('is open, and its price is not what is reserved');
    }
    return faults.map((fault) => `job ${row.id}: ${fault}`);
  }

  function judgeEnded({ row: before, notBeforeMs }: Known): string[] {
    const row = sql.job.get(before.id);
    if (row === undefined) return [`job ${before.id}: is gone`];
    if (row.ended_at === null) return [`job ${row.id}: is neither open nor ended`];
    const faults = [...judgeMoney(row), ...judgeAttempts(row), ...judgeOutputs(row)];
    if (row.lease_owner !== null) faults.push('has ended, and its lease has not');
    const isEarly = clock.elapsedMs() - notBeforeMs < DEADLINE_MS[row.type];
    const isByDeadline = DEADLINE_CODES.has(row.error_code ?? '');
    if (isByDeadline && isEarly && sql.enders.get(row.id)?.actor === 'gateway') {
      faults.push(`ended as ${row.error_code ?? ''} before its deadline`);
    }
    return faults.map((fault) => `job ${row.id} (${row.state}): ${fault}`);
  }

  function judgeMoney(row: JobRow): string[] {
    const reservation = books.reservationOf(row.id);
    const wanted = row.state === 'completed' ? 'capture' : 'release';
    if (reservation?.ending !== wanted)
      return [`its reservation ended by ${reservation?.ending ?? 'nothing'}`];
    const refunded = wanted === 'release' || reservation.isRefunded ? row.price : 0;
    const faults =
      row.refunded === refunded ? [] : [`says ${row.refunded} refunded, the books say ${refunded}`];
    return reservation.amount === row.price ? faults : [...faults, 'cost another amount than was reserved'];
  }

  function judgeAttempts(row: JobRow): string[] {
    const attempts = sql.attempts.all(row.id);
    const earlier = attempts.slice(0, -1).filter(({ outcome }) => outcome !== 'failed');
    const faults = earlier.map(
      ({ number, outcome }) => `tried again although attempt ${number} was ${outcome}`,
    );
    if (row.state === 'completed' && attempts.at(-1)?.outcome !== 'completed')
      faults.push('completed by no attempt');
    return faults;
  }

  function judgeOutputs(row: JobRow): string[] {
    const files = sql.outputs.all(row.id);
    if (row.state !== 'completed') return files.length === 0 ? [] : ['has outputs without having completed'];
    if (!files.some(({ role }) => role === 'output')) return ['completed without an output'];
    return files.flatMap(({ id, bytes, deleted_at }) =>
      deleted_at !== null || media.bytesOf(id) === bytes ? [] : [`its file ${id} does not open`],
    );
  }

  function tick(servedMs: number): string[] {
    const rows = sql.open.all();
    const faults = [...witnessed.splice(0), ...books.readOn(), ...rows.flatMap((row) => meet(row, servedMs))];
    const stillOpen = new Set(rows.map(({ id }) => id));
    for (const [id, known] of open) {
      if (stillOpen.has(id)) continue;
      faults.push(...judgeEnded(known));
      open.delete(id);
    }
    lastLookMs = clock.elapsedMs();
    return [...faults, ...judgeTotals(rows)];
  }

  function judgeTotals(rows: readonly JobRow[]): string[] {
    const reserved = new Map<string, number>();
    const inFlight = new Map<string, number>();
    const add = (map: Map<string, number>, key: string, amount: number) =>
      map.set(key, (map.get(key) ?? 0) + amount);
    for (const row of rows) {
      add(reserved, `${row.customer_id}/${row.mode}`, row.price);
      add(inFlight, `${row.customer_id}/${row.type}`, 1);
    }
    const faults: string[] = [];
    for (const wallet of sql.wallets.all()) {
      const name = `${wallet.customer_id}/${wallet.mode}`;
      const sum = reserved.get(name) ?? 0;
      if (wallet.reserved !== sum)
        faults.push(`wallet ${name}: ${wallet.reserved} reserved, ${sum} are open`);
    }
    for (const { customer_id, type, count } of sql.inFlight.all()) {
      const sum = inFlight.get(`${customer_id}/${type}`) ?? 0;
      if (count !== sum)
        faults.push(`in flight ${customer_id}/${type}: ${count} are counted, ${sum} are open`);
    }
    return faults;
  }

  /** An order that leaves the house stands in the books, alone, and at a provider of its mode. */
  function witness({ provider, attemptId, isKnown }: Parameters<SubmitWitness>[0]): void {
    const attempt = sql.attempt.get(attemptId);
    const say = (fault: string) => witnessed.push(`attempt ${attemptId} at ${provider}: ${fault}`);
    if (attempt === undefined) return void say('was sent before it was written down');
    if (attempt.provider !== provider) say(`was written down for ${attempt.provider}`);
    if ((attempt.mode === 'test') !== (provider === 'sandbox')) say(`is of a ${attempt.mode} job`);
    if (attempt.state !== 'submitting' && attempt.state !== 'unknown') say(`its job is ${attempt.state}`);
    if (attempt.outcome === 'unknown' && !repeatable.includes(provider)) say('was sent again while unknown');
    if (isKnown && !repeatable.includes(provider)) say('was sent twice');
    for (const other of sql.attempts.all(attempt.job_id)) {
      if (other.id !== attemptId && other.outcome !== 'failed')
        say(`attempt ${other.number} is ${other.outcome}`);
      if (other.id !== attemptId && other.provider === provider && other.account_id === null)
        say('the same provider was asked before');
    }
  }

  return {
    witness,
    // One moment for everything that is compared.
    tick: (servedMs) => reader.transaction(() => tick(servedMs))(),
    whole: () => [
      ...auditWhole(reader),
      ...keptOutputs(reader).flatMap(({ id, bytes }) =>
        media.bytesOf(id) === bytes ? [] : [`the file ${id} does not open`],
      ),
    ],
    drained: () => sql.leased.all().map(({ id }) => `job ${id}: a drained process has kept its lease`),
    openJobs: () => open.size,
  };
}

function prepareAll(reader: Reader) {
  const job = `id, customer_id, mode, type, state, price, refunded, error_code, lease_owner, due_at, ended_at`;
  type Sent = AttemptRow & { job_id: string; mode: string; state: string };
  type FileRow = { id: string; role: string; bytes: number; deleted_at: number | null };
  return {
    open: reader.prepare<[], JobRow>(`SELECT ${job} FROM jobs WHERE ended_at IS NULL`),
    job: reader.prepare<[string], JobRow>(`SELECT ${job} FROM jobs WHERE id = ?`),
    attempts: reader.prepare<[string], AttemptRow>('SELECT * FROM attempts WHERE job_id = ? ORDER BY number'),
    attempt: reader.prepare<[string], Sent>(
      'SELECT a.*, j.mode, j.state FROM attempts a JOIN jobs j ON j.id = a.job_id WHERE a.id = ?',
    ),
    outputs: reader.prepare<[string], FileRow>(
      "SELECT * FROM files WHERE job_id = ? AND role <> 'reference'",
    ),
    enders: reader.prepare<[string], { actor: string }>(
      "SELECT actor FROM events WHERE job_id = ? AND kind = 'job.failed'",
    ),
    leased: reader.prepare<[], { id: string }>('SELECT id FROM jobs WHERE lease_owner IS NOT NULL'),
    wallets: reader.prepare<[], WalletRow>('SELECT * FROM wallets'),
    inFlight: reader.prepare<[], { customer_id: string; type: string; count: number }>(
      'SELECT * FROM in_flight',
    ),
  };
}
