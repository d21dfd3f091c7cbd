// Images, good and bad, that the tests of image headers go through. Each bad one lies in one place only.
import type { ImageHeader } from '../../src/media/image-header.ts';
import {
  animatedWebp,
  GIF,
  join,
  jpeg,
  JPEG_APPLICATION,
  JPEG_SCAN,
  JPEG_START,
  jpegFrame,
  jpegSegment,
  png,
  PNG_ANIMATION,
  PNG_PIXELS,
  PNG_SIGNATURE,
  pngChunk,
  pngHead,
  SVG,
  vp8,
  vp8Extended,
  vp8Lossless,
  webp,
  WEBP_ALPHA,
  WEBP_ANIMATED,
  WEBP_PROFILE,
  webpChunk,
} from './image-bytes.ts';

export const STILL = { width: 300, height: 260, isAnimated: false };
const note = pngChunk('tEXt', new Uint8Array(20));
const comment = jpegSegment(0xfe, new Uint8Array(20));
const times = (count: number, part: Uint8Array) => Array.from({ length: count }, () => part);

/** Files that are read, each with its header. */
export const GOOD: Record<string, [Uint8Array, ImageHeader]> = {
  PNG: [png(300, 260), { contentType: 'image/png', ...STILL }],
  'PNG with text before the pixels': [png(300, 260, [note]), { contentType: 'image/png', ...STILL }],
  'animated PNG': [
    png(300, 260, [note, PNG_ANIMATION]),
    { contentType: 'image/png', ...STILL, isAnimated: true },
  ],
  'PNG with an animation behind the pixels': [
    join(png(300, 260), PNG_ANIMATION),
    { contentType: 'image/png', ...STILL },
  ],
  JPEG: [jpeg(300, 260), { contentType: 'image/jpeg', ...STILL }],
  'JPEG with many segments': [jpeg(300, 260, times(900, comment)), { contentType: 'image/jpeg', ...STILL }],
  'JPEG with an empty comment': [
    jpeg(300, 260, [jpegSegment(0xfe, new Uint8Array(0))]),
    { contentType: 'image/jpeg', ...STILL },
  ],
  'grey JPEG': [
    join(JPEG_START, jpegSegment(0xc0, join([8, 1, 4, 1, 44, 1, 1, 0x11, 0]))),
    { contentType: 'image/jpeg', ...STILL },
  ],
  'JPEG for print': [
    join(JPEG_START, jpegSegment(0xc0, join([8, 1, 4, 1, 44, 4], new Uint8Array(12)))),
    { contentType: 'image/jpeg', ...STILL },
  ],
  'JPEG with fill bytes': [
    jpeg(300, 260, [Uint8Array.from([0xff, 0xff, 0xff])]),
    { contentType: 'image/jpeg', ...STILL },
  ],
  'progressive JPEG': [
    join(JPEG_START, JPEG_APPLICATION, jpegFrame(300, 260, 0xc2)),
    { contentType: 'image/jpeg', ...STILL },
  ],
  'JPEG whose thumbnail has another size': [
    jpeg(300, 260, [jpegSegment(0xe1, jpeg(16, 16))]),
    { contentType: 'image/jpeg', ...STILL },
  ],
  WebP: [webp(vp8(300, 260)), { contentType: 'image/webp', ...STILL }],
  'WebP followed by other bytes': [
    join(webp(vp8(300, 260)), 'tail'),
    { contentType: 'image/webp', ...STILL },
  ],
  'lossless WebP': [webp(vp8Lossless(300, 260)), { contentType: 'image/webp', ...STILL }],
  'extended WebP': [
    webp(vp8Extended(300, 260, WEBP_ALPHA), WEBP_PROFILE, vp8(300, 260)),
    { contentType: 'image/webp', ...STILL },
  ],
  'animated WebP': [animatedWebp(300, 260), { contentType: 'image/webp', ...STILL, isAnimated: true }],
  'PNG of 50,000 pixels a side': [
    png(50_000, 50_000),
    { contentType: 'image/png', width: 50_000, height: 50_000, isAnimated: false },
  ],
  'WebP with a canvas of 2^24 pixels a side': [
    webp(vp8Extended(2 ** 24, 2 ** 24, WEBP_ANIMATED)),
    { contentType: 'image/webp', width: 2 ** 24, height: 2 ** 24, isAnimated: true },
  ],
};

const ONE_MIB = 1024 * 1024;

