// What BytePlus ModelArk serves: its films and pictures with their limits, and what they cost by its price lists.
import type { CostRule, Order, ServedModel } from './provider.ts';
import { namedSizeOf, SEEDANCE_1_SIZES, SEEDANCE_SIZES, type NamedSize } from './sizes.ts';

/** The most pixels that any ratio makes of a resolution. */
const PIXELS: Readonly<Record<string, number>> = {
  '480p': 429_000,
  '720p': 928_000,
  '1080p': 2_089_000,
  '4k': 11_060_000,
};
/** What a million tokens cost up to a resolution, here and in China. */
type Tariff = readonly { upTo: string; usd: number | null; cny: number }[];
type Film = ServedModel & {
  resolutions: readonly string[];
  seconds: readonly [number, number];
  tariff: Tariff;
  /** Of the first generation: silent, with seeds, and a reference can only be where the film begins. */
  isFirst: boolean;
};

export const FILMS: Readonly<Record<string, Film>> = {
  'bytedance/seedance-2.5': film(
    'dreamina-seedance-2-5-260628',
    '480p 720p 1080p',
    [4, 30],
    [{ upTo: '720p', usd: 10.7, cny: 70 }],
  ),
  'bytedance/seedance-2.0': film(
    'dreamina-seedance-2-0-260128',
    '480p 720p 1080p 4k',
    [4, 15],
    [
      { upTo: '720p', usd: 7, cny: 46 },
      { upTo: '1080p', usd: 7.7, cny: 51 },
      { upTo: '4k', usd: 4, cny: 26 },
    ],
  ),
  'bytedance/seedance-2.0-fast': film(
    'dreamina-seedance-2-0-fast-260128',
    '480p 720p',
    [4, 15],
    [{ upTo: '720p', usd: 5.6, cny: 37 }],
  ),
  'bytedance/seedance-2.0-mini': film(
    'dreamina-seedance-2-0-mini-260615',
    '480p 720p',
    [4, 15],
    [{ upTo: '720p', usd: 3.5, cny: 23 }],
  ),
  'bytedance/seedance-1.0-pro': film(
    'seedance-1-0-pro-250528',
    '480p 720p 1080p',
    [2, 12],
    [{ upTo: '1080p', usd: 2.5, cny: 15 }],
  ),
  'bytedance/seedance-1.0-pro-fast': film(
    'seedance-1-0-pro-fast-251015',
    '480p 720p 1080p',
    [2, 12],
    [{ upTo: '1080p', usd: null, cny: 4.2 }],
  ),
};

function film(raw: string, resolutions: string, seconds: Film['seconds'], tariff: Tariff): Film {
  const rates = resolutions.split(' ').flatMap((resolution) => {
    const usd = priceOf(tariff, resolution)?.usd;
    const amount = ((tokensOf(PIXELS[resolution] ?? 0) * (usd ?? 0)) / 1_000_000).toFixed(4);
    return usd ? [{ when: { maxPixels: PIXELS[resolution] ?? 0 }, amount }] : [];
  });
  const listed = { unit: 'USD', source: 'price list of BytePlus ModelArk', asOf: '2026-08-01' } as const;
  const cost: CostRule | null = rates.length === 0 ? null : { per: 'second', rates, ...listed };
  return { raw, cost, resolutions: resolutions.split(' '), seconds, tariff, isFirst: raw.includes('-1-0-') };
}

/** Of a second. */
function tokensOf(pixels: number): number {
  return (pixels * 24) / 1024;
}

/** The price at a resolution; undefined when nobody published it. */
export function priceOf(tariff: Tariff, resolution: string): Tariff[number] | undefined {
  const pixels = PIXELS[resolution] ?? Number.POSITIVE_INFINITY;
  return tariff.find(({ upTo }) => pixels <= (PIXELS[upTo] ?? 0));
}

type Picture = ServedModel & { pixels: readonly [number, number]; isLayered: boolean };
const SMALL = [921_600, 4_624_220] as const;
const LARGE = [3_686_400, 16_777_216] as const;
export const PICTURES: Readonly<Record<string, Picture>> = {
  'bytedance/seedream-5.0-pro': {
    ...picture('dola-seedream-5-0-pro-260628', SMALL, '0.09'),
    cost: listed([{ when: { maxPixels: 2_610_000 }, amount: '0.045' }, { amount: '0.09' }]),
  },
  'bytedance/seedream-5.0-flash': picture('dola-seedream-5-0-flash-260915', SMALL, '0.018'),
  'bytedance/seedream-5.0-lite': picture('seedream-5-0-260128', LARGE, '0.035'),
  'bytedance/seedream-4.5': picture('seedream-4-5-251128', LARGE, '0.04'),
  'bytedance/seedream-4.0': picture('seedream-4-0-250828', [921_600, 16_777_216], '0.03'),
};
export const MODELS: Readonly<Record<string, ServedModel>> = { ...FILMS, ...PICTURES };

function picture(raw: string, pixels: Picture['pixels'], amount: string): Picture {
  return { raw, cost: listed([{ amount }]), pixels, isLayered: raw.startsWith('dola-') };
}

function listed(rates: CostRule['rates']): CostRule {
  return { per: 'job', unit: 'USD', rates, source: 'price list of BytePlus ModelArk', asOf: '2026-10-08' };
}

/** Whether it could make what is ordered. */
export function canTake(order: Order): boolean {
  const { model, type, width, height, durationSeconds = 0 } = order;
  const known = Object.hasOwn(MODELS, model);
  const [film, picture] = known ? [FILMS[model], PICTURES[model]] : [undefined, undefined];
  if (type === 'video' && film !== undefined) {
    const [least, most] = film.seconds;
    return sizeOf(order, film) !== undefined && durationSeconds >= least && durationSeconds <= most;
  }
  if (type === 'video' || picture === undefined) return false;
  const [least, most] = picture.pixels;
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  return width * height >= least && width * height <= most && long <= 16 * short;
}

/** The first generation makes other sizes of the same words; an order may name either. */
export function sizeOf(order: Order, { resolutions, isFirst }: Film): NamedSize | undefined {
  const own = isFirst ? namedSizeOf(SEEDANCE_1_SIZES, order) : undefined;
  const size = own ?? namedSizeOf(SEEDANCE_SIZES, order);
  return size !== undefined && resolutions.includes(size.resolution) ? size : undefined;
}
