// GET and HEAD /v1/files/:fileId: stored media by signed link, whole or in part. Nothing about a file is believed
// from its name, and a browser is told to believe nothing either.
import { Elysia } from 'elysia';
import * as v from 'valibot';
import { GatewayError } from '../errors.ts';
import { isId } from '../ids.ts';
import { FILE_ROUTE, type Media, type StoredFile } from '../media/index.ts';
import { described } from './annotate.ts';
import { matchesTag } from './etag.ts';
import type { RouteDeclaration, RouteMaker } from './route.ts';

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'video/mp4': 'mp4',
};

const querySchema = v.strictObject({
  exp: described('When the link expires, in seconds since 1970.', v.string()),
  sig: described('The signature of the link.', v.string()),
});
const paramsSchema = v.strictObject({ fileId: described('As it stands in the link.', v.string()) });

const FILE_HEADERS = {
  ETag: 'The SHA-256 of the file; it never changes.',
  'Content-Disposition': 'A name to save the file under.',
  'Accept-Ranges': 'Always `bytes`.',
};

const GET_FILE: RouteDeclaration = {
  operationId: 'getFile',
  tag: 'Files',
  summary: 'Fetch a file by its signed link',
  description: 'Needs no key: the link is the permission. Supports `HEAD`, `Range` and `If-None-Match`.',
  access: { kind: 'public' },
  requestHeaders: {
    Range: {
      description: 'One range of bytes; several are answered with the whole file.',
      example: 'bytes=0-1023',
    },
    'If-Range': { description: 'The range counts only while the file has this `ETag`.', example: '"…"' },
    'If-None-Match': { description: 'The `ETag` of the copy at hand.', example: '"…"' },
  },
  answers: {
    200: { description: 'The whole file.', contentType: '*/*', headers: FILE_HEADERS },
    206: {
      description: 'The range that was asked for.',
      contentType: '*/*',
      headers: { ...FILE_HEADERS, 'Content-Range': 'Which bytes of how many.' },
    },
    304: { description: 'The copy at hand is still right.' },
    416: {
      description: 'The range lies outside the file.',
      headers: { 'Content-Range': 'How many bytes the file has.' },
    },
  },
  errors: ['invalid_signature', 'not_found', 'result_unavailable'],
};

export function createFileRoutes({ media, route }: { media: Media; route: RouteMaker }) {
  return new Elysia({ name: 'files' }).get(
    `${FILE_ROUTE}/:fileId`,
    async ({ params, query, request }) => {
      if (!isId('file', params.fileId))
        throw new GatewayError('not_found', { message: 'There is no such file.' });
      const { file, content } = await media.follow(params.fileId, query);
      return serve(request, file, content);
    },
    { ...route.plain(GET_FILE), params: paramsSchema, query: querySchema },
  );
}

function serve(request: Request, file: StoredFile, content: Blob): Response {
  const etag = `"${file.sha256}"`;
  const headers = new Headers({
    'content-type': file.contentType,
    'content-disposition': `attachment; filename="${file.jobId}-${file.role}.${EXTENSIONS[file.contentType] ?? 'bin'}"`,
    'accept-ranges': 'bytes',
    etag,
    // The link expires; what it leads to never changes.
    'cache-control': 'private, max-age=3600, immutable',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
  });
  if (matchesTag(request.headers.get('if-none-match'), etag))
    return new Response(null, { status: 304, headers });
  const range = readRange(request, etag, file.bytes);
  if (range === 'unsatisfiable') {
    headers.set('content-range', `bytes */${file.bytes}`);
    return new Response(null, { status: 416, headers });
  }
  const [start, end] = range ?? [0, file.bytes - 1];
  headers.set('content-length', String(end - start + 1));
  if (range !== null) headers.set('content-range', `bytes ${start}-${end}/${file.bytes}`);
  return new Response(content.slice(start, end + 1), { status: range === null ? 200 : 206, headers });
}

/** The first and last byte asked for; null for the whole file, as for several ranges or a form that is not known. */
function readRange(request: Request, etag: string, size: number): [number, number] | null | 'unsatisfiable' {
  const ifRange = request.headers.get('if-range');
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(request.headers.get('range') ?? '');
  if (match === null || (ifRange !== null && ifRange !== etag)) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : [size - length, size - 1];
  }
  const [start, end] = [Number(first), last === '' ? size - 1 : Math.min(Number(last), size - 1)];
  if (last !== '' && Number(last) < start) return null;
  return start >= size ? 'unsatisfiable' : [start, end];
}
