// `sluice customers …`: who owns keys and credits. Each command is one call of the operator API, after the customer
// that was named has been found.
import { DEFAULT_PLAN } from '../catalog/index.ts';
import { CONFIG_OPTION, EXIT, JSON_OPTION, numberOf, printJson, textOf } from './command.ts';
import type { Command, Invocation, Option } from './command.ts';
import { CUSTOMERS_PATH, customerPath, describeCustomers, findCustomer, type Customer } from './customer.ts';
import { withOperatorApi, type OperatorApi } from './operator.ts';
import type { Json } from './request.ts';

const COMMON = { ...CONFIG_OPTION, ...JSON_OPTION };
const WHO = 'CUSTOMER is an id, or a name, e-mail address or external id that only one customer has.';

const REASON: Readonly<Record<string, Option>> = {
  reason: { value: 'TEXT', help: 'why; stands in the ledger and the audit' },
};
const MODE: Readonly<Record<string, Option>> = {
  mode: { value: 'live|test', help: 'which wallet; live unless told' },
};

const create: Command = {
  name: 'customers create',
  summary: 'make a customer',
  options: {
    name: { value: 'NAME', help: 'how you call it', isRequired: true },
    email: { value: 'ADDRESS', help: 'an address of theirs' },
    'external-id': { value: 'ID', help: 'its id in your own systems; unique' },
    plan: { value: 'PLAN', help: `its plan; ${DEFAULT_PLAN} unless told` },
    credits: { value: 'N', isNumber: true, help: 'live credits to begin with' },
    ...COMMON,
  },
  example: "sluice customers create --name 'Acme Studio' --plan pro --credits 12000",
  run: (invocation) =>
    withOperatorApi(invocation, async (api) => {
      const answer = await api.call('POST', CUSTOMERS_PATH, {
        name: textOf(invocation, 'name'),
        email: textOf(invocation, 'email'),
        externalId: textOf(invocation, 'external-id'),
        plan: textOf(invocation, 'plan'),
        initialCredits: numberOf(invocation, 'credits'),
      });
      return showCustomer(invocation, answer);
    }),
};

const list: Command = {
  name: 'customers list',
  summary: 'list customers, the newest first',
  options: {
    search: { value: 'TEXT', help: 'only those whose name, e-mail address or external id contains it' },
    status: { value: 'STATUS', help: 'only those: active, suspended or closed' },
    plan: { value: 'PLAN', help: 'only those of a plan' },
    limit: { value: 'N', isNumber: true, help: 'at most so many, up to 200; 50 unless told' },
    cursor: { value: 'CURSOR', help: 'go on where an earlier list ended' },
    ...COMMON,
  },
  example: 'sluice customers list --status suspended',
  run: (invocation) =>
    withOperatorApi(invocation, async (api) => {
      const query = new URLSearchParams();
      const add = (name: string, value: string | number | undefined) =>
        value !== undefined && query.set(name, String(value));
      add('q', textOf(invocation, 'search'));
      for (const name of ['status', 'plan', 'cursor']) add(name, textOf(invocation, name));
      add('limit', numberOf(invocation, 'limit'));
      const answer = await api.call('GET', `${CUSTOMERS_PATH}?${query.toString()}`);
      if (invocation.values['json'] === true) printJson(invocation, answer);
      else printList(invocation, answer as { customers: Customer[]; nextCursor: string | null });
      return EXIT.ok;
    }),
};

function printList(
  { terminal }: Invocation,
  { customers, nextCursor }: { customers: Customer[]; nextCursor: string | null },
): void {
  if (customers.length === 0) terminal.note('No customers.');
  else terminal.print(describeCustomers(customers));
  if (nextCursor !== null) terminal.note(`There are more: --cursor ${nextCursor}`);
}

const show = about({
  name: 'show',
  summary: 'show a customer with credits and limits',
  example: "sluice customers show 'Acme Studio'",
  async run(invocation, api, { customerId }) {
    const answer = await api.call('GET', customerPath(customerId));
    if (invocation.values['json'] !== true) {
      const { limits, metadata, createdAt } = answer['customer'] as Record<
        'limits' | 'metadata' | 'createdAt',
        unknown
      >;
      invocation.terminal.print(describeCustomers([answer['customer'] as Customer]));
      invocation.terminal.print(`\nlimits    ${JSON.stringify(limits)}`);
      invocation.terminal.print(`metadata  ${JSON.stringify(metadata)}\ncreated   ${String(createdAt)}`);
      return EXIT.ok;
    }
    printJson(invocation, answer);
    return EXIT.ok;
  },
});

