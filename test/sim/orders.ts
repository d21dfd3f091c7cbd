// What clients know of their orders, and what they do with them: send, send again, read, wait, cancel. Every answer is
// held against what was answered before.
import type { ErrorCode } from '../../src/errors.ts';
import type { Send, SimAnswer } from './client.ts';
import type { Dice } from './dice.ts';
import { bucketOf, type LimitWatch } from './limit-watch.ts';
import { makeBody } from './order-body.ts';
import { usableKey, type SimCustomer, type SimKey } from './population.ts';

export type Order = {
  customer: SimCustomer;
  mode: SimKey['mode'];
  type: 'image' | 'video';
  idempotencyKey: string;
  body: Record<string, unknown>;
  /** `lost`: it was sent, and nobody knows what became of it. */
  state: 'new' | 'lost' | 'refused' | 'accepted';
  /** What the first acceptance said, without what a replay may say differently. */
  accepted: { jobId: string; text: string } | null;
  /** How often it was sent, how often it is on its way now, and how many answers were no replays. */
  sends: number;
  underWay: number;
  firsts: number;
  /** The status it was seen to have ended with. */
  ended: string | null;
};

export type Orders = {
  make(customer: SimCustomer): Order;
  /** The jobs that anybody was told of. */
  readonly acknowledged: ReadonlySet<string>;
  /** Orders that nobody knows the fate of. */
  readonly lost: ReadonlySet<Order>;
  send(order: Order): Promise<void>;
  /** Sends an order that got lost until it is known what became of it, as patiently as the gateway asks for. */
  findOut(order: Order, maxTries: number): Promise<void>;
  /** Another order under the key of an accepted one. */
  sendConflict(order: Order): Promise<void>;
  read(order: Order, waitSeconds: number): Promise<void>;
  cancel(order: Order): Promise<void>;
  fetch(order: Order): Promise<void>;
  /** Reads an order with the key of somebody else. */
  readForeign(order: Order, reader: SimCustomer): Promise<void>;
};

export type OrdersParts = {
  send: Send;
  dice: Dice;
  say: (fault: string) => void;
  sleep: (ms: number) => Promise<void>;
  watch: LimitWatch;
};

/** There was no answer; there was no key to ask with; or the key does not work. */
type Silence = 'no answer' | 'not asked' | 'locked out';

/** What a new order may be refused with once its key was looked up: it is certain then that it is no job. */
const REFUSALS = new Set<ErrorCode>([
  'insufficient_credits',
  'concurrency_limit_exceeded',
  'provider_unavailable',
]);
/** What any request may be refused with, by circumstances that say nothing about an order. */
const CIRCUMSTANCES = new Set<ErrorCode>(['rate_limit_exceeded', 'service_unavailable']);
/** What a link may be answered with, besides its file: its time is over, or the store is broken. */
const GONE = new Set<ErrorCode | null>(['result_unavailable', 'invalid_signature', 'service_unavailable']);
const RETRY_MS = 1500;

