// An attempt: one try of a job at one provider. Its row is written before the network is touched, so that a crash
// in between leaves a trace of what may have been sent.
import * as v from 'valibot';
import type { Instant } from '../runtime/clock.ts';
import type { Cost, Fault, ProviderOutput } from '../providers/index.ts';
import type { AttemptState } from '../store/db.ts';

const outputsSchema = v.array(v.object({ role: v.picklist(['output', 'poster']), url: v.string() }));

export type Attempt = {
  id: string;
  jobId: string;
  /** 1 for a job's first. */
  number: number;
  provider: string;
  providerJobId: string | null;
  outcome: AttemptState;
  /** What the provider said, for the operator; never shown to customers. */
  reason: string | null;
  outputs: ProviderOutput[];
  sentAt: Instant;
  acceptedAt: Instant | null;
  endedAt: Instant | null;
  /** The account that it is made with; null at a provider that has none. */
  accountId: string | null;
  /** What it was expected to cost, in millionths of the account's unit; set aside while it is open. */
  estimate: number;
  /** What the provider says that it has cost, in millionths. */
  cost: number | null;
  costUnit: Cost['unit'] | null;
  /** Where it lay that it came to nothing. */
  fault: Fault | null;
};

/** The row with its JSON column parsed. */
export function readAttempt(row: Omit<Attempt, 'outputs'> & { outputs: unknown }): Attempt {
  return { ...row, outputs: v.parse(outputsSchema, row.outputs) };
}
