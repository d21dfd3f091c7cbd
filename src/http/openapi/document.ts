// The OpenAPI 3.1 file, put together from the declarations that the routes are mounted with and the schemas that
// validate them. Nothing in it is written twice, so nothing in it can be out of date.
import type { DeclaredRoute } from '../route.ts';
import { errorSchema } from '../error-body.ts';
import { HEADER_COMPONENTS } from './headers.ts';
import { createSchemaBook } from './json-schema.ts';
import { describeOperation } from './operation.ts';
import { refusalExamples } from './refusals.ts';
import { TAG_GROUPS, TAGS } from './tags.ts';

export type OpenApiDocument = {
  openapi: string;
  info: { title: string; version: string; [field: string]: unknown };
  servers: { url: string }[];
  paths: Record<string, Record<string, { operationId: string }>>;
  components: Record<string, Record<string, unknown>>;
  [field: string]: unknown;
};

const INTRODUCTION = `Images and videos by job: your customers' keys and credits in front, your provider accounts behind.

**Keys.** Customers send \`Authorization: Bearer ak_live_…\` or \`ak_test_…\`. A test key sees the same API with a wallet of
its own and a sandbox that draws pictures offline. Operators send their private key, as a bearer token or as
\`X-API-Key\`. Keys belong on servers, never in a browser or an app.

**Errors.** Every refusal has the same body. Branch on its \`code\`. A *retryable* error means that nothing was started
and nothing charged: send the same request again, with the same \`Idempotency-Key\`, after \`Retry-After\` seconds where
that header is there.

**Limits.** \`X-RateLimit-*\` tell the window that governs a route; a full one answers 429.`;

const SECURITY_SCHEMES = {
  customerKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'ak_live_… or ak_test_…',
    description: 'The API key of a customer.',
  },
  operatorKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'The private key of the operator (`MY_PRIVATE_API_KEY`).',
  },
  operatorKeyHeader: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'The same private key in a header of its own.',
  },
};

export function createOpenApiDocument(parts: {
  routes: readonly DeclaredRoute[];
  publicUrl: string;
  version: string;
}): OpenApiDocument {
  const { routes, publicUrl, version } = parts;
  const book = createSchemaBook({
    inputs: routes.flatMap(({ input }) => Object.values(input)),
    answers: [
      errorSchema,
      ...routes.flatMap(({ declaration }) =>
        Object.values(declaration.answers).flatMap(({ schema }) => schema ?? []),
      ),
    ],
  });
  const paths: OpenApiDocument['paths'] = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: describeOperation(route, book) as { operationId: string },
    };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sluice',
      version,
      summary: 'The self-hosted gateway for image and video generation.',
      description: INTRODUCTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: publicUrl }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    'x-tagGroups': Object.entries(TAG_GROUPS).map(([name, tags]) => ({ name, tags })),
    paths,
    components: {
      securitySchemes: SECURITY_SCHEMES,
      headers: HEADER_COMPONENTS,
      examples: refusalExamples(routes),
      schemas: book.components,
    },
  };
}
