// The load of the crash loop: customers that order, look, cancel and pay, side by side, and that send a request again
// under the same key when the answer was lost. They go on whatever becomes of the gateway, until they are stopped.
import type { Dice } from '../sim/dice.ts';
import { callerOf, type Caller, type HttpAnswer } from '../support/executable.ts';
import { FIRST_CREDITS, type Customer, type Diary, type Order } from './record.ts';

export type Load = {
  /** Makes no new orders; resolves when every order has been answered. */
  stop(): Promise<void>;
  /** Waits until every order has ended. To be called after `stop`. */
  settle(): Promise<void>;
};

/** Side by side, so that a death finds requests at every point of their way. */
const CALLERS = 8;
/** The sandbox paints some ten pictures a second; more open orders would only wait. */
const MAX_OPEN = 150;
const PATIENCE_MS = 10_000;
const PAUSE_MS = { lost: 15, refused: 50, idle: 15 } as const;
const WAIT_SECONDS = 10;
/** After that long without an ending something is stuck; jobs that a process died over wait up to a minute. */
const MAX_SETTLE_MS = 5 * 60_000;

/** How often a customer does what, in relation to each other. */
const HABITS = { order: 50, look: 44, cancel: 1, pay: 2, count: 3 } as const;
const ORDERS = { '': 40, '[test:fail]': 30, '[test:reject]': 30 } as const;
const CHANCES = { video: 0.03, replay: 0.1, openOrder: 0.8 } as const;

export function createLoad({ url, diary, dice, operatorKey }: LoadParts): Load {
  const call = callerOf(url, PATIENCE_MS);
  let isStopped = false;

  /** Asks until an answer comes that is one: lost ones and those to come back later for are asked for again. */
  async function insist(send: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
    for (let tries = 1; ; tries++) {
      diary.counts.requests += 1;
      if (tries > 1) diary.counts.retries += 1;
      try {
        const answer = await send();
        if (answer.status !== 429 && answer.status !== 503) return answer;
        await Bun.sleep(PAUSE_MS.refused);
      } catch {
        diary.counts.lostAnswers += 1;
        await Bun.sleep(PAUSE_MS.lost);
      }
    }
  }

  const actions = createActions({ diary, dice, operatorKey, insist, call });

  async function live(): Promise<void> {
    while (!isStopped) {
      const habit = dice.draw(HABITS);
      // Enough is open: look at it instead.
      await actions[habit === 'order' && diary.open.size >= MAX_OPEN ? 'look' : habit]();
      await Bun.sleep(PAUSE_MS.idle);
    }
  }

  const lives = Promise.all(Array.from({ length: CALLERS }, live));
  return {
    async stop() {
      isStopped = true;
      await lives;
    },
    async settle() {
      const until = performance.now() + MAX_SETTLE_MS;
      while (diary.open.size > 0 && performance.now() < until) {
        await Promise.all([...diary.open].map((order) => actions.lookAt(order, `?wait=${WAIT_SECONDS}`)));
      }
      for (const order of diary.open) diary.faults.push(`${order.jobId} never ended`);
    },
  };
}

type LoadParts = { url: string; diary: Diary; dice: Dice; operatorKey: string };
type ActionParts = Omit<LoadParts, 'url'> & {
  call: Caller;
  insist: (send: () => Promise<HttpAnswer>) => Promise<HttpAnswer>;
};

