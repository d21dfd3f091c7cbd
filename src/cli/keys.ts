// `sluice keys …`: a customer's API keys. A key itself is shown by the command that makes it, and never again.
import { GatewayError } from '../errors.ts';
import { CONFIG_OPTION, EXIT, JSON_OPTION, numberOf, printJson, textOf } from './command.ts';
import type { Command, Invocation, Option } from './command.ts';
import { customerPath, findCustomer, listCustomers, onlyCustomer, type Customer } from './customer.ts';
import { withOperatorApi, type OperatorApi } from './operator.ts';
import type { Json } from './request.ts';
import { table } from './table.ts';

type ApiKey = {
  keyId: string;
  customerId: string;
  mode: string;
  name: string | null;
  prefix: string;
  preset: string | null;
  scopes: string[];
  status: string;
  lastUsedAt: string | null;
  expiresAt: string | null;
};

const COMMON: Readonly<Record<string, Option>> = {
  customer: {
    value: 'CUSTOMER',
    help: 'whose: an id, name, e-mail address or external id; not needed where there is one only',
  },
  ...CONFIG_OPTION,
  ...JSON_OPTION,
};
const WHICH =
  'KEY is the id of a key (key_…), its first 16 characters, or the key itself. Without --customer all customers are ' +
  'searched for it.';
/** What every list shows of a key. */
const PREFIX_LENGTH = 16;

const create: Command = {
  name: 'keys create',
  summary: 'make an API key and show it, once',
  details:
    'A test key sees the same API and can spend nothing but test credits; a live key spends the live ones.',
  options: {
    mode: { value: 'live|test', help: 'test unless told' },
    name: { value: 'NAME', help: 'what it is for' },
    preset: { value: 'PRESET', help: 'full_access (unless told), generate_only, read_only or monitor_only' },
    scopes: { value: 'LIST', help: 'single scopes instead of a preset, separated by commas' },
    ip: { value: 'LIST', help: 'only from these addresses and CIDR ranges, separated by commas' },
    expires: { value: 'INSTANT', help: 'when it stops working, such as 2027-01-31T00:00:00Z' },
    ...COMMON,
  },
  example: "sluice keys create --customer 'Acme Studio' --mode live --preset generate_only --name backend",
  run: (invocation) =>
    withOperatorApi(invocation, async (api) => {
      const customer = await ownerOf(invocation, api);
      const answer = await api.call('POST', keysPath(customer.customerId), {
        mode: textOf(invocation, 'mode') ?? 'test',
        name: textOf(invocation, 'name'),
        preset: textOf(invocation, 'preset'),
        scopes: listOf(invocation, 'scopes'),
        ipAllowlist: listOf(invocation, 'ip'),
        expiresAt: textOf(invocation, 'expires'),
      });
      return showMade(invocation, answer);
    }),
};

const list: Command = {
  name: 'keys list',
  summary: "list a customer's keys, also those that stopped working",
  options: COMMON,
  example: "sluice keys list --customer 'Acme Studio'",
  run: (invocation) =>
    withOperatorApi(invocation, async (api) => {
      const customer = await ownerOf(invocation, api);
      const answer = await api.call('GET', keysPath(customer.customerId));
      if (invocation.values['json'] === true) printJson(invocation, answer);
      else printKeys(invocation, answer['keys'] as ApiKey[]);
      return EXIT.ok;
    }),
};

const rotate: Command = {
  name: 'keys rotate',
  summary: 'make a successor with the same rights, and show it, once',
  takes: ['KEY'],
  details: `The old key goes on working for the grace time. ${WHICH}`,
  options: {
    'grace-hours': {
      value: 'N',
      isNumber: true,
      help: 'how long the old key goes on working, 1 to 168; 24 unless told',
    },
    ...COMMON,
  },
  example: 'sluice keys rotate ak_live_3fT9xQ2b --grace-hours 48',
  run: (invocation) =>
    withOperatorApi(invocation, async (api) => {
      const path = keyPath(await findKey(invocation, api));
      return showMade(
        invocation,
        await api.call('POST', `${path}/rotate`, { graceHours: numberOf(invocation, 'grace-hours') }),
      );
    }),
};

