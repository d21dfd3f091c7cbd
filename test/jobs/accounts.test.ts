// Jobs and the accounts that they are done with: who is chosen, what a provider's refusal makes of an account, and who is
// asked next.
import { describe, expect, test } from 'bun:test';
import type { AttemptOutcome, Fault } from '../../src/providers/index.ts';
import { accountOf } from '../../src/providers/wire.ts';
import { completed, pending, type Script } from '../support/scripted-provider.ts';
import { balanceOf, failed, finished, openPool, PATH, type Setting } from './pool-stage.ts';
import { REJECTED, UNKNOWN, UNREACHABLE, type Stage } from './stage.ts';

/** Refuses what comes with the key of one account, and takes everything else. */
const refusing =
  (label: string, outcome: AttemptOutcome): NonNullable<Script['submit']> =>
  (_order, attemptId, context) => {
    const { credential } = accountOf(context);
    const isRefused = credential.kind === 'api_key' && credential.apiKey.endsWith(`-${label}`);
    return isRefused ? outcome : pending(`order-${attemptId}`, context.clock.now() + 2000);
  };

describe('choosing', () => {
  test('goes round the accounts that nobody uses, and then to the least loaded', async () => {
    const { stage, accounts } = await openPool({}, [{ maxConcurrentJobs: 4 }, { maxConcurrentJobs: 2 }, {}]);
    for (let count = 0; count < 5; count++) {
      await stage.accept();
      await stage.world.settle();
      stage.world.clock.advance(1);
    }
    // One each; then a and c, at a quarter each, before b, at a half.
    expect((await accounts()).map(({ activeJobs }) => activeJobs)).toEqual([2, 1, 2]);
    await stage.world.advance(60_000);
    expect((await accounts()).map(({ activeJobs }) => activeJobs)).toEqual([0, 0, 0]);
    await stage.close();
  });

  test('uses up a lower number first, and passes over what is paused, foreign or poor', async () => {
    const { stage, account } = await openPool({ upstream: balanceOf('100') }, [
      { priority: 1, models: ['bytedance/seedance-2.0-fast'] },
      { priority: 1, minBalance: 95 },
      { priority: 2, maxConcurrentJobs: 1 },
      { priority: 3 },
    ]);
    const [first, second] = [await stage.accept(), await stage.accept()];
    await stage.world.settle();
    const usedBy = async (id: string) =>
      (await stage.world.operator('GET', `/api/jobs/${id}`)).json as {
        job: { attempts: { accountId: string }[] };
      };
    const chosen = [await usedBy(first), await usedBy(second)].map(({ job }) => job.attempts[0]?.accountId);
    expect(new Set(chosen)).toEqual(
      new Set([(await account('c')).accountId, (await account('d')).accountId]),
    );
    await stage.close();
  });

  test('reserves what an order will cost, and takes it off when it is done', async () => {
    const { stage, account } = await openPool({ upstream: balanceOf('1000') }, [{}]);
    const id = await stage.accept({ type: 'video', body: { duration: 5 } });
    await stage.world.settle();
    expect(await account('a')).toMatchObject({ availableTokens: 1000, reservedTokens: 500, activeJobs: 1 });
    await stage.world.advance(2000);
    expect(stage.job(id).state).toBe('completed');
    expect(await account('a')).toMatchObject({ availableTokens: 500, reservedTokens: 0, activeJobs: 0 });
    await stage.close();
  });

  test('takes off what the provider says that it has charged', async () => {
    const cost = { amount: '12.5', unit: 'credits' } as const;
    const { stage, account } = await openPool(
      {
        upstream: balanceOf('1000'),
        submit: (_order, id, { clock }) => ({
          ...{ kind: 'pending', providerJobId: id, pollAt: clock.now() + 1000 },
          cost,
        }),
        poll: (id) => completed(id),
      },
      [{}],
    );
    const id = await stage.accept();
    await stage.world.advance(5000);
    expect(await account('a')).toMatchObject({ availableTokens: 987.5, reservedTokens: 0 });
    const { json } = await stage.world.operator('GET', `/api/jobs/${id}`);
    const { attempts } = json['job'] as { attempts: object[] };
    expect(attempts).toMatchObject([{ cost: { amount: 12.5, unit: 'credits' }, fault: null }]);
    await stage.close();
  });

  test('gives a test job nothing but the sandbox', async () => {
    const { stage, account } = await openPool({}, [{}]);
    const id = await stage.accept({ mode: 'test' });
    await stage.world.settle();
    expect(stage.attempts(id)).toMatchObject([{ provider: 'sandbox', account_id: null }]);
    expect(await account('a')).toMatchObject({ activeJobs: 0, lastUsedAt: null });
    await stage.close();
  });

  test('500 jobs at once on 20 accounts: no slot and no balance is given twice, and all are done', async () => {
    const atWork = new Map<string, number>();
    const most = new Map<string, number>();
    const spent = new Map<string, number>();
    const jobs = new Map<string, string>();
    const { stage, accounts } = await openPool(
      {
        upstream: balanceOf('300'),
        submit: (_order, attemptId, context) => {
          const { id } = accountOf(context);
          jobs.set(attemptId, id);
          atWork.set(id, (atWork.get(id) ?? 0) + 1);
          spent.set(id, (spent.get(id) ?? 0) + 10);
          most.set(id, Math.max(most.get(id) ?? 0, atWork.get(id) ?? 0));
          return pending(attemptId, context.clock.now() + 1000);
        },
        poll: (attemptId) => {
          const id = jobs.get(attemptId) ?? '';
          atWork.set(id, (atWork.get(id) ?? 0) - 1);
          return completed(attemptId);
        },
      },
      Array.from({ length: 20 }, () => ({ maxConcurrentJobs: 4, minBalance: 50 })),
    );
    const ids = await Promise.all(Array.from({ length: 500 }, () => stage.accept()));
    await stage.world.advance(60_000);
    expect(new Set(ids.map((id) => stage.job(id).state))).toEqual(new Set(['completed']));
    expect(most.size).toBe(20);
    expect(Math.max(...most.values())).toBe(4);
    // 25 orders of 10 each is all that is above the floor of 50: with 500 jobs every account is at it.
    expect([...spent.values()]).toEqual(Array.from({ length: 20 }, () => 250));
    expect((await accounts()).map(({ availableTokens }) => availableTokens)).toEqual(
      Array.from({ length: 20 }, () => 50),
    );
    const more = await stage.world.call('POST', '/v1/images/generate', {
      key: stage.customer.liveKey,
      idempotencyKey: 'one-too-many',
      body: { prompt: 'a' },
    });
    expect(more).toMatchObject({ status: 503, code: 'provider_unavailable' });
    await stage.close();
  }, 60_000);
});

