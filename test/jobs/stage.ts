// A stage for stories about jobs: a world with scripted providers, a customer with credits, and a look at what is
// stored. Whatever the story was, everything that is stored must be in order at its end.
import Database from '#sqlite';
import { expect } from 'bun:test';
import { join } from 'node:path';
import { assert } from '../../src/errors.ts';
import type { AttemptOutcome } from '../../src/providers/index.ts';
import type { AttemptState, JobState } from '../../src/store/db.ts';
import { auditWhole, keptOutputs } from '../sim/audit-whole.ts';
import { openReader } from '../sim/reader.ts';
import { createScriptedProvider, type Script, type ScriptedProvider } from '../support/scripted-provider.ts';
import { openWorld, type TestCustomer, type World, type WorldOptions } from '../support/world.ts';

export type JobRow = {
  id: string;
  state: JobState;
  due_at: number;
  deadline_at: number;
  lease_owner: string | null;
  lease_no: number;
  tries: number;
  price: number;
  refunded: number;
  error_code: string | null;
  created_at: number;
  ended_at: number | null;
};
export type AttemptRow = {
  id: string;
  number: number;
  provider: string;
  provider_job_id: string | null;
  outcome: AttemptState;
  reason: string | null;
  sent_at: number;
  ended_at: number | null;
  account_id: string | null;
};

/** What a customer orders; an image in live mode unless told. */
export type Wish = { mode?: 'live' | 'test'; type?: 'image' | 'video'; body?: Record<string, unknown> };

export type Stage = {
  readonly world: World;
  readonly customer: TestCustomer;
  readonly providers: readonly ScriptedProvider[];
  /** The first of them. */
  readonly provider: ScriptedProvider;
  accept(wish?: Wish): Promise<string>;
  job(id: string): JobRow;
  attempts(id: string): AttemptRow[];
  files(id: string): { id: string; role: string }[];
  /** The kinds of a job's events without their `job.`, in order. */
  timeline(id: string): string[];
  /** Lets time pass until the job has ended; fails when that takes a day. */
  untilEnded(id: string): Promise<JobRow>;
  /** Runs a statement on the stage's database, for what no request can bring about. */
  tamper(sql: string, ...values: (string | number | null)[]): void;
  /** Fails when anything that is stored is out of order. */
  audit(): void;
  close(): Promise<void>;
};

const PLENTY = 1_000_000;
const LIMITS = {
  generationsPerMinute: PLENTY,
  requestsPerMinute: PLENTY,
  concurrentImages: PLENTY,
  concurrentVideos: PLENTY,
};
const STEP_MS = 60_000;
const STEPS_A_DAY = 1440;

export async function openStage(
  scripts: readonly Script[] = [{}],
  options: WorldOptions = {},
): Promise<Stage> {
  const providers = scripts.map((script, index) =>
    createScriptedProvider({ ...(index === 0 ? {} : { id: `other-${index}` }), ...script }),
  );
  const [provider] = providers;
  assert(provider !== undefined, 'a stage has a provider');
  const world = await openWorld({ ...options, providers });
  const customer = await world.customer({ credits: PLENTY, limits: LIMITS });
  const reader = openReader(world.dir);
  let accepted = 0;

  const stage: Stage = {
    world,
    customer,
    providers,
    provider,
    async accept({ mode = 'live', type = 'image', body } = {}) {
      accepted += 1;
      const answer = await world.call('POST', `/v1/${type}s/generate`, {
        key: mode === 'live' ? customer.liveKey : customer.testKey,
        idempotencyKey: `order-${accepted}`,
        body: { prompt: `a harbour at dawn, number ${accepted}`, ...body },
      });
      expect(answer.status).toBe(202);
      return String(answer.json['jobId']);
    },
    job(id) {
      const row = reader.prepare<[string], JobRow>('SELECT * FROM jobs WHERE id = ?').get(id);
      assert(row !== undefined, `there is a job ${id}`);
      return row;
    },
    attempts: (id) =>
      reader.prepare<[string], AttemptRow>('SELECT * FROM attempts WHERE job_id = ? ORDER BY number').all(id),
    files: (id) =>
      reader.prepare<[string], { id: string; role: string }>('SELECT * FROM files WHERE job_id = ?').all(id),
    timeline: (id) =>
      reader
        .prepare<[string], { kind: string }>('SELECT kind FROM events WHERE job_id = ? ORDER BY number')
        .all(id)
        .map(({ kind }) => kind.replace('job.', '')),
    async untilEnded(id) {
      for (let step = 0; step < STEPS_A_DAY && stage.job(id).ended_at === null; step++)
        await world.advance(STEP_MS);
      expect(stage.job(id).ended_at).not.toBeNull();
      return stage.job(id);
    },
    tamper(sql, ...values) {
      const writer = new Database(join(world.dir, 'sluice.db'));
      writer.prepare(sql).run(...values);
      writer.close();
    },
    audit() {
      expect(auditWhole(reader)).toEqual([]);
      for (const { id, bytes } of keptOutputs(reader)) {
        expect(Bun.file(join(world.dir, 'media', id.slice(-3, -1), id)).size).toBe(bytes);
      }
    },
    async close() {
      stage.audit();
      reader.close();
      await world.close();
    },
  };
  return stage;
}

/** The outcomes of a provider that did not take an order, and of one that may have. */
export const REJECTED: AttemptOutcome = {
  kind: 'rejected',
  code: 'content_policy_violation',
  reason: 'not nice',
};
export const FAILED: AttemptOutcome = { kind: 'failed', code: 'provider_error', reason: 'no capacity' };
export const UNKNOWN: AttemptOutcome = { kind: 'unknown', reason: 'the line went dead' };
export const UNREACHABLE: AttemptOutcome = { kind: 'unreachable', reason: 'nobody answers' };
