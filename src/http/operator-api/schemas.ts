// What the operator API takes: bodies, queries and the parts of paths.
import * as v from 'valibot';
import {
  DEFAULT_PLAN,
  limitOverridesSchema,
  planChangeSchema,
  priceRuleSchema,
} from '../../catalog/index.ts';
import { GRACE_HOURS, PRESET_NAMES, SCOPES } from '../../keys/index.ts';
import { JOB_TYPES, MODES } from '../../words.ts';
import { CUSTOMER_STATUSES, ENTRY_KINDS, JOB_STATES } from '../../store/db.ts';
import { described, named } from '../annotate.ts';
import { parseRange } from '../client-address.ts';
import { instantText, pageQuery } from '../query.ts';
import { PAGE } from './parts.ts';

const MAX_IP_ENTRIES = 50;
const MAX_IP_ENTRY_LENGTH = 45;
/** Far above any real balance, far below 2^53. */
const MAX_AMOUNT = 1_000_000_000_000;

/** A text of people's own: trimmed, not empty, bounded, and without characters that reorder what follows. */
export function ownText(maxLength: number) {
  const message = `must have 1 to ${maxLength} characters`;
  return v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, message),
    v.maxLength(maxLength, message),
    // oxlint-disable-next-line no-control-regex -- control characters are exactly what is refused here
    v.regex(/^[^\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]*$/u, 'contains a control character'),
    // In the reference it would stand in the way of everything else.
    v.metadata({ pattern: undefined }),
  );
}

const metadata = v.pipe(
  v.record(v.pipe(v.string(), v.maxLength(64)), v.pipe(v.string(), v.maxLength(512))),
  v.maxEntries(50, 'must have at most 50 pairs'),
);
const email = v.pipe(v.string(), v.maxLength(254), v.email('must be an e-mail address'));
const amountMessage = `must be a whole number of credits up to ${MAX_AMOUNT}`;
const amount = v.pipe(
  v.number(amountMessage),
  v.integer(amountMessage),
  v.minValue(-MAX_AMOUNT, amountMessage),
  v.maxValue(MAX_AMOUNT, amountMessage),
);
const reason = ownText(500);

const planName = v.exactOptional(described('One of `GET /api/plans`.', v.string()));

export const newCustomerSchema = named(
  'NewCustomer',
  v.strictObject({
    name: ownText(120),
    email: v.exactOptional(v.nullable(email)),
    externalId: described(
      'The number of the customer in a system of yours; unique.',
      v.exactOptional(v.nullable(ownText(200))),
    ),
    plan: described(`One of \`GET /api/plans\`; \`${DEFAULT_PLAN}\` when it is absent.`, planName),
    initialCredits: described(
      'What the live wallet starts with; 0 when it is absent.',
      v.exactOptional(v.pipe(amount, v.minValue(0, 'must not be negative'))),
    ),
    metadata: v.exactOptional(metadata),
  }),
);

export const customerChangeSchema = v.pipe(
  v.strictObject({
    name: v.exactOptional(ownText(120)),
    email: v.exactOptional(v.nullable(email)),
    plan: planName,
    status: v.exactOptional(v.picklist(CUSTOMER_STATUSES)),
    statusReason: v.exactOptional(v.nullable(reason)),
    limits: described(
      "Instead of the plan's; those not named are the plan's, and null gives all of them back.",
      v.exactOptional(v.nullable(limitOverridesSchema)),
    ),
    metadata: described('Replaces all of it.', v.exactOptional(metadata)),
  }),
  v.check((change) => Object.keys(change).length > 0, 'has nothing to change'),
  v.title('CustomerChange'),
);

const ipEntry = v.pipe(
  v.string(),
  v.maxLength(MAX_IP_ENTRY_LENGTH, `must have at most ${MAX_IP_ENTRY_LENGTH} characters`),
  v.check((entry) => parseRange(entry) !== null, 'must be an address or a CIDR range'),
);

const expiry = described('When the key stops working; null for never.', v.nullable(instantText));
const scopes = v.pipe(
  v.array(v.picklist(SCOPES)),
  v.minLength(1, 'must name at least one scope'),
  v.maxLength(SCOPES.length),
);

const grant = {
  preset: described(
    'A named set of scopes; not together with `scopes`.',
    v.exactOptional(v.picklist(PRESET_NAMES)),
  ),
  scopes: described('What the key may do; not together with `preset`.', v.exactOptional(scopes)),
};

export const newKeySchema = named(
  'NewApiKey',
  v.strictObject({
    mode: described(
      'A `test` key sees the same API, a wallet of its own and the sandbox.',
      v.picklist(MODES),
    ),
    name: v.exactOptional(v.nullable(ownText(100))),
    ...grant,
    ipAllowlist: described(
      'Addresses and CIDR ranges that may use the key; null admits all.',
      v.exactOptional(
        v.nullable(
          v.pipe(
            v.array(ipEntry),
            v.maxLength(MAX_IP_ENTRIES, `must have at most ${MAX_IP_ENTRIES} entries`),
          ),
        ),
      ),
    ),
    expiresAt: v.exactOptional(expiry),
  }),
);

