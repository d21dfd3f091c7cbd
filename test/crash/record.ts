// What the customers of the crash loop know: what they ordered, what was promised to them, and how it ended. Whatever
// the gateway says later must agree with it.
export type Ending = 'completed' | 'failed' | 'canceled';

export type Order = {
  idempotencyKey: string;
  customer: Customer;
  path: string;
  body: { prompt: string; metadata: Record<string, string>; duration?: number };
  /** The job that was acknowledged; null until then. */
  jobId: string | null;
  price: number;
  ending: Ending | null;
};

export type Customer = { id: string; key: string };

export type Credit = { customer: Customer; reference: string; amount: number };

/** What every wallet for test keys begins with. */
export const FIRST_CREDITS = 100_000;

const ENDINGS: readonly string[] = ['completed', 'failed', 'canceled'] satisfies Ending[];

export type Diary = ReturnType<typeof createDiary>;

export function createDiary() {
  const orders: Order[] = [];
  const credits: Credit[] = [];
  const faults: string[] = [];
  const open = new Set<Order>();
  const counts = { requests: 0, lostAnswers: 0, retries: 0, replays: 0 };

  return {
    customers: [] as Customer[],
    orders,
    /** Top-ups that were acknowledged. */
    credits,
    /** What must never happen, and did. */
    faults,
    counts,
    /** Orders of which no ending is known. */
    open,
    begin(order: Order): void {
      orders.push(order);
      open.add(order);
    },
    /** Notes the answer to an order; every answer names the same job. */
    acknowledge(order: Order, answer: { jobId: string; price: number }): void {
      if (order.jobId !== null && order.jobId !== answer.jobId) {
        faults.push(`${order.idempotencyKey} was ${order.jobId} and is now ${answer.jobId}`);
      }
      order.jobId = answer.jobId;
      order.price = answer.price;
    },
    /** Notes how a job stands; an ending stays. */
    observe(order: Order, status: string): void {
      const ending = ENDINGS.includes(status) ? (status as Ending) : null;
      if (order.ending !== null && ending !== order.ending) {
        faults.push(`${order.jobId} was ${order.ending} and is now ${status}`);
      }
      order.ending = ending;
      if (ending !== null) open.delete(order);
    },
  };
}
