// The reference: the OpenAPI file, and a page that shows it and can try it. Both are public, as they hold nothing that
// the documentation of this version would not; everything the page needs is inside of the executable.
import { Elysia } from 'elysia';
import * as v from 'valibot';
// The reference itself: one file, as it is published. Later versions of this package hide it inside of a module.
import scalar from '../../../node_modules/@scalar/fastify-api-reference/dist/js/standalone.js' with { type: 'file' };
import license from '../../../node_modules/@scalar/fastify-api-reference/LICENSE' with { type: 'text' };
import { GatewayError } from '../../errors.ts';
import { described, named } from '../annotate.ts';
import type { OpenApiDocument } from '../openapi/index.ts';
import type { RouteDeclaration, RouteMaker } from '../route.ts';
import { createAsset, type Asset } from './asset.ts';
import { PAGE, PAGE_HEADERS } from './page.ts';
import start from './start.js' with { type: 'text' };
import { JSON_TYPE } from '../json-text.ts';

const TAG = 'Reference';
const PUBLIC = { kind: 'public' } as const;
const CACHE_HEADERS = { ETag: 'Tells this version and encoding from others.' };
const NOT_MODIFIED = { description: 'The copy at hand is still right.' };
const REQUEST_HEADERS = {
  'If-None-Match': { description: 'The `ETag` of the copy at hand.', example: '"…"' },
};

const documentSchema = named(
  'OpenApiDocument',
  v.looseObject({ openapi: v.string(), info: v.looseObject({ title: v.string(), version: v.string() }) }),
);

const GET_DOCUMENT: RouteDeclaration = {
  operationId: 'getOpenApi',
  tag: TAG,
  summary: 'Get the OpenAPI file',
  description: 'This description of every route, as OpenAPI 3.1.',
  access: PUBLIC,
  requestHeaders: REQUEST_HEADERS,
  answers: {
    200: {
      description: 'The file.',
      schema: documentSchema,
      example: { openapi: '3.1.1', info: { title: 'Sluice', version: '0.1.0' } },
      headers: CACHE_HEADERS,
    },
    304: NOT_MODIFIED,
  },
  errors: [],
};

const GET_PAGE: RouteDeclaration = {
  operationId: 'getReference',
  tag: TAG,
  summary: 'Read the reference in a browser',
  access: PUBLIC,
  requestHeaders: REQUEST_HEADERS,
  answers: {
    200: { description: 'The page.', contentType: 'text/html', headers: CACHE_HEADERS },
    304: NOT_MODIFIED,
  },
  errors: [],
};

const GET_ASSET: RouteDeclaration = {
  operationId: 'getReferenceFile',
  tag: TAG,
  summary: 'Get a file of the reference page',
  access: PUBLIC,
  requestHeaders: REQUEST_HEADERS,
  answers: {
    200: { description: 'The file.', contentType: '*/*', headers: CACHE_HEADERS },
    304: NOT_MODIFIED,
  },
  errors: ['not_found'],
};

const GET_ROOT: RouteDeclaration = {
  operationId: 'getRoot',
  tag: TAG,
  summary: 'Find the reference',
  access: PUBLIC,
  answers: { 302: { description: 'It is at `/docs`.', headers: { Location: 'Always `/docs`.' } } },
  errors: [],
};

const SCRIPT = 'text/javascript; charset=utf-8';
const encoder = new TextEncoder();

const assetParams = v.strictObject({ name: described('As it stands in the page.', v.string()) });

export type ReferenceParts = {
  route: RouteMaker;
  /** The OpenAPI file as it is now; asked late, because a free port is known only late. */
  describe: () => OpenApiDocument;
};

export function createReferenceRoutes({ route, describe }: ReferenceParts) {
  const page = textAsset('text/html; charset=utf-8', PAGE, PAGE_HEADERS);
  const files: ReadonlyMap<string, Asset> = new Map([
    ['scalar.js', createAsset({ contentType: SCRIPT, read: () => Bun.file(scalar).bytes() })],
    ['start.js', textAsset(SCRIPT, start)],
    ['scalar-license.txt', textAsset('text/plain; charset=utf-8', license)],
  ]);
  let written: Uint8Array | null = null;
  const document = createAsset({
    contentType: JSON_TYPE,
    read: async () => (written ??= encoder.encode(JSON.stringify(describe(), null, 2))),
  });
  return new Elysia({ name: 'reference' })
    .get(
      '/',
      () => new Response(null, { status: 302, headers: { location: '/docs' } }),
      route.plain(GET_ROOT),
    )
    .get('/openapi.json', ({ request }) => document.respond(request), route.plain(GET_DOCUMENT))
    .get('/docs', ({ request }) => page.respond(request), route.plain(GET_PAGE))
    .get(
      '/docs/:name',
      ({ params, request }) => {
        const file = files.get(params.name);
        if (file === undefined) throw new GatewayError('not_found');
        return file.respond(request);
      },
      { ...route.plain(GET_ASSET), params: assetParams },
    );
}

function textAsset(contentType: string, text: string, headers: Readonly<Record<string, string>> = {}): Asset {
  return createAsset({ contentType, headers, read: async () => encoder.encode(text) });
}
