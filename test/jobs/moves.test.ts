// The table of moves: every move in it happens in some story, no story makes another, and nobody can.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createLedger } from '../../src/ledger/index.ts';
import { createMedia, createMediaDisk } from '../../src/media/index.ts';
import { isEnded, MOVES, readJob } from '../../src/jobs/job.ts';
import { moveOn } from '../../src/jobs/progress.ts';
import { findJob } from '../../src/jobs/queries.ts';
import { createSettle, type Ending } from '../../src/jobs/settle.ts';
import { first, JOB_STATES, type JobState } from '../../src/store/db.ts';
import { openReader } from '../sim/reader.ts';
import { faultOf } from '../support/fault-of.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { completed, pending, type Script } from '../support/scripted-provider.ts';
import { FAILED, openStage, REJECTED, UNKNOWN, type Stage } from './stage.ts';

/** Writes down every change of a state, beside what the product writes. */
const WATCH = [
  'CREATE TABLE seen_moves (move TEXT PRIMARY KEY)',
  `CREATE TRIGGER see_moves AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state
   BEGIN INSERT OR IGNORE INTO seen_moves VALUES (OLD.state || ' -> ' || NEW.state); END`,
];

type Story = { tells: string; scripts: Script[]; more?: (stage: Stage, id: string) => Promise<unknown> };

const cancel = ({ world, customer }: Stage, id: string) =>
  world.call('POST', `/v1/jobs/${id}/cancel`, { key: customer.liveKey });
/** Can take the order when it is accepted, and not any more when it is handed out. */
const soonBusy = (): Script => {
  let asked = 0;
  return { canTake: () => asked++ === 0 };
};

const STORIES: Story[] = [
  { tells: 'the plain story', scripts: [{}] },
  { tells: 'an order that is ready at once', scripts: [{ submit: () => completed('p1') }] },
  { tells: 'an order that another provider takes', scripts: [{ submit: () => FAILED }, {}] },
  { tells: 'an order that is refused', scripts: [{ submit: () => REJECTED }] },
  { tells: 'an order that may have been taken', scripts: [{ submit: () => UNKNOWN }] },
  { tells: 'an order that comes to nothing', scripts: [{ poll: () => FAILED }] },
  { tells: 'an output that is none', scripts: [{ openOutput: () => new Uint8Array([1, 2, 3]) }] },
  { tells: 'nobody who takes it in time', scripts: [soonBusy()] },
  {
    tells: 'a repetition that finds the order running',
    scripts: [repeatable((again, id) => (again ? pending(id, 0) : UNKNOWN))],
  },
  {
    tells: 'a repetition that finds the order done',
    scripts: [repeatable((again, id) => (again ? completed(id) : UNKNOWN))],
  },
  { tells: 'a cancel while it waits', scripts: [{}], more: cancel },
  {
    tells: 'a cancel while it runs',
    scripts: [{ cancel: () => true }],
    more: async (stage, id) => {
      await stage.world.settle();
      await cancel(stage, id);
    },
  },
];

function repeatable(
  submit: (again: boolean, id: string) => ReturnType<NonNullable<Script['submit']>>,
): Script {
  let asked = 0;
  return {
    submitIsRepeatable: true,
    submit: (_order, attemptId) => submit(asked++ > 0, `p-${attemptId}`),
    poll: (id) => completed(id),
  };
}

const ALLOWED = JOB_STATES.flatMap((from) => MOVES[from].map((to) => `${from} -> ${to}`));

test('every move of the table happens, and no other', async () => {
  const seen = new Set<string>();
  for (const { scripts, more } of STORIES) {
    const stage = await openStage(scripts);
    for (const sql of WATCH) stage.tamper(sql);
    const id = await stage.accept();
    await more?.(stage, id);
    await stage.untilEnded(id);
    const reader = openReader(stage.world.dir);
    for (const { move } of reader.prepare<[], { move: string }>('SELECT move FROM seen_moves').all())
      seen.add(move);
    reader.close();
    await stage.close();
  }
  expect([...seen].sort()).toEqual(ALLOWED.sort());
});

describe('a move outside the table', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => {
    await stage.world.close();
  });

  async function rowIn(state: JobState) {
    const id = await stage.accept();
    stage.tamper('DROP TRIGGER IF EXISTS jobs_end_settled');
    stage.tamper(
      `UPDATE jobs SET state = ?, ended_at = CASE ? WHEN 1 THEN created_at END,
       error_code = CASE ? WHEN 1 THEN 'internal_error' END WHERE id = ?`,
      ...[state, isEnded(state) ? 1 : 0, state === 'failed' ? 1 : 0, id],
    );
    const row = first(await findJob(stage.world.store.read, { id }));
    if (row === null) throw new Error('the job is gone');
    return readJob(row);
  }

  for (const from of JOB_STATES) {
    const forbidden = JOB_STATES.filter((to) => to !== from && !MOVES[from].includes(to));
    test(`from ${from} is refused`, async () => {
      const job = await rowIn(from);
      for (const to of forbidden) {
        const moving = stage.world.store.transaction((tx) => moveOn(tx, job, { to, dueAt: 0 }));
        expect(await faultOf(moving)).toBe(`a job does not go from ${from} to ${to}`);
      }
      for (const to of forbidden.filter(isEnded)) {
        const settle = realSettle(stage);
        const ending: Ending =
          to === 'failed' ? { state: to, code: 'internal_error', message: '' } : endingOf(to);
        const settling = stage.world.store.transaction((tx) => settle(tx, job, { ...ending, actor: 'test' }));
        // What has ended is found ended: nobody ends it again, and nobody is to blame.
        if (isEnded(from)) expect(await settling).toBeNull();
        else expect(await faultOf(settling)).toBe(`no job ends ${to} from ${from}`);
      }
      expect(stage.job(job.id).state).toBe(from);
    });
  }
});

function endingOf(state: 'completed' | 'canceled'): Ending {
  return state === 'completed' ? { state, files: [] } : { state };
}

function realSettle({ world }: Stage) {
  const { clock, store: db, dir } = world;
  const random = createSeededRandom(7);
  const media = createMedia({
    db,
    store: createMediaDisk(`${dir}/media`),
    linkKey: new Uint8Array(32),
    clock,
    random,
  });
  return createSettle({ ledger: createLedger({ random }), media, random });
}
