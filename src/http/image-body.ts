// Reading an image that is sent as it is: as the whole body with its own type, or as the one part of a form.
import { GatewayError, invalidField } from '../errors.ts';

/** The name of the part, and of the image in every refusal. */
export const IMAGE_FIELD = 'file';
/** What a body may be; of the forms and of the bytes that declare nothing, the bytes decide. */
export const IMAGE_BODY_TYPES = [
  'multipart/form-data',
  'image/png',
  'image/jpeg',
  'image/webp',
  'application/octet-stream',
] as const;

/** A form has one part; more than this is nobody's mistake. */
const MAX_PARTS = 16;

export type SentImage = { bytes: Uint8Array; declaredType: string | null };

/** @throws GatewayError `unsupported_media_type`, `invalid_input` (a form without its one part, nothing at all) */
export async function readSentImage({ headers }: Request, body: Uint8Array): Promise<SentImage> {
  const contentType = headers.get('content-type') ?? '';
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    throw new GatewayError('unsupported_media_type', { message: 'The body must not be compressed.' });
  }
  const type = contentType.replace(/;.*/s, '').trim().toLowerCase();
  if (type === 'multipart/form-data') return readForm(body, contentType);
  if (!['image/jpg', ...IMAGE_BODY_TYPES].includes(type)) {
    throw new GatewayError('unsupported_media_type', {
      message: `Send the image as the body with its own type, such as image/png, or as the part ${IMAGE_FIELD} of a form.`,
    });
  }
  if (body.length === 0) throw invalidField(IMAGE_FIELD, 'is empty');
  return { bytes: body, declaredType: type };
}

async function readForm(body: Uint8Array, contentType: string): Promise<SentImage> {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const separator = boundary?.[1] ?? boundary?.[2];
  if (separator === undefined || countUpTo(body, `--${separator}`, MAX_PARTS + 2) > MAX_PARTS + 1) {
    throw invalidField('', 'is not a form with one part');
  }
  const form = await parseForm(body, contentType);
  for (const name of form.keys())
    if (name !== IMAGE_FIELD) throw invalidField(name, 'is not a field of this form');
  const parts = form.getAll(IMAGE_FIELD);
  const [part] = parts;
  if (part === undefined) throw invalidField(IMAGE_FIELD, 'is required');
  if (parts.length > 1) throw invalidField(IMAGE_FIELD, 'stands in the form more than once');
  // A part without a file name is text to every reader of forms, and its bytes are no longer what was sent.
  if (typeof part === 'string') throw invalidField(IMAGE_FIELD, 'must be sent as a file, with a file name');
  if (part.size === 0) throw invalidField(IMAGE_FIELD, 'is empty');
  // Bun takes a part's type from the ending of its file name, whatever the part says; so none is declared.
  return { bytes: await part.bytes(), declaredType: null };
}

async function parseForm(body: Uint8Array, contentType: string) {
  try {
    return await new Response(body as Uint8Array<ArrayBuffer>, {
      headers: { 'content-type': contentType },
    }).formData();
  } catch (cause) {
    throw new GatewayError('invalid_input', { message: 'The body is not a whole form.', cause });
  }
}

/** How often a text stands in bytes, counted no further than `most`. */
function countUpTo(bytes: Uint8Array, text: string, most: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = buffer.indexOf(text); at !== -1 && count < most; at = buffer.indexOf(text, at + text.length))
    count++;
  return count;
}