export const keyChangeSchema = v.pipe(
  v.strictObject({
    name: v.exactOptional(v.nullable(ownText(100))),
    ...grant,
    expiresAt: v.exactOptional(expiry),
  }),
  v.check((change) => Object.keys(change).length > 0, 'has nothing to change'),
  v.title('ApiKeyChange'),
);

const graceMessage = `must be a whole number of hours from ${GRACE_HOURS.min} to ${GRACE_HOURS.max}`;
export const rotationSchema = v.strictObject({
  graceHours: described(
    'How long the old key works on, in hours.',
    v.optional(
      v.pipe(
        v.number(graceMessage),
        v.integer(graceMessage),
        v.minValue(GRACE_HOURS.min, graceMessage),
        v.maxValue(GRACE_HOURS.max, graceMessage),
      ),
      GRACE_HOURS.default,
    ),
  ),
});

const wallet = described(
  'Whose wallet: that of live or of test keys.',
  v.optional(v.picklist(MODES), 'live'),
);

export const creditMoveSchema = v.variant('operation', [
  named(
    'TopUp',
    v.strictObject({
      operation: v.literal('top_up'),
      amount: v.pipe(amount, v.minValue(1, 'must be above 0')),
      reason,
      reference: described(
        'Your number of the payment; a wallet takes each only once.',
        v.exactOptional(v.nullable(ownText(200))),
      ),
      mode: wallet,
    }),
  ),
  named(
    'Adjustment',
    v.strictObject({
      operation: v.literal('adjust'),
      amount: described('Signed.', v.pipe(amount, v.notValue(0, 'must not be 0'))),
      reason,
      mode: wallet,
    }),
  ),
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
  v.title('PlanChange'),
);

export const refundSchema = v.strictObject({ reason });
export const resolutionSchema = v.variant('outcome', [
  named('FailedResolution', v.strictObject({ outcome: v.literal('failed') })),
  named(
    'AttachResolution',
    v.strictObject({
      outcome: v.literal('attach'),
      upstreamGenerationId: described(
        'What the provider calls the order.',
        v.pipe(
          v.string(),
          v.regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 ASCII characters without spaces'),
        ),
      ),
    }),
  ),
]);

/** A part of a path: an id of the kind that the example shows. */
export function idParam(text: string, example: string) {
  return v.pipe(v.string(), v.description(text), v.examples([example]));
}
const customerId = idParam('The customer.', 'cus_01m7xyqn02e3fa7ae8dqfy7sce');
export const customerParams = v.strictObject({ customerId });
export const keyParams = v.strictObject({
  customerId,
  keyId: idParam('The API key.', 'key_01m7xyqn02e3fa7ae8dqfy7sce'),
});
export const jobParams = v.strictObject({ jobId: idParam('The job.', 'job_01m7xyqn02e3fa7ae8dqfy7sce') });
export const planParams = v.strictObject({ planId: idParam('The plan.', 'pro') });

const page = pageQuery(PAGE);

export const customerListQuery = v.strictObject({
  status: described('Only customers in this status.', v.optional(v.picklist(CUSTOMER_STATUSES))),
  plan: described('Only customers of this plan.', v.optional(v.string())),
  q: described('Part of the name, e-mail or external id.', v.optional(v.pipe(v.string(), v.maxLength(200)))),
  ...page,
});
export const entryListQuery = v.strictObject({
  mode: wallet,
  type: described('Only entries of this type.', v.optional(v.picklist(ENTRY_KINDS))),
  ...page,
});
export const jobListQuery = v.strictObject({
  state: described('Only jobs in this state.', v.optional(v.picklist(JOB_STATES))),
  type: described('Only jobs of this type.', v.optional(v.picklist(JOB_TYPES))),
  model: described('Only jobs of this model, such as `openai/gpt-image-2`.', v.optional(v.string())),
  mode: described('Only live or only test jobs.', v.optional(v.picklist(MODES))),
  customerId: described('Only jobs of this customer.', v.optional(v.string())),
  createdAfter: described('Only jobs accepted after this instant.', v.optional(instantText)),
  ...page,
});
export const auditListQuery = v.strictObject({
  actor: described('Only events by this actor.', v.optional(v.string())),
  action: described('Only this action, such as `customer.create`.', v.optional(v.string())),
  target: described('Only events on what has this id.', v.optional(v.string())),
  ...page,
});
export const keyDeleteQuery = v.strictObject({
  purge: described(
    '`true` deletes the key instead of revoking it.',
    v.optional(v.picklist(['true', 'false']), 'false'),
  ),
});
export const noQuery = v.strictObject({});
