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
function sizeTable(resolutions: readonly string[], rows: Readonly<Record<string, string>>): SizeTable {
  const sizes = Object.entries(rows).flatMap(([ratio, row]) =>
    row.split(' ').map((size, index): [string, NamedSize] => {
      return [size, { ratio, resolution: resolutions[index] ?? '' }];
    }),
  );
  return new Map(sizes);
}

/** Seedance 2.0 and 2.5; fast and mini end at 720p. */
export const SEEDANCE_SIZES = sizeTable(['480p', '720p', '1080p', '4k'], {
  '21:9': '992x432 1470x630 2206x946 3840x1646',
  '16:9': '864x496 1280x720 1920x1080 3840x2160',
  '4:3': '752x560 1112x834 1664x1248 3840x2880',
  '1:1': '640x640 960x960 1440x1440 3840x3840',
  '3:4': '560x752 834x1112 1248x1664 2880x3840',
  '9:16': '496x864 720x1280 1080x1920 2160x3840',
});

/** Seedance 1.0. */
export const SEEDANCE_1_SIZES = sizeTable(['480p', '720p', '1080p'], {
  '21:9': '960x416 1504x640 2176x928',
  '16:9': '864x480 1248x704 1920x1088',
  '4:3': '736x544 1120x832 1664x1248',
  '1:1': '640x640 960x960 1440x1440',
  '3:4': '544x736 832x1120 1248x1664',
  '9:16': '480x864 704x1248 1088x1920',
});

export const SEEDANCE_SMALL_SIZES = only(SEEDANCE_SIZES, ['480p', '720p']);

/** Films whose ratio is said in words, and stills of the same makers. */
export const FILM_SIZES = sizeTable(['480p', '540p', '720p', '768p', '1080p', '2K', '4k'], {
  '16:9': '832x480 960x540 1280x720 1366x768 1920x1080 2560x1440 3840x2160',
  '9:16': '480x832 540x960 720x1280 768x1366 1080x1920 1440x2560 2160x3840',
  '1:1': '624x624 720x720 960x960 1024x1024 1440x1440 1920x1920 2880x2880',
  '4:3': '720x540 832x624 1104x832 1184x888 1632x1248 2216x1662',
  '3:4': '540x720 624x832 832x1104 888x1184 1248x1632 1662x2216',
});

/** FLUX where it is told a ratio. */
export const FLUX_SIZES = sizeTable(['1MP', '4MP'], {
  '1:1': '1024x1024 2048x2048',
  '16:9': '1344x768 2688x1536',
  '9:16': '768x1344 1536x2688',
  '4:3': '1152x896 2304x1728',
  '3:4': '896x1152 1728x2304',
  '3:2': '1216x832 2496x1664',
  '2:3': '832x1216 1664x2496',
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

/** The part of a table that is in these resolutions and, where that is said, in these ratios. */
export function only(
  table: SizeTable,
  resolutions: readonly string[],
  ratios?: readonly string[],
): SizeTable {
  const isIn = ({ ratio, resolution }: NamedSize) =>
    resolutions.includes(resolution) && (ratios === undefined || ratios.includes(ratio));
  return new Map([...table].filter(([, named]) => isIn(named)));
}
