// Models that come to their end: nobody will serve them any more from a day on, which their provider has announced.
import { DAY_MS, isoInstant, type Instant } from '../runtime/clock.ts';
import type { Model } from './model.ts';

/** `daysLeft` counts whole days in UTC; 0 from the day itself on. */
export type Ending = { model: string; on: string; daysLeft: number; successor: string | null };

const LENGTH_OF_DATE = 10;

/** The models that end within so many days, and those that have ended, the first to end first. */
export function endingModels(models: readonly Model[], now: Instant, withinDays: number): Ending[] {
  const today = Date.parse(isoInstant(now).slice(0, LENGTH_OF_DATE));
  return models
    .flatMap(({ id, retirement }) => {
      if (retirement === undefined) return [];
      const daysLeft = Math.max(0, (Date.parse(retirement.on) - today) / DAY_MS);
      return [{ model: id, on: retirement.on, daysLeft, successor: retirement.successor ?? null }];
    })
    .filter(({ daysLeft }) => daysLeft <= withinDays)
    .sort((a, b) => a.daysLeft - b.daysLeft);
}
