// What the operator API answers, field by field. The reference describes answers by these schemas, and the tests hold
// every real one against them.
import * as v from 'valibot';
import {
  limitOverridesSchema,
  limitsSchema,
  planSettingsSchema,
  priceRuleSchema,
} from '../../catalog/index.ts';
import { KEY_STATUSES, PRESET_NAMES, SCOPES } from '../../keys/index.ts';
import {
  ATTEMPT_OUTCOMES,
  COST_UNITS,
  CUSTOMER_STATUSES,
  ENTRY_KINDS,
  FAULTS,
  FILE_ROLES,
  JOB_STATES,
} from '../../store/db.ts';
import { JOB_TYPES, MODES, REFERENCE_STRENGTHS } from '../../words.ts';
import { described, named } from '../annotate.ts';
import { errorTypeSchema } from '../error-body.ts';

const ok = v.literal(true);
const mode = v.picklist(MODES);
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const credits = v.pipe(v.number(), v.integer());
const instant = v.pipe(v.string(), v.isoTimestamp());
const instantOrNull = v.nullable(instant);
const textOrNull = v.nullable(v.string());
const metadata = v.record(v.string(), v.string());
const actor = described('`operator:private-key`, `key:…`, `gateway` or `cli`.', v.string());

/** One noun: `{ ok, customer }`. */
function one<Name extends string, Schema extends v.GenericSchema>(name: Name, schema: Schema) {
  return v.strictObject({ ok, [name]: schema });
}

/** A page of a list: `{ ok, customers, nextCursor }`. */
function pageOf<Schema extends v.GenericSchema>(name: string, schema: Schema) {
  const nextCursor = described('Send it as `cursor` for the next page; null on the last.', textOrNull);
  return v.strictObject({ ok, [name]: v.array(schema), nextCursor });
}

const balanceEntries = {
  creditsBalance: described('All credits of the wallet.', credits),
  creditsReserved: described('Set aside for open jobs.', credits),
  creditsAvailable: described('The balance without what is reserved.', credits),
};

const customerSchema = named(
  'Customer',
  v.strictObject({
    customerId: v.string(),
    name: v.string(),
    email: textOrNull,
    externalId: textOrNull,
    plan: v.string(),
    status: v.picklist(CUSTOMER_STATUSES),
    statusReason: textOrNull,
    limits: described("In force: the customer's own where there are any, else the plan's.", limitsSchema),
    limitOverrides: described("The customer's own limits.", limitOverridesSchema),
    ...balanceEntries,
    test: described('The wallet of test keys.', v.strictObject(balanceEntries)),
    apiKeyCount: described('Keys that work now.', v.strictObject({ live: count, test: count })),
    metadata,
    createdAt: instant,
    updatedAt: instant,
  }),
);

export const customerAnswer = one('customer', customerSchema);
export const customerPage = pageOf('customers', customerSchema);

const keySchema = named(
  'ApiKey',
  v.strictObject({
    keyId: v.string(),
    customerId: v.string(),
    mode,
    name: textOrNull,
    prefix: described('The first 16 characters, enough to recognise the key.', v.string()),
    preset: described('Null when the scopes were chosen one by one.', v.nullable(v.picklist(PRESET_NAMES))),
    scopes: v.array(v.picklist(SCOPES)),
    ipAllowlist: described('Null admits every address.', v.nullable(v.array(v.string()))),
    status: described('`rotated` keys work until `expiresAt`.', v.picklist(KEY_STATUSES)),
    createdAt: instant,
    lastUsedAt: instantOrNull,
    expiresAt: instantOrNull,
    rotatedAt: instantOrNull,
    successorId: described('The key that replaces a rotated one.', textOrNull),
    revokedAt: instantOrNull,
  }),
);

export const keyAnswer = one('key', keySchema);
export const keyList = v.strictObject({ ok, keys: v.array(keySchema) });
const madeKeyEntries = {
  ok,
  apiKey: described('The whole key, shown once; null in the answer to a retry.', textOrNull),
  key: keySchema,
};
export const madeKeyAnswer = v.strictObject(madeKeyEntries);
export const rotatedKeyAnswer = v.strictObject({ ...madeKeyEntries, previous: keySchema });

const entrySchema = named(
  'LedgerEntry',
  v.strictObject({
    entryId: v.string(),
    seq: described('1 for the first of the wallet; without gaps.', count),
    type: v.picklist(ENTRY_KINDS),
    amount: described('The change of the balance, or of what is reserved where the balance stays.', credits),
    balanceAfter: credits,
    reservedAfter: credits,
    jobId: textOrNull,
    reason: textOrNull,
    reference: textOrNull,
    actor,
    mode,
    createdAt: instant,
  }),
);

export const entryPage = v.strictObject({ ...balanceEntries, ...pageOf('entries', entrySchema).entries });
export const creditMoveAnswer = v.strictObject({
  ok,
  customerId: v.string(),
  ...balanceEntries,
  entry: entrySchema,
});

