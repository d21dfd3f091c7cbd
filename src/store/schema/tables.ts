// Every table once. Constraints, triggers and indexes stand in the migrations; a test compares the two.
import { JOB_TYPES, MODES } from '../../words.ts';
import type { Kit } from './kit.ts';

export const JOB_STATES = [
  'queued',
  'submitting',
  'unknown',
  'running',
  'storing',
  'completed',
  'failed',
  'canceled',
] as const;
export const CUSTOMER_STATUSES = ['active', 'suspended', 'closed'] as const;
export const ENTRY_KINDS = ['top_up', 'adjust', 'reserve', 'capture', 'release', 'refund'] as const;
export const ATTEMPT_OUTCOMES = [
  'sent',
  'accepted',
  'completed',
  'failed',
  'rejected',
  'unknown',
  'canceled',
] as const;
export const FILE_ROLES = ['output', 'poster', 'reference'] as const;
const ACCOUNT_STATUSES = ['active', 'paused', 'auth_error', 'exhausted', 'expired'] as const;
export const CREDENTIAL_KINDS = ['api_key', 'session'] as const;
export const COST_UNITS = ['USD', 'CNY', 'credits'] as const;
export const FAULTS = ['credential', 'balance', 'rate', 'model', 'provider'] as const;

export type JobState = (typeof JOB_STATES)[number];
export type CustomerStatus = (typeof CUSTOMER_STATUSES)[number];
export type EntryKind = (typeof ENTRY_KINDS)[number];
export type AttemptState = (typeof ATTEMPT_OUTCOMES)[number];
export type FileRole = (typeof FILE_ROLES)[number];
export type AccountStatus = (typeof ACCOUNT_STATUSES)[number];

/** The drizzle tables in the given kit. JSON columns are `unknown` here: the feature that owns one parses it. */
export function defineTables(kit: Kit) {
  return {
    ...peopleTables(kit),
    ...moneyTables(kit),
    ...accountTables(kit),
    ...jobTables(kit),
    ...outputTables(kit),
    ...houseTables(kit),
  };
}

export type Tables = ReturnType<typeof defineTables>;

function peopleTables({ table, text, word, integer, json }: Kit) {
  const customers = table('customers', {
    id: text().primaryKey(),
    name: text().notNull(),
    email: text(),
    externalId: text(),
    plan: text().notNull(),
    status: word(CUSTOMER_STATUSES).notNull(),
    statusReason: text(),
    limits: json<unknown>().notNull(),
    metadata: json<unknown>().notNull(),
    createdAt: integer().notNull(),
    updatedAt: integer().notNull(),
  });
  const plans = table('plans', {
    id: text().primaryKey(),
    settings: json<unknown>().notNull(),
    updatedAt: integer().notNull(),
  });
  const apiKeys = table('api_keys', {
    id: text().primaryKey(),
    customerId: text().notNull(),
    mode: word(MODES).notNull(),
    name: text(),
    prefix: text().notNull(),
    hash: text().notNull(),
    preset: text(),
    scopes: json<unknown>().notNull(),
    ipAllowlist: json<unknown>(),
    createdAt: integer().notNull(),
    expiresAt: integer(),
    lastUsedAt: integer(),
    rotatedAt: integer(),
    successorId: text(),
    revokedAt: integer(),
  });
  return { customers, plans, apiKeys };
}

function moneyTables({ table, text, word, integer, json, primaryKey }: Kit) {
  const wallets = table(
    'wallets',
    {
      customerId: text().notNull(),
      mode: word(MODES).notNull(),
      balance: integer().notNull(),
      reserved: integer().notNull(),
      seq: integer().notNull(),
      head: text().notNull(),
    },
    (wallet) => [primaryKey({ columns: [wallet.customerId, wallet.mode] })],
  );
  const ledgerEntries = table(
    'ledger_entries',
    {
      id: text().notNull(),
      customerId: text().notNull(),
      mode: word(MODES).notNull(),
      seq: integer().notNull(),
      kind: word(ENTRY_KINDS).notNull(),
      balanceDelta: integer().notNull(),
      reservedDelta: integer().notNull(),
      balanceAfter: integer().notNull(),
      reservedAfter: integer().notNull(),
      reservationId: text(),
      actor: text().notNull(),
      reason: text(),
      reference: text(),
      requestId: text(),
      createdAt: integer().notNull(),
      prevHash: text().notNull(),
      hash: text().notNull(),
    },
    (entry) => [primaryKey({ columns: [entry.customerId, entry.mode, entry.seq] })],
  );
  const priceVersions = table(
    'price_versions',
    {
      model: text().notNull(),
      version: integer().notNull(),
      rule: json<unknown>().notNull(),
      actor: text().notNull(),
      createdAt: integer().notNull(),
    },
    (price) => [primaryKey({ columns: [price.model, price.version] })],
  );
  return { wallets, ledgerEntries, priceVersions };
}

