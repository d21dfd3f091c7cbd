// Pictures in memory, what is laid over them, and image files. It knows nothing of what a picture shows.
export { colourOf, mix, type Colour } from './colour.ts';
export { decodeReference, encodeImage, type ImageFormat } from './files.ts';
export { blend, lay, makeOverlay, makePicture, type Overlay, type Picture } from './picture.ts';
export { decodePng, type Raster } from './png.ts';
