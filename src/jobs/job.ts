// A job: one accepted request to make an image or a video. Its states and the moves between them as a table; pure.
import * as v from 'valibot';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import type { Instant } from '../runtime/clock.ts';
import { REFERENCE_STRENGTHS, type JobType, type Mode } from '../words.ts';
import type { JobState } from '../store/db.ts';

/** Where a job may go from each state. A job ends in one of the three states that lead nowhere. */
export const MOVES: Readonly<Record<JobState, readonly JobState[]>> = {
  queued: ['submitting', 'failed', 'canceled'],
  // Back to queued: the provider certainly did not take it, another may.
  submitting: ['running', 'storing', 'queued', 'unknown', 'failed'],
  // Never back to queued: what may be under way at one provider is not given to another.
  unknown: ['running', 'storing', 'failed'],
  running: ['storing', 'failed', 'canceled'],
  storing: ['completed', 'failed'],
  completed: [],
  failed: [],
  canceled: [],
};

export type EndState = 'completed' | 'failed' | 'canceled';

export function isEnded(state: JobState): state is EndState {
  return MOVES[state].length === 0;
}

const inputSchema = v.object({
  prompt: v.string(),
  /** The catalogue's name for the size, such as `16:9_SMALL`. */
  size: v.string(),
  width: v.number(),
  height: v.number(),
  quality: v.exactOptional(v.string()),
  durationSeconds: v.exactOptional(v.number()),
  hasAudio: v.exactOptional(v.boolean()),
  seed: v.exactOptional(v.number()),
  reference: v.exactOptional(
    v.object({
      strength: v.picklist(REFERENCE_STRENGTHS),
      /** Where to fetch it from; absent when the image came with the request and is stored as a file. */
      url: v.exactOptional(v.string()),
    }),
  ),
});

/** What was asked for, with every default filled in. */
export type JobInput = v.InferOutput<typeof inputSchema>;

export type Job = {
  id: string;
  customerId: string;
  mode: Mode;
  keyId: string;
  type: JobType;
  model: string;
  input: JobInput;
  /** The customer's own labels, given back as they came. */
  metadata: Record<string, string>;
  state: JobState;
  dueAt: Instant;
  deadlineAt: Instant;
  leaseOwner: string | null;
  leaseNo: number;
  tries: number;
  /** The quoted price, reserved at acceptance. */
  price: number;
  priceVersion: number;
  /** What was given back of the price: all of it when the job failed or was canceled. */
  refunded: number;
  errorCode: ErrorCode | null;
  errorMessage: string | null;
  requestId: string | null;
  createdAt: Instant;
  startedAt: Instant | null;
  updatedAt: Instant;
  endedAt: Instant | null;
};

const columnsSchema = v.object({
  input: inputSchema,
  metadata: v.record(v.string(), v.string()),
  errorCode: v.nullable(v.picklist(ERROR_CODES)),
});

/** A job as it stands in the database, its JSON columns unread. */
export type JobRow = Omit<Job, 'input' | 'metadata' | 'errorCode'> & {
  input: unknown;
  metadata: unknown;
  errorCode: string | null;
};

/** The row with its JSON columns parsed. */
export function readJob(row: JobRow): Job {
  return { ...row, ...v.parse(columnsSchema, row) };
}
