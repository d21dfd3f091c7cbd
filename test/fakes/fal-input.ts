// What the models behind the fake fal take, as the official types of its client say it: anything else is refused.
import * as sizes from '../../src/providers/sizes.ts';

type Rule = (value: unknown) => boolean;
export type FalInput = { fields: Record<string, Rule>; required: string[]; pixels: (input: Input) => Pixels };
type Input = Readonly<Record<string, unknown>>;
type Pixels = { width: number; height: number };

const oneOf =
  (...words: unknown[]): Rule =>
  (value) =>
    words.includes(value);
const text: Rule = (value) => typeof value === 'string' && value.length > 0;
const flag: Rule = (value) => typeof value === 'boolean';
const whole: Rule = (value) => Number.isSafeInteger(value);
const link: Rule = (value) =>
  typeof value === 'string' && /^(https:\/\/|data:image\/(png|jpeg|webp);base64,\w)/.test(value);
const links: Rule = (value) => Array.isArray(value) && value.length > 0 && value.every(link);
const size: Rule = (value) => {
  if (typeof value === 'string') return /^(square(_hd)?|(portrait|landscape)_(4_3|16_9))$/.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, side]) => ['width', 'height'].includes(name) && whole(side));
};
const seconds = (least: number, most: number, write: (count: number) => unknown) =>
  oneOf(...Array.from({ length: most - least + 1 }, (_, index) => write(least + index)));

const IMAGE = { prompt: text, sync_mode: flag, num_images: whole };
const SEED = { seed: whole };
const FORMAT = { output_format: oneOf('jpeg', 'png') };
const ANY_RATIO = oneOf('21:9', '16:9', '3:2', '4:3', '5:4', '1:1', '4:5', '3:4', '2:3', '9:16');
const RATIO = { aspect_ratio: ANY_RATIO };
const FLUX = { ...IMAGE, ...SEED, ...FORMAT, image_size: size };
const FLUX_2 = {
  prompt: text,
  sync_mode: flag,
  ...SEED,
  ...FORMAT,
  image_size: size,
  enable_safety_checker: flag,
};
const GPT = { ...IMAGE, image_size: size, quality: oneOf('auto', 'low', 'medium', 'high') };
const BANANA = { ...IMAGE, ...SEED, ...RATIO, ...FORMAT, resolution: oneOf('1K', '2K', '4K') };
const SEEDANCE = {
  prompt: text,
  aspect_ratio: oneOf('auto', '21:9', '16:9', '4:3', '1:1', '3:4', '9:16'),
  duration: oneOf('auto', ...Array.from({ length: 12 }, (_, index) => String(index + 4))),
  generate_audio: flag,
};
const SMALL = { ...SEEDANCE, resolution: oneOf('480p', '720p') };
const LARGE = { ...SEEDANCE, resolution: oneOf('480p', '720p', '1080p', '4k') };
const VEO = {
  prompt: text,
  aspect_ratio: oneOf('16:9', '9:16'),
  duration: oneOf('4s', '6s', '8s'),
  generate_audio: flag,
  resolution: oneOf('720p', '1080p', '4k'),
};
const KLING = { prompt: text, aspect_ratio: oneOf('16:9', '9:16', '1:1'), generate_audio: flag };

const byPixels = ({ image_size: asked }: Input): Pixels =>
  typeof asked === 'object' ? (asked as Pixels) : { width: 1024, height: 1024 };
const byWords =
  (table: sizes.SizeTable, resolution?: string) =>
  (input: Input): Pixels => {
    const wanted = resolution ?? input['resolution'];
    const found = [...table].find(
      ([, named]) => named.ratio === input['aspect_ratio'] && named.resolution === wanted,
    );
    const [width = 0, height = 0] = (found?.[0] ?? '0x0').split('x').map(Number);
    return { width, height };
  };

