// What clients know of the limits they live under: they count what they ask for, so that neither a refusal without a
// reason nor an acceptance too many goes unseen. They count generously: what was under way for a part of the minute
// may have been counted in it.
import type { SimAnswer } from './client.ts';
import type { SimCustomer } from './population.ts';

export type LimitWatch = {
  /** A request has left; the returned function notes its end. */
  asks(customer: SimCustomer): (answer: SimAnswer | null) => void;
  /** An order has left, likewise. */
  orders(customer: SimCustomer): (answer: SimAnswer | null) => void;
};

export type LimitWatchParts = {
  elapsedMs: () => number;
  /** Since when no process began and nobody set the clock: what was before is known to a process by its wall clock. */
  calmSinceMs: () => number;
  say: (fault: string) => void;
};

/** `isCounted` is false for what came to nothing; while it was under way it may have been in the way of others. */
type Stay = { fromMs: number; toMs: number; isCounted: boolean };
type Bucket = 'requests' | 'generations';
type Counted = Record<Bucket | 'accepted', Stay[]>;

const MINUTE_MS = 60_000;

export function createLimitWatch({ elapsedMs, calmSinceMs, say }: LimitWatchParts): LimitWatch {
  const counts = new Map<SimCustomer, Counted>();

  function countsOf(customer: SimCustomer): Counted {
    const known = counts.get(customer) ?? { requests: [], generations: [], accepted: [] };
    counts.set(customer, known);
    return known;
  }

  function begin(stays: Stay[]): Stay {
    const stay = { fromMs: elapsedMs(), toMs: Infinity, isCounted: true };
    stays.push(stay);
    return stay;
  }

  function end(stay: Stay, isCounted: boolean): void {
    stay.toMs = elapsedMs();
    stay.isCounted = isCounted;
  }

  function forget(stays: Stay[]): void {
    const kept = stays.filter(({ toMs }) => toMs > elapsedMs() - MINUTE_MS);
    stays.splice(0, stays.length, ...kept);
  }

  function judgeRefusal({ id }: SimCustomer, stays: Stay[], own: Stay, answer: SimAnswer): void {
    const { limit, bucket } = detailsOf(answer);
    forget(stays);
    const made = stays.filter((stay) => stay !== own && (stay.isCounted || stay.toMs >= own.fromMs)).length;
    if (made < limit) say(`customer ${id}: ${made} ${bucket} in a minute are refused, ${limit} are allowed`);
  }

  function judgeAcceptance(customer: SimCustomer, accepted: Stay[], own: Stay): void {
    accepted.push(own);
    forget(accepted);
    const wholly = accepted.filter(({ fromMs }) => fromMs > elapsedMs() - MINUTE_MS).length;
    if (wholly > customer.generationsPerMinute)
      say(`customer ${customer.id}: ${wholly} generations in a minute are accepted`);
  }

  return {
    asks(customer) {
      const { requests } = countsOf(customer);
      forget(requests);
      const own = begin(requests);
      return (answer) => {
        const isRefused = bucketOf(answer) === 'requests';
        end(own, !isRefused);
        if (isRefused && answer !== null) judgeRefusal(customer, requests, own, answer);
      };
    },
    orders(customer) {
      const { generations, accepted } = countsOf(customer);
      forget(generations);
      const own = begin(generations);
      return (answer) => {
        const isNew = answer?.code === null && answer.json['idempotentReplay'] === false;
        end(own, answer === null || isNew);
        if (elapsedMs() - calmSinceMs() <= MINUTE_MS || answer === null) return;
        if (bucketOf(answer) === 'generations') judgeRefusal(customer, generations, own, answer);
        if (isNew) judgeAcceptance(customer, accepted, own);
      };
    },
  };
}

/** Which limit refused a request. */
export function bucketOf(answer: SimAnswer | null): Bucket | null {
  return answer?.code === 'rate_limit_exceeded' ? detailsOf(answer).bucket : null;
}

function detailsOf({ json }: SimAnswer): { limit: number; bucket: Bucket } {
  return (json['error'] as { details: { limit: number; bucket: Bucket } }).details;
}
