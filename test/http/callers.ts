// Requests as they come from an address, for what depends on who calls from where.
import type { SocketServer } from '../../src/http/index.ts';
import type { World } from '../support/world.ts';

type From = {
  socket: string;
  forwardedFor?: string;
  headers?: Record<string, string>;
  method?: string;
  body?: string;
};

/** A socket server as the gateway sees Bun's, with one peer. */
function peer(address: string): SocketServer {
  return { requestIP: () => ({ address }), timeout: () => undefined };
}

export async function callFrom(world: World, path: string, from: From) {
  const request = new Request(`http://localhost${path}`, {
    method: from.method ?? 'GET',
    ...(from.body === undefined ? {} : { body: from.body }),
    headers: {
      ...(from.forwardedFor === undefined ? {} : { 'x-forwarded-for': from.forwardedFor }),
      ...from.headers,
    },
  });
  const response = await world.app.handle(request, peer(from.socket));
  const json = (await response.json()) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, json, code: json['code'] };
}