describe('without an account', () => {
  const order = (stage: Stage) =>
    stage.world.call('POST', '/v1/images/generate', {
      key: stage.customer.liveKey,
      idempotencyKey: 'nobody',
      body: { prompt: 'a' },
    });

  test.each([
    ['that there is', []],
    ['in use', [{}]],
    ['for the model', [{ models: ['other/model'] }]],
    ['with enough on it', [{ minBalance: 91 }]],
  ] as [string, Setting[]][])(
    '%s an order is refused before anything is reserved',
    async (what, settings) => {
      const { expiresAt: _, ...setting } = settings[0] ?? {};
      const { stage, accounts } = await openPool(
        { upstream: balanceOf('100') },
        settings.length === 0 ? [] : [setting],
      );
      if (what === 'in use') {
        const [account] = await accounts();
        await stage.world.operator('PATCH', `${PATH}/${account?.accountId}`, { body: { status: 'paused' } });
      }
      expect(await order(stage)).toMatchObject({ status: 503, code: 'provider_unavailable' });
      const { json } = await stage.world.call('GET', '/v1/usage', { key: stage.customer.liveKey });
      expect(json).toMatchObject({ creditsReserved: 0 });
      await stage.close();
    },
  );

  test('that is free a job waits, and goes on as soon as one is', async () => {
    const { stage } = await openPool({}, [{ maxConcurrentJobs: 1 }]);
    const [first, second, third] = [await stage.accept(), await stage.accept(), await stage.accept()];
    await stage.world.settle();
    expect([first, second, third].map((id) => stage.job(id).state)).toEqual(['running', 'queued', 'queued']);
    await stage.world.advance(2000);
    expect([first, second, third].map((id) => stage.job(id).state)).toEqual([
      'completed',
      'running',
      'queued',
    ]);
    await stage.world.advance(4000);
    expect(stage.job(third).state).toBe('completed');
    await stage.close();
  });
});