function accountTables({ table, text, word, integer, json }: Kit) {
  const accounts = table('accounts', {
    id: text().primaryKey(),
    provider: text().notNull(),
    label: text().notNull(),
    credentialKind: word(CREDENTIAL_KINDS).notNull(),
    sealedCredential: text().notNull(),
    credentialHash: text().notNull(),
    credentialHint: text().notNull(),
    remoteId: text(),
    status: word(ACCOUNT_STATUSES).notNull(),
    lastError: text(),
    priority: integer().notNull(),
    weight: integer().notNull(),
    models: json<unknown>(),
    refusedModels: json<unknown>().notNull(),
    slots: integer().notNull(),
    slotsTaken: integer().notNull(),
    floor: integer().notNull(),
    reserved: integer().notNull(),
    balanceUnit: word(COST_UNITS),
    available: integer(),
    subscription: integer(),
    paid: integer(),
    checkedAt: integer(),
    cooldownUntil: integer(),
    cooldownSteps: integer().notNull(),
    expiresAt: integer(),
    usedAt: integer(),
    createdAt: integer().notNull(),
    updatedAt: integer().notNull(),
  });
  return { accounts };
}

function jobTables({ table, text, word, integer, json, primaryKey }: Kit) {
  const jobs = table('jobs', {
    id: text().primaryKey(),
    customerId: text().notNull(),
    mode: word(MODES).notNull(),
    keyId: text().notNull(),
    type: word(JOB_TYPES).notNull(),
    model: text().notNull(),
    input: json<unknown>().notNull(),
    metadata: json<unknown>().notNull(),
    state: word(JOB_STATES).notNull(),
    dueAt: integer().notNull(),
    deadlineAt: integer().notNull(),
    leaseOwner: text(),
    leaseNo: integer().notNull(),
    tries: integer().notNull(),
    price: integer().notNull(),
    priceVersion: integer().notNull(),
    refunded: integer().notNull(),
    errorCode: text(),
    errorMessage: text(),
    requestId: text(),
    createdAt: integer().notNull(),
    startedAt: integer(),
    updatedAt: integer().notNull(),
    endedAt: integer(),
  });
  const attempts = table('attempts', {
    id: text().primaryKey(),
    jobId: text().notNull(),
    number: integer().notNull(),
    provider: text().notNull(),
    providerJobId: text(),
    outcome: word(ATTEMPT_OUTCOMES).notNull(),
    reason: text(),
    outputs: json<unknown>().notNull(),
    sentAt: integer().notNull(),
    acceptedAt: integer(),
    endedAt: integer(),
    accountId: text(),
    estimate: integer().notNull(),
    cost: integer(),
    costUnit: word(COST_UNITS),
    fault: word(FAULTS),
  });
  const inFlight = table(
    'in_flight',
    {
      customerId: text().notNull(),
      type: word(JOB_TYPES).notNull(),
      count: integer().notNull(),
    },
    (row) => [primaryKey({ columns: [row.customerId, row.type] })],
  );
  return { jobs, attempts, inFlight };
}

function outputTables({ table, text, word, integer, primaryKey }: Kit) {
  const files = table('files', {
    id: text().primaryKey(),
    customerId: text().notNull(),
    jobId: text().notNull(),
    role: word(FILE_ROLES).notNull(),
    position: integer().notNull(),
    contentType: text().notNull(),
    bytes: integer().notNull(),
    sha256: text().notNull(),
    width: integer(),
    height: integer(),
    durationMs: integer(),
    createdAt: integer().notNull(),
    deleteAt: integer().notNull(),
    deletedAt: integer(),
  });
  const uploads = table('uploads', {
    id: text().primaryKey(),
    customerId: text().notNull(),
    mode: word(MODES).notNull(),
    fileId: text().notNull(),
    contentType: text().notNull(),
    bytes: integer().notNull(),
    sha256: text().notNull(),
    width: integer().notNull(),
    height: integer().notNull(),
    usedAt: integer(),
    createdAt: integer().notNull(),
    deleteAt: integer().notNull(),
  });
  const events = table(
    'events',
    {
      id: text().notNull(),
      jobId: text().notNull(),
      number: integer().notNull(),
      customerId: text().notNull(),
      kind: text().notNull(),
      reason: text(),
      actor: text().notNull(),
      createdAt: integer().notNull(),
    },
    (event) => [primaryKey({ columns: [event.jobId, event.number] })],
  );
  return { files, uploads, events };
}

function houseTables({ table, text, integer, json, primaryKey }: Kit) {
  const meta = table('meta', { name: text().primaryKey(), value: text().notNull() });
  const idempotencyKeys = table(
    'idempotency_keys',
    {
      scope: text().notNull(),
      mode: text().notNull(),
      key: text().notNull(),
      fingerprint: text().notNull(),
      resourceId: text(),
      status: integer().notNull(),
      body: text().notNull(),
      createdAt: integer().notNull(),
      expiresAt: integer().notNull(),
    },
    (row) => [primaryKey({ columns: [row.scope, row.mode, row.key] })],
  );
  const auditEvents = table('audit_events', {
    seq: integer().primaryKey(),
    id: text().notNull(),
    actor: text().notNull(),
    action: text().notNull(),
    target: text().notNull(),
    addressHash: text(),
    requestId: text(),
    summary: text().notNull(),
    before: json<unknown>(),
    after: json<unknown>(),
    createdAt: integer().notNull(),
    prevHash: text().notNull(),
    hash: text().notNull(),
  });
  const tasks = table('tasks', {
    name: text().primaryKey(),
    nextRunAt: integer().notNull(),
    lastRunAt: integer(),
    lastError: text(),
  });
  return { meta, idempotencyKeys, auditEvents, tasks };
}
