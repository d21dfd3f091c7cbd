// Every order that the catalogue allows of a model, and what each costs by the price that ships.
import { durationsOf, priceOf, type Model } from '../../src/catalog/index.ts';
import type { Order } from '../../src/providers/index.ts';
import { tinyPng } from '../support/tiny-media.ts';

const REFERENCE = { bytes: tinyPng(512, 512), contentType: 'image/png', strength: 'MID' } as const;

export type SizedOrder = Order & { size: string };

/** Every combination of size, quality, seconds and sound. */
export function ordersOf(model: Model): SizedOrder[] {
  return Object.keys(model.sizes).flatMap((size) =>
    someOr(model.qualities).flatMap((quality) =>
      someOr(durationsOf(model, size)).flatMap((durationSeconds) =>
        soundsOf(model).map((hasAudio) => orderWith(model, { size, quality, durationSeconds, hasAudio })),
      ),
    ),
  );
}

type Choice = {
  size: string;
  quality: string | undefined;
  durationSeconds: number | undefined;
  hasAudio: boolean | undefined;
};

function orderWith(model: Model, { size, quality, durationSeconds, hasAudio }: Choice): SizedOrder {
  const pixels = model.sizes[size];
  if (pixels === undefined) throw new Error(`${model.id} has no ${size}`);
  return {
    ...{ model: model.id, type: model.type, prompt: 'a bay', size },
    ...pixels,
    ...(model.needsReference ? { reference: REFERENCE } : {}),
    ...(quality === undefined ? {} : { quality }),
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(hasAudio === undefined ? {} : { hasAudio }),
  };
}

/** What is ordered by a request that chooses nothing. */
export function standardOrderOf(model: Model): SizedOrder {
  const found = ordersOf(model).find(
    ({ size, quality, durationSeconds }) =>
      size === model.defaultSize &&
      quality === model.defaultQuality &&
      durationSeconds === model.durationSeconds?.default,
  );
  if (found === undefined) throw new Error(`${model.id} has defaults that it does not accept`);
  return found;
}

export function shippedPriceOf(model: Model, order: SizedOrder): NonNullable<ReturnType<typeof priceOf>> {
  const price = priceOf(model.price, order);
  if (price === null) throw new Error(`${model.id} has no price for ${order.size}`);
  return price;
}

function someOr<Item>(items: readonly Item[] | undefined): readonly (Item | undefined)[] {
  return items === undefined || items.length === 0 ? [undefined] : items;
}

function soundsOf({ type, canHaveAudio, alwaysHasAudio }: Model): (boolean | undefined)[] {
  if (type === 'image') return [undefined];
  return canHaveAudio ? [true, false] : [alwaysHasAudio];
}