const revoke: Command = {
  name: 'keys revoke',
  summary: 'stop a key at its next request; it stays listed',
  takes: ['KEY'],
  details: WHICH,
  options: COMMON,
  example: 'sluice keys revoke ak_live_3fT9xQ2b',
  run: (invocation) => remove(invocation, ''),
};

const purge: Command = {
  name: 'keys delete',
  summary: 'stop a key and forget it',
  takes: ['KEY'],
  details: WHICH,
  options: COMMON,
  example: 'sluice keys delete key_01m7xyqn02e3fa7ae8dqfy7sce',
  run: (invocation) => remove(invocation, '?purge=true'),
};

function remove(invocation: Invocation, query: string): Promise<number> {
  return withOperatorApi(invocation, async (api) => {
    const answer = await api.call('DELETE', keyPath(await findKey(invocation, api)) + query);
    if (invocation.values['json'] === true) printJson(invocation, answer);
    else printKeys(invocation, [answer['key'] as ApiKey]);
    return EXIT.ok;
  });
}

function keysPath(customerId: string): string {
  return `${customerPath(customerId)}/api-keys`;
}

function keyPath({ customerId, keyId }: ApiKey): string {
  return `${keysPath(customerId)}/${keyId}`;
}

function ownerOf(invocation: Invocation, api: OperatorApi): Promise<Customer> {
  const wanted = textOf(invocation, 'customer');
  return wanted === undefined ? onlyCustomer(api) : findCustomer(api, wanted);
}

/** @throws GatewayError `not_found`, `invalid_input` when several keys begin so */
async function findKey(invocation: Invocation, api: OperatorApi): Promise<ApiKey> {
  const wanted = invocation.positionals[0] ?? '';
  const prefix = wanted.slice(0, PREFIX_LENGTH);
  const found: ApiKey[] = [];
  for await (const { customerId } of ownersOf(invocation, api)) {
    const keys = (await api.call('GET', keysPath(customerId)))['keys'] as ApiKey[];
    found.push(...keys.filter((key) => key.keyId === wanted || key.prefix === prefix));
  }
  const [only, another] = found;
  // Not the word itself: it may be a whole key.
  if (only === undefined) throw new GatewayError('not_found', { message: `There is no key ${prefix}….` });
  if (another === undefined) return only;
  throw new GatewayError('invalid_input', {
    message: `Several keys begin with ${prefix}: name one by its id: ${found.map(({ keyId }) => keyId).join(', ')}.`,
  });
}

async function* ownersOf(
  invocation: Invocation,
  api: OperatorApi,
): AsyncGenerator<Pick<Customer, 'customerId'>> {
  if (textOf(invocation, 'customer') === undefined) yield* listCustomers(api);
  else yield await ownerOf(invocation, api);
}

function listOf(invocation: Invocation, option: string): string[] | undefined {
  return textOf(invocation, option)
    ?.split(',')
    .map((item) => item.trim());
}

/** The key goes to the output alone, so that a script can take it from there. */
function showMade(invocation: Invocation, answer: Json): number {
  const { terminal } = invocation;
  if (invocation.values['json'] === true) {
    printJson(invocation, answer);
    return EXIT.ok;
  }
  const { keyId, mode, preset, scopes, expiresAt } = answer['key'] as ApiKey;
  terminal.print(String(answer['apiKey']));
  terminal.note(
    `${mode} key ${keyId}, ${preset ?? scopes.join(', ')}, ${expiresAt === null ? 'does not expire' : `until ${expiresAt}`}.`,
  );
  const { previous } = answer as { previous?: ApiKey };
  if (previous !== undefined)
    terminal.note(`The old key ${previous.prefix}… works until ${previous.expiresAt}.`);
  terminal.note('Keep it now: it is not stored and cannot be shown again.');
  return EXIT.ok;
}

function printKeys({ terminal }: Invocation, keys: readonly ApiKey[]): void {
  if (keys.length === 0) return terminal.note('No keys.');
  const rows = keys.map((key) => [
    key.keyId,
    `${key.prefix}…`,
    key.mode,
    key.status,
    key.name,
    key.preset ?? key.scopes.join(' '),
    key.lastUsedAt,
    key.expiresAt,
  ]);
  terminal.print(table(['ID', 'KEY', 'MODE', 'STATUS', 'NAME', 'MAY', 'LAST USED', 'EXPIRES'], rows));
}

export const KEY_COMMANDS: readonly Command[] = [list, create, rotate, revoke, purge];
