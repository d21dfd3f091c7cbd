// The reference image of a request: which one source it names, and whether the bytes are an image that every provider
// takes. It never fetches, never decodes pixels, and asks nobody: a URL is only judged here and downloaded later. What
// it hands on has lost its metadata.
import { faultyFields, unreachable, type ErrorCode, type GatewayError } from '../errors.ts';
import { isId } from '../ids.ts';
import { judgePublicUrl } from '../runtime/public-url.ts';
import type { ReferenceStrength } from '../words.ts';
import { cleanImage } from './clean.ts';
import { readImageHeader, type ImageHeader } from './image-header.ts';

export const DEFAULT_REFERENCE_STRENGTH: ReferenceStrength = 'MID';

/** Of the image itself; as base64 it is a third more. */
export const MAX_REFERENCE_BYTES = 10 * 1024 * 1024;
/** Providers refuse smaller ones, or scale them up badly. */
export const MIN_REFERENCE_SIDE_PX = 256;
export const MAX_REFERENCE_SIDE_PX = 6000;
/** What a decoder downstream has to hold: about 96 MB. */
export const MAX_REFERENCE_PIXELS = 24_000_000;

/** The type and the parameters in front of the data, a long file name included. */
const MAX_DATA_URL_HEAD = 1024;

/** A reference as a request carries it; a text alone is short for `imageUrl`. */
export type ReferenceInput =
  | string
  | {
      imageUrl?: string | undefined;
      imageBase64?: string | undefined;
      uploadId?: string | undefined;
      mimeType?: string | undefined;
      strength?: ReferenceStrength | undefined;
    };

/** An image that providers take, without its metadata. */
export type ReferenceImage = { bytes: Uint8Array; header: ImageHeader };

type InlineSource = { kind: 'inline' } & ReferenceImage;
/** One that was sent ahead; `path` is the field that names it. */
type UploadSource = { kind: 'upload'; id: string; path: string };
type ReferenceSource = InlineSource | UploadSource | { kind: 'url'; url: string };

export type ParsedReference = { strength: ReferenceStrength; source: ReferenceSource };

