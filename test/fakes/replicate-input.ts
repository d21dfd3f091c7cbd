// What the models behind the fake Replicate take, as far as their published inputs are known: anything else is refused.
import * as sizes from '../../src/providers/sizes.ts';

type Input = Readonly<Record<string, unknown>>;
type Rule = (value: unknown) => boolean;
export type ReplicateInput = {
  fields: Record<string, Rule>;
  pixels: (input: Input) => [width: number, height: number];
};

const oneOf =
  (...words: unknown[]): Rule =>
  (value) =>
    words.includes(value);
const within =
  (least: number, most: number): Rule =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
const text: Rule = (value) => typeof value === 'string' && value.length > 0;
const flag: Rule = (value) => typeof value === 'boolean';
/** Within a request only what is small. */
const link: Rule = (value) =>
  typeof value === 'string' &&
  (/^https?:\/\//.test(value) || (/^data:image\/\w+;base64,/.test(value) && value.length < 350_000));
const links: Rule = (value) => Array.isArray(value) && value.every(link);

const SEED = { seed: within(0, 4_294_967_295) };
const FORMAT = { output_format: oneOf('webp', 'jpg', 'png') };
const FLUX_RATIO = oneOf(
  '1:1',
  '16:9',
  '21:9',
  '3:2',
  '2:3',
  '4:5',
  '5:4',
  '3:4',
  '4:3',
  '9:16',
  '9:21',
  'custom',
);
const FLUX = { prompt: text, aspect_ratio: FLUX_RATIO, ...SEED, ...FORMAT };
const OPEN = { ...FLUX, num_outputs: within(1, 4), megapixels: oneOf('0.25', '1'), go_fast: flag };
const SEEDREAM = {
  prompt: text,
  size: oneOf('2K', '4K', 'custom'),
  image_input: links,
  width: within(1024, 4096),
  height: within(1024, 4096),
};
const BANANA = { prompt: text, aspect_ratio: text, image_input: links, output_format: oneOf('jpg', 'png') };
const FILM = { prompt: text, generate_audio: flag };
const SEEDANCE = {
  ...{
    ...FILM,
    aspect_ratio: oneOf('16:9', '9:16', '1:1', '4:3', '3:4', '21:9', 'adaptive'),
    duration: within(-1, 15),
  },
  ...{ reference_images: links, image: link, resolution: oneOf('480p', '720p', '1080p') },
};
const VEO = {
  ...FILM,
  ...SEED,
  aspect_ratio: oneOf('16:9', '9:16'),
  duration: oneOf(4, 6, 8),
  resolution: oneOf('720p', '1080p'),
};
const KLING = {
  ...FILM,
  mode: oneOf('standard', 'pro', '4k'),
  aspect_ratio: oneOf('16:9', '9:16', '1:1'),
  duration: within(3, 15),
};
const KLING_TIERS: Readonly<Record<string, string>> = { standard: '720p', pro: '1080p', '4k': '4k' };

const byPixels = ({ width, height }: Input): [number, number] => [Number(width), Number(height)];
const byWords =
  (table: sizes.SizeTable, resolutionOf: (input: Input) => unknown = ({ resolution }) => resolution) =>
  (input: Input): [number, number] => {
    const isIt = ({ ratio, resolution }: sizes.NamedSize) =>
      ratio === input['aspect_ratio'] && resolution === resolutionOf(input);
    const [width = 0, height = 0] = ([...table].find(([, named]) => isIt(named))?.[0] ?? '')
      .split('x')
      .map(Number);
    return [width, height];
  };
const flux = byWords(sizes.FLUX_SIZES, () => '1MP');

const MODELS: Readonly<Record<string, ReplicateInput>> = {
  'black-forest-labs/flux-schnell': { fields: OPEN, pixels: flux },
  'black-forest-labs/flux-dev': { fields: { ...OPEN, guidance: text }, pixels: flux },
  'black-forest-labs/flux-1.1-pro': {
    fields: { ...FLUX, width: within(256, 1440), height: within(256, 1440) },
    pixels: byPixels,
  },
  'black-forest-labs/flux-1.1-pro-ultra': {
    fields: { ...FLUX, raw: flag },
    pixels: byWords(sizes.FLUX_SIZES, () => '4MP'),
  },
  'black-forest-labs/flux-kontext-pro': { fields: { ...FLUX, input_image: link }, pixels: flux },
  'black-forest-labs/flux-2-pro': {
    fields: { ...FLUX, width: within(256, 2048), height: within(256, 2048), input_images: links },
    pixels: byPixels,
  },
  'bytedance/seedream-4': { fields: SEEDREAM, pixels: byPixels },
  'bytedance/seedream-4.5': { fields: SEEDREAM, pixels: byPixels },
  'google/nano-banana': { fields: BANANA, pixels: byWords(sizes.NANO_BANANA_SIZES, () => '1K') },
  'google/nano-banana-pro': {
    fields: { ...BANANA, resolution: oneOf('1K', '2K', '4K') },
    pixels: byWords(sizes.NANO_BANANA_PRO_SIZES),
  },
  'luma/photon': {
    fields: { prompt: text, aspect_ratio: text, ...SEED },
    pixels: byWords(sizes.FILM_SIZES, () => '1080p'),
  },
  'bytedance/seedance-2.0': { fields: SEEDANCE, pixels: byWords(sizes.SEEDANCE_SIZES) },
  'bytedance/seedance-2.0-fast': { fields: SEEDANCE, pixels: byWords(sizes.SEEDANCE_SIZES) },
  'google/veo-3.1': { fields: { ...VEO, reference_images: links }, pixels: byWords(sizes.FILM_SIZES) },
  'google/veo-3.1-fast': { fields: VEO, pixels: byWords(sizes.FILM_SIZES) },
  'kwaivgi/kling-v3-video': {
    fields: KLING,
    pixels: byWords(sizes.FILM_SIZES, ({ mode }) => KLING_TIERS[mode as string]),
  },
};

export function replicateInputsOf(slug: string): ReplicateInput | undefined {
  return Object.hasOwn(MODELS, slug) ? MODELS[slug] : undefined;
}

/** What is wrong with an input, as the provider lists it; null when nothing is. */
export function inputFault({ fields }: ReplicateInput, input: unknown): string | null {
  if (typeof input !== 'object' || input === null) return '- input: is required';
  if (!('prompt' in input)) return '- input: prompt is required';
  for (const [name, value] of Object.entries(input)) {
    if (fields[name] === undefined) return `- input: Additional property ${name} is not allowed`;
    if (!fields[name](value)) return `- input.${name}: has a wrong value`;
  }
  return null;
}
