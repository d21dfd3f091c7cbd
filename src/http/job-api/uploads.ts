// POST /v1/uploads: a reference image sent ahead, to be named by its id in orders.
import { Elysia } from 'elysia';
import { MAX_UPLOADS, readReferenceImage, type Upload } from '../../media/index.ts';
import { isoInstant } from '../../runtime/clock.ts';
import { MAX_UPLOAD_BODY_BYTES } from '../body.ts';
import { principalOf } from '../exchange.ts';
import { IMAGE_BODY_TYPES, IMAGE_FIELD, readSentImage } from '../image-body.ts';
import type { RouteDeclaration } from '../route.ts';
import { uploadSchema } from './answers.ts';
import { uploadExample } from './examples.ts';
import { TAG, type JobApiParts } from './parts.ts';
import { noQuerySchema } from './schemas.ts';

const UPLOAD: RouteDeclaration = {
  operationId: 'uploadImage',
  tag: TAG,
  summary: 'Upload a reference image',
  description:
    'Keeps a still PNG, JPEG or WebP of at most 10 MiB for 24 hours. Its `uploadId` is a `referenceImage` for any ' +
    'number of orders of this customer in this mode. What the pixels do not need (place, camera, comments, ' +
    'thumbnails) is left out of it.\n\n' +
    '```sh\ncurl -H "Authorization: Bearer $KEY" -F file=@lighthouse.jpg http://127.0.0.1:8080/v1/uploads\n' +
    'curl -H "Authorization: Bearer $KEY" -H "Content-Type: image/jpeg" --data-binary @lighthouse.jpg ' +
    'http://127.0.0.1:8080/v1/uploads\n```\n\n' +
    `A customer may have ${MAX_UPLOADS} uploads in a mode. One more takes the place of the one that was used longest ago, and is ` +
    'refused where none was used yet.',
  access: { kind: 'customer', scope: 'generation:write', dialect: 'job' },
  maxBodyBytes: MAX_UPLOAD_BODY_BYTES,
  fileBody: { field: IMAGE_FIELD, types: IMAGE_BODY_TYPES },
  answers: {
    201: {
      description: 'The image is kept, as it is described here.',
      schema: uploadSchema,
      example: uploadExample,
    },
  },
  errors: [
    'unsupported_file_format',
    'file_size_exceeded',
    'file_too_small',
    'file_too_large',
    'file_load_error',
    'upload_limit_exceeded',
    'service_unavailable',
  ],
};

export function uploadRoutes({ route, media, requireRoom }: JobApiParts) {
  return new Elysia().post(
    '/v1/uploads',
    async ({ request, body, set }) => {
      const { customerId, mode } = principalOf(request);
      const { bytes, declaredType } = await readSentImage(request, body as Uint8Array);
      const image = readReferenceImage(bytes, declaredType, IMAGE_FIELD);
      requireRoom();
      set.status = 201;
      return render(await media.uploads.add({ customerId, mode }, image));
    },
    { ...route.withFile(UPLOAD), query: noQuerySchema },
  );
}

function render({ id, contentType, bytes, width, height, mode, createdAt, deleteAt }: Upload) {
  return {
    ok: true as const,
    uploadId: id,
    ...{ contentType, bytes, width, height, mode },
    createdAt: isoInstant(createdAt),
    expiresAt: isoInstant(deleteAt),
  };
}
