// The four things the world gives the product: time, randomness, the network and a place to log. Everything
// else is deterministic, which is what lets tests live through weeks in seconds.
import { createSystemClock, type Clock } from './clock.ts';
import { createLog, type Log, type LogOptions } from './log.ts';
import { createNet, type Net } from './net.ts';
import { createSystemRandom, type Random } from './random.ts';

export type { Clock } from './clock.ts';
export type { Log } from './log.ts';
export type { Net } from './net.ts';
export type {
  Destination,
  NetDownload,
  NetFailure,
  NetHead,
  NetRequest,
  NetResponse,
  Sink,
} from './net-outcome.ts';
export type { Random } from './random.ts';

export type Runtime = { clock: Clock; random: Random; net: Net; log: Log };

/** `isInTransaction` comes from the store, which the runtime must not know. */
export function systemRuntime(options: LogOptions & { isInTransaction: () => boolean }): Runtime {
  const clock = createSystemClock();
  const net = createNet({ clock, isInTransaction: options.isInTransaction });
  return { clock, random: createSystemRandom(), net, log: createLog(options) };
}
