// Methods, paths and queries that are wrong.
import { GENERATE, GOOD } from './generate-calls.ts';
import { freshKey, runScenarios, type Scenario } from './scenario.ts';

const ALLOWED: [method: string, path: string, allow: string][] = [
  ['GET', '/v1/images/generate', 'POST'],
  ['PUT', '/v1/videos/generate', 'POST'],
  ['OPTIONS', '/v1/images/generate', 'POST'],
  ['DELETE', '/v1/usage', 'GET, HEAD'],
  ['POST', '/v1/jobs', 'GET, HEAD'],
  ['PATCH', '/v1/jobs/job_01m7xyqn02e3fa7ae8dqfy7sce', 'GET, HEAD'],
  ['GET', '/v1/jobs/job_01m7xyqn02e3fa7ae8dqfy7sce/cancel', 'POST'],
  ['POST', '/health', 'GET, HEAD'],
  ['POST', '/v1/files/file_01m7xyqn02e3fa7ae8dqfy7sce', 'GET, HEAD'],
  ['PUT', '/api/public/customers', 'GET, HEAD, POST'],
  ['PUT', '/api/public/customers/cus_x/api-keys/key_x', 'DELETE, PATCH'],
  ['DELETE', '/api/pricing', 'GET, HEAD, PUT'],
];

runScenarios('a method that the path does not have', [
  ...ALLOWED.map(([method, path, allow]): Scenario => ({
    name: `${method} ${path}`,
    call: { method, path, as: 'nobody' },
    answer: { status: 405, code: 'method_not_allowed', headers: { allow } },
  })),
]);

const NOWHERE = [
  '/v1',
  '/v1/nope',
  '/v1/images/generate/',
  '/v1/Images/Generate',
  '/v1//images/generate',
  '/v1/images',
  '/v2/usage',
  '/api',
  '/admin/config.php',
  '/v1/jobs/job_01m7xyqn02e3fa7ae8dqfy7sce/result/x',
];

runScenarios('a path that leads nowhere', [
  ...['GET', 'POST'].flatMap((method) =>
    NOWHERE.map((path): Scenario => ({
      name: `${method} ${path}`,
      call: { method, path },
      answer: { status: 404, code: 'route_not_found', headers: { 'content-type': /^application\/json/ } },
    })),
  ),
]);

runScenarios('a query', [
  ...GENERATE.map((path): Scenario => ({
    name: `on ${path}`,
    call: { method: 'POST', path: `${path}?wait=5`, text: GOOD, idempotencyKey: freshKey() },
    answer: { status: 400, code: 'invalid_input', field: 'wait', says: 'is not a field of this request' },
  })),
  ...(
    [
      ['?wait=61', 'wait', 'must be a whole number from 0 to 60'],
      ['?wait=-1', 'wait', 'must be a whole number from 0 to 60'],
      ['?wait=1.5', 'wait', 'must be a whole number from 0 to 60'],
      ['?wait=', 'wait', 'must be a whole number from 0 to 60'],
      ['?wait=soon', 'wait', 'must be a whole number from 0 to 60'],
      ['?wait=1&wait=2', 'wait', 'stands in the query twice'],
      ['?waitt=1', 'waitt', 'did you mean wait?'],
      ['/result?wait=61', 'wait', 'must be a whole number from 0 to 60'],
      [`?${'x'.repeat(9000)}`, 'url', 'is longer than 8192 characters'],
    ] as const
  ).map(([query, field, says]): Scenario => ({
    name: `of a job: ${query.slice(0, 40)}`,
    call: ({ jobId }) => ({ method: 'GET', path: `/v1/jobs/${jobId}${query}` }),
    answer: { status: 400, code: 'invalid_input', field, says },
  })),
  ...(
    [
      ['limit=0', 'limit', 'from 1 to 100'],
      ['limit=101', 'limit', 'from 1 to 100'],
      ['limit=1e1', 'limit', 'from 1 to 100'],
      ['cursor=abc', 'cursor', 'is not a cursor of this list'],
      [`cursor=${'A'.repeat(201)}`, 'cursor', 'is not a cursor of this list'],
      ['status=%00', 'status', 'contains a NUL character'],
      ['status=done', 'status', 'must be processing, completed, failed or canceled'],
      ['type=gif', 'type', 'must be image or video'],
      ['createdAfter=yesterday', 'createdAfter', 'must be an instant such as 2026-01-31T12:00:00Z'],
      ['createdAfter=2026-02-30T00:00:00Z', 'createdAfter', 'must be an instant that exists'],
      ['createdAfter=2026-13-01T00:00:00Z', 'createdAfter', 'must be an instant that exists'],
      ['createdAfter=2026-01-01', 'createdAfter', 'must be an instant such as'],
      ['Status=failed', 'Status', 'did you mean status?'],
    ] as const
  ).map(([query, field, says]): Scenario => ({
    name: `of the list: ${query.slice(0, 40)}`,
    call: { method: 'GET', path: `/v1/jobs?${query}` },
    answer: { status: 400, code: 'invalid_input', field, says },
  })),
]);

const CURSORS = {
  customer: 'cus_01m7xyqn02e3fa7ae8dqfy7sce',
  job: 'job_01m7xyqn02e3fa7ae8dqfy7sce',
  entry: 'led_01m7xyqn02e3fa7ae8dqfy7sce',
  number: '12',
};

const LISTS: [path: (customerId: string) => string, takes: keyof typeof CURSORS][] = [
  [() => '/v1/jobs', 'job'],
  [() => '/api/jobs', 'job'],
  [() => '/api/public/customers', 'customer'],
  [(id) => `/api/public/customers/${id}/jobs`, 'job'],
  [(id) => `/api/public/customers/${id}/credits`, 'number'],
  [() => '/api/audit', 'number'],
];

runScenarios('the cursor of another list', [
  ...LISTS.flatMap(([path, takes]) =>
    Object.entries(CURSORS).map(([kind, cursor]): Scenario => ({
      name: `${path(':customerId')} and one of a ${kind}`,
      call: ({ customer }) => ({
        method: 'GET',
        path: `${path(customer.id)}?cursor=${cursor}`,
        as: path('').startsWith('/v1') ? 'test' : 'operator',
      }),
      answer:
        kind === takes
          ? { status: 200 }
          : { status: 400, code: 'invalid_input', field: 'cursor', says: 'is not a cursor of this list' },
    })),
  ),
]);

runScenarios('a NUL in a search', [
  {
    name: 'is refused, where SQL would find everybody',
    call: { method: 'GET', path: '/api/public/customers?q=%00', as: 'operator' },
    answer: { status: 400, code: 'invalid_input', field: 'q', says: 'contains a NUL character' },
  },
]);
