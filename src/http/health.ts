// Probes: the loop turns (`/livez`), new work can be taken (`/readyz`), and the one that people look at (`/health`).
// They need no key and tell nothing that helps an attacker.
import { Elysia } from 'elysia';
import * as v from 'valibot';
import type { Health } from '../health.ts';
import { named } from './annotate.ts';
import type { RouteMaker } from './route.ts';

const TAG = 'Health';
const up = named('Up', v.strictObject({ ok: v.literal(true), status: v.literal('up') }));
const readiness = named(
  'Readiness',
  v.strictObject({
    ok: v.boolean(),
    status: v.picklist(['ready', 'not_ready']),
    checks: v.array(v.strictObject({ name: v.string(), ok: v.boolean() })),
  }),
);

export function createHealthRoutes({ health, route }: { health: Health; route: RouteMaker }) {
  const alive = (operationId: string, summary: string) => ({
    ...route.plain({
      operationId,
      tag: TAG,
      summary,
      access: { kind: 'public' },
      answers: { 200: { description: 'It is up.', schema: up, example: { ok: true, status: 'up' } } },
      errors: [],
    }),
  });
  const answerUp = () => ({ ok: true as const, status: 'up' as const });
  return new Elysia({ name: 'health' })
    .get('/livez', answerUp, alive('livez', 'Is the process alive?'))
    .get('/health', answerUp, alive('health', 'Is the gateway up?'))
    .get(
      '/readyz',
      async ({ set }) => {
        const { isReady, checks } = await health.check();
        if (!isReady) set.status = 503;
        const status: 'ready' | 'not_ready' = isReady ? 'ready' : 'not_ready';
        return { ok: isReady, status, checks: checks.map(({ name, ok }) => ({ name, ok })) };
      },
      route.plain({
        operationId: 'readyz',
        tag: TAG,
        summary: 'Can new work be taken?',
        description: 'Database writable, disk with room, not stopping. No provider is asked.',
        access: { kind: 'public' },
        answers: {
          200: {
            description: 'Ready.',
            schema: readiness,
            example: { ok: true, status: 'ready', checks: [{ name: 'database', ok: true }] },
          },
          503: {
            description: 'Not ready; the check that failed is named.',
            schema: readiness,
            example: { ok: false, status: 'not_ready', checks: [{ name: 'disk', ok: false }] },
          },
        },
        errors: [],
      }),
    );
}
