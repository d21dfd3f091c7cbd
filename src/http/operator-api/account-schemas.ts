// What the routes of provider accounts take. No complaint repeats what was sent: it may be a credential.
import * as v from 'valibot';
import { SHOWN_STATUSES } from '../../accounts/index.ts';
import { JOB_TYPES } from '../../words.ts';
import { described, named } from '../annotate.ts';
import { instantText } from '../query.ts';
import { idParam, ownText } from './schemas.ts';

export const MAX_IMPORTED = 50;
/** Far above any real number of orders at once, and of millionths far below 2^53. */
const MAX_SLOTS = 10_000;
const MAX_BALANCE = 1_000_000_000;

/** A secret in one piece: visible ASCII. */
function secret(what: string, maxLength: number) {
  return v.pipe(
    v.string(`${what} must be a text`),
    v.trim(),
    v.minLength(8, `${what} must have 8 to ${maxLength} characters`),
    v.maxLength(maxLength, `${what} must have 8 to ${maxLength} characters`),
    v.regex(/^[\x21-\x7e]*$/, `${what} must be of ASCII characters without spaces`),
    v.metadata({ pattern: undefined, format: 'password' }),
  );
}

function whole(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));
}

const cookie = v.pipe(
  v.string('must be a text'),
  v.trim(),
  v.maxLength(8192, 'must have at most 8192 characters'),
  v.regex(/^[\x20-\x7e]*$/, 'must be of ASCII characters in one line'),
  v.metadata({ pattern: undefined, format: 'password' }),
);

const session = named(
  'ProviderSession',
  v.strictObject({
    token: described('The bearer token.', secret('a token', 8192)),
    cookie: described(
      'The cookie header, where the provider wants one.',
      v.exactOptional(v.nullable(cookie)),
    ),
    expiresAt: described(
      'When the session ends; null when nobody knows.',
      v.exactOptional(v.nullable(instantText)),
    ),
  }),
);

const options = {
  priority: described(
    'Accounts of a lower number are used before those of a higher one; 100 when it is absent.',
    v.exactOptional(whole(0, 1000)),
  ),
  weight: described(
    'How much of the load it takes next to others of its priority; 1 when it is absent.',
    v.exactOptional(whole(1, 100)),
  ),
  models: described(
    'The models that it may be used for, such as `openai/gpt-image-2`; null for all.',
    v.exactOptional(
      v.nullable(
        v.pipe(
          v.array(v.pipe(v.string(), v.maxLength(100))),
          v.minLength(1, 'must name at least one model, or be null'),
          v.maxLength(500),
        ),
      ),
    ),
  ),
  maxConcurrentJobs: described(
    'Orders at once; what the provider tells, or 4, when it is absent.',
    v.exactOptional(whole(1, MAX_SLOTS)),
  ),
  minBalance: described(
    'What is to be left on it, in the unit of its balance; 0 when it is absent.',
    v.exactOptional(
      v.pipe(
        v.number(),
        v.minValue(0, 'must not be negative'),
        v.maxValue(MAX_BALANCE, `must be at most ${MAX_BALANCE}`),
      ),
    ),
  ),
};

const credential = {
  apiKey: described(
    'An API key of the provider’s; not together with `session`.',
    v.exactOptional(secret('an API key', 4096)),
  ),
  callbackSecret: described(
    'What the provider signs its callbacks with, where that is not the key.',
    v.exactOptional(secret('a callback secret', 1024)),
  ),
  session: described('A session with the provider; not together with `apiKey`.', v.exactOptional(session)),
};

const verify = described(
  'False stores the credential without asking the provider about it.',
  v.optional(v.boolean('must be true or false'), true),
);
const label = described('Your own name for it.', ownText(100));
const provider = described('The provider; `leonardo` when it is absent.', v.exactOptional(v.string()));

/** One account of an import, without its wrapper. */
export const accountRowSchema = v.strictObject({ provider, label, ...credential, ...options });
export type AccountRowInput = v.InferOutput<typeof accountRowSchema>;

export const newAccountSchema = named('NewAccount', v.strictObject({ ...accountRowSchema.entries, verify }));

export const accountChangeSchema = v.pipe(
  v.strictObject({
    label: v.exactOptional(label),
    status: described(
      '`active` also takes an account back into use that is `exhausted`, `auth_error` or cooling down.',
      v.exactOptional(v.picklist(['active', 'paused'])),
    ),
    ...options,
    ...credential,
    expiresAt: described(
      'When the credential ends; null for never.',
      v.exactOptional(v.nullable(instantText)),
    ),
    verify: described(
      'False stores a new credential without asking the provider about it.',
      v.exactOptional(v.boolean('must be true or false')),
    ),
  }),
  v.check((change) => Object.keys(change).some((name) => name !== 'verify'), 'has nothing to change'),
  v.title('AccountChange'),
);

export const importSchema = named(
  'AccountImport',
  v.strictObject({
    accounts: described(
      `Up to ${MAX_IMPORTED} accounts, each as for \`POST /api/accounts\`; one that is wrong is left out and told.`,
      v.exactOptional(
        v.pipe(
          v.array(v.record(v.string(), v.unknown())),
          v.minLength(1, 'must hold at least one account'),
          v.maxLength(MAX_IMPORTED, `must hold at most ${MAX_IMPORTED} accounts`),
        ),
      ),
    ),
    paste: described(
      'Instead of `accounts`: one API key a line, a label before it if you like.',
      v.exactOptional(v.pipe(v.string(), v.maxLength(256 * 1024, 'is too long'))),
    ),
    provider: described(
      'The provider of accounts that name none; `leonardo` when it is absent.',
      v.exactOptional(v.string()),
    ),
    verify,
  }),
);

export const rotationTargetSchema = v.strictObject({
  fromAccountId: described(
    'The account to move; the one that is preferred when it is absent.',
    v.exactOptional(v.string()),
  ),
  provider: described('Whose accounts; `leonardo` when it is absent.', v.exactOptional(v.string())),
});

export const testGenerationSchema = named(
  'TestGeneration',
  v.strictObject({
    type: v.picklist(JOB_TYPES),
    model: described(
      'One of the catalogue; the first of this type that the provider serves when it is absent.',
      v.exactOptional(v.string()),
    ),
    prompt: v.exactOptional(ownText(5000)),
    size: v.exactOptional(v.string()),
    quality: v.exactOptional(v.string()),
    durationSeconds: v.exactOptional(whole(1, 600)),
    dryRun: described(
      'Shows the request and sends nothing.',
      v.optional(v.literal(true, 'must be true'), true),
    ),
  }),
);

export const accountParams = v.strictObject({
  accountId: idParam('The provider account.', 'acc_01m7xyqn02e3fa7ae8dqfy7sce'),
});
export const accountListQuery = v.strictObject({
  status: described('Only accounts in this status.', v.optional(v.picklist(SHOWN_STATUSES))),
  provider: described('Only accounts at this provider.', v.optional(v.string())),
});
