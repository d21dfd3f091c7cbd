// Every route, asked about things that do not exist: refused in words that the route declares, and never a fault of ours.
import { expect, test } from 'bun:test';
import { OPERATOR_KEY, openWorld } from '../support/world.ts';

test('every route refuses what does not exist as it declares', async () => {
  const world = await openWorld();
  const { testKey } = await world.customer();
  const faults: string[] = [];
  for (const { method, path, declaration } of world.app.routes) {
    const absent = path.replace(/:\w+/g, 'nothing').replace('*', 'nothing');
    const body = ['GET', 'DELETE'].includes(method) ? {} : { body: {} };
    const key = declaration.access.kind === 'operator' ? OPERATOR_KEY : testKey;
    // `call` holds the answer against the declaration.
    const { status, code } = await world.call(method, absent, { key, ...body });
    if (status >= 500 || code === 'route_not_found') faults.push(`${method} ${path}: ${status} ${code}`);
  }
  await world.close();
  expect(faults).toEqual([]);
});
