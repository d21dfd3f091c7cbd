// The models at fal: their paths, what each takes, and what it costs. Durations are a text with or without a unit, or a
// number, as each model wants it.
import type * as p from './provider.ts';
import * as sizes from './sizes.ts';

type FalModel = p.ServedModel & {
  /** Named sizes, or the most pixels of any size. */
  sizes: sizes.SizeTable | number;
  /** Of films only. */
  seconds?: readonly number[];
  hasSeed: boolean;
  hasQuality?: boolean;
  /** What stands behind `raw`; with a reference `referencePath` does, where there is one. */
  path: string;
  referencePath?: string;
  /** `image_urls` unless told. */
  referenceField?: 'image_url';
  fields: (order: p.Order, named: sizes.NamedSize) => Readonly<Record<string, unknown>>;
};

/** Each rate is an amount, the most pixels to which it applies, and whether with sound. */
type Rate = readonly [amount: string, maxPixels?: number, hasAudio?: boolean];
const SOURCE = { unit: 'USD', source: 'fal.ai model pages, read by others', asOf: '2026-09-15' } as const;
const priced =
  (per: p.CostRule['per']) =>
  (...rates: Rate[]): p.CostRule => {
    const written = rates.map(([amount, maxPixels, hasAudio]) => ({
      when: { ...(maxPixels ? { maxPixels } : {}), ...(hasAudio === undefined ? {} : { hasAudio }) },
      amount,
    }));
    return { per, rates: written, ...SOURCE };
  };
const [perJob, perSecond, perMegapixel] = [priced('job'), priced('second'), priced('megapixel')];
const [MP_1, MP_4, MP_8, MP_17] = [1_060_000, 4_700_000, 8_294_400, 16_800_000];
const [P480, P720, P1080] = [430_000, 930_000, 2_100_000];

type More = Partial<FalModel>;
const image = (raw: string, cost: p.CostRule | null, more: More = {}): FalModel => ({
  ...{ raw, cost, sizes: MP_4, hasSeed: true, path: '' },
  fields: ({ width, height }) => ({ image_size: { width, height } }),
  ...more,
});
const ratioImage = (raw: string, cost: p.CostRule, more: More): FalModel => ({
  ...image(raw, cost),
  fields: (_, { ratio }) => ({ aspect_ratio: ratio }),
  ...more,
});
const film = (raw: string, cost: p.CostRule, more: More): FalModel => ({
  ...{
    raw,
    cost,
    sizes: sizes.SEEDANCE_SMALL_SIZES,
    seconds: from(4, 15),
    hasSeed: false,
    path: '/text-to-video',
  },
  fields: ({ durationSeconds, hasAudio = false }, { ratio, resolution }) => {
    return { aspect_ratio: ratio, resolution, duration: String(durationSeconds), generate_audio: hasAudio };
  },
  ...more,
});
const from = (least: number, most: number) => Array.from({ length: most - least + 1 }, (_, at) => least + at);
const films = (tiers: string[], ratios?: string[]) => ({
  sizes: sizes.only(sizes.FILM_SIZES, tiers, ratios),
});

const EDIT: More = { referencePath: '/edit' };
const TEXT_OR_EDIT: More = { ...EDIT, path: '/text-to-image', hasSeed: false };
const LARGE: More = { ...TEXT_OR_EDIT, sizes: MP_17 };
const GPT: More = { ...TEXT_OR_EDIT, sizes: MP_8, hasQuality: true };
const ULTRA: More = { sizes: sizes.only(sizes.FLUX_SIZES, ['4MP']) };
const kontext = (tier: string): More => ({
  sizes: sizes.only(sizes.FLUX_SIZES, ['1MP']),
  ...{ path: `${tier}/text-to-image`, referencePath: tier, referenceField: 'image_url' },
});
const BANANA: More = {
  ...{ ...EDIT, sizes: sizes.NANO_BANANA_PRO_SIZES },
  fields: (_, { ratio, resolution }) => ({ aspect_ratio: ratio, resolution }),
};
const GUIDED: More = { referencePath: '/reference-to-video' };
const SEEDANCE: More = { ...GUIDED, sizes: sizes.SEEDANCE_SIZES };
const VEO: More = {
  ...{ ...films(['720p', '1080p', '4k'], ['16:9', '9:16']), seconds: [4, 6, 8], hasSeed: true, path: '' },
  fields: ({ durationSeconds, hasAudio = true }, { ratio, resolution }) => {
    return { aspect_ratio: ratio, resolution, duration: `${durationSeconds}s`, generate_audio: hasAudio };
  },
};
const VEO_LITE: More = { ...VEO, ...films(['720p', '1080p'], ['16:9', '9:16']) };
const KLING: More = {
  ...{ ...films(['720p'], ['16:9', '9:16', '1:1']), seconds: from(3, 15) },
  fields: ({ durationSeconds, hasAudio = false }, { ratio }) => {
    return { aspect_ratio: ratio, duration: String(durationSeconds), generate_audio: hasAudio };
  },
};
const WAN: More = {
  ...{ ...films(['720p', '1080p']), seconds: from(2, 15), hasSeed: true },
  fields: ({ durationSeconds: duration }, { ratio, resolution }) => ({
    aspect_ratio: ratio,
    resolution,
    duration,
  }),
};
const SEEDANCE_2 = 'bytedance/seedance-2.0';
const SEEDANCE_USD = perSecond(['0.1406', P480], ['0.3034', P720], ['0.682', P1080], ['1.5552']);
const SEEDREAM_USD = perJob(['0.0675', MP_1], ['0.135']);

