// The requests of each case.
import { assert } from '../../src/errors.ts';
import type { Shot } from './load.ts';

/** What a bench server tells when it listens. */
export type ServerReport = { port: number; keys: string[]; jobs: { key: string; jobId: string }[] };

/** Customers that order at the same moment. */
export const BENCH_CUSTOMERS = 8;
/** Jobs that are waited for at the same moment. */
export const BENCH_JOBS = 256;

const IMAGE_BODY = JSON.stringify({
  prompt: 'A lighthouse at dawn, waves, long exposure',
  quality: 'LOW',
  size: '16:9_SMALL',
});

function post(path: string, key: string, index: number): string {
  return (
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n` +
    `Idempotency-Key: bench-${index}\r\nContent-Length: ${IMAGE_BODY.length}\r\n\r\n${IMAGE_BODY}`
  );
}

function get(path: string, key: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`;
}

/** A job accepted; each request its own, by one customer after the other. */
export function acceptShot({ keys }: ServerReport): (index: number) => Shot {
  return (index) => ({
    request: post('/v1/images/generate', keys[index % keys.length] ?? '', index),
    status: 202,
  });
}

/** Jobs read again and again by those who wait for them, one after the other. */
export function readShot({ jobs }: ServerReport): (index: number) => Shot {
  const shots = jobs.map(({ key, jobId }) => ({ request: get(`/v1/jobs/${jobId}`, key), status: 200 }));
  return (index) => {
    const shot = shots[index % shots.length];
    assert(shot !== undefined, 'there is a job to read');
    return shot;
  };
}