const jobEntries = {
  jobId: v.string(),
  customerId: v.string(),
  keyId: v.string(),
  mode,
  type: v.picklist(JOB_TYPES),
  model: v.string(),
  state: described(
    '`unknown`: a provider may or may not have taken the job; it is never sent again by itself.',
    v.picklist(JOB_STATES),
  ),
  input: described(
    'What was asked for, with every default filled in.',
    v.strictObject({
      prompt: v.string(),
      size: v.string(),
      width: count,
      height: count,
      quality: v.exactOptional(v.string()),
      durationSeconds: v.exactOptional(v.number()),
      hasAudio: v.exactOptional(v.boolean()),
      seed: v.exactOptional(v.number()),
      reference: v.exactOptional(
        v.strictObject({
          strength: v.picklist(REFERENCE_STRENGTHS),
          url: described('Absent when the image came with the request.', v.exactOptional(v.string())),
        }),
      ),
    }),
  ),
  metadata,
  chargedCredits: described('The quoted price.', credits),
  refundedCredits: described('What was given back of it.', credits),
  priceVersion: described('0 is the price that ships.', count),
  error: described(
    'Why the job failed; null when it did not.',
    v.nullable(v.strictObject({ code: errorTypeSchema, message: textOrNull })),
  ),
  tries: described('Failed tries of the step that the job is at.', count),
  requestId: textOrNull,
  createdAt: instant,
  startedAt: instantOrNull,
  updatedAt: instant,
  dueAt: described('When the next step is due; null when the job has ended.', instantOrNull),
  deadlineAt: described('When the job ends, whatever it is at.', instant),
  endedAt: instantOrNull,
};

const jobSchema = named('JobRecord', v.strictObject(jobEntries));
export const jobAnswer = one('job', jobSchema);
export const jobPage = pageOf('jobs', jobSchema);

const attemptSchema = v.strictObject({
  attemptId: v.string(),
  number: described("1 for the job's first.", count),
  provider: v.string(),
  providerJobId: textOrNull,
  outcome: v.picklist(ATTEMPT_OUTCOMES),
  reason: described('What the provider said; never shown to customers.', textOrNull),
  accountId: described('The provider account; null in the sandbox.', textOrNull),
  fault: described('Where it lay that it came to nothing.', v.nullable(v.picklist(FAULTS))),
  cost: described(
    'What the provider says that it has charged us.',
    v.nullable(v.strictObject({ amount: v.number(), unit: v.picklist(COST_UNITS) })),
  ),
  sentAt: instant,
  acceptedAt: instantOrNull,
  endedAt: instantOrNull,
});

const fileSchema = v.strictObject({
  fileId: v.string(),
  role: v.picklist(FILE_ROLES),
  contentType: v.string(),
  bytes: count,
  width: v.nullable(count),
  height: v.nullable(count),
  isDeleted: v.boolean(),
  url: described('A signed link; null when the file was deleted, or is about to be.', textOrNull),
});

export const jobStoryAnswer = one(
  'job',
  named(
    'JobStory',
    v.strictObject({
      ...jobEntries,
      events: v.array(v.strictObject({ kind: v.string(), reason: textOrNull, actor, at: instant })),
      attempts: v.array(named('Attempt', attemptSchema)),
      ledger: v.array(entrySchema),
      files: v.array(named('StoredFile', fileSchema)),
    }),
  ),
);

const planSchema = named('Plan', v.strictObject({ plan: v.string(), ...planSettingsSchema.entries }));
export const planAnswer = one('plan', planSchema);
export const planList = v.strictObject({ ok, plans: v.array(planSchema) });

const priceSchema = named(
  'Price',
  v.strictObject({
    model: v.string(),
    version: described('0 is the price that ships.', count),
    rule: priceRuleSchema,
  }),
);
export const priceList = v.strictObject({ ok, prices: v.array(priceSchema) });

const auditEventSchema = named(
  'AuditEvent',
  v.strictObject({
    eventId: v.string(),
    seq: described('1 for the first; without gaps.', count),
    at: instant,
    actor,
    action: described('Noun and verb, such as `customer.create`.', v.string()),
    target: described('The id of what was acted on.', v.string()),
    ip: described('A keyed hash; the address itself is never kept.', textOrNull),
    requestId: textOrNull,
    summary: v.string(),
    before: described('What it was, without secrets; null where there was nothing.', v.unknown()),
    after: described('What it became.', v.unknown()),
    hash: described('SHA-256 over this event and the hash of the one before.', v.string()),
  }),
);
export const auditPage = pageOf('events', auditEventSchema);

const fault = described('What does not hold; null when all does.', textOrNull);
export const verificationAnswer = v.strictObject({
  ok,
  audit: v.strictObject({ events: count, fault }),
  books: v.strictObject({
    wallets: count,
    entries: count,
    faults: v.array(v.strictObject({ customerId: v.string(), mode, fault: v.string() })),
  }),
});

const perMode = v.strictObject({ live: credits, test: credits });
export const overviewAnswer = v.strictObject({
  ok,
  customers: v.strictObject({ active: count }),
  jobs: v.strictObject({
    last24Hours: described(
      'By state: all open jobs, and those accepted in the last 24 hours. A state without jobs is left out.',
      v.partial(v.strictObject(Object.fromEntries(JOB_STATES.map((state) => [state, count])))),
    ),
    oldestQueued: v.nullable(v.strictObject({ jobId: v.string(), createdAt: instant })),
  }),
  creditsOutstanding: described('The balances of all customers.', perMode),
  creditsReserved: perMode,
  scheduler: v.strictObject({
    lagMs: described('How late due work is started, in milliseconds.', v.number()),
  }),
});