export function createOrders({ send, dice, say, sleep, watch }: OrdersParts): Orders {
  let made = 0;
  const acknowledged = new Set<string>();
  const lost = new Set<Order>();

  /** Sends with a key of the customer and mode, and checks that a key that was taken away does not work. */
  async function ask(
    order: Pick<Order, 'customer' | 'mode'>,
    method: string,
    path: string,
    more: Parameters<Send>[2] = {},
  ): Promise<SimAnswer | Silence> {
    const { customer, mode } = order;
    const revoked = customer.keys.filter((key) => key.isRevoked === true);
    const old = revoked.length > 0 && dice.isHit(0.05) ? dice.pick(revoked) : null;
    const key = old ?? usableKey(customer, mode, dice);
    if (key === null) return 'not asked';
    const mustFail = old !== null || customer.isSuspended === true;
    const mayFail = mustFail || customer.isSuspended === 'maybe';
    const noteEnd = watch.asks(customer);
    const answer = await send(method, path, { ...more, key: key.secret });
    noteEnd(answer);
    if (answer === null) return 'no answer';
    const hasFailed = answer.code === 'authentication_failed' || answer.code === 'auth_rate_limited';
    if (mustFail && !hasFailed)
      say(`${method} ${path}: a key that was taken away still works (${answer.status})`);
    // Taken away while the request was under way.
    const isExcused = mayFail || key.isRevoked !== false || customer.isSuspended !== false;
    if (hasFailed && !isExcused) say(`${method} ${path}: a good key is refused`);
    return hasFailed ? 'locked out' : answer;
  }

  /** Returns how long to wait before another try. */
  async function submit(order: Order): Promise<number> {
    const waits = dice.isHit(0.1) ? { prefer: `wait=${dice.between(1, 20)}` } : {};
    const before = order.state;
    order.sends += 1;
    order.underWay += 1;
    const [sendsBefore, wasAlone] = [order.sends, order.underWay === 1];
    if (before !== 'accepted') order.state = 'lost';
    const noteEnd = watch.orders(order.customer);
    const answer = await ask(order, 'POST', `/v1/${order.type}s/generate`, {
      body: order.body,
      idempotencyKey: order.idempotencyKey,
      headers: waits,
    });
    const isAnswer = typeof answer !== 'string';
    noteEnd(isAnswer ? answer : null);
    order.underWay -= 1;
    if (isAnswer && answer.code === null) noteAcceptance(order, answer);
    else {
      // A refusal tells of an order only when nobody else was sending it meanwhile.
      const isAlone = wasAlone && order.sends === sendsBefore;
      const isNothing = isRefusal(order, before, answer) && isAlone && order.accepted === null;
      if (isNothing) order.state = 'refused';
    }
    if (order.state === 'lost') lost.add(order);
    else lost.delete(order);
    return isAnswer ? Math.max(RETRY_MS, answer.retryAfterMs) : RETRY_MS;
  }

  /** Whether it is certain that an order is no job, provided that nobody else sends it. */
  function isRefusal(order: Order, before: Order['state'], answer: SimAnswer | Silence): boolean {
    if (answer === 'no answer') return false;
    const name = `order ${order.idempotencyKey}`;
    // This time it was nothing; where nothing was lost before, it is nothing at all.
    const isStillNothing = before === 'new' || before === 'refused';
    if (typeof answer === 'string' || answer.code === null) return isStillNothing;
    const isLookedUp = REFUSALS.has(answer.code) || bucketOf(answer) === 'generations';
    if (isLookedUp) {
      if (before === 'accepted') say(`${name}: is refused with ${answer.code} after it was accepted`);
      return true;
    }
    if (!CIRCUMSTANCES.has(answer.code)) say(`${name}: is refused with ${answer.code}`);
    return isStillNothing;
  }

  function noteAcceptance(order: Order, { json, headers, status }: SimAnswer): void {
    const { idempotentReplay, status: _, result: _r, error: _e, ...rest } = json;
    const text = JSON.stringify(rest);
    const name = `order ${order.idempotencyKey}`;
    if (status !== 202 && status !== 200) say(`${name}: is accepted with ${status}`);
    if ((headers.get('idempotency-replayed') === 'true') !== idempotentReplay)
      say(`${name}: contradicts its header`);
    if (idempotentReplay === false) order.firsts += 1;
    if (order.firsts > 1) say(`${name}: two answers say that they are the first`);
    order.state = 'accepted';
    if (order.accepted === null) {
      const jobId = String(json['jobId']);
      if (acknowledged.has(jobId)) say(`${name}: its job ${jobId} is another order's as well`);
      acknowledged.add(jobId);
      order.accepted = { jobId, text };
    }
    if (order.accepted.text !== text) say(`${name}: ${text} is not ${order.accepted.text}`);
  }

  function noteStatus(order: Order, json: Record<string, unknown>): void {
    const status = String(json['status']);
    const name = `job ${order.accepted?.jobId ?? ''}`;
    if (order.ended !== null && status !== order.ended)
      say(`${name}: is ${status} after it was ${order.ended}`);
    if (status === 'processing') return;
    order.ended = status;
    const { chargedCredits, refundedCredits } = json as { chargedCredits: number; refundedCredits: number };
    if (status !== 'completed' && refundedCredits !== chargedCredits)
      say(`${name}: is ${status} and not given back`);
  }

  return {
    make(customer) {
      made += 1;
      const mode = dice.isHit(0.25) ? 'test' : 'live';
      const type = dice.isHit(0.2) ? 'video' : 'image';
      const body = makeBody(dice, { mode, type, made });
      const idempotencyKey = `order-${made}`;
      return {
        customer,
        mode,
        type,
        idempotencyKey,
        body,
        state: 'new',
        accepted: null,
        sends: 0,
        underWay: 0,
        firsts: 0,
        ended: null,
      };
    },
    acknowledged,
    lost,
    async send(order) {
      await submit(order);
    },
    async findOut(order, maxTries) {
      for (let tries = 0; tries < maxTries && order.state === 'lost'; tries++) {
        const waitMs = await submit(order);
        if (lost.has(order)) await sleep(waitMs);
      }
    },
    async sendConflict(order) {
      const answer = await ask(order, 'POST', `/v1/${order.type}s/generate`, {
        body: { ...order.body, prompt: 'something else' },
        idempotencyKey: order.idempotencyKey,
      });
      if (typeof answer === 'string' || answer.code === 'idempotency_key_conflict') return;
      if (answer.code === null || !CIRCUMSTANCES.has(answer.code)) {
        say(`order ${order.idempotencyKey}: another order under its key is answered with ${answer.status}`);
      }
    },
    async read(order, waitSeconds) {
      if (order.accepted === null) return;
      const { jobId } = order.accepted;
      const answer = await ask(
        order,
        'GET',
        `/v1/jobs/${jobId}${waitSeconds > 0 ? `?wait=${waitSeconds}` : ''}`,
      );
      if (typeof answer === 'string') return;
      if (answer.code === null) noteStatus(order, answer.json);
      else if (!CIRCUMSTANCES.has(answer.code)) say(`job ${jobId}: reads ${answer.code}`);
    },
    async cancel(order) {
      if (order.accepted === null) return;
      const { jobId } = order.accepted;
      const answer = await ask(order, 'POST', `/v1/jobs/${jobId}/cancel`);
      if (typeof answer === 'string') return;
      if (answer.code === null) {
        if (answer.json['status'] !== 'canceled')
          say(`job ${jobId}: is canceled and says ${String(answer.json['status'])}`);
        noteStatus(order, answer.json);
      } else if (answer.code !== 'generation_not_cancelable' && !CIRCUMSTANCES.has(answer.code)) {
        say(`job ${jobId}: its cancel is refused with ${answer.code}`);
      }
    },
    async fetch(order) {
      if (order.accepted === null) return;
      const result = await ask(order, 'GET', `/v1/jobs/${order.accepted.jobId}/result`);
      const url = typeof result === 'string' ? null : result.json['url'];
      if (typeof url !== 'string') return;
      const file = await send('GET', url.slice(url.indexOf('/v1/')));
      // Its retention may end between the two requests.
      if (file === null || GONE.has(file.code)) return;
      if (file.status !== 200 || file.bytes === 0)
        say(`job ${order.accepted.jobId}: its file answers ${file.status}`);
    },
    async readForeign(order, reader) {
      if (order.accepted === null) return;
      const mode = reader === order.customer ? (order.mode === 'live' ? 'test' : 'live') : order.mode;
      const answer = await ask({ customer: reader, mode }, 'GET', `/v1/jobs/${order.accepted.jobId}`);
      if (
        typeof answer === 'string' ||
        answer.code === 'generation_not_found' ||
        answer.code === 'rate_limit_exceeded'
      )
        return;
      say(`job ${order.accepted.jobId}: somebody else reads ${answer.status}`);
    },
  };
}
