// Whether a price rule fits its model: one that names what the model does not have, or leaves a request without a
// price, is a mistake that would be found by customers.
import type { FieldFault } from '../errors.ts';
import type { Model } from './model.ts';
import { priceOf, type PriceRule } from './price.ts';

/** The first thing that is wrong, with its path inside of the rule; null when the rule fits. */
export function faultOfRule(rule: PriceRule, model: Model): FieldFault | null {
  if (rule.per === 'second' && model.durationSeconds === undefined) {
    return { path: 'per', message: `must be job, because ${model.id} has no duration` };
  }
  const sizes = Object.keys(model.sizes);
  for (const [index, { when = {} }] of rule.rates.entries()) {
    const path = `rates.${index}.when`;
    const { size, quality } = when;
    if (size !== undefined && !sizes.includes(size)) {
      return { path: `${path}.size`, message: `must be one of ${sizes.join(', ')}` };
    }
    const qualities = model.qualities ?? [];
    if (quality !== undefined && !qualities.includes(quality)) {
      return {
        path: `${path}.quality`,
        message:
          qualities.length === 0 ? 'is nothing that the model has' : `must be one of ${qualities.join(', ')}`,
      };
    }
  }
  return faultOfCover(rule, model);
}

/** Every combination of what a request can choose must have a price. */
function faultOfCover(rule: PriceRule, model: Model): FieldFault | null {
  for (const size of Object.keys(model.sizes)) {
    for (const quality of model.qualities ?? [undefined]) {
      for (const hasAudio of model.canHaveAudio ? [true, false] : [false]) {
        const durationSeconds = model.durationSeconds?.default;
        if (priceOf(rule, { size, quality, hasAudio, durationSeconds }) !== null) continue;
        const request = [size, quality, model.canHaveAudio ? `hasAudio ${hasAudio}` : undefined];
        const named = request.filter((part) => part !== undefined).join(', ');
        return { path: 'rates', message: `leaves a request without a price (${named})` };
      }
    }
  }
  return null;
}
