// From the features' nouns to what operators read. Secrets have no way here: a key's hash never leaves its feature.
import { fromMicros } from '../../accounts/index.ts';
import { effectiveLimits, type Plan, type Price } from '../../catalog/index.ts';
import type { AuditEvent } from '../../audit/index.ts';
import type { Customer } from '../../customers/index.ts';
import type { Attempt, Job, JobEvent } from '../../jobs/index.ts';
import { statusOf, type ApiKey } from '../../keys/index.ts';
import type { Balance, Entry } from '../../ledger/index.ts';
import { isoInstant, isoInstantOrNull, type Instant } from '../../runtime/clock.ts';

export function renderBalance({ balance, reserved, available }: Balance) {
  return { creditsBalance: balance, creditsReserved: reserved, creditsAvailable: available };
}

export type CustomerFacts = {
  plan: Plan;
  live: Balance;
  test: Balance;
  /** Usable keys. */
  keyCount: { live: number; test: number };
};

export function renderCustomer(customer: Customer, { plan, live, test, keyCount }: CustomerFacts) {
  return {
    customerId: customer.id,
    name: customer.name,
    email: customer.email,
    externalId: customer.externalId,
    plan: customer.plan,
    status: customer.status,
    statusReason: customer.statusReason,
    limits: effectiveLimits(plan.settings, customer.limits),
    limitOverrides: customer.limits,
    ...renderBalance(live),
    test: renderBalance(test),
    apiKeyCount: keyCount,
    metadata: customer.metadata,
    createdAt: isoInstant(customer.createdAt),
    updatedAt: isoInstant(customer.updatedAt),
  };
}

export function renderKey(key: ApiKey, now: Instant) {
  return {
    keyId: key.id,
    customerId: key.customerId,
    mode: key.mode,
    name: key.name,
    prefix: key.prefix,
    preset: key.preset,
    scopes: key.scopes,
    ipAllowlist: key.ipAllowlist,
    status: statusOf(key, now),
    createdAt: isoInstant(key.createdAt),
    lastUsedAt: isoInstantOrNull(key.lastUsedAt),
    expiresAt: isoInstantOrNull(key.expiresAt),
    rotatedAt: isoInstantOrNull(key.rotatedAt),
    successorId: key.successorId,
    revokedAt: isoInstantOrNull(key.revokedAt),
  };
}

export function renderEntry(entry: Entry) {
  return {
    entryId: entry.id,
    seq: entry.seq,
    type: entry.kind,
    // What the caller thinks of as the amount: the change of whatever the entry is about.
    amount: entry.balanceDelta === 0 ? entry.reservedDelta : entry.balanceDelta,
    balanceAfter: entry.balanceAfter,
    reservedAfter: entry.reservedAfter,
    jobId: entry.reservationId,
    reason: entry.reason,
    reference: entry.reference,
    actor: entry.actor,
    mode: entry.mode,
    createdAt: isoInstant(entry.createdAt),
  };
}

export function renderJob(job: Job) {
  return {
    jobId: job.id,
    customerId: job.customerId,
    keyId: job.keyId,
    mode: job.mode,
    type: job.type,
    model: job.model,
    state: job.state,
    input: job.input,
    metadata: job.metadata,
    chargedCredits: job.price,
    refundedCredits: job.refunded,
    priceVersion: job.priceVersion,
    error: job.errorCode === null ? null : { code: job.errorCode, message: job.errorMessage },
    tries: job.tries,
    requestId: job.requestId,
    createdAt: isoInstant(job.createdAt),
    startedAt: isoInstantOrNull(job.startedAt),
    updatedAt: isoInstant(job.updatedAt),
    dueAt: job.endedAt === null ? isoInstant(job.dueAt) : null,
    deadlineAt: isoInstant(job.deadlineAt),
    endedAt: isoInstantOrNull(job.endedAt),
  };
}

export function renderAttempt(attempt: Attempt) {
  return {
    attemptId: attempt.id,
    number: attempt.number,
    provider: attempt.provider,
    providerJobId: attempt.providerJobId,
    outcome: attempt.outcome,
    reason: attempt.reason,
    accountId: attempt.accountId,
    fault: attempt.fault,
    cost:
      attempt.cost === null || attempt.costUnit === null
        ? null
        : { amount: fromMicros(attempt.cost), unit: attempt.costUnit },
    sentAt: isoInstant(attempt.sentAt),
    acceptedAt: isoInstantOrNull(attempt.acceptedAt),
    endedAt: isoInstantOrNull(attempt.endedAt),
  };
}

export function renderJobEvent(event: JobEvent) {
  const { kind, reason, actor, createdAt } = event;
  return { kind, reason, actor, at: isoInstant(createdAt) };
}

export function renderPlan({ id, settings }: Plan) {
  return { plan: id, ...settings };
}

export function renderPrice(price: Price) {
  return { model: price.model, version: price.version, rule: price.rule };
}

export function renderAuditEvent(event: AuditEvent) {
  return {
    eventId: event.id,
    seq: event.seq,
    at: isoInstant(event.createdAt),
    actor: event.actor,
    action: event.action,
    target: event.target,
    ip: event.addressHash,
    requestId: event.requestId,
    summary: event.summary,
    before: event.before ?? null,
    after: event.after ?? null,
    hash: event.hash,
  };
}