const ROOT_PATH = 'referenceImage';
/** No scheme in use is longer, and base64 never holds a colon. */
const SCHEME = /^[a-z][a-z0-9+.-]{0,31}:/i;
const DATA_SCHEME = /^data:/i;
/** RFC 2397: a type, parameters and always `;base64`; a file name may stand among the parameters. */
const DATA_URL_HEAD = /^([\w!#$&^.+-]+\/[\w!#$&^.+-]+)?(?:;[^;=,\s]+=[^;,\s]*)*;base64$/i;

/**
 * Reads a reference: a public https URL, a data URL, base64 (standard or URL-safe, padded or not), or the id of an
 * upload, which is looked up later.
 * Inline images are checked and cleaned here; a URL's bytes go through `readReferenceImage` once they are there. Every refusal
 * names the field.
 * @throws GatewayError `invalid_reference_image` (no source, two sources, a URL that is not public, broken base64),
 * and what `readReferenceImage` throws
 */
export function parseReference(value: ReferenceInput): ParsedReference {
  if (typeof value === 'string') {
    return { strength: DEFAULT_REFERENCE_STRENGTH, source: readSource(value, ROOT_PATH) };
  }
  const source = readOneSource(value);
  // With a URL a declared type decides nothing: the bytes that come do.
  if (source.kind === 'inline') {
    checkDeclaredType(source.header, value.mimeType ?? null, `${ROOT_PATH}.mimeType`);
  }
  return { strength: value.strength ?? DEFAULT_REFERENCE_STRENGTH, source };
}

function readOneSource(value: Exclude<ReferenceInput, string>): ReferenceSource {
  const { imageUrl, imageBase64, uploadId } = value;
  const named = [imageUrl, imageBase64, uploadId].filter((source) => source !== undefined);
  if (named.length > 1) {
    const message = 'has more than one of imageUrl, imageBase64 and uploadId; send one';
    throw refusal('invalid_reference_image', ROOT_PATH, message);
  }
  if (uploadId !== undefined) return readUploadId(uploadId, `${ROOT_PATH}.uploadId`);
  if (imageUrl !== undefined) return readSource(imageUrl, `${ROOT_PATH}.imageUrl`);
  if (imageBase64 !== undefined) return readInline(imageBase64, `${ROOT_PATH}.imageBase64`);
  throw refusal(
    'invalid_reference_image',
    ROOT_PATH,
    'has no source; send imageUrl, imageBase64 or uploadId',
  );
}

function readSource(text: string, path: string): ReferenceSource {
  if (DATA_SCHEME.test(text)) return readDataUrl(text, path);
  if (isId('upload', text)) return { kind: 'upload', id: text, path };
  if (!SCHEME.test(text)) return readInline(text, path);
  const judged = judgePublicUrl(text);
  if (judged.kind === 'ok') return { kind: 'url', url: judged.url.href };
  // Not which rule it broke: the reasons together would map what is behind the gateway.
  throw refusal('invalid_reference_image', path, 'is not a public https URL');
}

function readUploadId(text: string, path: string): UploadSource {
  if (isId('upload', text)) return { kind: 'upload', id: text, path };
  throw noSuchUpload(path);
}

/** The same for one that is nobody's, another's, and gone. */
export function noSuchUpload(path: string): GatewayError {
  return refusal('invalid_reference_image', path, 'is no upload of yours, or one that has expired');
}

function readDataUrl(text: string, path: string): InlineSource {
  const comma = text.slice(0, MAX_DATA_URL_HEAD).indexOf(',');
  const head = comma < 0 ? null : DATA_URL_HEAD.exec(text.slice('data:'.length, comma));
  if (head === null) {
    throw refusal('invalid_reference_image', path, 'is not a data URL of the form data:<type>;base64,<data>');
  }
  const source = readInline(text.slice(comma + 1), path);
  checkDeclaredType(source.header, head[1] ?? null, path);
  return source;
}

function readInline(text: string, path: string): InlineSource {
  return { kind: 'inline', ...readBytes(decodeBase64(text, path), path) };
}

/** The size follows from the length of the text, so that what is too large is never decoded. */
function decodeBase64(text: string, path: string): Uint8Array {
  const digits = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  const size = Math.floor((digits * 3) / 4);
  if (size > MAX_REFERENCE_BYTES) throw tooManyBytes(path);
  // One digit more than whole groups never occurs. In all other lengths white space, which the decoder skips, shows
  // as missing bytes; so no second pass over megabytes is needed to find it.
  const bytes = digits % 4 === 1 ? null : decodeStrictly(text);
  if (size === 0 || bytes?.length !== size) {
    throw refusal('invalid_reference_image', path, 'is neither a URL nor valid base64');
  }
  return bytes;
}

/** Buffer's decoder is no choice here: it reads a character past U+00FF as its low byte. Null when it is not base64. */
function decodeStrictly(text: string): Uint8Array | null {
  const isUrlSafe = text.includes('-') || text.includes('_');
  try {
    return Uint8Array.fromBase64(text, { alphabet: isUrlSafe ? 'base64url' : 'base64' });
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

/**
 * Checks the bytes of a reference, wherever they came from, and leaves out of them what its pixels do not need. A
 * declared type may carry parameters; null, and the types that only say "bytes", declare nothing.
 * @throws GatewayError `file_size_exceeded`, `unsupported_file_format` (no still PNG, JPEG or WebP, another one than
 * declared, or another file as well), `file_too_small`, `file_too_large`, `file_load_error` (cut short)
 */
export function readReferenceImage(
  bytes: Uint8Array,
  declaredType: string | null,
  path = ROOT_PATH,
): ReferenceImage {
  const image = readBytes(bytes, path);
  checkDeclaredType(image.header, declaredType, path);
  return image;
}

function readBytes(bytes: Uint8Array, path: string): ReferenceImage {
  const header = checkHeader(bytes, path);
  const cleaned = cleanImage(bytes, header.contentType);
  switch (cleaned.kind) {
    case 'clean':
      return { bytes: cleaned.bytes, header };
    case 'broken':
      throw refusal('file_load_error', path, 'is cut short or damaged');
    case 'foreign':
      throw refusal('unsupported_file_format', path, 'has other data behind the image');
    default:
      return unreachable(cleaned);
  }
}

function checkHeader(bytes: Uint8Array, path: string): ImageHeader {
  if (bytes.length > MAX_REFERENCE_BYTES) throw tooManyBytes(path);
  const header = readImageHeader(bytes);
  if (header === null) throw refusal('unsupported_file_format', path, 'is not a PNG, JPEG or WebP image');
  if (header.isAnimated) throw refusal('unsupported_file_format', path, 'is animated; send a still image');
  const { width, height } = header;
  if (Math.min(width, height) < MIN_REFERENCE_SIDE_PX) {
    const message = `is ${width} x ${height} pixels; each side must be at least ${MIN_REFERENCE_SIDE_PX}`;
    throw refusal('file_too_small', path, message);
  }
  if (Math.max(width, height) > MAX_REFERENCE_SIDE_PX || width * height > MAX_REFERENCE_PIXELS) {
    const limits = `each side may be at most ${MAX_REFERENCE_SIDE_PX} and all at most ${MAX_REFERENCE_PIXELS}`;
    throw refusal('file_too_large', path, `is ${width} x ${height} pixels; ${limits}`);
  }
  return header;
}

/** What servers and clients say when they do not know. */
const UNDECLARED = new Set(['', 'application/octet-stream', 'binary/octet-stream']);
/** Never registered, and common. */
const ALIASES = new Map([['image/jpg', 'image/jpeg']]);

function checkDeclaredType(header: ImageHeader, declaredType: string | null, path: string): void {
  const type = (declaredType ?? '').replace(/;.*/s, '').trim().toLowerCase();
  if (UNDECLARED.has(type) || (ALIASES.get(type) ?? type) === header.contentType) return;
  throw refusal(
    'unsupported_file_format',
    path,
    `declares another type than its bytes, ${header.contentType}`,
  );
}

function tooManyBytes(path: string): GatewayError {
  return refusal('file_size_exceeded', path, `is larger than ${MAX_REFERENCE_BYTES} bytes`);
}

function refusal(code: ErrorCode, path: string, message: string): GatewayError {
  return faultyFields(code, [{ path, message }]);
}