describe('a refused order', () => {
  type Case = [fault: Fault, status: string, more: Setting];
  test.each([
    ['credential', 'auth_error', { lastError: 'a fault of credential' }],
    ['balance', 'exhausted', { lastError: 'a fault of balance' }],
    ['rate', 'cooldown', { lastError: 'a fault of rate' }],
    ['model', 'active', { refusedModels: ['openai/gpt-image-2'] }],
  ] as Case[])(
    'for %s: the account is %s, and another one of the provider does it',
    async (fault, status, more) => {
      const { stage, account } = await openPool({ ...finished, submit: refusing('a', failed(fault)) }, [
        {},
        {},
      ]);
      const id = await stage.accept();
      await stage.world.settle();
      expect(await account('a')).toMatchObject({ status, ...more, activeJobs: 0, reservedTokens: 0 });
      expect(await account('b')).toMatchObject({ status: 'active', activeJobs: 1 });
      expect(stage.attempts(id)).toMatchObject([{ outcome: 'failed', fault }, { outcome: 'accepted' }]);
      expect((await stage.untilEnded(id)).state).toBe('completed');
      await stage.close();
    },
  );

  test('for the provider as such goes to another provider, and the account is as it was', async () => {
    const { stage, account } = await openPool({ submit: () => failed('provider') }, [{}, {}], {
      others: [{}],
    });
    const id = await stage.accept();
    await stage.world.settle();
    expect(await account('a')).toMatchObject({ status: 'active', lastError: null });
    expect(stage.attempts(id)).toMatchObject([{ provider: 'leonardo' }, { provider: 'other-1' }]);
    await stage.close();
  });

  test.each([
    ['a rejection', REJECTED, 'failed'],
    ['an unknown outcome', UNKNOWN, 'unknown'],
    ['silence', UNREACHABLE, 'unknown'],
  ] as const)('%s goes to nobody else', async (_what, outcome, state) => {
    const { stage, accounts } = await openPool({ submit: () => outcome }, [{}, {}], { others: [{}] });
    const id = await stage.accept();
    await stage.world.settle();
    expect(stage.job(id).state).toBe(state);
    expect(stage.attempts(id)).toHaveLength(1);
    expect((await accounts()).map(({ status }) => status)).toEqual(['active', 'active']);
    await stage.close();
  });

  test('with the only account too busy waits for it, by what the provider says', async () => {
    let asked = 0;
    const { stage, account } = await openPool(
      {
        ...finished,
        submit: (_order, id, { clock }) =>
          asked++ === 0 ? failed('rate', { retryAt: clock.now() + 7000 }) : pending(id, clock.now() + 1000),
      },
      [{}],
    );
    const id = await stage.accept();
    await stage.world.settle();
    expect(stage.job(id).state).toBe('queued');
    expect(Date.parse(String((await account('a'))['cooldownUntil']))).toBe(stage.world.clock.now() + 7000);
    await stage.world.advance(6500);
    expect(asked).toBe(1);
    expect((await stage.untilEnded(id)).state).toBe('completed');
    expect(asked).toBe(2);
    await stage.close();
  });

  test('is tried three times at most, with any number of accounts', async () => {
    const { stage } = await openPool({ submit: () => failed('credential') }, [{}, {}, {}, {}]);
    const id = await stage.accept();
    await stage.untilEnded(id);
    expect(stage.job(id)).toMatchObject({ state: 'failed', error_code: 'provider_error', refunded: 20 });
    const accounts = stage.attempts(id).map(({ account_id: account }) => account);
    expect(new Set(accounts).size).toBe(3);
    await stage.close();
  });

  test('alerts in the log, and what is kept of its reason has no credential in it', async () => {
    const key = 'the-key-of-account-a';
    const { stage, account } = await openPool(
      { submit: () => failed('credential', { reason: `no such key: ${key}` }) },
      [{}],
    );
    const id = await stage.accept();
    await stage.world.settle();
    expect(await account('a')).toMatchObject({ lastError: 'no such key: …' });
    expect(stage.attempts(id)).toMatchObject([{ reason: 'no such key: …' }]);
    const line = stage.world.log.find(({ msg }) => msg === 'an account is out of use');
    expect(line).toMatchObject({ level: 'error', label: 'a', fault: 'credential' });
    expect(JSON.stringify(stage.world.log)).not.toContain(key);
    await stage.close();
  });

  test('an exhausted account comes back when there is something on it again', async () => {
    let available = '5';
    const { stage, account } = await openPool(
      {
        submit: () => failed('balance'),
        upstream: {
          verify: () => ({
            ...{ kind: 'ok', remoteId: null, slots: null },
            balance: { unit: 'credits', available },
          }),
        },
      },
      [{}],
    );
    await stage.world.operator('POST', `${PATH}/${(await account('a')).accountId}/refresh`);
    available = '500';
    await stage.world.advance(6 * 60_000);
    const id = await stage.accept();
    await stage.world.settle();
    expect(stage.job(id).state).toBe('failed');
    expect(await account('a')).toMatchObject({ status: 'exhausted' });
    await stage.world.advance(6 * 60_000);
    expect(await account('a')).toMatchObject({ status: 'active', availableTokens: 500 });
    await stage.close();
  });
});

describe('a poll that is refused', () => {
  test.each(['credential', 'rate'] as const)('for %s says nothing about the job', async (fault) => {
    let asked = 0;
    const { stage, account } = await openPool(
      { poll: (id) => (asked++ === 0 ? failed(fault) : completed(id)) },
      [{}],
    );
    const id = await stage.accept();
    await stage.world.advance(2000);
    expect(stage.job(id)).toMatchObject({ state: 'running', tries: 1 });
    expect(await account('a')).toMatchObject({ status: fault === 'rate' ? 'cooldown' : 'auth_error' });
    expect((await stage.untilEnded(id)).state).toBe('completed');
    await stage.close();
  });
});
