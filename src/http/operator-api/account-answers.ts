// What the routes of provider accounts answer, and how an account is put into it. There is no way from an account to
// its credential.
import * as v from 'valibot';
import { fromMicros, shownStatus, SHOWN_STATUSES, type Account } from '../../accounts/index.ts';
import { isoInstant, isoInstantOrNull, type Instant } from '../../runtime/clock.ts';
import { COST_UNITS, CREDENTIAL_KINDS } from '../../store/db.ts';
import { described, named } from '../annotate.ts';

const ok = v.literal(true);
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const textOrNull = v.nullable(v.string());
const instant = v.pipe(v.string(), v.isoTimestamp());
const instantOrNull = v.nullable(instant);
const amount = v.nullable(v.number());

const accountSchema = named(
  'Account',
  v.strictObject({
    accountId: v.string(),
    label: v.string(),
    provider: v.string(),
    status: described(
      '`paused` by an operator; `cooldown` and `exhausted` end by themselves; `auth_error` and `expired` want another credential.',
      v.picklist(SHOWN_STATUSES),
    ),
    credential: v.picklist(CREDENTIAL_KINDS),
    keyHint: described('The end of the key or token.', v.string()),
    providerUserHint: described('The end of the provider’s own name of the account.', textOrNull),
    balanceUnit: v.nullable(v.picklist(COST_UNITS)),
    availableTokens: described(
      'What is left, as of `lastCheckedAt` and less what was used since; null where the provider does not tell.',
      amount,
    ),
    subscriptionTokens: amount,
    paidTokens: amount,
    reservedTokens: described('What jobs under way are expected to cost.', v.number()),
    minBalance: v.number(),
    concurrencySlots: count,
    activeJobs: count,
    priority: count,
    weight: count,
    models: v.nullable(v.array(v.string())),
    refusedModels: described('What the provider has refused to this account.', v.array(v.string())),
    lastCheckedAt: instantOrNull,
    lastUsedAt: instantOrNull,
    cooldownUntil: instantOrNull,
    expiresAt: instantOrNull,
    lastError: textOrNull,
    createdAt: instant,
    updatedAt: instant,
  }),
);

export const accountAnswer = v.strictObject({ ok, account: accountSchema });

const totalsSchema = v.strictObject({
  accounts: count,
  byStatus: v.partial(v.strictObject(Object.fromEntries(SHOWN_STATUSES.map((status) => [status, count])))),
  concurrencySlots: described('Of active accounts.', count),
  activeJobs: count,
  balances: described(
    'What is left on active accounts, by provider and unit.',
    v.array(
      v.strictObject({
        provider: v.string(),
        unit: v.picklist(COST_UNITS),
        availableTokens: v.number(),
        reservedTokens: v.number(),
      }),
    ),
  ),
});
export const accountList = v.strictObject({
  ok,
  accounts: v.array(accountSchema),
  totals: totalsSchema,
});

export const importAnswer = v.strictObject({
  ok,
  imported: count,
  accounts: v.array(v.strictObject({ index: count, accountId: v.string() })),
  skipped: v.array(v.strictObject({ index: count, code: v.string(), message: v.string() })),
});

export const rotationAnswer = v.strictObject({ ok, activeAccountId: v.string() });

export const dryRunAnswer = v.strictObject({
  ok,
  dryRun: v.literal(true),
  model: v.string(),
  canRun: described('Whether the account could do it now.', v.boolean()),
  estimate: described(
    'What it will probably cost; null when nobody knows.',
    v.nullable(v.strictObject({ amount: v.number(), unit: v.picklist(COST_UNITS) })),
  ),
  request: described(
    'The first request that the provider would get; the credential is left out.',
    v.strictObject({
      method: v.string(),
      url: v.string(),
      headers: v.record(v.string(), v.string()),
      body: v.unknown(),
    }),
  ),
});

export function renderAccount(account: Account, now: Instant) {
  const inUnits = (micros: number | null) => (micros === null ? null : fromMicros(micros));
  return {
    accountId: account.id,
    label: account.label,
    provider: account.provider,
    status: shownStatus(account, now),
    credential: account.credentialKind,
    keyHint: account.credentialHint,
    providerUserHint: account.remoteId === null ? null : `…${account.remoteId.slice(-HINT_LENGTH)}`,
    balanceUnit: account.balanceUnit,
    availableTokens: inUnits(account.available),
    subscriptionTokens: inUnits(account.subscription),
    paidTokens: inUnits(account.paid),
    reservedTokens: fromMicros(account.reserved),
    minBalance: fromMicros(account.floor),
    concurrencySlots: account.slots,
    activeJobs: account.slotsTaken,
    priority: account.priority,
    weight: account.weight,
    models: account.models,
    refusedModels: account.refusedModels,
    lastCheckedAt: isoInstantOrNull(account.checkedAt),
    lastUsedAt: isoInstantOrNull(account.usedAt),
    cooldownUntil: isoInstantOrNull(account.cooldownUntil),
    expiresAt: isoInstantOrNull(account.expiresAt),
    lastError: account.lastError,
    createdAt: isoInstant(account.createdAt),
    updatedAt: isoInstant(account.updatedAt),
  };
}

const HINT_LENGTH = 4;

export function renderTotals(accounts: readonly Account[], now: Instant) {
  const byStatus: Partial<Record<ReturnType<typeof shownStatus>, number>> = {};
  const balances = new Map<
    string,
    { provider: string; unit: 'USD' | 'CNY' | 'credits'; micros: number; reserved: number }
  >();
  let slots = 0;
  for (const account of accounts) {
    const status = shownStatus(account, now);
    byStatus[status] = (byStatus[status] ?? 0) + 1;
    if (status !== 'active') continue;
    slots += account.slots;
    const { provider, balanceUnit: unit, available } = account;
    if (unit === null || available === null) continue;
    const key = `${provider} ${unit}`;
    const sum = balances.get(key) ?? { provider, unit, micros: 0, reserved: 0 };
    balances.set(key, { ...sum, micros: sum.micros + available, reserved: sum.reserved + account.reserved });
  }
  return {
    accounts: accounts.length,
    byStatus,
    concurrencySlots: slots,
    activeJobs: accounts.reduce((sum, { slotsTaken }) => sum + slotsTaken, 0),
    balances: Array.from(balances.values(), ({ provider, unit, micros, reserved }) => {
      return { provider, unit, availableTokens: fromMicros(micros), reservedTokens: fromMicros(reserved) };
    }),
  };
}