/** Files that are not. */
export const BAD: Record<string, Uint8Array> = {
  nothing: new Uint8Array(0),
  GIF: GIF,
  'GIF, then PNG': join(GIF, png(300, 260)),
  SVG: SVG,
  HTML: join('<!doctype html><img src="x.png">'),
  'HTML, then JPEG': join('<!--', jpeg(300, 260)),
  'PDF, then PNG': join('%PDF-1.7\n', png(300, 260)),
  'ZIP, then WebP': join('PK\x03\x04', webp(vp8(300, 260))),
  'white space, then PNG': join('\n', png(300, 260)),
  BMP: join('BM', new Uint8Array(60)),
  AVIF: join([0, 0, 0, 28], 'ftypavif', new Uint8Array(60)),
  'WAVE in the same container as WebP': join('RIFF', [36, 0, 0, 0], 'WAVEfmt ', new Uint8Array(40)),
  'PNG signature alone': join(PNG_SIGNATURE),
  'PNG without pixels': join(PNG_SIGNATURE, pngHead(300, 260)),
  'PNG that begins with another chunk': join(PNG_SIGNATURE, note, pngHead(300, 260), PNG_PIXELS),
  'PNG with a head of another length': join(
    PNG_SIGNATURE,
    pngChunk('IHDR', new Uint8Array(14).fill(1)),
    PNG_PIXELS,
  ),
  'PNG whose head says another length': join(
    PNG_SIGNATURE,
    pngChunk('IHDR', pngHead(300, 260).slice(8, 21), 14),
    PNG_PIXELS,
  ),
  'PNG with a head of another name': join(
    PNG_SIGNATURE,
    pngChunk('JHDR', pngHead(300, 260).slice(8, 21)),
    PNG_PIXELS,
  ),
  'PNG of no width': png(0, 260),
  'PNG of no height': png(300, 0),
  'PNG with a side of 2^31': png(2 ** 31, 260),
  'PNG chunk longer than the file': png(300, 260, [pngChunk('tEXt', new Uint8Array(4), 10_000)]),
  'PNG chunk of 2^32 - 1 bytes': png(300, 260, [pngChunk('tEXt', new Uint8Array(4), 2 ** 32 - 1)]),
  'PNG pixels of 2^32 - 1 bytes': join(
    PNG_SIGNATURE,
    pngHead(300, 260),
    pngChunk('IDAT', new Uint8Array(4), 2 ** 32 - 1),
  ),
  'PNG with an animation behind too many chunks': png(300, 260, [...times(20_000, note), PNG_ANIMATION]),
  'JPEG start alone': join(JPEG_START, [0xff]),
  'JPEG that ends before its frame': join(
    JPEG_START,
    JPEG_APPLICATION,
    [0xff, 0xd9, 0, 0],
    jpegFrame(300, 260),
  ),
  'JPEG whose scan comes before its frame': join(JPEG_START, JPEG_SCAN, jpegFrame(300, 260)),
  'JPEG of no width': jpeg(0, 260),
  'JPEG of no height': jpeg(300, 0),
  'lossless JPEG': join(JPEG_START, jpegFrame(300, 260, 0xc3), JPEG_SCAN),
  'JPEG frame of another length than its components need': join(
    JPEG_START,
    jpegSegment(0xc0, new Uint8Array(16).fill(3)),
  ),
  'JPEG frame longer than the file': join(
    JPEG_START,
    jpegSegment(0xc0, Uint8Array.from([8, 1, 4, 1, 44, 1]), 11),
  ),
  'JPEG segment of length 0': jpeg(300, 260, [jpegSegment(0xe1, new Uint8Array(0), 0)]),
  'JPEG segment of length 1': jpeg(300, 260, [jpegSegment(0xe1, new Uint8Array(0), 1)]),
  'JPEG segment longer than the file': jpeg(300, 260, [jpegSegment(0xe1, new Uint8Array(8), 60_000)]),
  'JPEG with bytes between segments': jpeg(300, 260, [Uint8Array.from([1, 2, 3])]),
  'JPEG segment without its first sign': jpeg(300, 260, [Uint8Array.from([0, 0xe1, 0, 2])]),
  'JPEG of five colours': join(JPEG_START, jpegSegment(0xc0, join([8, 1, 4, 1, 44, 5], new Uint8Array(15)))),
  'JPEG of no colour': join(JPEG_START, jpegSegment(0xc0, Uint8Array.from([8, 1, 4, 1, 44, 0]))),
  'JPEG with endless segments': jpeg(300, 260, times(50_000, jpegSegment(0xfe, new Uint8Array(0)))),
  'JPEG with endless fill bytes': jpeg(300, 260, [new Uint8Array(ONE_MIB).fill(0xff)]),
  'WebP container larger than the file': webp(vp8(300, 260)).subarray(0, -1),
  'WebP container of 2^32 - 1 bytes': join('RIFF', [255, 255, 255, 255], 'WEBP', vp8(300, 260)),
  'WebP container that ends before its image': join('RIFF', [4, 0, 0, 0], 'WEBP', vp8(300, 260)),
  'WebP image longer than its container': webp(webpChunk('VP8 ', vp8(300, 260).subarray(8), 2 ** 32 - 1)),
  'WebP of no width': webp(vp8(0, 260)),
  'WebP that begins with a dependent frame': webp(
    webpChunk('VP8 ', join([1, 0, 0, 0x9d, 1, 0x2a, 44, 1, 44, 1])),
  ),
  'WebP without a start code': webp(webpChunk('VP8 ', join([0, 0, 0, 0, 0, 0, 44, 1, 44, 1]))),
  'WebP frame of five bytes': webp(webpChunk('VP8 ', join([0, 0, 0, 0x9d, 1]))),
  'lossless WebP of a later version': webp(vp8Lossless(300, 260, 1)),
  'lossless WebP without its signature': webp(webpChunk('VP8L', new Uint8Array(10))),
  'lossless WebP of four bytes': webp(webpChunk('VP8L', Uint8Array.from([0x2f, 0, 0, 0]))),
  'extended WebP without an image': webp(vp8Extended(300, 260, 0), WEBP_PROFILE),
  'extended WebP whose image is larger than its canvas': webp(vp8Extended(300, 260, 0), vp8(16_000, 16_000)),
  'extended WebP with an animation that it does not announce': webp(
    vp8Extended(300, 260, 0),
    webpChunk('ANIM', new Uint8Array(6)),
    vp8(300, 260),
  ),
  'extended WebP with endless chunks': webp(
    vp8Extended(300, 260, 0),
    ...times(10_000, WEBP_PROFILE),
    vp8(300, 260),
  ),
  'extended WebP with a short canvas': webp(webpChunk('VP8X', new Uint8Array(8)), vp8(300, 260)),
  'WebP with an unknown first chunk': webp(webpChunk('JUNK', new Uint8Array(8)), vp8(300, 260)),
};
