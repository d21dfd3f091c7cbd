// The OpenAPI file: it holds every route, every example in it is true, and a linter of others has nothing to say.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { ERROR_CATALOGUE, ERROR_CODES } from '../../src/errors.ts';
import type { DeclaredRoute } from '../../src/http/index.ts';
import { errorSchema } from '../../src/http/error-body.ts';
import { refusalsOf } from '../../src/http/refusals.ts';
import { faultsOf } from '../support/answers.ts';
import { openWorld, PUBLIC_URL, type World } from '../support/world.ts';

type Operation = {
  operationId: string;
  tags: string[];
  description: string;
  security: Record<string, string[]>[];
  parameters?: { name: string; in: string; required: boolean; description: string; schema: object }[];
  requestBody?: { content: { 'application/json': { schema: object; example: unknown } } };
  responses: Record<
    string,
    {
      headers: Record<string, unknown>;
      content?: Record<string, { examples?: Record<string, { $ref: string }> }>;
    }
  >;
  'x-scope'?: string;
};

type OpenApi = {
  openapi: string;
  servers: { url: string }[];
  tags: { name: string }[];
  'x-tagGroups': { tags: string[] }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Record<string, unknown>>;
    examples: Record<string, { value: { code: string } }>;
    securitySchemes: Record<string, unknown>;
  };
};

let world: World;
let document: OpenApi;
let operations: { route: DeclaredRoute; operation: Operation }[];

beforeAll(async () => {
  world = await openWorld();
  document = (await world.call('GET', '/openapi.json')).json as OpenApi;
  operations = world.app.routes.map((route) => ({ route, operation: operationOf(route) }));
});
afterAll(() => world.close());

function operationOf({ method, path }: DeclaredRoute): Operation {
  const operation = document.paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${method} ${path} is not in the file`);
  return operation;
}

function find(operationId: string): Operation {
  const found = operations.find(({ operation }) => operation.operationId === operationId);
  if (found === undefined) throw new Error(`there is no operation ${operationId}`);
  return found.operation;
}

/** Each route's faults under its name; an empty list is a pass. */
function faultsOfRoutes(check: (route: DeclaredRoute, operation: Operation) => string[]): string[] {
  return operations.flatMap(({ route, operation }) =>
    check(route, operation).map((fault) => `${operation.operationId}: ${fault}`),
  );
}

describe('the file', () => {
  test('is OpenAPI 3.1 of this gateway', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/);
    expect(document.servers).toEqual([{ url: PUBLIC_URL }]);
  });

  test('holds every mounted route, and no other', () => {
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const mounted = world.app.routes.map(
      ({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
    );
    expect(described.sort()).toEqual(mounted.sort());
    expect(mounted.length).toBeGreaterThan(30);
  });

  test('names every operation once', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('sorts every operation under a chapter, and every chapter under a reader', () => {
    const chapters = document.tags.map(({ name }) => name);
    const used = new Set(operations.flatMap(({ operation }) => operation.tags));
    expect([...used].sort()).toEqual(chapters.toSorted());
    expect(document['x-tagGroups'].flatMap(({ tags }) => tags)).toEqual(chapters);
  });
});

describe('examples', () => {
  test('of requests are requests that pass', () => {
    const faults = faultsOfRoutes(({ input, declaration }) =>
      input.body === undefined ? [] : faultsOf(input.body, declaration.requestExample),
    );
    expect(faults).toEqual([]);
  });

  test('of answers fit the schema that real answers are held against', () => {
    const faults = faultsOfRoutes(({ declaration }) =>
      Object.entries(declaration.answers).flatMap(([status, { schema, example }]) => {
        if (schema === undefined) return [];
        if (example === undefined) return [`${status} has no example`];
        return faultsOf(schema, example).map((fault) => `${status}: ${fault}`);
      }),
    );
    expect(faults).toEqual([]);
  });

  test('of refusals are bodies of the code that they stand for', () => {
    for (const [code, { value }] of Object.entries(document.components.examples)) {
      expect(faultsOf(errorSchema, value)).toEqual([]);
      expect(value.code).toBe(code);
    }
  });
});

describe('refusals', () => {
  test('every code of the catalogue is a value of the type of errors', () => {
    expect(document.components.schemas['ErrorType']?.['enum']).toEqual(ERROR_CODES);
  });

  test('stand under the status that the route answers with', () => {
    const faults = faultsOfRoutes((route, { responses }) => {
      const { access } = route.declaration;
      const isJobApi = access.kind === 'customer' && access.dialect === 'job';
      return refusalsOf(route).flatMap((code) => {
        const { status } = ERROR_CATALOGUE[code];
        const examples =
          responses[isJobApi && status === 422 ? 400 : status]?.content?.['application/json']?.examples;
        return examples?.[code] === undefined ? [`${code} is missing`] : [];
      });
    });
    expect(faults).toEqual([]);
  });

  test('of the Job API know no 422', () => {
    expect(Object.keys(find('generateImage').responses)).toEqual([
      ...['200', '202', '400', '401', '402', '403', '409', '413', '415', '429', '500', '503'],
    ]);
  });

  test('tell when to come back, and how to authenticate', () => {
    const { responses } = find('generateImage');
    expect(Object.keys(responses['429']?.headers ?? {})).toContain('Retry-After');
    expect(Object.keys(responses['503']?.headers ?? {})).toContain('Retry-After');
    expect(Object.keys(responses['401']?.headers ?? {})).toContain('WWW-Authenticate');
  });

  test('of a public route say nothing of keys', () => {
    expect(Object.keys(find('livez').responses)).toEqual(['200', '400', '500']);
  });
});

describe('access', () => {
  test('is said of every operation', () => {
    const faults = faultsOfRoutes(({ declaration: { access } }, operation) => {
      const schemes = operation.security.flatMap((alternative) => Object.keys(alternative));
      const isScopeNamed =
        access.kind !== 'customer' || operation.description.includes(`\`${access.scope}\``);
      const wanted = {
        customer: ['customerKey'],
        operator: ['operatorKey', 'operatorKeyHeader'],
        public: [],
      }[access.kind];
      return schemes.join() === wanted.join() && isScopeNamed ? [] : [`wants ${wanted.join()}`];
    });
    expect(faults).toEqual([]);
    expect(Object.keys(document.components.securitySchemes)).toEqual([
      ...['customerKey', 'operatorKey', 'operatorKeyHeader'],
    ]);
    expect(find('cancelJob')['x-scope']).toBe('generation:delete');
  });

  test('asks for an idempotency key where the route does', () => {
    const faults = faultsOfRoutes(({ declaration: { idempotencyKey = 'unused' } }, { parameters = [] }) => {
      const header = parameters.find(({ name }) => name === 'Idempotency-Key');
      const said = header === undefined ? 'unused' : header.required ? 'required' : 'optional';
      return said === idempotencyKey ? [] : [`says ${said}`];
    });
    expect(faults).toEqual([]);
    expect(find('generateVideo').parameters?.find(({ name }) => name === 'Prefer')?.required).toBe(false);
  });

  test('shows the headers of limits to customers only', () => {
    expect(Object.keys(find('listJobs').responses['200']?.headers ?? {})).toEqual([
      ...['X-Request-Id', 'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'],
    ]);
    expect(Object.keys(find('listCustomers').responses['200']?.headers ?? {})).toEqual(['X-Request-Id']);
    expect(Object.keys(find('createKey').responses['201']?.headers ?? {})).toContain('Idempotency-Replayed');
  });
});

