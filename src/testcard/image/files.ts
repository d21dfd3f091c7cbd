// Image files: a picture to PNG, JPEG or WebP, and a reference image to pixels. JPEG and WebP are the codec of
// the runtime, which takes no raw pixels: it is handed a BMP, which is nothing but pixels behind a header.
import { GatewayError } from '../../errors.ts';
import { decodePng, encodePng, type Raster } from './png.ts';
import type { Picture } from './picture.ts';

export type ImageFormat = 'png' | 'jpeg' | 'webp';

const JPEG_QUALITY = 88;
const WEBP_QUALITY = 84;
/** A reference was judged before it came here; this only bounds the memory of decoding it. */
const MAX_REFERENCE_PIXELS = 64 * 1024 * 1024;

export async function encodeImage(picture: Picture, format: ImageFormat): Promise<Uint8Array> {
  if (format === 'png') return encodePng(picture);
  const source = new Bun.Image(encodeBmp(picture));
  const coded =
    format === 'jpeg' ? source.jpeg({ quality: JPEG_QUALITY }) : source.webp({ quality: WEBP_QUALITY });
  return coded.bytes();
}

/**
 * Decodes a reference image and fits it into a square of `side` pixels; it is never enlarged. Refuses with
 * `file_load_error` what cannot be decoded.
 */
export async function decodeReference(file: Uint8Array, side: number): Promise<Raster> {
  try {
    const image = new Bun.Image(file, { maxPixels: MAX_REFERENCE_PIXELS });
    const fitted = image.resize(side, side, { fit: 'inside', withoutEnlargement: true });
    return decodePng(await fitted.png({ compressionLevel: 1 }).bytes());
  } catch (cause) {
    throw new GatewayError('file_load_error', { cause });
  }
}

const BMP_HEADER_BYTES = 54;

function encodeBmp({ width, height, rgb }: Picture): Uint8Array {
  const stride = Math.ceil((width * 3) / 4) * 4;
  const file = new Uint8Array(BMP_HEADER_BYTES + stride * height);
  const view = new DataView(file.buffer);
  file.set(Buffer.from('BM'));
  view.setUint32(2, file.length, true);
  view.setUint32(10, BMP_HEADER_BYTES, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  // A negative height: rows from the top.
  view.setInt32(22, -height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < height; y++) {
    let to = BMP_HEADER_BYTES + y * stride;
    for (let from = y * width * 3; from < (y + 1) * width * 3; from += 3, to += 3) {
      file[to] = rgb[from + 2] ?? 0;
      file[to + 1] = rgb[from + 1] ?? 0;
      file[to + 2] = rgb[from] ?? 0;
    }
  }
  return file;
}
