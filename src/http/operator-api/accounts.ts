// The pool of provider accounts: added, imported, looked at, changed, rotated, tried and deleted. A credential comes in
// and never goes out again.
import { Elysia } from 'elysia';
import { fromMicros, shownStatus, type Account } from '../../accounts/index.ts';
import { GatewayError, invalidField } from '../../errors.ts';
import { exchangeOf, operatorOf } from '../exchange.ts';
import { renderAccount, renderTotals } from './account-answers.ts';
import {
  CHANGE_ACCOUNT,
  CREATE_ACCOUNT,
  DELETE_ACCOUNT,
  GET_ACCOUNT,
  IMPORT_ACCOUNTS,
  LIST_ACCOUNTS,
  REFRESH_ACCOUNT,
  ROTATE_ACCOUNTS,
  TEST_ACCOUNT,
} from './account-routes.ts';
import { DEFAULT_PROVIDER, readAccountChange, readImport, readNewAccount } from './account-requests.ts';
import {
  accountChangeSchema,
  accountListQuery,
  accountParams,
  importSchema,
  newAccountSchema,
  rotationTargetSchema,
  testGenerationSchema,
} from './account-schemas.ts';
import { change, type OperatorApiParts } from './parts.ts';
import { noQuery } from './schemas.ts';
import { testOrder } from './test-order.ts';

/** A long import asks the provider again and again. */
const IMPORT_SECONDS = 100;

export function accountRoutes(parts: OperatorApiParts) {
  const { route, accounts, operations, catalog, db, clock } = parts;
  const show = (account: Account) => ({ ok: true as const, account: renderAccount(account, clock.now()) });

  return new Elysia()
    .get(
      '/api/accounts',
      async ({ query: { status, provider } }) => {
        const now = clock.now();
        const all = (await accounts.list(db.read)).filter(
          (account) =>
            (status === undefined || shownStatus(account, now) === status) &&
            (provider === undefined || account.provider === provider),
        );
        return {
          ok: true as const,
          accounts: all.map((account) => renderAccount(account, now)),
          totals: renderTotals(all, now),
        };
      },
      { ...route.plain(LIST_ACCOUNTS), query: accountListQuery },
    )
    .post(
      '/api/accounts',
      async ({ request, body: { verify, ...input } }) => {
        const account = await readNewAccount(accounts, input, { verify, now: clock.now() });
        return change(parts, request, operations.createAccount(account), (created) => ({
          status: 201,
          body: show(created),
        }));
      },
      { ...route.withBody(CREATE_ACCOUNT), body: newAccountSchema, query: noQuery },
    )
    .post(
      '/api/accounts/import',
      async ({ request, body }) => {
        exchangeOf(request).keepOpen(IMPORT_SECONDS);
        const { rows, skipped } = await readImport(accounts, body, clock.now());
        return change(parts, request, operations.importAccounts(rows, skipped), (done) => ({
          body: {
            ok: true,
            imported: done.imported.length,
            accounts: done.imported.map(({ index, account }) => ({ index, accountId: account.id })),
            skipped: done.skipped,
          },
        }));
      },
      { ...route.withBody(IMPORT_ACCOUNTS), body: importSchema, query: noQuery },
    )
    .post(
      '/api/accounts/rotate',
      ({ request, body: { fromAccountId = null, provider = DEFAULT_PROVIDER } }) =>
        change(parts, request, operations.rotateAccounts({ provider, id: fromAccountId }), ({ id }) => ({
          body: { ok: true, activeAccountId: id },
        })),
      { ...route.withBody(ROTATE_ACCOUNTS), body: rotationTargetSchema, query: noQuery },
    )
    .get(
      '/api/accounts/:accountId',
      async ({ params }) => show(await accounts.get(db.read, params.accountId)),
      {
        ...route.plain(GET_ACCOUNT),
        params: accountParams,
        query: noQuery,
      },
    )
    .patch(
      '/api/accounts/:accountId',
      async ({ request, params, body }) => {
        const { provider } = await accounts.get(db.read, params.accountId);
        const asked = await readAccountChange(accounts, provider, body);
        return change(parts, request, operations.changeAccount(params.accountId, asked), (changed) => ({
          body: show(changed),
        }));
      },
      { ...route.withBody(CHANGE_ACCOUNT), params: accountParams, body: accountChangeSchema, query: noQuery },
    )
    .delete(
      '/api/accounts/:accountId',
      ({ request, params }) =>
        change(parts, request, operations.deleteAccount(params.accountId), (deleted) => ({
          body: show(deleted),
        })),
      { ...route.plain(DELETE_ACCOUNT), params: accountParams, query: noQuery },
    )
    .post(
      '/api/accounts/:accountId/refresh',
      async ({ request, params }) => {
        exchangeOf(request).keepOpen(IMPORT_SECONDS);
        const before = await accounts.get(db.read, params.accountId);
        const { account, verified } = await accounts.refresh(params.accountId);
        await operations.recordRefresh(operatorOf(request), { before, after: account });
        if (verified.kind === 'unreachable') {
          throw new GatewayError('provider_unavailable', {
            message: `${account.provider} could not be asked about the account.`,
            retryAfterMs: 10_000,
          });
        }
        return show(account);
      },
      { ...route.plain(REFRESH_ACCOUNT), params: accountParams, query: noQuery },
    )
    .post(
      '/api/accounts/:accountId/test-generation',
      async ({ params, body }) => {
        const account = await accounts.get(db.read, params.accountId);
        const serves = (model: string) => accounts.serves(account.provider, model);
        const model =
          body.model === undefined
            ? catalog.models.find(({ id, type }) => type === body.type && serves(id))
            : catalog.getModel(body.model, body.type);
        if (model === undefined) {
          throw invalidField('type', `is not what ${account.provider} makes`);
        }
        const { request, estimate, isReady } = await accounts.preview(account.id, testOrder(model, body));
        const cost = estimate && { amount: fromMicros(estimate.micros), unit: estimate.unit };
        return {
          ...{ ok: true as const, dryRun: true as const, model: model.id, canRun: isReady },
          ...{ estimate: cost, request },
        };
      },
      { ...route.withBody(TEST_ACCOUNT), params: accountParams, body: testGenerationSchema, query: noQuery },
    );
}