type Row = readonly [RegExp, FalInput['fields'], FalInput['pixels'], string?];
const ROWS: readonly Row[] = [
  [/^fal-ai\/flux\/(schnell|dev)$/, { ...FLUX, num_inference_steps: whole }, byPixels],
  [/^fal-ai\/flux-pro\/v1\.1$/, FLUX, byPixels],
  [
    /^fal-ai\/flux-pro\/v1\.1-ultra$/,
    { ...IMAGE, ...SEED, ...FORMAT, ...RATIO, raw: flag },
    byWords(sizes.FLUX_SIZES, '4MP'),
  ],
  [
    /^fal-ai\/flux-pro\/kontext(\/max)?\/text-to-image$/,
    { ...IMAGE, ...SEED, ...FORMAT, ...RATIO },
    byWords(sizes.FLUX_SIZES, '1MP'),
  ],
  [
    /^fal-ai\/flux-pro\/kontext(\/max)?$/,
    { ...IMAGE, ...SEED, ...FORMAT, ...RATIO, image_url: link },
    byWords(sizes.FLUX_SIZES, '1MP'),
    'image_url',
  ],
  [/^fal-ai\/flux-2-(pro|max)$/, FLUX_2, byPixels],
  [/^fal-ai\/flux-2-(pro|max)\/edit$/, { ...FLUX_2, image_urls: links }, byPixels, 'image_urls'],
  [/^openai\/gpt-image-2$|^openai\/gpt-image-2\.5\/(flare|sunburst)\/text-to-image$/, GPT, byPixels],
  [
    /^openai\/gpt-image-2(\.5\/(flare|sunburst))?\/edit$/,
    { ...GPT, image_urls: links },
    byPixels,
    'image_urls',
  ],
  [/^bytedance\/seedream\/v5\/(pro|lite)\/text-to-image$/, { ...IMAGE, image_size: size }, byPixels],
  [
    /^bytedance\/seedream\/v5\/(pro|lite)\/edit$/,
    { ...IMAGE, image_size: size, image_urls: links },
    byPixels,
    'image_urls',
  ],
  [/^fal-ai\/nano-banana-(2|pro)$/, BANANA, byWords(sizes.NANO_BANANA_PRO_SIZES)],
  [
    /^fal-ai\/nano-banana-(2|pro)\/edit$/,
    { ...BANANA, image_urls: links },
    byWords(sizes.NANO_BANANA_PRO_SIZES),
    'image_urls',
  ],
  [/^bytedance\/seedance-2\.0\/text-to-video$/, LARGE, byWords(sizes.SEEDANCE_SIZES)],
  [/^bytedance\/seedance-2\.0\/(fast|mini)\/text-to-video$/, SMALL, byWords(sizes.SEEDANCE_SIZES)],
  [
    /^bytedance\/seedance-2\.0\/reference-to-video$/,
    { ...LARGE, image_urls: links },
    byWords(sizes.SEEDANCE_SIZES),
    'image_urls',
  ],
  [
    /^bytedance\/seedance-2\.0\/(fast|mini)\/reference-to-video$/,
    { ...SMALL, image_urls: links },
    byWords(sizes.SEEDANCE_SIZES),
    'image_urls',
  ],
  [/^fal-ai\/veo3\.1(\/fast|\/lite)?$/, { ...VEO, ...SEED }, byWords(sizes.FILM_SIZES)],
  [
    /^fal-ai\/veo3\.1\/reference-to-video$/,
    { ...VEO, image_urls: links },
    byWords(sizes.FILM_SIZES),
    'image_urls',
  ],
  [
    /^fal-ai\/kling-video\/v3\/standard\/text-to-video$/,
    { ...KLING, duration: seconds(3, 15, String) },
    byWords(sizes.FILM_SIZES, '720p'),
  ],
  [
    /^fal-ai\/wan\/v2\.7\/text-to-video$/,
    { prompt: text, ...SEED, ...RATIO, resolution: oneOf('720p', '1080p'), duration: seconds(2, 15, Number) },
    byWords(sizes.FILM_SIZES),
  ],
];

/** What the model at this path takes; undefined when there is none. */
export function falInputOf(endpoint: string): FalInput | undefined {
  const row = ROWS.find(([pattern]) => pattern.test(endpoint));
  if (row === undefined) return undefined;
  const [, fields, pixels, image] = row;
  return { fields, pixels, required: ['prompt', ...(image === undefined ? [] : [image])] };
}
