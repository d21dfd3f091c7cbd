// The catalogue: which of its models come to their end. Told ahead, so that customers can be told; no fault of a folder.
import { endingModels, readShippedModels } from '../catalog/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { fine, type Finding } from './finding.ts';

const WARN_DAYS = 60;

export function examineModels(clock: Clock): Finding {
  const models = readShippedModels();
  const ending = endingModels(models, clock.now(), WARN_DAYS);
  if (ending.length === 0) return fine('models', `${models.length}, all of them to stay`);
  const named = ending.map(
    ({ model, on, daysLeft }) => `${model} ${daysLeft === 0 ? 'has ended' : 'ends'} on ${on}`,
  );
  const successors = [...new Set(ending.flatMap(({ successor }) => successor ?? []))];
  const instead = successors.length === 0 ? '' : `; instead there is ${successors.join(', ')}`;
  return {
    ...fine('models', `${models.length}; ${named.join(', ')}`),
    advice: `tell the customers who use ${ending.length === 1 ? 'it' : 'them'}${instead}`,
  };
}
