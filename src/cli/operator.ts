// How commands speak to the gateway: the operator API and nothing else. Over HTTP when a gateway runs on the data
// folder; otherwise it is opened here for as long as the command takes, so that both ways have the same rules.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateDataFolder, type DataFolder } from '../data-folder.ts';
import type { Config } from '../config.ts';
import { ERROR_CATALOGUE, GatewayError, messageOf, StartFault, type ErrorCode } from '../errors.ts';
import { openGateway } from '../gateway.ts';
import { systemRuntime, type Runtime } from '../runtime/index.ts';
import { isInTransaction } from '../store/group-commit.ts';
import { DATABASE_FILE } from '../store/sqlite.ts';
import type { Invocation } from './command.ts';
import { headersOf, parseAnswer, send, type Answered, type Json, type Method } from './request.ts';
import { dropServerNote, findServer } from './server-file.ts';
import { readConfig } from './settings.ts';

export type OperatorApi = {
  /** @returns the answer. @throws GatewayError what the gateway refused with; its `cause` is the error body */
  call(method: Method, path: string, body?: Json): Promise<Json>;
};

type Exchange = (method: Method, path: string, body?: Json) => Promise<Answered>;

/** @throws StartFault */
export async function withOperatorApi<T>(
  invocation: Invocation,
  work: (api: OperatorApi) => Promise<T>,
): Promise<T> {
  const config = readConfig(invocation);
  const folder = locateDataFolder(config);
  // The command's own output is what matters; a gateway that is opened for a moment has nothing to tell.
  const runtime = systemRuntime({ level: 'silent', isInTransaction });
  const server = findServer(folder.dir, invocation.terminal);
  switch (server.kind) {
    case 'running':
      return work(apiOver(remoteExchange(server.note.url, runtime, readOperatorKey(config, folder))));
    case 'busy':
      throw new StartFault(
        `Another process holds the data folder ${folder.dir} and does not listen (yet): try again in a moment.`,
      );
    case 'stopped':
      return withOwnGateway({ config, folder, runtime }, work);
  }
}

async function withOwnGateway<T>(
  { config, folder, runtime }: { config: Config; folder: DataFolder; runtime: Runtime },
  work: (api: OperatorApi) => Promise<T>,
): Promise<T> {
  if (!existsSync(join(folder.dir, DATABASE_FILE))) {
    throw new StartFault(
      `There is no gateway in ${folder.dir} yet: 'sluice serve' or 'sluice migrate' makes one, SLUICE_DATA_DIR names another folder.`,
    );
  }
  const gateway = await openGateway({ config, runtime, publicUrl: () => config.publicUrl ?? LOCAL_URL });
  try {
    dropServerNote(folder.dir);
    const key = gateway.operatorKeys[0] ?? '';
    return await work(
      apiOver(async (method, path, body) => {
        const text = body === undefined ? undefined : JSON.stringify(body);
        const request = new Request(LOCAL_URL + path, {
          method,
          headers: headersOf({ key, body }),
          ...(text === undefined ? {} : { body: text }),
        });
        const response = await gateway.app.handle(request);
        return { kind: 'answered', status: response.status, json: parseAnswer(await response.text()) };
      }),
    );
  } finally {
    await gateway.close();
  }
}

/** Nobody listens there; a request needs some base. */
const LOCAL_URL = 'http://localhost';

function remoteExchange(url: string, { net }: Runtime, key: string): Exchange {
  return async (method, path, body) => {
    const outcome = await send(net, { url, method, path, key, body });
    if (outcome.kind === 'answered') return outcome;
    const mayHaveActed = method !== 'GET' && outcome.kind !== 'unsent' && outcome.kind !== 'blocked';
    const doubt = mayHaveActed ? '; it may have been done all the same, so look before you repeat it' : '';
    throw new StartFault(`The gateway at ${url} did not answer (${outcome.reason})${doubt}.`);
  };
}

function apiOver(exchange: Exchange): OperatorApi {
  return {
    async call(method, path, body) {
      const { status, json } = await exchange(method, path, body);
      if (status < 300 && json !== null) return json;
      throw refusalOf(status, json);
    },
  };
}

function refusalOf(status: number, json: Json | null): Error {
  const code = json?.['code'];
  const error = json?.['error'];
  if (typeof code !== 'string' || !(code in ERROR_CATALOGUE) || typeof error !== 'object' || error === null) {
    return new StartFault(`What listens there is not this gateway: it answered with status ${status}.`);
  }
  if (code === 'authentication_failed') {
    return new StartFault(
      'The gateway does not take the operator key: MY_PRIVATE_API_KEY is not the one it runs with.',
    );
  }
  const { message, fields } = error as { message?: unknown; fields?: { path: string; message: string }[] };
  const faults = fields?.map((field) => `${field.path} ${field.message}`) ?? [];
  return new GatewayError(code as ErrorCode, {
    message: faults.length > 0 ? faults.join('; ') : String(message),
    cause: json,
  });
}

function readOperatorKey(config: Config, folder: DataFolder): string {
  const configured = config.operatorKeys?.[0];
  if (configured !== undefined) return configured;
  try {
    return readFileSync(folder.operatorKeyFile, 'utf8').trim();
  } catch (thrown) {
    throw new StartFault(
      `The operator key ${folder.operatorKeyFile} cannot be read (${messageOf(thrown)}): set MY_PRIVATE_API_KEY.`,
      { cause: thrown },
    );
  }
}
