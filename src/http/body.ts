// Reading a request's body: at most so many bytes, only JSON, and nothing compressed.
import { GatewayError } from '../errors.ts';

/** For routes without images. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** A 10 MiB image in base64, and the rest of the request. */
export const MAX_IMAGE_BODY_BYTES = 14 * 1024 * 1024;

/** A 10 MiB image as it is, and the frame of a form around it. */
export const MAX_UPLOAD_BODY_BYTES = 10 * 1024 * 1024 + 64 * 1024;

/** Refuses by the declared size, before anything is read. @throws GatewayError `payload_too_large` */
export function refuseDeclaredSize(request: Request, maxBytes: number): void {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

/** @throws GatewayError `unsupported_media_type` */
export function refuseOtherTypes(request: Request): void {
  const type = request.headers.get('content-type') ?? '';
  const encoding = request.headers.get('content-encoding');
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type)) {
    throw new GatewayError('unsupported_media_type', {
      message: 'The body must be sent as `Content-Type: application/json`, in UTF-8.',
    });
  }
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    throw new GatewayError('unsupported_media_type', { message: 'The body must not be compressed.' });
  }
}

/**
 * The bytes of the body.
 * @throws GatewayError `payload_too_large`, also when more comes than was declared; `invalid_json` when the client
 *   goes away in the middle of it
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  try {
    return await readWhole(request, maxBytes);
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown;
    throw new GatewayError('invalid_json', {
      message: 'The body ended before it was complete.',
      cause: thrown,
    });
  }
}

async function readWhole(request: Request, maxBytes: number): Promise<Uint8Array> {
  // With a declared size the server itself cuts the body there, and one read is by far the fastest, unless somebody has
  // looked at `body` before: that makes a stream of it.
  if (request.headers.has('content-length')) return request.bytes();
  if (request.body === null) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of request.body) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('payload_too_large', { details: { maxBytes } });
}
