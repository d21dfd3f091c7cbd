// The authenticator's memory of keys: what was read before a change must not outlive it.
import { expect, test } from 'bun:test';
import { createCatalog } from '../../src/catalog/index.ts';
import { createCustomers } from '../../src/customers/index.ts';
import { createAuthenticator } from '../../src/http/auth.ts';
import { createFailureThrottle } from '../../src/http/failure-throttle.ts';
import { createKeys, type Keys } from '../../src/keys/index.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { openWorld } from '../support/world.ts';

test('a key that is revoked while it is being looked up is good for that request, and for no other', async () => {
  const world = await openWorld();
  const { id, testKey } = await world.customer();
  const { store: db, clock } = world;
  const random = createSeededRandom(3);
  const keys = createKeys({ random });
  const [read, revoked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  // A database that takes its time to answer.
  const findByHash: Keys['findByHash'] = async (on, hash) => {
    const key = await keys.findByHash(on, hash);
    read.resolve();
    await revoked.promise;
    return key;
  };
  const authenticator = createAuthenticator({
    db,
    clock,
    catalog: createCatalog({ db }),
    customers: createCustomers({ random }),
    keys: { ...keys, findByHash },
    throttle: createFailureThrottle({ clock }),
    operatorKeys: [],
  });
  const ask = async () =>
    authenticator.customer({ authorization: `Bearer ${testKey}`, bearer: testKey, address: () => '' });

  const early = ask();
  await read.promise;
  const found = (await keys.list(db.read, id)).find(({ mode }) => mode === 'test');
  await db.transaction((tx) => keys.revoke(tx, { customerId: id, id: found?.id ?? '' }));
  revoked.resolve();
  expect((await early).customerId).toBe(id);
  const late = await ask().catch((thrown: unknown) => thrown);
  expect(late).toMatchObject({ code: 'authentication_failed' });
  await world.close();
});
