// Real listeners on the loopback for the tests of the network: peers that answer byte by byte as told, and canaries
// that only count who came. Nothing here leaves the machine.
import https from 'node:https';
import http from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Dial } from '../../src/runtime/net-exchange.ts';
import type { Certificate } from './self-signed.ts';

export type Peer = {
  port: number;
  /** Each request as it came, head and body. */
  requests: string[];
  connections: () => number;
  /** Resolves when the next connection has been taken. */
  connected: Promise<void>;
  /** Resolves when the first whole request has come. */
  requested: Promise<void>;
  /** Resolves when the first connection has ended, whoever ended it. */
  gone: Promise<void>;
  close: () => void;
};

export type PeerOptions = {
  host?: string;
  port?: number;
  certificate?: Certificate;
  /** Called at once for each connection. */
  onConnection?: (socket: Socket) => void;
  /** Called with each whole request; without it the peer stays silent. */
  onRequest?: (socket: Socket, request: string) => void;
};

export function listen(options: PeerOptions = {}): Promise<Peer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const connected = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const requested = Promise.withResolvers<void>();
  let connections = 0;
  const talk = (socket: Socket) => {
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (!isWhole(text)) return;
      requests.push(text);
      requested.resolve();
      options.onRequest?.(socket, text);
      text = '';
    });
  };
  const arrive = (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      gone.resolve();
    });
    connected.resolve();
    options.onConnection?.(socket);
  };
  const { certificate } = options;
  const server = certificate === undefined ? createServer(talk) : createTlsServer({ ...certificate }, talk);
  server.on('connection', arrive);
  server.on('tlsClientError', () => {});
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        requests,
        connections: () => connections,
        connected: connected.promise,
        requested: requested.promise,
        gone: gone.promise,
        close: () => {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? '0';
  return text.length >= end + 4 + Number(length);
}

/** Answers every request with these bytes and closes. */
export function saying(...parts: string[]): NonNullable<PeerOptions['onRequest']> {
  return (socket) => void socket.end(parts.join(''), 'latin1');
}

/** An answer with a body and its length. */
export function ok(body: string, headers = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
}

/** Whether anything listens there: what shows that a canary was alive all along. */
export function isAlive(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

export type Lead = { dial: Dial; addresses: string[] };

/** A last step that leads every judged address to one peer, trusting its certificate, and notes the addresses. */
export function leadTo(peer: Peer, certificate: Certificate): Lead {
  const addresses: string[] = [];
  const dial: Dial = (address, url, options) => {
    addresses.push(address);
    const led: https.RequestOptions = {
      ...options,
      port: peer.port,
      ca: certificate.cert,
      lookup: (_host, _options, answer) => answer(null, [{ address: '127.0.0.1', family: 4 }]),
    };
    return url.protocol === 'https:' ? https.request(led) : http.request(led);
  };
  return { dial, addresses };
}

/** A last step that keeps the judged address and only turns port 443 into this one. */
export function atPort(port: number): Lead {
  const addresses: string[] = [];
  const dial: Dial = (address, _url, options) => {
    addresses.push(address);
    return https.request({ ...options, port });
  };
  return { dial, addresses };
}
