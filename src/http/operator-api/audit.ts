// Who did what, and what there is to know at a glance.
import { Elysia } from 'elysia';
import { DAY_MS, isoInstant } from '../../runtime/clock.ts';
import { auditPage, overviewAnswer, verificationAnswer } from './answers.ts';
import { auditExample, listOf, overviewExample } from './examples.ts';
import { readPage } from '../query.ts';
import type { RouteDeclaration } from '../route.ts';
import { OPERATOR, type OperatorApiParts } from './parts.ts';
import { renderAuditEvent } from './render.ts';
import { auditListQuery, noQuery } from './schemas.ts';

const TAG = 'Audit';

const LIST_AUDIT_EVENTS: RouteDeclaration = {
  operationId: 'listAuditEvents',
  tag: TAG,
  summary: 'Read the audit',
  description:
    'Every change by an operator, the newest first. Append-only; each event carries the hash of all before it.',
  access: OPERATOR,
  answers: {
    200: {
      description: 'A page of events.',
      schema: auditPage,
      example: listOf('events', auditExample),
    },
  },
  errors: ['invalid_input'],
};

const VERIFY_AUDIT: RouteDeclaration = {
  operationId: 'verifyAudit',
  tag: TAG,
  summary: 'Verify audit and ledger',
  description: 'Follows every hash chain and recomputes every balance. Takes a while on a large database.',
  access: OPERATOR,
  answers: {
    200: {
      description: 'What was checked, and what does not hold.',
      schema: verificationAnswer,
      example: {
        ok: true,
        audit: { events: 12, fault: null },
        books: { wallets: 2, entries: 40, faults: [] },
      },
    },
  },
  errors: [],
};

const GET_OVERVIEW: RouteDeclaration = {
  operationId: 'getOverview',
  tag: TAG,
  summary: 'Read the overview',
  description:
    'Jobs by state (open ones, and those accepted in the last 24 hours), credits, and the oldest job that waits.',
  access: OPERATOR,
  answers: {
    200: { description: 'The overview.', schema: overviewAnswer, example: overviewExample },
  },
  errors: [],
};

export function auditRoutes({
  route,
  audit,
  ledger,
  jobs,
  customers,
  clock,
  db,
  schedulerLagMs,
}: OperatorApiParts) {
  return new Elysia()
    .get(
      '/api/audit',
      async ({ query }) => {
        const { cursor, limit, ...filter } = query;
        const page = readPage('sequence', { limit, cursor });
        const beforeSeq = page.cursor === null ? null : Number(page.cursor);
        const { events, hasMore } = await audit.list(db.read, filter, { limit, beforeSeq });
        const last = events.at(-1);
        return {
          ok: true as const,
          events: events.map(renderAuditEvent),
          nextCursor: hasMore && last !== undefined ? String(last.seq) : null,
        };
      },
      {
        ...route.plain(LIST_AUDIT_EVENTS),
        query: auditListQuery,
      },
    )
    .get(
      '/api/audit/verify',
      async () => {
        const [chain, books] = [await audit.verify(db.read), await ledger.audit(db.read)];
        return { ok: true as const, audit: chain, books };
      },
      {
        ...route.plain(VERIFY_AUDIT),
        query: noQuery,
      },
    )
    .get(
      '/api/overview',
      async () => {
        const since = clock.now() - DAY_MS;
        const [live, test] = [await ledger.totals(db.read, 'live'), await ledger.totals(db.read, 'test')];
        const oldest = await jobs.oldestQueued();
        return {
          ok: true as const,
          customers: { active: await customers.countActive(db.read) },
          jobs: {
            last24Hours: await jobs.countByState(since),
            oldestQueued: oldest && { jobId: oldest.id, createdAt: isoInstant(oldest.createdAt) },
          },
          creditsOutstanding: { live: live.balance, test: test.balance },
          creditsReserved: { live: live.reserved, test: test.reserved },
          scheduler: { lagMs: schedulerLagMs() },
        };
      },
      {
        ...route.plain(GET_OVERVIEW),
        query: noQuery,
      },
    );
}
