// The official models at Replicate: their slugs, the fields of their inputs, and what they cost where that was read.
import type { CostRule, Order, ServedModel } from './provider.ts';
import {
  FILM_SIZES,
  FLUX_SIZES,
  NANO_BANANA_PRO_SIZES,
  NANO_BANANA_SIZES,
  namedSizeOf,
  only,
  SEEDANCE_SIZES,
  SEEDANCE_SMALL_SIZES,
  type NamedSize,
  type SizeTable,
} from './sizes.ts';

type Fields = Readonly<Record<string, unknown>>;
type Model = ServedModel & {
  /** Named sizes, or the bounds of a side and of the pixels of any size. */
  sizes: SizeTable | { side: readonly [least: number, most: number]; maxPixels: number };
  /** Of films only. */
  seconds?: readonly number[];
  hasSeed?: boolean;
  /** The field of a reference, in brackets when it is a list. */
  reference?: string;
  fields: (order: Order, named: NamedSize) => Fields;
};

const priced = (rates: CostRule['rates'], per: CostRule['per'] = 'second'): CostRule => {
  return { per, unit: 'USD', rates, source: 'replicate.com model pages, read by others', asOf: '2026-09-01' };
};
const JPEG = { output_format: 'jpg' };
const byRatio =
  (more: Fields) =>
  (_: Order, { ratio }: NamedSize) => ({ aspect_ratio: ratio, ...more });
const byPixels =
  (more: Fields) =>
  ({ width, height }: Order): Fields => ({ width, height, ...more });
const film = ({ durationSeconds, hasAudio }: Order, { ratio, resolution }: NamedSize) => {
  return { aspect_ratio: ratio, resolution, duration: durationSeconds, generate_audio: hasAudio ?? false };
};
const from = (least: number, most: number) => Array.from({ length: most - least + 1 }, (_, at) => least + at);

const FLUX_1 = only(FLUX_SIZES, ['1MP']);
const SCREENS = only(FILM_SIZES, ['720p', '1080p'], ['16:9', '9:16']);
const open = (raw: string, cost: CostRule | null): Model => {
  const more = { num_outputs: 1, megapixels: '1', ...JPEG };
  return { raw: `black-forest-labs/${raw}`, cost, sizes: FLUX_1, hasSeed: true, fields: byRatio(more) };
};
const seedream = (raw: string): Model => ({
  raw: `bytedance/${raw}`,
  cost: null,
  sizes: { side: [1024, 4096], maxPixels: 16_777_216 },
  reference: 'image_input[]',
  fields: byPixels({ size: 'custom' }),
});
const veo = (raw: string, more: Partial<Model> = {}): Model => ({
  ...{ raw: `google/${raw}`, cost: null, sizes: SCREENS, seconds: [4, 6, 8], hasSeed: true },
  fields: (order, named) => film({ ...order, hasAudio: order.hasAudio ?? true }, named),
  ...more,
});
const P720 = { maxPixels: 930_000 };
const P1080 = { maxPixels: 2_100_000 };
const KLING_MODES: Readonly<Record<string, string>> = { '720p': 'standard', '1080p': 'pro', '4k': '4k' };

