// Whether a price rule fits its model: one that names what the model does not have, or leaves a request without a
// price, is a mistake that would be found by customers.
import type { FieldFault } from '../errors.ts';
import { tiersOf, type Model } from './model.ts';
import { priceOf, type PriceRule } from './price.ts';

/** The first thing that is wrong, with its path inside of the rule; null when the rule fits. */
export function faultOfRule(rule: PriceRule, model: Model): FieldFault | null {
  if (rule.per === 'second' && model.durationSeconds === undefined) {
    return { path: 'per', message: `must be job, because ${model.id} has no duration` };
  }
  const known = {
    size: Object.keys(model.sizes),
    resolution: tiersOf(model),
    quality: model.qualities ?? [],
  };
  for (const [index, { when = {} }] of rule.rates.entries()) {
    for (const name of ['size', 'resolution', 'quality'] as const) {
      const fault = faultOfWord(when[name], known[name]);
      if (fault !== null) return { path: `rates.${index}.when.${name}`, message: fault };
    }
  }
  return faultOfCover(rule, model);
}

function faultOfWord(word: string | undefined, known: readonly string[]): string | null {
  if (word === undefined || known.includes(word)) return null;
  return known.length === 0 ? 'is nothing that the model has' : `must be one of ${known.join(', ')}`;
}

/** Every combination of what a request can choose must have a price. */
function faultOfCover(rule: PriceRule, model: Model): FieldFault | null {
  for (const size of Object.keys(model.sizes)) {
    for (const quality of model.qualities ?? [undefined]) {
      for (const hasAudio of model.canHaveAudio ? [true, false] : [model.alwaysHasAudio]) {
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
