// From what was asked about an account to what is to be stored: the credential in its one form, defaults filled in, and
// the provider asked about it. A fault names its field; in an import it is told of its row, and the others go on.
import * as v from 'valibot';
import {
  readPaste,
  toMicros,
  type AccountChange,
  type Accounts,
  type NewAccount,
} from '../../accounts/index.ts';
import { GatewayError, invalidField } from '../../errors.ts';
import type { ImportedAccount, SkippedRow } from '../../operations/index.ts';
import { validationError } from '../validation.ts';
import {
  accountRowSchema,
  MAX_IMPORTED,
  type accountChangeSchema,
  type AccountRowInput,
  type importSchema,
} from './account-schemas.ts';

export const DEFAULT_PROVIDER = 'leonardo';
const DEFAULT_PRIORITY = 100;
/** Providers asked at once during an import. */
const AT_ONCE = 10;

type Given = Pick<AccountRowInput, 'apiKey' | 'callbackSecret' | 'session'>;

/** Null when none was given. @throws GatewayError `invalid_input` for two at once */
function credentialOf({ apiKey, callbackSecret, session }: Given): {
  credential: NewAccount['credential'];
  expiresAt: number | null;
} | null {
  if (apiKey !== undefined && session !== undefined) {
    throw invalidField('session', 'cannot be given together with an apiKey');
  }
  if (apiKey === undefined && callbackSecret !== undefined) {
    throw invalidField('callbackSecret', 'belongs to an apiKey');
  }
  if (session !== undefined) {
    const { token, cookie = null, expiresAt = null } = session;
    return { credential: { kind: 'session', token, cookie }, expiresAt };
  }
  if (apiKey === undefined) return null;
  const signed = callbackSecret === undefined ? {} : { callbackSecret };
  return { credential: { kind: 'api_key', apiKey, ...signed }, expiresAt: null };
}

/** @throws GatewayError `invalid_input`, `provider_key_rejected`, `provider_unavailable` */
export async function readNewAccount(
  accounts: Accounts,
  { provider = DEFAULT_PROVIDER, label, ...input }: AccountRowInput,
  options: { verify: boolean; now: number },
): Promise<NewAccount> {
  const given = credentialOf(input);
  if (given === null) throw invalidField('apiKey', 'is required, or a session');
  const { credential, expiresAt } = given;
  accounts.requireProvider(provider, credential.kind);
  if (expiresAt !== null && expiresAt <= options.now) throw invalidField('session.expiresAt', 'has passed');
  return {
    ...{ provider, label, credential, expiresAt },
    priority: input.priority ?? DEFAULT_PRIORITY,
    weight: input.weight ?? 1,
    models: input.models ?? null,
    floor: toMicros(input.minBalance ?? 0),
    slots: input.maxConcurrentJobs ?? null,
    verified: options.verify ? await accounts.verify(provider, credential) : null,
  };
}

/** @throws GatewayError `invalid_input`, `provider_key_rejected`, `provider_unavailable` */
export async function readAccountChange(
  accounts: Accounts,
  provider: string,
  body: v.InferOutput<typeof accountChangeSchema>,
): Promise<AccountChange> {
  const { apiKey, callbackSecret, session, verify = true, maxConcurrentJobs, minBalance, ...rest } = body;
  const change: AccountChange = { ...rest };
  if (maxConcurrentJobs !== undefined) change.slots = maxConcurrentJobs;
  if (minBalance !== undefined) change.floor = toMicros(minBalance);
  const given = credentialOf(definedOf({ apiKey, callbackSecret, session }));
  if (given === null) return change;
  accounts.requireProvider(provider, given.credential.kind);
  change.credential = given.credential;
  if (rest.expiresAt === undefined) change.expiresAt = given.expiresAt;
  change.verified = verify ? await accounts.verify(provider, given.credential) : null;
  return change;
}

function definedOf<Fields extends Record<string, unknown>>(fields: Fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>;
  };
}

/** The rows of an import that can be stored, and why the others cannot. @throws GatewayError `invalid_input` */
export async function readImport(
  accounts: Accounts,
  { accounts: listed, paste, provider, verify }: v.InferOutput<typeof importSchema>,
  now: number,
): Promise<{ rows: ImportedAccount[]; skipped: SkippedRow[] }> {
  if ((listed === undefined) === (paste === undefined)) {
    throw invalidField('accounts', 'is required, or paste, and not both');
  }
  const raw: readonly Record<string, unknown>[] = listed ?? readPaste(paste ?? '');
  if (raw.length === 0 || raw.length > MAX_IMPORTED) {
    throw invalidField('paste', `must hold 1 to ${MAX_IMPORTED} accounts`);
  }
  const rows: ImportedAccount[] = [];
  const skipped: SkippedRow[] = [];
  const read = async (row: Record<string, unknown>, index: number) => {
    try {
      const input = parseRow(provider === undefined ? row : { provider, ...row });
      rows.push({ index, account: await readNewAccount(accounts, input, { verify, now }) });
    } catch (thrown) {
      if (!(thrown instanceof GatewayError)) throw thrown;
      skipped.push({ index, code: thrown.code, message: thrown.message });
    }
  };
  for (let from = 0; from < raw.length; from += AT_ONCE) {
    await Promise.all(raw.slice(from, from + AT_ONCE).map((row, offset) => read(row, from + offset)));
  }
  return { rows: rows.sort((a, b) => a.index - b.index), skipped };
}

/** @throws GatewayError `invalid_input` */
function parseRow(row: Record<string, unknown>): AccountRowInput {
  const parsed = v.safeParse(accountRowSchema, row);
  if (parsed.success) return parsed.output;
  throw validationError(accountRowSchema, parsed.issues);
}
