// The examples of the operator API in the reference. A test holds each against its schema.
const CUSTOMER_ID = 'cus_01m7xyqn02e3fa7ae8dqfy7sce';
const JOB_ID = 'job_01m7xyqn02e3fa7ae8dqfy7sce';
const KEY_ID = 'key_01m7xyqn02e3fa7ae8dqfy7sce';
const AT = '2026-11-20T10:00:00.000Z';

export function listOf(name: string, example: object) {
  return { ok: true, [name]: [example], nextCursor: null };
}

export const balanceExample = { creditsBalance: 12_000, creditsReserved: 9000, creditsAvailable: 3000 };

export const customerExample = {
  customerId: CUSTOMER_ID,
  name: 'Acme Studio',
  email: 'dev@acme.example',
  externalId: null,
  plan: 'pro',
  status: 'active',
  statusReason: null,
  limits: { generationsPerMinute: 50, requestsPerMinute: 150, concurrentImages: 20, concurrentVideos: 10 },
  limitOverrides: {},
  ...balanceExample,
  test: { creditsBalance: 100_000, creditsReserved: 0, creditsAvailable: 100_000 },
  apiKeyCount: { live: 1, test: 1 },
  metadata: {},
  createdAt: AT,
  updatedAt: AT,
};

export const keyExample = {
  keyId: KEY_ID,
  customerId: CUSTOMER_ID,
  mode: 'live',
  name: 'backend',
  prefix: 'ak_live_3fT9xQ2b',
  preset: 'generate_only',
  scopes: ['generation:write', 'generation:read', 'library:read'],
  ipAllowlist: null,
  status: 'active',
  createdAt: AT,
  lastUsedAt: null,
  expiresAt: null,
  rotatedAt: null,
  successorId: null,
  revokedAt: null,
};

export const madeKeyExample = { ok: true, apiKey: 'ak_live_… (46 characters)', key: keyExample };

export const entryExample = {
  entryId: 'led_01m7xyqn02e3fa7ae8dqfy7sce',
  seq: 3,
  type: 'top_up',
  amount: 10_000,
  balanceAfter: 12_000,
  reservedAfter: 9000,
  jobId: null,
  reason: 'order 1001',
  reference: 'pay_1001',
  actor: 'operator:private-key',
  mode: 'live',
  createdAt: AT,
};

export const accountExample = {
  accountId: 'acc_01m7xyqn02e3fa7ae8dqfy7sce',
  label: 'main',
  provider: 'leonardo',
  status: 'active',
  credential: 'api_key',
  keyHint: '…9f2c',
  providerUserHint: '…41aa',
  balanceUnit: 'credits',
  availableTokens: 27_830,
  subscriptionTokens: 0,
  paidTokens: 27_830,
  reservedTokens: 3628,
  minBalance: 0,
  concurrencySlots: 10,
  activeJobs: 1,
  priority: 100,
  weight: 1,
  models: null,
  refusedModels: [],
  lastCheckedAt: AT,
  lastUsedAt: AT,
  cooldownUntil: null,
  expiresAt: null,
  lastError: null,
  createdAt: AT,
  updatedAt: AT,
};

export const jobExample = {
  jobId: JOB_ID,
  customerId: CUSTOMER_ID,
  keyId: KEY_ID,
  mode: 'test',
  type: 'image',
  model: 'openai/gpt-image-2',
  state: 'completed',
  input: { prompt: 'A lighthouse at dawn', size: '1:1_SMALL', width: 1024, height: 1024, quality: 'LOW' },
  metadata: {},
  chargedCredits: 20,
  refundedCredits: 0,
  priceVersion: 0,
  error: null,
  tries: 0,
  requestId: 'req_01m7xyqn02e3fa7ae8dqfy7sce',
  createdAt: AT,
  startedAt: '2026-11-20T10:00:00.020Z',
  updatedAt: '2026-11-20T10:00:02.300Z',
  dueAt: null,
  deadlineAt: '2026-11-20T10:05:00.000Z',
  endedAt: '2026-11-20T10:00:02.300Z',
};

export const jobDetailExample = {
  ...jobExample,
  events: [{ kind: 'job.accepted', reason: null, actor: `key:${KEY_ID}`, at: AT }],
  attempts: [
    {
      attemptId: 'att_01m7xyqn02e3fa7ae8dqfy7sce',
      number: 1,
      provider: 'sandbox',
      providerJobId: 'image.completes.1795255202000.att_01m7xyqn02e3fa7ae8dqfy7sce',
      outcome: 'completed',
      reason: null,
      accountId: null,
      fault: null,
      cost: null,
      sentAt: AT,
      acceptedAt: AT,
      endedAt: '2026-11-20T10:00:02.010Z',
    },
  ],
  ledger: [{ ...entryExample, type: 'reserve', amount: 20, jobId: JOB_ID }],
  files: [
    {
      fileId: 'file_01m7xyqn02e3fa7ae8dqfy7sc0',
      role: 'output',
      contentType: 'image/png',
      bytes: 183_204,
      width: 1024,
      height: 1024,
      isDeleted: false,
      url: 'http://127.0.0.1:8080/v1/files/file_01m7xyqn02e3fa7ae8dqfy7sc0?exp=1795255202&sig=…',
    },
  ],
};

export const planExample = {
  plan: 'pro',
  generationsPerMinute: 50,
  requestsPerMinute: 150,
  concurrentImages: 20,
  concurrentVideos: 10,
  outputRetentionHours: 24,
};

export const priceExample = {
  model: 'openai/gpt-image-2',
  version: 0,
  rule: {
    per: 'job',
    rates: [
      { when: { quality: 'LOW' }, credits: 20 },
      { when: { quality: 'MEDIUM' }, credits: 165 },
    ],
  },
};

export const auditExample = {
  eventId: 'aud_01m7xyqn02e3fa7ae8dqfy7sce',
  seq: 12,
  at: AT,
  actor: 'operator:private-key',
  action: 'customer.create',
  target: CUSTOMER_ID,
  ip: null,
  requestId: 'req_01m7xyqn02e3fa7ae8dqfy7sce',
  summary: 'created the customer "Acme Studio"',
  before: null,
  after: { name: 'Acme Studio' },
  hash: 'f2b1…',
};

export const overviewExample = {
  ok: true,
  customers: { active: 3 },
  jobs: { last24Hours: { queued: 1, completed: 40 }, oldestQueued: { jobId: JOB_ID, createdAt: AT } },
  creditsOutstanding: { live: 12_000, test: 300_000 },
  creditsReserved: { live: 9000, test: 0 },
  scheduler: { lagMs: 1 },
};