describe('input', () => {
  test('is described as it is sent, not as it is read', () => {
    const parameters = find('listJobs').parameters ?? [];
    const schemaOf = (name: string) => parameters.find((parameter) => parameter.name === name)?.schema;
    expect(schemaOf('limit')).toEqual({ type: 'integer', minimum: 1, maximum: 100, default: 20 });
    expect(schemaOf('createdAfter')).toMatchObject({ type: 'string', format: 'date-time' });
    expect(document.components.schemas['ImageRequest']).toMatchObject({
      required: ['prompt'],
      additionalProperties: false,
      properties: { prompt: { type: 'string', maxLength: 5000 }, quality: { default: 'LOW' } },
    });
  });

  test('tells the choices apart by the field that does', () => {
    const { schema } = find('moveCredits').requestBody?.content['application/json'] ?? {};
    expect(schema).toMatchObject({
      discriminator: {
        propertyName: 'operation',
        mapping: {
          top_up: '#/components/schemas/TopUp',
          adjust: '#/components/schemas/Adjustment',
        },
      },
    });
  });

  test('has a sentence for every parameter', () => {
    const faults = faultsOfRoutes((_, { parameters = [] }) =>
      parameters.filter(({ description }) => !/^.+[.]$/s.test(description)).map(({ name }) => name),
    );
    expect(faults).toEqual([]);
  });
});

test('answers may gain fields', () => {
  expect(document.components.schemas['Customer']).not.toHaveProperty('additionalProperties');
});

test("passes the recommended rules of Redocly's linter", async () => {
  const file = join(world.dir, 'openapi.json');
  // The address of the tests is localhost, which the linter takes for a mistake.
  await Bun.write(file, JSON.stringify({ ...document, servers: [{ url: 'https://gateway.test' }] }));
  const linter = Bun.fileURLToPath(import.meta.resolve('@redocly/cli/bin/cli.js'));
  const command = [process.execPath, linter, 'lint', file, '--extends=recommended', '--format=json'];
  const { stdout } = Bun.spawn(command, {
    cwd: world.dir,
    // Nothing of this machine, and nothing that would ask the network.
    env: { HOME: world.dir, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    stderr: 'ignore',
  });
  const { problems } = (await new Response(stdout).json()) as {
    problems: { ruleId: string; message: string; location: { pointer: string }[] }[];
  };
  const complaints = problems.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`);
  // The root only leads to the reference, which is no success but a redirect.
  expect(complaints).toEqual(['operation-2xx-response #/paths/~1/get/responses']);
});
