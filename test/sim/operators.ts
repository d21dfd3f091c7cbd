// What operators do while customers work: top-ups, corrections, prices, plans, keys that come and go, suspensions,
// refunds. What was acknowledged is remembered, so that it can be found again in the books.
import type { Dice } from './dice.ts';
import type { Order } from './orders.ts';
import { addKey, makeKey, MOST_GENERATIONS, type Operator, type SimCustomer } from './population.ts';

export type Operators = {
  topUp(customer: SimCustomer): Promise<void>;
  adjust(customer: SimCustomer): Promise<void>;
  setPrices(): Promise<void>;
  replaceKey(customer: SimCustomer): Promise<void>;
  rotateKey(customer: SimCustomer): Promise<void>;
  /** Makes a key for each mode that has none any more: one whose only answer got lost is nobody's. */
  ensureKeys(customer: SimCustomer): Promise<void>;
  suspend(customer: SimCustomer): Promise<void>;
  changePlan(customer: SimCustomer): Promise<void>;
  refund(order: Order): Promise<void>;
  resolve(order: Order): Promise<void>;
};

const PLANS = ['free', 'pro', 'scale', 'enterprise'] as const;

export function createOperators(
  operator: Operator,
  dice: Dice,
  { say, sleep }: { say: (fault: string) => void; sleep: (ms: number) => Promise<void> },
): Operators {
  let topUps = 0;
  const pathOf = (customer: SimCustomer) => `/api/public/customers/${customer.id}`;

  async function ensureKeys(customer: SimCustomer): Promise<void> {
    for (const mode of ['live', 'test'] as const) {
      if (!customer.keys.some((key) => key.mode === mode && key.isRevoked === false)) {
        await makeKey(operator, customer, mode);
      }
    }
  }

  return {
    async topUp(customer) {
      topUps += 1;
      const mode = dice.isHit(0.3) ? 'test' : 'live';
      const amount = dice.between(1, 60_000);
      const body = { operation: 'top_up', mode, amount, reason: 'bought', reference: `pay-${topUps}` };
      const answer = await operator.insist('POST', `${pathOf(customer)}/credits`, body);
      if (answer?.code === null) customer.bought += mode === 'live' ? amount : 0;
      else say(`a top-up is refused with ${answer?.code ?? 'nothing'}`);
    },
    async adjust(customer) {
      const amount = dice.between(-50_000, 20_000) || 1;
      const body = { operation: 'adjust', amount, reason: 'corrected' };
      const answer = await operator.insist('POST', `${pathOf(customer)}/credits`, body);
      if (answer?.code === null) customer.adjusted += amount;
      else if (answer?.code !== 'balance_below_reservations')
        say(`an adjustment is refused with ${answer?.code ?? 'nothing'}`);
    },
    async setPrices() {
      const image = {
        per: 'job',
        rates: [{ when: { quality: 'LOW' }, credits: dice.between(10, 30) }, { credits: 165 }],
      };
      const video = { per: 'second', rates: [{ credits: dice.between(5000, 7000) / 10 }] };
      const prices = [
        { model: 'openai/gpt-image-2', rule: image },
        { model: 'bytedance/seedance-2.0-fast', rule: video },
      ];
      const answer = await operator.insist('PUT', '/api/pricing', { prices });
      if (answer?.code !== null) say(`new prices are refused with ${answer?.code ?? 'nothing'}`);
    },
    async replaceKey(customer) {
      await ensureKeys(customer);
      const key = dice.pick(customer.keys);
      if (key.isRevoked !== false) return;
      await makeKey(operator, customer, key.mode);
      key.isRevoked = 'maybe';
      const answer = await operator.insist('DELETE', `${pathOf(customer)}/api-keys/${key.id}`);
      if (answer?.code === null) key.isRevoked = true;
      else say(`a revocation is refused with ${answer?.code ?? 'nothing'}`);
    },
    async rotateKey(customer) {
      await ensureKeys(customer);
      const key = dice.pick(customer.keys);
      if (key.isRevoked !== false) return;
      // The old key works for an hour more, and then not: when that is over is not followed here.
      key.isRevoked = 'maybe';
      const answer = await operator.insist('POST', `${pathOf(customer)}/api-keys/${key.id}/rotate`, {
        graceHours: 1,
      });
      const { apiKey, key: made } = (answer?.json ?? {}) as {
        apiKey?: string | null;
        key?: { keyId: string };
      };
      if (typeof apiKey === 'string' && made !== undefined) {
        addKey(customer, { id: made.keyId, secret: apiKey, mode: key.mode, isRevoked: false });
      } else await makeKey(operator, customer, key.mode);
    },
    ensureKeys,
    async suspend(customer) {
      if (customer.isSuspended !== false) return;
      customer.isSuspended = 'maybe';
      await operator.insist('PATCH', pathOf(customer), { status: 'suspended' });
      customer.isSuspended = true;
      await sleep(dice.between(1000, 30_000));
      customer.isSuspended = 'maybe';
      await operator.insist('PATCH', pathOf(customer), { status: 'active' });
      customer.isSuspended = false;
    },
    async changePlan(customer) {
      customer.generationsPerMinute = MOST_GENERATIONS;
      await operator.insist('PATCH', pathOf(customer), { plan: dice.pick(PLANS) });
      await sleep(dice.between(10_000, 60_000));
      await operator.insist('PATCH', pathOf(customer), { plan: 'enterprise' });
    },
    async refund(order) {
      if (order.accepted === null) return;
      const { jobId } = order.accepted;
      const answer = await operator.insist('POST', `/api/jobs/${jobId}/refund`, { reason: 'unusable' });
      if (answer?.code === null && order.ended === null) order.ended = 'completed';
      else if (answer !== null && answer.code !== null && answer.code !== 'invalid_state') {
        say(`job ${jobId}: its refund is refused with ${answer.code}`);
      }
    },
    async resolve(order) {
      if (order.accepted === null) return;
      const { jobId } = order.accepted;
      const answer = await operator.insist('POST', `/api/jobs/${jobId}/resolve`, { outcome: 'failed' });
      if (answer?.code === null && order.ended !== null)
        say(`job ${jobId}: was resolved after it was ${order.ended}`);
      if (answer !== null && answer.code !== null && answer.code !== 'invalid_state') {
        say(`job ${jobId}: its resolution is refused with ${answer.code}`);
      }
    },
  };
}
