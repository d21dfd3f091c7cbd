// Orders of which nobody knows whether they were taken: looked into, never sent again, with their slot held meanwhile; and
// what becomes of an account when the process dies, or its time is up.
import { describe, expect, test } from 'bun:test';
import { pending, type Script } from '../support/scripted-provider.ts';
import { eventually, turns } from '../support/turns.ts';
import { failed, finished, openPool, PATH, type Setting } from './pool-stage.ts';
import { UNKNOWN, type Stage } from './stage.ts';

describe('an unknown outcome', () => {
  const lost = (found: NonNullable<NonNullable<Script['upstream']>['findSubmitted']>): Script => ({
    ...finished,
    submit: () => UNKNOWN,
    upstream: { findSubmitted: found },
  });

  test('holds its slot, and is resolved by what the provider has', async () => {
    const seen: { attemptId: string; sentAt: number }[] = [];
    const { stage, account } = await openPool(
      lost(async (_order, sent, { clock }) => {
        seen.push(sent);
        return seen.length < 3 ? UNKNOWN : pending('found-1', clock.now() + 1000);
      }),
      [{}],
    );
    const id = await stage.accept();
    await stage.world.settle();
    expect(await account('a')).toMatchObject({ activeJobs: 1 });
    expect((await stage.untilEnded(id)).state).toBe('completed');
    const [attempt] = stage.attempts(id);
    expect(attempt).toMatchObject({ outcome: 'completed', provider_job_id: 'found-1' });
    expect(seen[0]).toMatchObject({ attemptId: attempt?.id ?? '' });
    expect(stage.provider.calls.submits).toHaveLength(1);
    expect(await account('a')).toMatchObject({ activeJobs: 0 });
    await stage.close();
  });

  test('is looked into ever more rarely, and never sent again', async () => {
    let looks = 0;
    const { stage } = await openPool(
      lost(async () => ((looks += 1), UNKNOWN)),
      [{}, {}],
    );
    const id = await stage.accept();
    const ended = await stage.untilEnded(id);
    expect(ended).toMatchObject({ state: 'failed', error_code: 'outcome_unknown', refunded: 20 });
    expect(ended.ended_at).toBe(ended.deadline_at);
    expect(looks).toBeGreaterThan(5);
    expect(looks).toBeLessThan(20);
    expect(stage.provider.calls.submits).toHaveLength(1);
    await stage.close();
  });

  test('ends, with its slot and its credits, once the provider certainly has nothing', async () => {
    const { stage, account } = await openPool(
      lost(async () => failed('provider')),
      [{}],
    );
    const id = await stage.accept();
    await stage.world.advance(55_000);
    // Its list may be behind.
    expect(stage.job(id).state).toBe('unknown');
    const ended = await stage.untilEnded(id);
    expect(ended).toMatchObject({ state: 'failed', refunded: 20 });
    expect((ended.ended_at ?? 0) - ended.created_at).toBeLessThan(180_000);
    expect(await account('a')).toMatchObject({ activeJobs: 0, reservedTokens: 0 });
    expect(stage.attempts(id)).toMatchObject([{ outcome: 'failed' }]);
    await stage.close();
  });

  test('is not taken for that of another job that looks the same', async () => {
    const { stage } = await openPool(
      lost(async (_order, _sent, { clock }) => pending('the-only-one', clock.now() + 1000)),
      [{}],
    );
    const [first, second] = [await stage.accept(), await stage.accept()];
    await stage.untilEnded(first);
    await stage.untilEnded(second);
    const states = [stage.job(first), stage.job(second)].map(({ state }) => state);
    expect(states.toSorted()).toEqual(['completed', 'failed']);
    await stage.close();
  });
});

describe('an order that is found', () => {
  test('by two who look at the same time is given to one of them', async () => {
    const looks: (() => void)[] = [];
    const { stage } = await openPool(
      {
        ...finished,
        submit: () => UNKNOWN,
        upstream: {
          async findSubmitted(_order, { taken }, { clock }) {
            if (taken?.has('the-only-one') === true) return UNKNOWN;
            const { promise, resolve } = Promise.withResolvers<void>();
            looks.push(resolve);
            await promise;
            return pending('the-only-one', clock.now() + 1000);
          },
        },
      },
      [{}],
    );
    const ids = [await stage.accept(), await stage.accept()];
    await stage.world.settle();
    const underWay: Promise<void>[] = [];
    for (let step = 0; step < 100 && looks.length < 2; step++) {
      stage.world.clock.advance(300);
      underWay.push(stage.world.settle());
      await turns(50);
    }
    expect(looks).toHaveLength(2);
    for (const answer of looks) answer();
    await Promise.all(underWay);
    const states: string[] = [];
    for (const id of ids) states.push((await stage.untilEnded(id)).state);
    expect(states.toSorted()).toEqual(['completed', 'failed']);
    await stage.close();
  });

  test('may be the one whose submit is still under way, and is left to it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let submits = 0;
    const { stage } = await openPool(
      {
        ...finished,
        async submit(_order, _id, { clock }) {
          submits += 1;
          if (submits === 1) return UNKNOWN;
          await promise;
          return pending('of-the-second', clock.now() + 1000);
        },
        upstream: {
          findSubmitted: async (_order, { taken }, { clock }) =>
            submits < 2 || taken?.has('of-the-second') === true
              ? UNKNOWN
              : pending('of-the-second', clock.now()),
        },
      },
      [{}],
    );
    const body = { prompt: 'the same for both' };
    const first = await stage.accept({ body });
    await stage.world.settle();
    const second = await stage.accept({ body });
    const submitting = stage.world.settle();
    await eventually('the second is sent', () => submits === 2);
    stage.world.clock.advance(5000);
    const looking = stage.world.settle();
    await turns(500);
    expect(stage.attempts(first)).toMatchObject([{ outcome: 'unknown', provider_job_id: null }]);
    resolve();
    await Promise.all([submitting, looking]);
    expect((await stage.untilEnded(second)).state).toBe('completed');
    expect((await stage.untilEnded(first)).state).toBe('failed');
    await stage.close();
  });
});

