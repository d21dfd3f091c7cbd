// The load of a simulation: customers and operators who do one thing or another, as often as real ones do, and clients
// that send again what got lost.
import { unreachable } from '../../src/errors.ts';
import type { Send } from './client.ts';
import type { Dice } from './dice.ts';
import type { LimitWatch } from './limit-watch.ts';
import { createOperators } from './operators.ts';
import { createOrders, type Order } from './orders.ts';
import {
  createOperator,
  makeAccount,
  makeCustomer,
  type Population,
  type SimCustomer,
} from './population.ts';

export type Workload = {
  /** Makes the customers; to be called once, in good weather. */
  settleIn(): Promise<void>;
  /** Starts some of what people do. */
  act(count: number): void;
  /** Sends every order that got lost until it is known what became of it, with a key that works. */
  recover(): Promise<void>;
  /** Reads the accepted orders among the recent ones. */
  readRecent(): Promise<void>;
  /** How many requests wait for an answer, or for their next try. */
  underWay(): number;
  /** The newest orders; nobody comes back to older ones, but for those that got lost. */
  readonly recent: readonly Order[];
  readonly lost: ReadonlySet<Order>;
  /** The jobs that anybody was told of. */
  readonly acknowledged: ReadonlySet<string>;
  readonly population: Population;
};

const CUSTOMERS = 10;
/** Of the provider that has accounts; together fewer slots than a busy hour would fill. */
const ACCOUNTS = 3;
/** Clients do not come back to orders of long ago. */
const RECENT = 400;
/** How often a client tries to find out what became of an order: in the middle of everything, and at the end. */
const TRIES = { meanwhile: 5, atTheEnd: 100 } as const;
const CUSTOMER_ACTS = {
  order: 500,
  'send again': 60,
  'find out': 30,
  'send twice': 25,
  conflict: 20,
  read: 100,
  wait: 25,
  cancel: 45,
  fetch: 30,
  'read foreign': 10,
} as const;
const OPERATOR_ACTS = {
  'top up': 16,
  adjust: 6,
  'set prices': 2,
  'replace key': 3,
  'rotate key': 2,
  suspend: 2,
  'change plan': 1,
  refund: 6,
  resolve: 6,
} as const;
const ACTS = { ...CUSTOMER_ACTS, ...OPERATOR_ACTS } as const;
type Act = keyof typeof ACTS;
type OperatorAct = keyof typeof OPERATOR_ACTS;

const isOperatorAct = (act: Act): act is OperatorAct => act in OPERATOR_ACTS;

export type WorkloadParts = {
  send: Send;
  dice: Dice;
  say: (fault: string) => void;
  sleep: (ms: number) => Promise<void>;
  watch: LimitWatch;
};

export function createWorkload({ send, dice, say, sleep, watch }: WorkloadParts): Workload {
  const population: Population = { customers: [] };
  const book: Order[] = [];
  const orders = createOrders({ send, dice: dice.fork('orders'), say, sleep, watch });
  const operator = createOperator(send, { sleep });
  const operators = createOperators(operator, dice.fork('operators'), { say, sleep });
  const busy = new Set<Promise<void>>();
  const customer = () => dice.pick(population.customers);
  const recent = (): Order | undefined =>
    book[dice.between(Math.max(0, book.length - RECENT), book.length - 1)];
  const firstLost = (): Order | undefined => orders.lost.values().next().value;

  function launch(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((thrown: unknown) => say(`a client broke: ${String(thrown)}`))
      .finally(() => void busy.delete(tracked));
    busy.add(tracked);
  }

  function newOrder(): Order {
    const order = orders.make(customer());
    book.push(order);
    if (book.length > 2 * RECENT) book.splice(0, RECENT);
    return order;
  }

  async function actOnce(): Promise<void> {
    const act = dice.draw(ACTS);
    if (act === 'order') return orders.send(newOrder());
    const order = recent();
    if (order === undefined) return;
    if (isOperatorAct(act)) return actAsOperator(act, order, customer());
    return actAsCustomer(act, order);
  }

  async function actAsCustomer(act: Exclude<Act, OperatorAct | 'order'>, order: Order): Promise<void> {
    switch (act) {
      case 'send again':
        return orders.send(order);
      case 'find out': {
        const lost = firstLost();
        return lost === undefined ? undefined : orders.findOut(lost, TRIES.meanwhile);
      }
      case 'send twice': {
        const twin = newOrder();
        await Promise.all([orders.send(twin), orders.send(twin)]);
        return;
      }
      case 'conflict':
        return order.accepted === null ? undefined : orders.sendConflict(order);
      case 'read':
        return orders.read(order, 0);
      case 'wait':
        return orders.read(order, dice.between(1, 30));
      case 'cancel':
        return orders.cancel(order);
      case 'fetch':
        return orders.fetch(order);
      case 'read foreign':
        return orders.readForeign(order, customer());
      default:
        return unreachable(act);
    }
  }

  async function actAsOperator(act: OperatorAct, order: Order, whose: SimCustomer): Promise<void> {
    switch (act) {
      case 'top up':
        return operators.topUp(whose);
      case 'adjust':
        return operators.adjust(whose);
      case 'set prices':
        return operators.setPrices();
      case 'replace key':
        return operators.replaceKey(whose);
      case 'rotate key':
        return operators.rotateKey(whose);
      case 'suspend':
        return operators.suspend(whose);
      case 'change plan':
        return operators.changePlan(whose);
      case 'refund':
        return operators.refund(order);
      case 'resolve':
        return operators.resolve(order);
      default:
        return unreachable(act);
    }
  }

  return {
    async settleIn() {
      const own = dice.fork('customers');
      for (let number = 1; number <= CUSTOMERS; number++) {
        population.customers.push(await makeCustomer(operator, own, number));
      }
      for (let number = 1; number <= ACCOUNTS; number++) await makeAccount(operator, number);
    },
    act(count) {
      for (let index = 0; index < count; index++) launch(actOnce());
    },
    async recover() {
      for (const whose of population.customers) await operators.ensureKeys(whose);
      const findOut = async (whose: SimCustomer) => {
        for (const order of [...orders.lost].filter((lost) => lost.customer === whose)) {
          await orders.findOut(order, TRIES.atTheEnd);
        }
      };
      await Promise.all(population.customers.map(findOut));
    },
    async readRecent() {
      const accepted = book.filter((order) => order.accepted !== null);
      await Promise.all(accepted.map((order) => orders.read(order, 0)));
    },
    underWay: () => busy.size,
    recent: book,
    lost: orders.lost,
    acknowledged: orders.acknowledged,
    population,
  };
}
