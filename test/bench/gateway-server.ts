// The gateway for the bench: the real app on a real database and a real port, with customers whose limits are out of
// the way. Its engine stands still, so that what is measured is accepting and reading, and not painting pictures.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../src/config.ts';
import { openGateway } from '../../src/gateway.ts';
import { createNet } from '../../src/runtime/net.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createSystemClock } from '../../src/runtime/clock.ts';
import { createSystemRandom } from '../../src/runtime/random.ts';
import { BENCH_CUSTOMERS, BENCH_JOBS } from './cases.ts';
import { report } from './report-port.ts';

const UNLIMITED = {
  generationsPerMinute: 1_000_000,
  requestsPerMinute: 1_000_000,
  concurrentImages: 1_000_000,
  concurrentVideos: 1_000_000,
};

const clock = createSystemClock();
const log = createLog({ level: 'info', write: () => undefined });
const gateway = await openGateway({
  config: parseConfig({ SLUICE_DATA_DIR: mkdtempSync(join(tmpdir(), 'sluice-bench-')) }),
  runtime: { clock, random: createSystemRandom(), net: createNet({ clock }), log },
  publicUrl: () => 'http://127.0.0.1',
});
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request, server) => gateway.app.handle(request, server),
});

const operatorKey = gateway.operatorKeys[0] ?? '';

async function operator(method: string, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await gateway.app.handle(
    new Request(`http://localhost${path}`, {
      method,
      headers: { authorization: `Bearer ${operatorKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
  return (await response.json()) as Record<string, unknown>;
}

async function makeCustomer(): Promise<string> {
  const { customer } = await operator('POST', '/api/public/customers', { name: 'Bench' });
  const path = `/api/public/customers/${(customer as { customerId: string }).customerId}`;
  await operator('PATCH', path, { limits: UNLIMITED });
  await operator('POST', `${path}/credits`, {
    operation: 'top_up',
    mode: 'test',
    amount: 1_000_000_000,
    reason: 'bench',
  });
  return String((await operator('POST', `${path}/api-keys`, { mode: 'test' }))['apiKey']);
}

async function acceptJob(key: string): Promise<{ key: string; jobId: string }> {
  const response = await gateway.app.handle(
    new Request('http://localhost/v1/images/generate', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
      },
      body: JSON.stringify({ prompt: 'A lighthouse at dawn' }),
    }),
  );
  const { jobId } = (await response.json()) as { jobId: string };
  return { key, jobId };
}

const keys = await Promise.all(Array.from({ length: BENCH_CUSTOMERS }, makeCustomer));
const jobs = await Promise.all(
  Array.from({ length: BENCH_JOBS }, (_, index) => acceptJob(keys[index % keys.length] ?? '')),
);
report({ port: server.port ?? 0, keys, jobs });
