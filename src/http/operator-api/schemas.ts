// What the operator API takes and answers.
import * as v from 'valibot';
import { limitOverridesSchema, planChangeSchema, priceRuleSchema } from '../../catalog/index.ts';
import { GRACE_HOURS, PRESET_NAMES, SCOPES } from '../../keys/index.ts';
import { JOB_TYPES, MODES } from '../../words.ts';
import { CUSTOMER_STATUSES, ENTRY_KINDS, JOB_STATES } from '../../store/db.ts';
import { createAddressSet, normalizeAddress } from '../client-address.ts';
import { instantText, pageQuery } from '../query.ts';
import { PAGE } from './parts.ts';

const MAX_IP_ENTRIES = 50;
const MAX_IP_ENTRY_LENGTH = 45;
/** Far above any real balance, far below 2^53. */
const MAX_AMOUNT = 1_000_000_000_000;

/** A text of people's own: trimmed, not empty, bounded, and without characters that reorder what follows. */
function ownText(maxLength: number) {
  const message = `must have 1 to ${maxLength} characters`;
  return v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, message),
    v.maxLength(maxLength, message),
    // oxlint-disable-next-line no-control-regex -- control characters are exactly what is refused here
    v.regex(/^[^\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]*$/u, 'contains a control character'),
  );
}

const metadata = v.pipe(
  v.record(v.pipe(v.string(), v.maxLength(64)), v.pipe(v.string(), v.maxLength(512))),
  v.maxEntries(50, 'must have at most 50 pairs'),
);
const email = v.pipe(v.string(), v.maxLength(254), v.email('must be an e-mail address'));
const amountMessage = `must be a whole number of credits up to ${MAX_AMOUNT}`;
const amount = v.pipe(
  v.number(),
  v.integer(amountMessage),
  v.minValue(-MAX_AMOUNT, amountMessage),
  v.maxValue(MAX_AMOUNT, amountMessage),
);
const reason = ownText(500);

export const newCustomerSchema = v.strictObject({
  name: ownText(120),
  email: v.exactOptional(v.nullable(email)),
  externalId: v.exactOptional(v.nullable(ownText(200))),
  plan: v.exactOptional(v.string()),
  initialCredits: v.exactOptional(v.pipe(amount, v.minValue(0, 'must not be negative'))),
  metadata: v.exactOptional(metadata),
});

export const customerChangeSchema = v.pipe(
  v.strictObject({
    name: v.exactOptional(ownText(120)),
    email: v.exactOptional(v.nullable(email)),
    plan: v.exactOptional(v.string()),
    status: v.exactOptional(v.picklist(CUSTOMER_STATUSES)),
    statusReason: v.exactOptional(v.nullable(reason)),
    limits: v.exactOptional(v.nullable(limitOverridesSchema)),
    metadata: v.exactOptional(metadata),
  }),
  v.check((change) => Object.keys(change).length > 0, 'has nothing to change'),
);

const ipEntry = v.pipe(
  v.string(),
  v.maxLength(MAX_IP_ENTRY_LENGTH, `must have at most ${MAX_IP_ENTRY_LENGTH} characters`),
  v.check(isAddressOrRange, 'must be an address or a CIDR range'),
);

/** An address, or one with a prefix length that its family has. */
function isAddressOrRange(entry: string): boolean {
  const [address = '', ...rest] = entry.split('/');
  const normal = normalizeAddress(address);
  return normal !== null && rest.length <= 1 && createAddressSet([entry]).has(normal);
}

const expiry = v.nullable(instantText);
const scopes = v.pipe(
  v.array(v.picklist(SCOPES)),
  v.minLength(1, 'must name at least one scope'),
  v.maxLength(SCOPES.length),
);

export const newKeySchema = v.strictObject({
  mode: v.picklist(MODES),
  name: v.exactOptional(v.nullable(ownText(100))),
  preset: v.exactOptional(v.picklist(PRESET_NAMES)),
  scopes: v.exactOptional(scopes),
  ipAllowlist: v.exactOptional(
    v.nullable(
      v.pipe(v.array(ipEntry), v.maxLength(MAX_IP_ENTRIES, `must have at most ${MAX_IP_ENTRIES} entries`)),
    ),
  ),
  expiresAt: v.exactOptional(expiry),
});

export const keyChangeSchema = v.pipe(
  v.strictObject({
    name: v.exactOptional(v.nullable(ownText(100))),
    preset: v.exactOptional(v.picklist(PRESET_NAMES)),
    scopes: v.exactOptional(scopes),
    expiresAt: v.exactOptional(expiry),
  }),
  v.check((change) => Object.keys(change).length > 0, 'has nothing to change'),
);

const graceMessage = `must be a whole number of hours from ${GRACE_HOURS.min} to ${GRACE_HOURS.max}`;
export const rotationSchema = v.strictObject({
  graceHours: v.optional(
    v.pipe(
      v.number(),
      v.integer(graceMessage),
      v.minValue(GRACE_HOURS.min, graceMessage),
      v.maxValue(GRACE_HOURS.max, graceMessage),
    ),
    GRACE_HOURS.default,
  ),
});

export const creditMoveSchema = v.variant('operation', [
  v.strictObject({
    operation: v.literal('top_up'),
    amount: v.pipe(amount, v.minValue(1, 'must be above 0')),
    reason,
    reference: v.exactOptional(v.nullable(ownText(200))),
    mode: v.optional(v.picklist(MODES), 'live'),
  }),
  v.strictObject({
    operation: v.literal('adjust'),
    amount: v.pipe(amount, v.notValue(0, 'must not be 0')),
    reason,
    mode: v.optional(v.picklist(MODES), 'live'),
  }),
]);

export const pricingChangeSchema = v.strictObject({
  prices: v.pipe(
    v.array(v.strictObject({ model: v.string(), rule: priceRuleSchema })),
    v.minLength(1, 'must name at least one model'),
    v.maxLength(200),
  ),
});

export const planChangeRequestSchema = v.pipe(
  planChangeSchema,
  v.check((change) => Object.keys(change).length > 0, 'has nothing to change'),
);

export const refundSchema = v.strictObject({ reason });
export const resolutionSchema = v.strictObject({ outcome: v.literal('failed') });

const page = pageQuery(PAGE);

export const customerListQuery = v.strictObject({
  status: v.optional(v.picklist(CUSTOMER_STATUSES)),
  plan: v.optional(v.string()),
  q: v.optional(v.pipe(v.string(), v.maxLength(200))),
  ...page,
});
export const entryListQuery = v.strictObject({
  mode: v.optional(v.picklist(MODES), 'live'),
  type: v.optional(v.picklist(ENTRY_KINDS)),
  ...page,
});
export const jobListQuery = v.strictObject({
  state: v.optional(v.picklist(JOB_STATES)),
  type: v.optional(v.picklist(JOB_TYPES)),
  model: v.optional(v.string()),
  mode: v.optional(v.picklist(MODES)),
  customerId: v.optional(v.string()),
  createdAfter: v.optional(instantText),
  ...page,
});
export const auditListQuery = v.strictObject({
  actor: v.optional(v.string()),
  action: v.optional(v.string()),
  target: v.optional(v.string()),
  ...page,
});
export const keyDeleteQuery = v.strictObject({ purge: v.optional(v.picklist(['true', 'false']), 'false') });
export const noQuery = v.strictObject({});
