// The floor: what a bare server on the same parts would do. The same framework reads the bearer token, the same schema
// validates, and the job's row goes into the same table by one durable, group-committed insert; no authentication, no
// limits, no idempotency, no money. And the constant: the framework answering a job that it does not look up.
import { bearer } from '@elysiajs/bearer';
import { Elysia } from 'elysia';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCatalog } from '../../src/catalog/index.ts';
import { acceptedExample, jobExample } from '../../src/http/job-api/examples.ts';
import { imageRequestSchema } from '../../src/http/job-api/schemas.ts';
import { makeId } from '../../src/ids.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createSystemClock } from '../../src/runtime/clock.ts';
import { createSystemRandom } from '../../src/runtime/random.ts';
import { insertion, type Tx } from '../../src/store/db.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { BENCH_CUSTOMERS } from './cases.ts';
import { report } from './report-port.ts';

const clock = createSystemClock();
const random = createSystemRandom();
const store = openSqlite({
  dataDir: mkdtempSync(join(tmpdir(), 'sluice-floor-')),
  clock,
  log: createLog({ level: 'silent' }),
});
const insertJob = insertion('jobs');
const insertCustomer = insertion('customers');

/** As many as the gateway of the bench has, so that rows are spread over the indexes alike. */
const customers = Array.from({ length: BENCH_CUSTOMERS }, () =>
  makeId('customer', { now: clock.now(), random }),
);
await store.transaction(async (tx) => {
  for (const id of customers) {
    await insertCustomer(tx, {
      ...{ id, name: 'Floor', email: null, externalId: null, plan: 'starter', status: 'active' as const },
      ...{ statusReason: null, limits: {}, metadata: {}, createdAt: clock.now(), updatedAt: clock.now() },
    });
  }
});
let accepted = 0;

function jobRow({ now }: Tx, input: object) {
  accepted += 1;
  return {
    id: makeId('job', { now, random }),
    ...{ customerId: customers[accepted % customers.length] ?? '', mode: 'test' as const, keyId: 'none' },
    ...{ type: 'image' as const, model: 'openai/gpt-image-2', input, metadata: {}, state: 'queued' as const },
    ...{ dueAt: now, deadlineAt: now + 300_000, leaseOwner: null, leaseNo: 0, tries: 0 },
    ...{ price: 20, priceVersion: 0, refunded: 0, errorCode: null, errorMessage: null, requestId: null },
    ...{ createdAt: now, startedAt: null, updatedAt: now, endedAt: null },
  };
}

const app = new Elysia()
  .use(bearer())
  .post(
    '/v1/images/generate',
    async ({ body, bearer: key, set }) => {
      if (key === undefined) throw new Error('no key');
      const jobId = await store.transaction(async (tx) => {
        const job = jobRow(tx, body);
        await insertJob(tx, job);
        return job.id;
      });
      set.status = 202;
      return { ...acceptedExample('image'), jobId };
    },
    { body: imageRequestSchema(createCatalog({ db: store }).getModel('openai/gpt-image-2')) },
  )
  .get('/v1/jobs/:jobId', () => jobExample)
  .listen({ port: 0, hostname: '127.0.0.1' });

report({ port: app.server?.port ?? 0, keys: ['none'], jobs: [{ key: 'none', jobId: 'job_0' }] });
