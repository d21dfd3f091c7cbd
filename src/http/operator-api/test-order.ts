// The order of a test generation: what was asked for, and the model's own defaults for the rest.
import { durationsOf, type Model } from '../../catalog/index.ts';
import { invalidField } from '../../errors.ts';
import type { JobType } from '../../words.ts';

export type TestWish = {
  type: JobType;
  prompt?: string;
  size?: string;
  quality?: string;
  durationSeconds?: number;
};

const PROMPT = 'A lighthouse at dawn, calm sea';

/** @throws GatewayError `invalid_input` for what the model does not offer */
export function testOrder(model: Model, wish: TestWish) {
  const { prompt = PROMPT, size = model.defaultSize, quality = model.defaultQuality } = wish;
  const sides = model.sizes[size];
  if (sides === undefined)
    throw invalidField('size', `must be one of ${Object.keys(model.sizes).join(', ')}`);
  if (wish.quality !== undefined && !(model.qualities ?? []).includes(wish.quality)) {
    throw invalidField('quality', offered(model.qualities));
  }
  const durations = durationsOf(model, size);
  if (wish.durationSeconds !== undefined && !durations.includes(wish.durationSeconds)) {
    throw invalidField('durationSeconds', offered(durations));
  }
  const durationSeconds = wish.durationSeconds ?? model.durationSeconds?.default;
  return {
    ...{ model: model.id, type: model.type, prompt, width: sides.width, height: sides.height },
    ...(quality === undefined ? {} : { quality }),
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(model.canHaveAudio ? { hasAudio: false } : {}),
  };
}

function offered(values: readonly (string | number)[] | undefined): string {
  return values === undefined || values.length === 0
    ? `is nothing that this model can be told`
    : `must be one of ${values.join(', ')}`;
}
