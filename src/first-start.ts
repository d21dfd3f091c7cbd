// The first start on an empty data folder: a customer with a test key, so that the first request needs no set-up.
import { DEFAULT_PLAN } from './catalog/index.ts';
import { NO_CREDITS } from './credits.ts';
import { assert } from './errors.ts';
import type { Gateway } from './gateway.ts';
import type { Action, Operator } from './operations/index.ts';
import { readMeta, writeMeta } from './store/meta.ts';

const GATEWAY: Operator = { actor: 'gateway', addressHash: null, requestId: null };

/** Makes the customer and the key once; null at every later start. @returns the key, to be shown once */
export async function welcome({ app, store }: Gateway): Promise<string | null> {
  if ((await readMeta(store.read, 'first-start')) !== null) return null;
  const { operations } = app;
  const make = async <Result>(action: Action<Result>): Promise<Result> => {
    const performed = await operations.perform(GATEWAY, action, null);
    assert(performed.kind === 'done', 'without a key nothing is replayed');
    return performed.result;
  };
  const customer = await make(
    operations.createCustomer({
      name: 'First customer',
      email: null,
      externalId: null,
      plan: DEFAULT_PLAN,
      metadata: {},
      initialCredits: NO_CREDITS,
    }),
  );
  const { secret } = await make(
    operations.createKey({
      customerId: customer.id,
      mode: 'test',
      name: 'first key',
      ipAllowlist: null,
      expiresAt: null,
    }),
  );
  await store.transaction((tx) => writeMeta(tx, 'first-start', String(tx.now)));
  return secret;
}
