// The workers that draw cards: as many as allowed, started when there is work and ended when there has been none
// for a while, so that an idle gateway holds no memory for them. Cards wait in a bounded queue; a worker that
// dies fails its own card only.
import { Bug, GatewayError, unreachable, type ErrorCode } from '../errors.ts';
import type { Clock } from '../runtime/index.ts';
import type { RenderedCard, TestCard } from './card.ts';

/** What a worker sends back for a card. */
export type WorkerAnswer =
  | { kind: 'rendered'; rendered: RenderedCard }
  | { kind: 'refused'; code: ErrorCode; message: string }
  | { kind: 'failed'; message: string };

export type PoolOptions = {
  /** At most this many cards are drawn at the same time. */
  maxWorkers: number;
  /** At most this many more wait; the next is refused. */
  maxQueued: number;
  clock: Clock;
  /** Where the worker's code lies; a test may set its own. */
  workerUrl: URL;
};

type Task = { card: TestCard; done(rendered: RenderedCard): void; failed(why: Error): void };

/** A running worker: with a task it is busy, with `rest` it waits for one and ends when `rest` runs out. */
type Seat = { worker: Worker; task: Task | null; rest: AbortController | null };

export type Pool = {
  run(card: TestCard): Promise<RenderedCard>;
  load(): { workers: number; queued: number };
  close(): void;
};

/** Starting a worker costs about 20 ms, and its first card another 50 until its code is compiled. */
const REST_MS = 10_000;
const RETRY_AFTER_MS = 2000;

const refuse = (message: string) =>
  new GatewayError('service_unavailable', { message, retryAfterMs: RETRY_AFTER_MS });

export function createPool({ maxWorkers, maxQueued, clock, workerUrl }: PoolOptions): Pool {
  const seats = new Set<Seat>();
  const queue: Task[] = [];
  let isClosed = false;

  /** Gives a free worker the next card, or a rest after which it ends. */
  const serve = (seat: Seat): void => {
    if (!seats.has(seat)) return;
    const next = queue.shift();
    if (next) return give(seat, next);
    const rest = new AbortController();
    seat.rest = rest;
    void endAfterRest(seat, rest.signal);
  };

  const endAfterRest = async (seat: Seat, signal: AbortSignal): Promise<void> => {
    await clock.sleep(REST_MS, signal);
    if (!signal.aborted) dropSeat(seat, 'it was idle');
  };

  /** Forgets a worker, whatever became of it; called again for the same worker it does nothing. */
  const dropSeat = (seat: Seat, why: string): void => {
    if (!seats.delete(seat)) return;
    seat.rest?.abort();
    seat.worker.terminate();
    seat.task?.failed(refuse(`The worker ended while it drew a test card: ${why}.`));
    seat.task = null;
    const next = isClosed ? undefined : queue.shift();
    if (next) give(addSeat(), next);
  };

  const addSeat = (): Seat => {
    const seat = openSeat(workerUrl, { free: serve, ended: dropSeat });
    seats.add(seat);
    return seat;
  };

  const take = (task: Task): void => {
    const free = [...seats].find((seat) => seat.task === null);
    if (isClosed) task.failed(refuse('The maker of test cards is closed.'));
    else if (free) give(free, task);
    else if (seats.size < maxWorkers) give(addSeat(), task);
    else if (queue.length < maxQueued) queue.push(task);
    else task.failed(refuse('Too many test cards are waiting to be drawn.'));
  };

  return {
    run: (card) => new Promise((done, failed) => take({ card, done, failed })),
    load: () => ({ workers: seats.size, queued: queue.length }),
    close: () => {
      isClosed = true;
      for (const task of queue.splice(0)) task.failed(refuse('The maker of test cards was closed.'));
      for (const seat of seats) dropSeat(seat, 'the maker of test cards was closed');
    },
  };
}

type SeatEvents = { free(seat: Seat): void; ended(seat: Seat, why: string): void };

function openSeat(workerUrl: URL, events: SeatEvents): Seat {
  const worker = new Worker(workerUrl, { name: 'testcard' });
  const seat: Seat = { worker, task: null, rest: null };
  worker.addEventListener('message', (event: MessageEvent<WorkerAnswer>) => {
    const { task } = seat;
    seat.task = null;
    if (task) settle(task, event.data);
    events.free(seat);
  });
  worker.addEventListener('error', (event) => events.ended(seat, event.message));
  worker.addEventListener('close', () => events.ended(seat, 'it stopped'));
  return seat;
}

function give(seat: Seat, task: Task): void {
  seat.rest?.abort();
  seat.rest = null;
  seat.task = task;
  seat.worker.postMessage(task.card, { transfer: [] });
}

function settle(task: Task, answer: WorkerAnswer): void {
  switch (answer.kind) {
    case 'rendered':
      return task.done(answer.rendered);
    case 'refused':
      return task.failed(new GatewayError(answer.code, { message: answer.message }));
    case 'failed':
      return task.failed(new Bug(`a test card could not be drawn: ${answer.message}`));
    default:
      return unreachable(answer);
  }
}