describe('an operator who has found the order at the provider', () => {
  const resolve = (stage: Stage, id: string, body: Setting) =>
    stage.world.operator('POST', `/api/jobs/${id}/resolve`, { body });

  test('attaches it, and the job goes on as if nothing had been', async () => {
    const { stage } = await openPool({ ...finished, submit: () => UNKNOWN }, [{}]);
    const [id, other] = [await stage.accept(), await stage.accept()];
    await stage.world.settle();
    const attach = { outcome: 'attach', upstreamGenerationId: 'gen-1' };
    expect((await resolve(stage, id, attach)).json['job']).toMatchObject({ state: 'running' });
    expect(await resolve(stage, other, attach)).toMatchObject({
      status: 400,
      code: 'invalid_input',
    });
    expect(await resolve(stage, id, attach)).toMatchObject({ status: 409, code: 'invalid_state' });
    expect((await stage.untilEnded(id)).state).toBe('completed');
    expect(stage.provider.calls).toMatchObject({ polls: ['gen-1'], submits: [{}, {}] });
    expect(stage.timeline(id)).toEqual([
      ...['accepted', 'submitting', 'unknown', 'started', 'storing', 'completed'],
    ]);
    await resolve(stage, other, { outcome: 'failed' });
    expect(stage.job(other)).toMatchObject({ state: 'failed', refunded: 20 });
    await stage.close();
  });

  test.each([[{}], [{ upstreamGenerationId: 'a b' }], [{ upstreamGenerationId: '' }]])(
    'must name it: not %j',
    async (body) => {
      const { stage } = await openPool({ submit: () => UNKNOWN }, [{}]);
      const id = await stage.accept();
      await stage.world.settle();
      expect(await resolve(stage, id, { outcome: 'attach', ...body })).toMatchObject({
        code: 'invalid_input',
      });
      await stage.close();
    },
  );
});

describe('a process that dies', () => {
  test('between taking a slot and the submit leaves it taken until it is known that nothing was sent', async () => {
    let isDoomed = true;
    const { stage, account } = await openPool(
      { upstream: { findSubmitted: async () => failed('provider') } },
      [{}],
      {
        gateKeeper: (gate) =>
          gate === 'before leonardo.submit' && isDoomed ? ((isDoomed = false), 'die') : 'go',
      },
    );
    const id = await stage.accept();
    await stage.world.settle();
    await stage.world.crash();
    expect(await account('a')).toMatchObject({ activeJobs: 1 });
    const ended = await stage.untilEnded(id);
    expect(ended).toMatchObject({ state: 'failed', refunded: 20 });
    expect(stage.provider.calls.submits).toEqual([]);
    expect(await account('a')).toMatchObject({ activeJobs: 0, reservedTokens: 0 });
    await stage.close();
  });

  test('while it takes one leaves nothing taken', async () => {
    let transactions = 0;
    let isArmed = false;
    const { stage, account } = await openPool({}, [{}], {
      gateKeeper: (gate) => {
        if (!isArmed || gate !== 'before transaction') return 'go';
        transactions += 1;
        // The claim, then the attempt.
        return transactions === 2 ? 'die' : 'go';
      },
    });
    const id = await stage.accept();
    isArmed = true;
    await stage.world.settle();
    isArmed = false;
    await stage.world.crash();
    expect(await account('a')).toMatchObject({ activeJobs: 0 });
    expect((await stage.untilEnded(id)).state).toBe('completed');
    await stage.close();
  });
});

describe('a credential with an end', () => {
  test('is warned of a day ahead, and taken out of use at its end', async () => {
    const { stage, account } = await openPool({}, []);
    const expiresAt = new Date(stage.world.clock.now() + 30 * 3_600_000).toISOString();
    const session = { token: 'the-token-of-a-session', expiresAt };
    await stage.world.operator('POST', PATH, { body: { label: 's', session } });
    const said = (msg: string) => stage.world.log.filter((line) => line['msg'] === msg);
    await stage.world.advance(5 * 3_600_000);
    expect(said('the credential of an account expires within a day')).toEqual([]);
    await stage.world.advance(2 * 3_600_000);
    expect(said('the credential of an account expires within a day')).toHaveLength(1);
    await stage.world.advance(24 * 3_600_000);
    expect(await account('s')).toMatchObject({ status: 'expired' });
    expect(said('the credential of an account has expired')).toMatchObject([{ level: 'error', label: 's' }]);
    const { accountId } = await account('s');
    const wake = (body: Setting) => stage.world.operator('PATCH', `${PATH}/${accountId}`, { body });
    expect(await wake({ status: 'active' })).toMatchObject({ code: 'invalid_input' });
    expect((await wake({ session: { token: 'another-token-of-it' } })).json['account']).toMatchObject({
      status: 'active',
      expiresAt: null,
    });
    await stage.close();
  });
});
