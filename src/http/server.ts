// The server: one Elysia app of all faces, and around it what every request passes, whatever becomes of it: an id,
// a look at the request line, an error body, headers, and a line in the access log.
import { bearer } from '@elysiajs/bearer';
import { Elysia, NotFoundError } from 'elysia';
import { GatewayError } from '../errors.ts';
import { makeId } from '../ids.ts';
import type { Log, Runtime } from '../runtime/index.ts';
import { createAllowedMethods } from './allowed-methods.ts';
import type { AddressJudge } from './client-address.ts';
import { errorResponse } from './error-body.ts';
import { beginExchange, exchangeOf, type Exchange } from './exchange.ts';
import { refuseOddRequest, toRoutable, withoutBody } from './request-line.ts';
import { unwrapThrown } from './route.ts';
import { JSON_TYPE } from './json-text.ts';

/** What the server needs of Bun's: absent when a test calls the app without a socket. */
export type SocketServer = {
  requestIP(request: Request): { address: string } | null;
  timeout(request: Request, seconds: number): void;
};

export type Handle = (request: Request, server?: SocketServer) => Promise<Response>;

/** On top of what a request waits for itself. */
const WAIT_MARGIN_SECONDS = 10;

/**
 * The app without its faces: bearer tokens are read from the header alone, and every error becomes the one body.
 * Faces are mounted on it with `use`.
 */
export function createRootApp({ log }: { log: Log }) {
  return new Elysia({ normalize: false, strictPath: true })
    .onError(({ error, request }) => {
      const exchange = exchangeOf(request);
      return errorResponse(toRefusal(error, exchange, log), exchange);
    })
    .use(bearer({ extract: { header: 'Bearer', query: 'never-in-a-query', body: 'never-in-a-body' } }));
}

/** Any app with every face mounted, seen from outside. */
export type MountedApp = {
  fetch: (request: Request) => Response | Promise<Response>;
  routes: readonly { method: string; path: string }[];
};

export function createHandle(
  app: MountedApp,
  parts: { runtime: Runtime; judgeAddress: AddressJudge },
): Handle {
  const { clock, random, log } = parts.runtime;
  const allowedMethods = createAllowedMethods(app.routes);

  return async (received, server) => {
    const request = toRoutable(received);
    const exchange = beginExchange(request, {
      requestId: makeId('request', { now: clock.now(), random }),
      startedMs: clock.elapsedMs(),
      address: () =>
        parts.judgeAddress(
          server?.requestIP(received)?.address ?? '',
          request.headers.get('x-forwarded-for'),
        ),
      keepOpen: (seconds) => server?.timeout(received, seconds + WAIT_MARGIN_SECONDS),
    });
    const answer = await respond(request, exchange);
    const response = received.method === 'HEAD' ? await withoutBody(answer) : answer;
    decorate(response.headers, exchange);
    writeLine(received.method, response.status, exchange);
    return response;
  };

  async function respond(request: Request, exchange: Exchange): Promise<Response> {
    try {
      refuseOddRequest(request);
      const response = await app.fetch(request);
      if (exchange.errorCode !== 'route_not_found') return response;
      const allow = allowedMethods(request.method, new URL(request.url).pathname);
      return allow === null
        ? response
        : errorResponse(new GatewayError('method_not_allowed', { allow }), exchange);
    } catch (thrown) {
      return errorResponse(toRefusal(thrown, exchange, log), exchange);
    }
  }

  function decorate(headers: Headers, { requestId, rate }: Exchange): void {
    headers.set('x-request-id', requestId);
    headers.set('x-content-type-options', 'nosniff');
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
    // The router leaves out the space that our own answers have.
    if (headers.get('content-type') === 'application/json;charset=utf-8')
      headers.set('content-type', JSON_TYPE);
    if (rate === null) return;
    const resetSeconds = Math.ceil(rate.resetMs / 1000);
    const [limit, remaining] = [String(rate.limit), String(rate.remaining)];
    headers.set('x-ratelimit-limit', limit);
    headers.set('x-ratelimit-remaining', remaining);
    headers.set('x-ratelimit-reset', String(Math.ceil((clock.now() + rate.resetMs) / 1000)));
    headers.set('ratelimit-limit', limit);
    headers.set('ratelimit-remaining', remaining);
    headers.set('ratelimit-reset', String(resetSeconds));
  }

  /**
   * Never the query, which may hold a signature, and never a body. Reads that went well are for `debug`: clients that
   * wait for a job would fill the log with them.
   */
  function writeLine(method: string, status: number, exchange: Exchange): void {
    const level = status < 400 && (method === 'GET' || method === 'HEAD') ? 'debug' : 'info';
    if (!log.isEnabled(level)) return;
    const { requestId, route, principal, errorCode, isReplay } = exchange;
    log[level](
      {
        requestId,
        method,
        route: route === '' ? undefined : route,
        status,
        code: errorCode ?? undefined,
        ms: Math.round((clock.elapsedMs() - exchange.startedMs) * 10) / 10,
        customerId: principal?.customerId,
        key: principal?.keyPrefix,
        replayed: isReplay || undefined,
      },
      'request',
    );
  }
}

/** What a request is answered with when this was thrown. */
function toRefusal(thrown: unknown, exchange: Exchange, log: Log): GatewayError {
  const { requestId } = exchange;
  const error = unwrapThrown(thrown);
  if (error instanceof NotFoundError) return new GatewayError('route_not_found');
  if (error instanceof GatewayError) {
    exchange.rate = error.window ?? exchange.rate;
    if (error.cause !== undefined && error.code === 'service_unavailable') {
      log.error({ err: error.cause, requestId }, 'the gateway could not serve a request');
    }
    return error;
  }
  log.error({ err: error, requestId }, 'a request failed');
  return new GatewayError('internal_error');
}
