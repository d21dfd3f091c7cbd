// The pixels behind words: providers that are told a ratio and a resolution make these sizes of them. Facts of the
// models, the same at every provider that serves them.
import type { Order } from './provider.ts';

/** A size in words, such as 16:9 at 720p. */
export type NamedSize = { ratio: string; resolution: string };

/** By `<width>x<height>`. */
export type SizeTable = ReadonlyMap<string, NamedSize>;

/** The words for the size of an order; undefined when the model does not make it. */
export function namedSizeOf(table: SizeTable, { width, height }: Order): NamedSize | undefined {
  return table.get(`${width}x${height}`);
}

/** Each row is a ratio with its sizes, in the order of the resolutions. */
export function sizeTable(resolutions: readonly string[], rows: Readonly<Record<string, string>>): SizeTable {
  const sizes = Object.entries(rows).flatMap(([ratio, row]) =>
    row.split(' ').map((size, index): [string, NamedSize] => {
      return [size, { ratio, resolution: resolutions[index] ?? '' }];
    }),
  );
  return new Map(sizes);
}

/** Seedance 2.0 and 1.x; fast and mini end at 720p. */
export const SEEDANCE_SIZES = sizeTable(['480p', '720p', '1080p', '4k'], {
  '21:9': '992x432 1470x630 2206x946 3840x1646',
  '16:9': '864x496 1280x720 1920x1080 3840x2160',
  '4:3': '752x560 1112x834 1664x1248 3840x2880',
  '1:1': '640x640 960x960 1440x1440 3840x3840',
  '3:4': '560x752 834x1112 1248x1664 2880x3840',
  '9:16': '496x864 720x1280 1080x1920 2160x3840',
});

export const SEEDANCE_SMALL_SIZES = only(SEEDANCE_SIZES, ['480p', '720p']);

/** Films in the two ratios of a screen. */
export const SCREEN_SIZES = sizeTable(['720p', '1080p', '4k'], {
  '16:9': '1280x720 1920x1080 3840x2160',
  '9:16': '720x1280 1080x1920 2160x3840',
});

/** Gemini 2.5 Flash Image. */
export const NANO_BANANA_SIZES = sizeTable(['1K'], {
  '1:1': '1024x1024',
  '2:3': '832x1248',
  '3:2': '1248x832',
  '3:4': '864x1184',
  '4:3': '1184x864',
  '4:5': '896x1152',
  '5:4': '1152x896',
  '9:16': '768x1344',
  '16:9': '1344x768',
  '21:9': '1536x672',
});

/** Gemini 3 Pro Image and 3.1 Flash Image. */
export const NANO_BANANA_PRO_SIZES = sizeTable(['1K', '2K', '4K'], {
  '1:1': '1024x1024 2048x2048 4096x4096',
  '2:3': '848x1264 1696x2528 3392x5056',
  '3:2': '1264x848 2528x1696 5056x3392',
  '3:4': '896x1200 1792x2400 3584x4800',
  '4:3': '1200x896 2400x1792 4800x3584',
  '4:5': '928x1152 1856x2304 3712x4608',
  '5:4': '1152x928 2304x1856 4608x3712',
  '9:16': '768x1376 1536x2752 3072x5504',
  '16:9': '1376x768 2752x1536 5504x3072',
  '21:9': '1584x672 3168x1344 6336x2688',
});

/** The part of a table that is in these resolutions. */
export function only(table: SizeTable, resolutions: readonly string[]): SizeTable {
  return new Map([...table].filter(([, { resolution }]) => resolutions.includes(resolution)));
}
