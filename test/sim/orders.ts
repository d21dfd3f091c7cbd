// What clients know of their orders, and what they do with them: send, send again, read, wait, cancel. Every answer is
// held against what was answered before.
import type { ErrorCode } from '../../src/errors.ts';
import { tinyPng } from '../support/tiny-media.ts';
import type { Send, SimAnswer } from './client.ts';
import type { Dice } from './dice.ts';
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
  /** How many answers were no replays. */
  firsts: number;
  /** The status it was seen to have ended with. */
  ended: string | null;
};

export type Orders = {
  make(customer: SimCustomer): Order;
  /** How many were accepted, as far as anybody was told. */
  accepted(): number;
  send(order: Order): Promise<void>;
  /** Another order under the key of an accepted one. */
  sendConflict(order: Order): Promise<void>;
  read(order: Order, waitSeconds: number): Promise<void>;
  cancel(order: Order): Promise<void>;
  fetch(order: Order): Promise<void>;
  /** Reads an order with the key of somebody else. */
  readForeign(order: Order, reader: SimCustomer): Promise<void>;
};

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
const DIRECTIVES = [
  '',
  '',
  '',
  '',
  '',
  '',
  ' [test:fail]',
  ' [test:reject]',
  ' [test:slow]',
  ' [test:503]',
] as const;
const IMAGE_SIZES = ['16:9_SMALL', '1:1_SMALL', '2:3_SMALL', '9:16_SMALL'] as const;
const VIDEO_SIZES = ['16:9_SMALL', '9:16_SMALL', '1:1_SMALL'] as const;
const REFERENCES = [
  'https://pictures.example/good.png',
  'https://pictures.example/shaky.png',
  'https://pictures.example/missing.png',
  'https://pictures.example/page.html',
] as const;
const INLINE = tinyPng(256, 256).toBase64();

export function createOrders(send: Send, dice: Dice, say: (fault: string) => void): Orders {
  let made = 0;
  let accepted = 0;

  /** Sends with a key of the customer and mode, and checks that a key that was taken away does not work. */
  async function ask(order: Order, method: string, path: string, more: Parameters<Send>[2] = {}) {
    const { customer, mode } = order;
    const revoked = customer.keys.filter((key) => key.isRevoked === true);
    const old = revoked.length > 0 && dice.isHit(0.05) ? dice.pick(revoked) : null;
    const key = old ?? usableKey(customer, mode, dice);
    if (key === null) return null;
    const mustFail = old !== null || customer.isSuspended === true;
    const mayFail = mustFail || customer.isSuspended === 'maybe';
    const answer = await send(method, path, { ...more, key: key.secret });
    if (answer === null) return null;
    const hasFailed = answer.code === 'authentication_failed' || answer.code === 'auth_rate_limited';
    if (mustFail && !hasFailed)
      say(`${method} ${path}: a key that was taken away still works (${answer.status})`);
    // Taken away while the request was under way.
    const isExcused = mayFail || key.isRevoked !== false || customer.isSuspended !== false;
    if (hasFailed && !isExcused) say(`${method} ${path}: a good key is refused`);
    return hasFailed ? null : answer;
  }

  async function submit(order: Order): Promise<void> {
    const waits = dice.isHit(0.1) ? { prefer: `wait=${dice.between(1, 20)}` } : {};
    const before = order.state;
    if (before !== 'accepted') order.state = 'lost';
    const answer = await ask(order, 'POST', `/v1/${order.type}s/generate`, {
      body: order.body,
      idempotencyKey: order.idempotencyKey,
      headers: waits,
    });
    if (answer === null) return;
    if (answer.code === null) return noteAcceptance(order, answer);
    const name = `order ${order.idempotencyKey}`;
    if (CIRCUMSTANCES.has(answer.code)) {
      // Where nothing was lost before, it is certain that this was nothing either.
      if (before === 'new' || before === 'refused')
        order.state = order.accepted === null ? 'refused' : 'accepted';
    } else if (!REFUSALS.has(answer.code)) say(`${name}: is refused with ${answer.code}`);
    else if (before === 'accepted') say(`${name}: is refused with ${answer.code} after it was accepted`);
    else if (order.accepted === null) order.state = 'refused';
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
    if (order.accepted === null) accepted += 1;
    order.accepted ??= { jobId: String(json['jobId']), text };
    order.state = 'accepted';
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
        firsts: 0,
        ended: null,
      };
    },
    accepted: () => accepted,
    send: submit,
    async sendConflict(order) {
      const answer = await ask(order, 'POST', `/v1/${order.type}s/generate`, {
        body: { ...order.body, prompt: 'something else' },
        idempotencyKey: order.idempotencyKey,
      });
      if (answer === null || answer.code === 'idempotency_key_conflict') return;
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
      if (answer?.code === null) noteStatus(order, answer.json);
      else if (answer !== null && !CIRCUMSTANCES.has(answer.code)) say(`job ${jobId}: reads ${answer.code}`);
    },
    async cancel(order) {
      if (order.accepted === null) return;
      const { jobId } = order.accepted;
      const answer = await ask(order, 'POST', `/v1/jobs/${jobId}/cancel`);
      if (answer === null) return;
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
      const url = result?.json['url'];
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
      const answer = await ask(
        { ...order, customer: reader, mode },
        'GET',
        `/v1/jobs/${order.accepted.jobId}`,
      );
      if (answer === null || answer.code === 'generation_not_found' || answer.code === 'rate_limit_exceeded')
        return;
      say(`job ${order.accepted.jobId}: somebody else reads ${answer.status}`);
    },
  };
}

function makeBody(dice: Dice, { mode, type, made }: { mode: string; type: string; made: number }) {
  const prompt = `order ${made}${mode === 'test' ? dice.pick(DIRECTIVES) : ''}`;
  const reference = dice.isHit(0.15)
    ? { referenceImage: dice.isHit(0.3) ? INLINE : { imageUrl: dice.pick(REFERENCES), strength: 'LOW' } }
    : {};
  if (type === 'image') {
    return { prompt, size: dice.pick(IMAGE_SIZES), quality: dice.pick(['LOW', 'MEDIUM']), ...reference };
  }
  const duration = dice.between(4, 15);
  return { prompt, size: dice.pick(VIDEO_SIZES), duration, motionHasAudio: dice.isHit(0.5), ...reference };
}