const topUp = about({
  name: 'top-up',
  summary: 'book credits that were bought',
  options: {
    credits: { value: 'N', isNumber: true, isRequired: true, help: 'how many' },
    ...REASON,
    reference: { value: 'TEXT', help: 'such as a payment number; can be booked once' },
    ...MODE,
  },
  example: "sluice customers top-up 'Acme Studio' --credits 10000 --reference pay_1001",
  run: (invocation, api, customer) => moveCredits(invocation, api, { customer, operation: 'top_up' }),
});

const adjust = about({
  name: 'adjust',
  summary: 'correct credits by a signed amount',
  options: {
    credits: { value: 'N', isNumber: true, isRequired: true, help: 'how many; --credits=-50 takes away' },
    ...REASON,
    ...MODE,
  },
  example: "sluice customers adjust 'Acme Studio' --credits=-50 --reason 'booked twice'",
  run: (invocation, api, customer) => moveCredits(invocation, api, { customer, operation: 'adjust' }),
});

async function moveCredits(
  invocation: Invocation,
  api: OperatorApi,
  { customer, operation }: { customer: Customer; operation: 'top_up' | 'adjust' },
): Promise<number> {
  const answer = await api.call('POST', `${customerPath(customer.customerId)}/credits`, {
    operation,
    amount: numberOf(invocation, 'credits'),
    reason: textOf(invocation, 'reason') ?? 'by the command line',
    reference: textOf(invocation, 'reference'),
    mode: textOf(invocation, 'mode'),
  });
  if (invocation.values['json'] === true) printJson(invocation, answer);
  else {
    const available = String(answer['creditsAvailable']);
    invocation.terminal.print(
      `${customer.name} has ${String(answer['creditsBalance'])} credits, ${available} available`,
    );
  }
  return EXIT.ok;
}

const setPlan = about({
  name: 'set-plan',
  summary: 'move a customer to another plan',
  takes: ['PLAN'],
  example: "sluice customers set-plan 'Acme Studio' scale",
  run: (invocation, api, customer) =>
    change(invocation, api, { customer, to: { plan: invocation.positionals[1] } }),
});

const suspend = about({
  name: 'suspend',
  summary: 'stop all keys of a customer at their next request',
  options: REASON,
  example: "sluice customers suspend 'Acme Studio' --reason 'unpaid'",
  run: (invocation, api, customer) =>
    change(invocation, api, {
      customer,
      to: { status: 'suspended', statusReason: textOf(invocation, 'reason') },
    }),
});

const activate = about({
  name: 'activate',
  summary: 'let a suspended customer in again',
  example: "sluice customers activate 'Acme Studio'",
  run: (invocation, api, customer) =>
    change(invocation, api, { customer, to: { status: 'active', statusReason: null } }),
});

const close = about({
  name: 'close',
  summary: 'end a customer for good; its ledger stays',
  options: { ...REASON, yes: { help: 'really: there is no way back' } },
  example: "sluice customers close 'Acme Studio' --yes",
  async run(invocation, api, customer) {
    if (invocation.values['yes'] !== true) {
      invocation.terminal.note(
        `Closing ${customer.name} (${customer.customerId}) is final: say --yes to do it.`,
      );
      return EXIT.usage;
    }
    const statusReason = textOf(invocation, 'reason');
    return change(invocation, api, { customer, to: { status: 'closed', statusReason } });
  },
});

async function change(
  invocation: Invocation,
  api: OperatorApi,
  { customer, to }: { customer: Customer; to: Json },
): Promise<number> {
  return showCustomer(invocation, await api.call('PATCH', customerPath(customer.customerId), to));
}

function showCustomer(invocation: Invocation, answer: Json): number {
  if (invocation.values['json'] === true) printJson(invocation, answer);
  else invocation.terminal.print(describeCustomers([answer['customer'] as Customer]));
  return EXIT.ok;
}

/** A command about one customer, who is its first argument. */
function about(parts: {
  name: string;
  summary: string;
  takes?: readonly string[];
  options?: Readonly<Record<string, Option>>;
  example: string;
  run: (invocation: Invocation, api: OperatorApi, customer: Customer) => Promise<number>;
}): Command {
  return {
    name: `customers ${parts.name}`,
    summary: parts.summary,
    takes: ['CUSTOMER', ...(parts.takes ?? [])],
    details: WHO,
    options: { ...parts.options, ...COMMON },
    example: parts.example,
    run: (invocation) =>
      withOperatorApi(invocation, async (api) =>
        parts.run(invocation, api, await findCustomer(api, invocation.positionals[0] ?? '')),
      ),
  };
}

export const CUSTOMER_COMMANDS: readonly Command[] = [
  list,
  show,
  create,
  topUp,
  adjust,
  setPlan,
  suspend,
  activate,
  close,
];