export const FAL_MODELS: Readonly<Record<string, FalModel>> = {
  'openai/gpt-image-2': image('openai/gpt-image-2', null, { ...GPT, path: '' }),
  'openai/gpt-image-2.5-flare': image('openai/gpt-image-2.5/flare', null, GPT),
  'openai/gpt-image-2.5-sunburst': image('openai/gpt-image-2.5/sunburst', null, GPT),
  'bfl/flux-schnell': image('fal-ai/flux/schnell', perMegapixel(['0.003'])),
  'bfl/flux-dev': image('fal-ai/flux/dev', perMegapixel(['0.025'])),
  'bfl/flux-1.1-pro': image('fal-ai/flux-pro/v1.1', null),
  'bfl/flux-1.1-pro-ultra': ratioImage('fal-ai/flux-pro/v1.1-ultra', perJob(['0.06']), ULTRA),
  'bfl/flux-kontext-pro': ratioImage('fal-ai/flux-pro/kontext', perJob(['0.04']), kontext('')),
  'bfl/flux-kontext-max': ratioImage('fal-ai/flux-pro/kontext', perJob(['0.08']), kontext('/max')),
  // The first million pixels cost about twice what those above do; for larger pictures the average stands here.
  'bfl/flux-2-pro': image('fal-ai/flux-2-pro', perMegapixel(['0.03', MP_1], ['0.0225']), EDIT),
  'bfl/flux-2-max': image('fal-ai/flux-2-max', perMegapixel(['0.07', MP_1], ['0.05']), EDIT),
  'bytedance/seedream-5.0-pro': image('bytedance/seedream/v5/pro', SEEDREAM_USD, TEXT_OR_EDIT),
  'bytedance/seedream-5.0-lite': image('bytedance/seedream/v5/lite', perJob(['0.035']), LARGE),
  'google/nano-banana-2': ratioImage('fal-ai/nano-banana-2', perJob(['0.08']), BANANA),
  'google/nano-banana-pro': ratioImage(
    'fal-ai/nano-banana-pro',
    perJob(['0.15', 6_500_000], ['0.30']),
    BANANA,
  ),
  [SEEDANCE_2]: film(SEEDANCE_2, SEEDANCE_USD, SEEDANCE),
  [`${SEEDANCE_2}-fast`]: film(`${SEEDANCE_2}/fast`, perSecond(['0.242']), GUIDED),
  [`${SEEDANCE_2}-mini`]: film(`${SEEDANCE_2}/mini`, perSecond(['0.0721', P480], ['0.1547']), GUIDED),
  'google/veo-3.1': film('fal-ai/veo3.1', perSecond(['0.20', 0, false], ['0.40']), { ...VEO, ...GUIDED }),
  'google/veo-3.1-fast': film('fal-ai/veo3.1/fast', perSecond(['0.10', 0, false], ['0.15']), VEO),
  'google/veo-3.1-lite': film('fal-ai/veo3.1/lite', perSecond(['0.03', 0, false], ['0.05']), VEO_LITE),
  'kling/kling-3.0': film('fal-ai/kling-video/v3/standard', perSecond(['0.084', 0, false], ['0.126']), KLING),
  'alibaba/wan-2.7': film('fal-ai/wan/v2.7', perSecond(['0.10']), WAN),
};
const QUALITIES = new Set(['LOW', 'MEDIUM', 'HIGH']);

export type FalPlan = {
  endpoint: string;
  input: Readonly<Record<string, unknown>>;
  /** The fields that a reference adds. */
  withReference: (url: string) => Readonly<Record<string, unknown>>;
};

/** Where an order goes and what is sent there; null when the model does not make it. */
export function falPlanOf(order: p.Order): FalPlan | null {
  const model = Object.hasOwn(FAL_MODELS, order.model) ? FAL_MODELS[order.model] : undefined;
  if (model === undefined || (model.seconds === undefined) !== (order.type === 'image')) return null;
  const { prompt, quality, seed, reference } = order;
  const named = sizeOf(model, order);
  if (named === undefined || (seed !== undefined && !model.hasSeed)) return null;
  if (model.seconds?.includes(order.durationSeconds ?? 0) === false) return null;
  if (quality !== undefined && !(model.hasQuality && QUALITIES.has(quality))) return null;
  const path = reference === undefined ? model.path : model.referencePath;
  if (path === undefined) return null;
  return {
    endpoint: model.raw + path,
    input: {
      prompt,
      ...model.fields(order, named),
      ...(quality === undefined ? {} : { quality: quality.toLowerCase() }),
      ...(seed === undefined ? {} : { seed }),
    },
    withReference: (url) =>
      model.referenceField === 'image_url' ? { image_url: url } : { image_urls: [url] },
  };
}

function sizeOf({ sizes: table }: FalModel, order: p.Order): sizes.NamedSize | undefined {
  if (typeof table !== 'number') return sizes.namedSizeOf(table, order);
  return order.width * order.height <= table ? { ratio: '', resolution: '' } : undefined;
}
