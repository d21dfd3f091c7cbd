// The scene of the attacks: canaries on the loopback for both families, a public server that says what it is told, and a
// last step that leads every public address to that server and every other one straight to a canary.
import http from 'node:http';
import https from 'node:https';
import { createSystemClock } from '../../src/runtime/clock.ts';
import type { Dial } from '../../src/runtime/net-exchange.ts';
import { createNetWith, type Net } from '../../src/runtime/net.ts';
import { listen, ok, type Peer } from './loopback.ts';
import { makeSelfSigned } from './self-signed.ts';

const PUBLIC_ADDRESSES = new Set(['93.184.216.34', '1.1.1.1', '2606:4700:4700::1111']);

export type SsrfScene = {
  net: Net;
  /** The port of every canary. */
  port: number;
  /** Answers each path with a redirect to where it is told; `ok` where nothing was told. By https for names. */
  server: Peer;
  /** The same by plain http, at an origin of the operator's. */
  own: Peer & { origin: string };
  /** What the next requests for a path are led to. */
  redirects: Map<string, string>;
  /** What names answer, each time they are asked; every other name is a canary. */
  names: Map<string, () => readonly string[]>;
  /** Addresses that were not public and were connected to all the same. */
  astray: string[];
  /** How many connections the canaries have taken. */
  heard(): number;
  canaries: readonly Canary[];
  close(): void;
};

type Canary = { host: string; peer: Peer };

export async function openSsrfScene(): Promise<SsrfScene> {
  const redirects = new Map<string, string>();
  const names: SsrfScene['names'] = new Map();
  const astray: string[] = [];
  const certificate = makeSelfSigned(['files.example', 'cdn.example']);
  const answer = (socket: { end(text: string): unknown }, request: string) => {
    const target = redirects.get(/^\S+ (\S+)/.exec(request)?.[1] ?? '');
    const redirect = `HTTP/1.1 302 Found\r\nLocation: ${target}\r\nContent-Length: 0\r\n\r\n`;
    socket.end(target === undefined ? ok('public') : redirect);
  };
  const server = await listen({ certificate, onRequest: answer });
  const own = await listen({ onRequest: answer });
  const canaries = await openCanaries();
  const port = canaries[0]?.peer.port ?? 0;
  const origin = `http://127.0.0.1:${own.port}`;

  const dial: Dial = (address, url, options) => {
    if (url.origin === origin) return http.request(options);
    if (PUBLIC_ADDRESSES.has(address)) {
      pinned(options, address);
      return https.request({
        ...options,
        ...toLoopback('127.0.0.1'),
        port: server.port,
        ca: certificate.cert,
      });
    }
    astray.push(address);
    const host = address.includes(':') && canaries.length > 1 ? '::1' : '127.0.0.1';
    const led = { ...options, ...toLoopback(host), port };
    return url.protocol === 'https:' ? https.request(led) : http.request(led);
  };
  const resolve = async (host: string) => names.get(host)?.() ?? ['127.0.0.1', '::1'];

  return {
    ...{ port, server, redirects, names, astray, canaries },
    net: createNetWith({ clock: createSystemClock(), resolve, dial }),
    own: { ...own, origin },
    heard: () => canaries.reduce((sum, { peer }) => sum + peer.connections(), 0),
    close: () => [server, own, ...canaries.map(({ peer }) => peer)].forEach((peer) => peer.close()),
  };
}

async function openCanaries(): Promise<Canary[]> {
  const first = await listen();
  // A machine may have no IPv6.
  const second = await listen({ host: '::1', port: first.port }).catch(() => null);
  const canaries: Canary[] = [{ host: '127.0.0.1', peer: first }];
  return second === null ? canaries : [...canaries, { host: '::1', peer: second }];
}

function toLoopback(host: string): Pick<https.RequestOptions, 'lookup'> {
  const family = host.includes(':') ? 6 : 4;
  return { lookup: (_host, _options, answer) => answer(null, [{ address: host, family }]) };
}

/** Whoever connects gets the address that was judged, and no look-up of its own. */
function pinned({ lookup, agent }: https.RequestOptions, address: string): void {
  let given: unknown;
  lookup?.('files.example', { all: true }, (_fault, answers) => (given = answers));
  const isPinned =
    Array.isArray(given) && given.length === 1 && (given[0] as { address: string }).address === address;
  if (!isPinned || agent !== false) throw new Error('the connection is not pinned to the judged address');
}
