// The operator API under /api: customers, keys, credits, provider accounts, jobs, plans, prices and the audit, for scripts that hold the
// private key and for the console.
import { Elysia } from 'elysia';
import { accountRoutes } from './accounts.ts';
import { auditRoutes } from './audit.ts';
import { catalogRoutes } from './catalog.ts';
import { creditRoutes } from './credits.ts';
import { customerRoutes } from './customers.ts';
import { jobRoutes } from './jobs.ts';
import { keyRoutes } from './keys.ts';
import type { OperatorApiParts } from './parts.ts';

export type { OperatorApiParts } from './parts.ts';

export function createOperatorApi(parts: OperatorApiParts) {
  return new Elysia({ name: 'operator-api' })
    .use(customerRoutes(parts))
    .use(keyRoutes(parts))
    .use(creditRoutes(parts))
    .use(accountRoutes(parts))
    .use(jobRoutes(parts))
    .use(catalogRoutes(parts))
    .use(auditRoutes(parts));
}
