// A reference image without what its pixels do not need: where it was taken, by whom and with what, comments, thumbnails,
// and whatever else was put into or behind it. Works on the container and never decodes, so that pixels stay bit for bit.
// Colour profiles stay, because pixels mean nothing without them, and so does the way up.
import type { Cleaned } from './clean-copy.ts';
import type { ImageHeader } from './image-header.ts';
import { cleanJpeg } from './clean-jpeg.ts';
import { cleanPng } from './clean-png.ts';
import { cleanWebp } from './clean-webp.ts';
import { unreachable } from '../errors.ts';

/** Cleans an image whose header was read and says this type. One that is clean already comes back as it is. */
export function cleanImage(bytes: Uint8Array, contentType: ImageHeader['contentType']): Cleaned {
  switch (contentType) {
    case 'image/png':
      return cleanPng(bytes);
    case 'image/jpeg':
      return cleanJpeg(bytes);
    case 'image/webp':
      return cleanWebp(bytes);
    default:
      return unreachable(contentType);
  }
}
