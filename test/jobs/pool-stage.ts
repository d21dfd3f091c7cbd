// A stage whose provider has accounts, and outcomes that say where it lay.
import { expect } from 'bun:test';
import type { AttemptOutcome, Fault } from '../../src/providers/index.ts';
import { completed, type Script } from '../support/scripted-provider.ts';
import type { WorldOptions } from '../support/world.ts';
import { openStage, type Stage } from './stage.ts';

type Account = { accountId: string; label: string; status: string } & Record<string, unknown>;
export type Setting = Record<string, unknown>;

export const PATH = '/api/accounts';
export const balanceOf = (available: string) =>
  ({
    verify: () =>
      ({ kind: 'ok', remoteId: null, balance: { unit: 'credits', available }, slots: null }) as const,
  }) as const;

/** A stage whose first provider has accounts, named a, b, c and so on in the order of their ids. */
export async function openPool(
  script: Script,
  settings: readonly Setting[],
  { others = [], ...options }: WorldOptions & { others?: readonly Script[] } = {},
): Promise<{ stage: Stage; account(label: string): Promise<Account>; accounts(): Promise<Account[]> }> {
  const stage = await openStage([{ upstream: {}, ...script }, ...others], options);
  for (const [index, setting] of settings.entries()) {
    const label = String.fromCharCode(97 + index);
    const body = { label, apiKey: `the-key-of-account-${label}`, ...setting };
    expect((await stage.world.operator('POST', PATH, { body })).status).toBe(201);
    stage.world.clock.advance(1);
  }
  const accounts = async () => (await stage.world.operator('GET', PATH)).json['accounts'] as Account[];
  return {
    stage,
    accounts,
    async account(label) {
      const found = (await accounts()).find((one) => one.label === label);
      if (found === undefined) throw new Error(`there is no account ${label}`);
      return found;
    },
  };
}

export const failed = (fault: Fault, more: { retryAt?: number; reason?: string } = {}): AttemptOutcome => ({
  ...{ kind: 'failed', code: 'provider_error', reason: `a fault of ${fault}`, fault },
  ...more,
});

export const finished: Script = { poll: (id) => completed(id) };