function createActions({ diary, dice, operatorKey, call, insist }: ActionParts) {
  let number = 0;

  function makeOrder(customer: Customer): Order {
    number += 1;
    const idempotencyKey = `order-${number}`;
    const directive = dice.draw(ORDERS);
    const isVideo = dice.isHit(CHANCES.video);
    return {
      idempotencyKey,
      customer,
      path: isVideo ? '/v1/videos/generate' : '/v1/images/generate',
      body: {
        prompt: `Picture ${number} ${directive}`.trim(),
        metadata: { order: idempotencyKey },
        ...(isVideo ? { duration: 4 } : {}),
      },
      ...{ jobId: null, price: 0, ending: null },
    };
  }

  async function submit(order: Order): Promise<void> {
    const { path, body, idempotencyKey, customer } = order;
    const send = () => insist(() => call('POST', path, { key: customer.key, idempotencyKey, body }));
    let answer = await send();
    while (answer.status === 402) {
      await payFor(customer);
      answer = await send();
    }
    if (answer.status !== 202) {
      diary.faults.push(
        `${idempotencyKey} was answered with ${answer.status} ${JSON.stringify(answer.json)}`,
      );
      diary.open.delete(order);
      return;
    }
    const { jobId, chargedCredits } = answer.json;
    diary.acknowledge(order, { jobId: String(jobId), price: Number(chargedCredits) });
  }

  async function lookAt(order: Order, query = ''): Promise<void> {
    const { jobId, customer } = order;
    if (jobId === null) return;
    const answer = await insist(() => call('GET', `/v1/jobs/${jobId}${query}`, { key: customer.key }));
    if (answer.status === 200) diary.observe(order, String(answer.json['status']));
    else diary.faults.push(`${jobId} was promised, and reading it gives ${answer.status}`);
  }

  async function payFor(customer: Customer): Promise<void> {
    number += 1;
    const credit = { customer, reference: `payment-${number}`, amount: dice.between(1, 5) * 1000 };
    const path = `/api/public/customers/${customer.id}/credits`;
    const { reference, amount } = credit;
    const body = { operation: 'top_up', mode: 'test', reason: 'crash loop', reference, amount };
    const answer = await insist(() =>
      call('POST', path, { key: operatorKey, idempotencyKey: reference, body }),
    );
    if (answer.status === 200) diary.credits.push(credit);
    else diary.faults.push(`${reference} was answered with ${answer.status}`);
  }

  const someCustomer = () => dice.pick(diary.customers);
  const someOrder = (orders: Iterable<Order>) => {
    const acknowledged = [...orders].filter(({ jobId }) => jobId !== null);
    return acknowledged.length === 0 ? null : dice.pick(acknowledged);
  };

  return {
    lookAt,
    async order() {
      const order = makeOrder(someCustomer());
      diary.begin(order);
      await submit(order);
      if (!dice.isHit(CHANCES.replay)) return;
      diary.counts.replays += 1;
      await submit(order);
    },
    /** Mostly at what is open; sometimes at what has ended, which must not change. */
    async look() {
      const order = someOrder(dice.isHit(CHANCES.openOrder) ? diary.open : diary.orders);
      if (order !== null) await lookAt(order);
    },
    async cancel() {
      const order = someOrder(diary.open);
      if (order === null) return;
      const { customer, jobId } = order;
      const answer = await insist(() => call('POST', `/v1/jobs/${jobId}/cancel`, { key: customer.key }));
      if (answer.status === 200) diary.observe(order, String(answer.json['status']));
      else if (answer.status !== 409) diary.faults.push(`canceling ${jobId} gave ${answer.status}`);
    },
    pay: () => payFor(someCustomer()),
    async count() {
      const customer = someCustomer();
      const { status, json } = await insist(() => call('GET', '/v1/usage', { key: customer.key }));
      const [balance, reserved] = [Number(json['creditsBalance']), Number(json['creditsReserved'])];
      const paid = FIRST_CREDITS + sumOf(diary.credits.filter((credit) => credit.customer === customer));
      // Payments under way may be booked already, but no more than the callers have in hand.
      const isSane = reserved >= 0 && reserved <= balance && balance <= paid + CALLERS * 5000;
      if (status !== 200 || !isSane)
        diary.faults.push(`usage of ${customer.id}: ${status} ${JSON.stringify(json)}`);
    },
  };
}

function sumOf(credits: readonly { amount: number }[]): number {
  return credits.reduce((sum, { amount }) => sum + amount, 0);
}
