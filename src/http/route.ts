// Declaring a route: who may call it, what it answers, how it can refuse. One declaration feeds the hooks that
// enforce it and the reference that describes it, so that the two cannot differ.
import * as v from 'valibot';
import { ParseError, ValidationError } from 'elysia';
import { assert, type ErrorCode } from '../errors.ts';
import type { Access, Admission, KeyRule } from './admission.ts';
import { MAX_BODY_BYTES, readBody, refuseDeclaredSize, refuseOtherTypes } from './body.ts';
import { exchangeOf } from './exchange.ts';
import { parseJsonObject } from './json-text.ts';
import { refuseListsForObjects, validationError } from './validation.ts';

/** One successful answer of a route. */
export type Answer = {
  description: string;
  /** Absent for answers that are no JSON. */
  schema?: v.GenericSchema;
  example?: unknown;
  /** The media type, when it is not JSON. */
  contentType?: string;
  /** Headers besides those that every answer has, each with what it says. */
  headers?: Readonly<Record<string, string>>;
};

export type RouteDoc = {
  /** Unique over all routes; the name of the method in generated clients. */
  operationId: string;
  tag: string;
  summary: string;
  description?: string;
  /** Headers that are read besides those of access and idempotency. */
  requestHeaders?: Readonly<Record<string, { description: string; example: string }>>;
  requestExample?: unknown;
  answers: Readonly<Record<number, Answer>>;
  /** What the route itself can refuse with; what its access can refuse with is added. */
  errors: readonly ErrorCode[];
};

export type RouteDeclaration = RouteDoc & {
  access: Access;
  idempotencyKey?: KeyRule;
  maxBodyBytes?: number;
  /** The body is a file and not JSON: as the part of a form that has this name, or as it is with one of the types. */
  fileBody?: { field: string; types: readonly string[] };
  /** No body at all is an empty object: for routes on which every field has a default. */
  isBodyOptional?: true;
};

/**
 * The part of Elysia's context that the hooks below touch. They never hand the context itself on: Elysia reads their
 * source to learn what they need, and would prepare everything, cookies included, for each request.
 */
type HookContext = Caller & { body?: unknown };
type Caller = { request: Request; route: string; bearer?: string | undefined };

/** Stands in a route's `detail` under this name, where `declaredRoutes` finds it. */
const DECLARATION = 'x-declaration';

/** A route as it is mounted: its declaration and the schemas that validate its input. */
export type DeclaredRoute = {
  method: string;
  path: string;
  declaration: RouteDeclaration;
  input: { body?: v.GenericSchema; query?: v.GenericSchema; params?: v.GenericSchema };
};

export type RouteMaker = {
  /** For a route without a body. */
  plain(declaration: RouteDeclaration): {
    transform: (context: HookContext) => void | Promise<void>;
    detail: object;
  };
  /** For a route with a JSON body. */
  withBody(declaration: RouteDeclaration): {
    parse: (context: HookContext) => Promise<Uint8Array>;
    transform: (context: HookContext) => Promise<void>;
    beforeHandle: (context: HookContext) => void;
    detail: object;
  };
  /** For a route whose body is a file: the handler gets its bytes, whatever they are. */
  withFile(declaration: RouteDeclaration): {
    parse: (context: HookContext) => Promise<Uint8Array>;
    transform: (context: HookContext) => void | Promise<void>;
    detail: object;
  };
};

export function createRouteMaker(admission: Admission): RouteMaker {
  function admit(declaration: RouteDeclaration, { request, route, bearer }: Caller): void | Promise<void> {
    const { access, idempotencyKey = 'unused' } = declaration;
    exchangeOf(request).route = route;
    return admission(request, bearer, { access, idempotencyKey });
  }

  async function read(declaration: RouteDeclaration, request: Request): Promise<Uint8Array> {
    const maxBytes = declaration.maxBodyBytes ?? MAX_BODY_BYTES;
    refuseDeclaredSize(request, maxBytes);
    // Nobody without a key makes us read a body; that there is none is for `admit` to say.
    return isAnonymous(declaration, request) ? new Uint8Array() : readBody(request, maxBytes);
  }

  return {
    plain: (declaration) => ({
      transform: ({ request, route, bearer }) => admit(declaration, { request, route, bearer }),
      detail: { [DECLARATION]: declaration },
    }),
    withFile: (declaration) => ({
      parse: ({ request }) => read(declaration, request),
      transform: ({ request, route, bearer }) => admit(declaration, { request, route, bearer }),
      detail: { [DECLARATION]: declaration },
    }),
    withBody(declaration) {
      return {
        parse: ({ request }) => read(declaration, request),
        // After the bearer plugin, before validation.
        async transform(context) {
          await admit(declaration, {
            request: context.request,
            route: context.route,
            bearer: context.bearer,
          });
          const body = readObject(declaration, context.request, context.body as Uint8Array);
          exchangeOf(context.request).rawBody = body;
          context.body = body;
        },
        beforeHandle: ({ request, body }) => refuseListsForObjects(exchangeOf(request).rawBody, body),
        detail: { [DECLARATION]: declaration },
      };
    },
  };
}

function readObject(
  { isBodyOptional }: RouteDeclaration,
  request: Request,
  bytes: Uint8Array,
): Record<string, unknown> {
  if (isBodyOptional === true && bytes.length === 0) return {};
  refuseOtherTypes(request);
  return parseJsonObject(bytes);
}

function isAnonymous({ access }: RouteDeclaration, { headers }: Request): boolean {
  return access.kind !== 'public' && !headers.has('authorization') && !headers.has('x-api-key');
}

type MountedRoute = { method: string; path: string; hooks: unknown };

/** Every mounted route with its declaration. Throws (a bug) for a route that declares nothing. */
export function declaredRoutes(routes: readonly MountedRoute[]): DeclaredRoute[] {
  return routes.map(({ method, path, hooks }) => {
    const { detail, body, query, params } = hooks as DeclaredRoute['input'] & {
      detail?: { [DECLARATION]?: RouteDeclaration };
    };
    const declaration = detail?.[DECLARATION];
    assert(declaration !== undefined, `the route ${method} ${path} is declared`);
    return {
      method,
      path,
      declaration,
      input: {
        ...(body === undefined ? {} : { body }),
        ...(query === undefined ? {} : { query }),
        ...(params === undefined ? {} : { params }),
      },
    };
  });
}

/** What was really thrown: Elysia wraps what a parse hook throws, and its complaints about input are its own class. */
export function unwrapThrown(thrown: unknown): unknown {
  if (thrown instanceof ParseError) return thrown.cause ?? thrown;
  if (!(thrown instanceof ValidationError)) return thrown;
  const schema = (thrown.validator as { schema?: v.GenericSchema }).schema;
  if (schema === undefined) return thrown;
  // Elysia keeps the first complaint only; the caller is told all of them at once.
  const result = v.safeParse(schema, thrown.value);
  return result.success ? thrown : validationError(schema, result.issues);
}
