// A gateway on a port: the socket in front of the app, and the orderly end of both.
import { MAX_IMAGE_BODY_BYTES } from '../http/index.ts';
import type { Config } from '../config.ts';
import { messageOf, StartFault } from '../errors.ts';
import { openGateway, type Gateway } from '../gateway.ts';
import { SECOND_MS } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/index.ts';
import { writeServerNote } from './server-file.ts';

export type Listening = {
  gateway: Gateway;
  /** The base of the links that it hands out. */
  url: string;
  /** Takes no more requests, lets the ones under way end, hands leases back and closes the database. */
  stop(): Promise<void>;
};

/** What a supervisor as a rule grants before it kills (30 s), less a margin. */
const DRAIN_MS = 25 * SECOND_MS;

/** @throws StartFault */
export async function listen(config: Config, runtime: Runtime, processId: number): Promise<Listening> {
  let url = '';
  const gateway = await openGateway({ config, runtime, publicUrl: () => config.publicUrl ?? url });
  const server = await openPort(config, gateway);
  const port = Number(server.port);
  url = urlOf(server.hostname ?? config.host, port);
  const removeNote = writeServerNote(gateway.folder.dir, {
    url: urlOf(WILDCARDS.get(config.host) ?? config.host, port),
    pid: processId,
  });
  gateway.app.scheduler.start();
  return {
    gateway,
    url: config.publicUrl ?? url,
    async stop() {
      removeNote();
      const { clock } = runtime;
      const drained = gateway.app.drain(DRAIN_MS);
      await Promise.race([Promise.all([drained, server.stop(false)]), clock.sleep(DRAIN_MS)]);
      await server.stop(true);
      await gateway.close();
    },
  };
}

/** Who listens everywhere is found on the loopback. */
const WILDCARDS = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function openPort(config: Config, gateway: Gateway) {
  try {
    return Bun.serve({
      port: config.port,
      hostname: config.host,
      // A second gateway on the port must fail, and not take half of the requests.
      reusePort: false,
      // Above our own limit, so that the refusal is ours and says why.
      maxRequestBodySize: 2 * MAX_IMAGE_BODY_BYTES,
      fetch: (request, server) => gateway.app.handle(request, server),
    });
  } catch (thrown) {
    await gateway.close();
    throw new StartFault(
      `Nothing can listen on ${config.host}:${config.port} (${messageOf(thrown)}): choose another PORT or HOST.`,
      { cause: thrown },
    );
  }
}
