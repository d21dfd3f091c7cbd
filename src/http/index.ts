// All faces on one server.
import type { Accounts } from '../accounts/index.ts';
import type { Audit } from '../audit/index.ts';
import type { Catalog } from '../catalog/index.ts';
import type { Customers } from '../customers/index.ts';
import type { Health } from '../health.ts';
import type { Jobs } from '../jobs/index.ts';
import type { Keys } from '../keys/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Limits } from '../limits/index.ts';
import type { Media } from '../media/index.ts';
import type { Operations } from '../operations/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Db } from '../store/db.ts';
import { VERSION } from '../version.ts';
import { createAdmission } from './admission.ts';
import { createAuthenticator } from './auth.ts';
import { createAddressJudge } from './client-address.ts';
import { createFailureThrottle } from './failure-throttle.ts';
import { createFileRoutes } from './files.ts';
import { createHealthRoutes } from './health.ts';
import { createJobApi } from './job-api/index.ts';
import { createOpenApiDocument } from './openapi/index.ts';
import { createOperatorApi } from './operator-api/index.ts';
import { createReferenceRoutes } from './reference/index.ts';
import { createRouteMaker, declaredRoutes, type DeclaredRoute } from './route.ts';
import { createHandle, createRootApp, type Handle } from './server.ts';
import { createUsageRoute } from './usage.ts';

export { MAX_IMAGE_BODY_BYTES } from './body.ts';
export type { DeclaredRoute } from './route.ts';
export type { Handle, SocketServer } from './server.ts';

export type HttpParts = {
  db: Db;
  runtime: Runtime;
  accounts: Accounts;
  audit: Audit;
  catalog: Catalog;
  customers: Customers;
  health: Health;
  jobs: Jobs;
  keys: Keys;
  ledger: Ledger;
  limits: Limits;
  media: Media;
  operations: Operations;
  operatorKeys: readonly string[];
  trustedProxies: readonly string[];
  hashAddress: (address: string) => string;
  publicUrl: () => string;
  schedulerLagMs: () => number;
};

export type Http = {
  handle: Handle;
  /** Every route with its declaration, for the reference and for tests. */
  routes: readonly DeclaredRoute[];
  /** When keys were used since the last call. */
  takeKeyUses: () => Map<string, number>;
};

export function createHttp(parts: HttpParts): Http {
  const { runtime } = parts;
  const { clock } = runtime;
  const throttle = createFailureThrottle({ clock });
  const authenticator = createAuthenticator({ ...parts, clock, throttle });
  const route = createRouteMaker(createAdmission({ ...parts, authenticator }));
  let routes: readonly DeclaredRoute[] = [];
  const describe = () => createOpenApiDocument({ routes, publicUrl: parts.publicUrl(), version: VERSION });
  const app = createRootApp(runtime)
    .use(createHealthRoutes({ ...parts, route }))
    .use(createJobApi({ ...parts, clock, route, requireRoom: parts.health.requireRoom }))
    .use(createUsageRoute({ ...parts, route }))
    .use(createFileRoutes({ ...parts, route }))
    .use(createOperatorApi({ ...parts, clock, route }))
    .use(createReferenceRoutes({ route, describe }));
  routes = declaredRoutes(app.routes);
  const judgeAddress = createAddressJudge(parts.trustedProxies);
  return {
    handle: createHandle(app, { runtime, judgeAddress }),
    routes,
    takeKeyUses: authenticator.takeUses,
  };
}
