// Who takes part in a simulation: customers with their keys, wallets and plans, as far as their clients know.
import type { Send, SimAnswer } from './client.ts';
import type { Dice } from './dice.ts';
import { SIM_OPERATOR_KEY } from './sim-gateway.ts';

export type SimKey = {
  id: string;
  secret: string;
  mode: 'live' | 'test';
  /** `maybe` while a revocation was sent and not answered. */
  isRevoked: boolean | 'maybe';
};

export type SimCustomer = {
  id: string;
  keys: SimKey[];
  isSuspended: boolean | 'maybe';
  /** Credits that were bought and acknowledged, in live mode. */
  bought: number;
  /** What was corrected and acknowledged. */
  adjusted: number;
  /** The most generations a minute that any plan of it has allowed. */
  generationsPerMinute: number;
};

export type Population = { customers: SimCustomer[] };

export type Operator = {
  /** Sends a change again and again, with one idempotency key, until it is answered; null after too many tries. */
  insist(method: string, path: string, body?: unknown): Promise<SimAnswer | null>;
  send: Send;
};

const PLANS = ['enterprise', 'enterprise', 'enterprise', 'scale', 'scale', 'pro', 'free'] as const;
/** Generations a minute, from the table of plans. */
const GENERATIONS = { free: 10, pro: 50, scale: 100, enterprise: 200 } as const;
export const MOST_GENERATIONS = GENERATIONS.enterprise;
/** So many keys that do not work any more are remembered of a customer, to be tried now and then. */
const OLD_KEYS = 8;
const MAX_TRIES = 1000;
const RETRY_MS = 1500;

export function createOperator(send: Send, parts: { sleep: (ms: number) => Promise<void> }): Operator {
  let changes = 0;
  const asOperator: Send = (method, path, request = {}) =>
    send(method, path, { ...request, key: SIM_OPERATOR_KEY });
  return {
    send: asOperator,
    async insist(method, path, body) {
      changes += 1;
      const request = { idempotencyKey: `change-${changes}`, ...(body === undefined ? {} : { body }) };
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const answer = await asOperator(method, path, request);
        if (answer !== null && answer.status !== 503 && answer.status !== 429) return answer;
        await parts.sleep(RETRY_MS);
      }
      return null;
    },
  };
}

export async function makeKey(
  operator: Operator,
  customer: SimCustomer,
  mode: SimKey['mode'],
): Promise<void> {
  const path = `/api/public/customers/${customer.id}/api-keys`;
  const answer = await operator.insist('POST', path, { mode, name: `${mode} of a simulation` });
  const { apiKey, key } = (answer?.json ?? {}) as { apiKey?: string | null; key?: { keyId: string } };
  // A replay shows no secret: then the key is of no use to anybody.
  if (typeof apiKey !== 'string' || key === undefined) return;
  addKey(customer, { id: key.keyId, secret: apiKey, mode, isRevoked: false });
}

export function addKey(customer: SimCustomer, key: SimKey): void {
  customer.keys.push(key);
  const old = customer.keys.filter(({ isRevoked }) => isRevoked !== false);
  if (old.length <= OLD_KEYS) return;
  const forgotten = old[0];
  customer.keys = customer.keys.filter((other) => other !== forgotten);
}

export async function makeCustomer(operator: Operator, dice: Dice, number: number): Promise<SimCustomer> {
  const initialCredits = dice.isHit(0.2) ? dice.between(0, 5000) : dice.between(100_000, 2_000_000);
  const plan = dice.pick(PLANS);
  const answer = await operator.insist('POST', '/api/public/customers', {
    name: `Customer ${number}`,
    plan,
    initialCredits,
  });
  const { customerId } = (answer?.json['customer'] ?? {}) as { customerId?: string };
  if (customerId === undefined) throw new Error(`no customer was made: ${JSON.stringify(answer?.json)}`);
  const customer: SimCustomer = {
    id: customerId,
    keys: [],
    isSuspended: false,
    bought: initialCredits,
    adjusted: 0,
    generationsPerMinute: GENERATIONS[plan],
  };
  for (const mode of ['live', 'live', 'test'] as const) await makeKey(operator, customer, mode);
  return customer;
}

export async function makeAccount(operator: Operator, number: number): Promise<void> {
  const body = { label: `account ${number}`, apiKey: `the-key-of-account-${number}`, maxConcurrentJobs: 12 };
  const answer = await operator.insist('POST', '/api/accounts', body);
  // Made before its answer was lost: then it is there.
  if (answer?.status !== 201 && answer?.code !== 'already_exists') {
    throw new Error(`no account was made: ${JSON.stringify(answer?.json)}`);
  }
}

/** A key of a mode that its owner believes in. */
export function usableKey(customer: SimCustomer, mode: SimKey['mode'], dice: Dice): SimKey | null {
  const keys = customer.keys.filter((key) => key.mode === mode && key.isRevoked === false);
  return keys.length === 0 ? null : dice.pick(keys);
}
