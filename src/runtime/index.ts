// The four things the world gives the product: time, randomness, the network and a place to log. Everything
// else is deterministic, which is what lets tests live through weeks in seconds.
import { createSystemClock, type Clock } from './clock.ts';
import { createLog, type Log, type LogOptions } from './log.ts';
import { createNet, type Net } from './net.ts';
import { createSystemRandom, type Random } from './random.ts';

export type { Clock } from './clock.ts';
export type { Log } from './log.ts';
export type { Net, NetRequest, NetResponse } from './net.ts';
export type { Random } from './random.ts';

export type Runtime = { clock: Clock; random: Random; net: Net; log: Log };

export function systemRuntime(options: LogOptions): Runtime {
  const clock = createSystemClock();
  return { clock, random: createSystemRandom(), net: createNet({ clock }), log: createLog(options) };
}
