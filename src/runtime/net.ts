// The network. The only way out of the process.
import type { Clock } from './clock.ts';

export type NetRequest = {
  url: string;
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  /** The whole exchange, redirects included, ends by then. */
  deadlineMs: number;
  /** More than this in the answer is an error, not a truncation. */
  maxBytes: number;
  /** How many redirects are followed, each judged anew. */
  maxRedirects?: number;
  signal?: AbortSignal;
};

export type NetResponse = { status: number; headers: Record<string, string>; body: Uint8Array };

export type Net = { fetch(request: NetRequest): Promise<NetResponse> };

export function createNet(_: { clock: Clock }): Net {
  return { fetch: () => Promise.reject(new Error('not yet')) };
}