export const REPLICATE_MODELS: Readonly<Record<string, Model>> = {
  'bfl/flux-schnell': open('flux-schnell', priced([{ amount: '0.003' }], 'job')),
  'bfl/flux-dev': open('flux-dev', null),
  'bfl/flux-1.1-pro': {
    ...{ raw: 'black-forest-labs/flux-1.1-pro', cost: null, hasSeed: true },
    sizes: { side: [256, 1440], maxPixels: 2_073_600 },
    fields: byPixels({ aspect_ratio: 'custom', ...JPEG }),
  },
  'bfl/flux-1.1-pro-ultra': {
    ...{ raw: 'black-forest-labs/flux-1.1-pro-ultra', cost: null, hasSeed: true },
    sizes: only(FLUX_SIZES, ['4MP']),
    fields: byRatio(JPEG),
  },
  'bfl/flux-kontext-pro': {
    ...{ raw: 'black-forest-labs/flux-kontext-pro', cost: null, hasSeed: true, sizes: FLUX_1 },
    reference: 'input_image',
    fields: byRatio(JPEG),
  },
  'bfl/flux-2-pro': {
    ...{ raw: 'black-forest-labs/flux-2-pro', cost: null, hasSeed: true, reference: 'input_images[]' },
    sizes: { side: [256, 2048], maxPixels: 4_194_304 },
    fields: byPixels({ aspect_ratio: 'custom', ...JPEG }),
  },
  'bytedance/seedream-4.0': seedream('seedream-4'),
  'bytedance/seedream-4.5': seedream('seedream-4.5'),
  'google/nano-banana': {
    ...{ raw: 'google/nano-banana', cost: null, sizes: NANO_BANANA_SIZES, reference: 'image_input[]' },
    fields: byRatio({ output_format: 'png' }),
  },
  'google/nano-banana-pro': {
    ...{
      raw: 'google/nano-banana-pro',
      cost: null,
      sizes: NANO_BANANA_PRO_SIZES,
      reference: 'image_input[]',
    },
    fields: (_, { ratio, resolution }) => ({ aspect_ratio: ratio, resolution, output_format: 'png' }),
  },
  'luma/photon-1': {
    ...{ raw: 'luma/photon', cost: null, hasSeed: true, sizes: only(FILM_SIZES, ['1080p']) },
    fields: byRatio({}),
  },
  'bytedance/seedance-2.0': {
    ...{ raw: 'bytedance/seedance-2.0', sizes: only(SEEDANCE_SIZES, ['480p', '720p', '1080p']) },
    ...{ seconds: from(4, 15), reference: 'reference_images[]', fields: film },
    // Read for 720p; the others are not known.
    cost: priced([{ when: P720, amount: '0.18' }]),
  },
  'bytedance/seedance-2.0-fast': {
    ...{ raw: 'bytedance/seedance-2.0-fast', cost: null, sizes: SEEDANCE_SMALL_SIZES },
    ...{ seconds: from(4, 15), reference: 'reference_images[]', fields: film },
  },
  'google/veo-3.1': veo('veo-3.1', { reference: 'reference_images[]' }),
  'google/veo-3.1-fast': veo('veo-3.1-fast'),
  'kling/kling-3.0': {
    raw: 'kwaivgi/kling-v3-video',
    sizes: only(FILM_SIZES, ['720p', '1080p', '4k'], ['16:9', '9:16', '1:1']),
    seconds: from(3, 15),
    cost: priced([
      { when: { ...P720, hasAudio: false }, amount: '0.168' },
      { when: P720, amount: '0.252' },
      { when: { ...P1080, hasAudio: false }, amount: '0.224' },
      { when: P1080, amount: '0.336' },
      { amount: '0.42' },
    ]),
    fields: ({ durationSeconds, hasAudio = false }, { ratio, resolution }) => {
      const mode = KLING_MODES[resolution];
      return { aspect_ratio: ratio, mode, duration: durationSeconds, generate_audio: hasAudio };
    },
  },
};

type Plan = {
  raw: string;
  input: Fields;
  /** The field that a reference adds. */ withReference: (url: string) => Fields;
};

/** What is sent for an order, and to which model; null when that does not make it. */
export function replicateInputOf(order: Order): Plan | null {
  const model = Object.hasOwn(REPLICATE_MODELS, order.model) ? REPLICATE_MODELS[order.model] : undefined;
  if (model === undefined || (model.seconds === undefined) !== (order.type === 'image')) return null;
  const { prompt, quality, seed, reference: given } = order;
  const named = sizeOf(model, order);
  if (named === undefined || quality !== undefined || (seed !== undefined && model.hasSeed !== true))
    return null;
  if (model.seconds?.includes(order.durationSeconds ?? 0) === false) return null;
  const { raw, reference = '' } = model;
  if (given !== undefined && reference === '') return null;
  const field = reference.replace('[]', '');
  return {
    raw,
    input: { prompt, ...model.fields(order, named), ...(seed === undefined ? {} : { seed }) },
    withReference: (url) => ({ [field]: field === reference ? url : [url] }),
  };
}

function sizeOf({ sizes }: Model, order: Order): NamedSize | undefined {
  if (sizes instanceof Map) return namedSizeOf(sizes, order);
  const { side, maxPixels } = sizes as Exclude<Model['sizes'], SizeTable>;
  const [least, most] = side;
  const fits = [order.width, order.height].every((length) => length >= least && length <= most);
  return fits && order.width * order.height <= maxPixels ? { ratio: '', resolution: '' } : undefined;
}
