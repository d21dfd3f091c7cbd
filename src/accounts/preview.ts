// The request that a provider would get for an order, without sending it: the adapter runs on a network that writes
// down what it is given and lets nothing out.
import { GatewayError } from '../errors.ts';
import type { AccountAccess, Order, ProviderContext } from '../providers/index.ts';
import type { Clock, Net, NetRequest } from '../runtime/index.ts';
import type { Reachable } from './access.ts';
import { secretsOf } from './credential.ts';

export type Preview = {
  method: string;
  url: string;
  /** What would prove who we are is left out. */
  headers: Record<string, string>;
  /** The JSON that would be sent, or its text; null without a body. */
  body: unknown;
};

const HIDDEN = '(hidden)';

/** @throws GatewayError `invalid_state` when the adapter refuses the order before it asks anybody */
export async function previewSubmit(
  provider: Reachable,
  order: Order,
  { account, clock }: { account: AccountAccess; clock: Clock },
): Promise<Preview> {
  const requests: NetRequest[] = [];
  const refuse = (request: NetRequest) => {
    requests.push(request);
    return Promise.resolve({ kind: 'unsent', reason: 'aborted', detail: 'a preview' } as const);
  };
  const net: Net = { fetch: refuse, download: refuse };
  const context: ProviderContext = {
    ...{ net, clock, account, signal: new AbortController().signal },
    keep: () => Promise.reject(new Error('a preview has no answer')),
  };
  const outcome = await provider.submit(order, 'preview', context);
  const [request] = requests;
  if (request === undefined) {
    const reason = 'reason' in outcome ? outcome.reason : 'it asks nobody';
    throw new GatewayError('invalid_state', {
      message: `${provider.id} does not send this order: ${reason}.`,
    });
  }
  return hideSecrets(request, secretsOf(account.credential));
}

function hideSecrets({ method = 'GET', url, headers = {}, body }: NetRequest, secrets: string[]): Preview {
  const hide = (text: string) => secrets.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text);
  const hideHeader = ([name, value]: [string, string]) => [
    name,
    /^(authorization|cookie|.*(key|token|secret|signature).*)$/i.test(name) ? HIDDEN : hide(value),
  ];
  return {
    method,
    url: hide(url),
    headers: Object.fromEntries(Object.entries(headers).map(hideHeader)) as Record<string, string>,
    body: body === undefined ? null : readBody(hide(textOf(body))),
  };
}

function textOf(body: Uint8Array | string): string {
  return typeof body === 'string' ? body : new TextDecoder().decode(body);
}

function readBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
