// The contract between the engine and a provider's adapter. An adapter knows its wire format and nothing else: it
// never retries, never touches the database, and reports what happened as one of a few outcomes.
import type { ErrorCode } from '../errors.ts';
import type { Clock, Net } from '../runtime/index.ts';
import type { JobType, Mode, ReferenceStrength } from '../words.ts';

/** What is to be made, the same for every provider. */
export type Order = {
  model: string;
  type: JobType;
  prompt: string;
  width: number;
  height: number;
  quality?: string;
  durationSeconds?: number;
  hasAudio?: boolean;
  seed?: number;
  /** A reference image, already checked. */
  reference?: { bytes: Uint8Array; contentType: string; strength: ReferenceStrength };
};

/** One output that a provider has ready. */
export type ProviderOutput = { role: 'output' | 'poster'; url: string };

export type AttemptOutcome =
  /** The provider has taken the order under this id and works on it. */
  | { kind: 'pending'; providerJobId: string; pollAt: number }
  | { kind: 'completed'; providerJobId: string; outputs: ProviderOutput[] }
  /** The provider refuses this order; another would be refused as well. */
  | { kind: 'rejected'; code: ErrorCode; reason: string }
  /** This provider did not do it and certainly will not; another may. */
  | { kind: 'failed'; code: ErrorCode; reason: string }
  /** Nothing was learned, and the same question may be asked again: polls and downloads only. */
  | { kind: 'unreachable'; reason: string; retryAt?: number }
  /** The order may have been taken, or not. It is looked into, never sent again. */
  | { kind: 'unknown'; reason: string };

export type ProviderContext = { net: Net; clock: Clock; signal: AbortSignal };

/** The bytes of an output in pieces, to be stored as they come. What they are is judged from the bytes. */
export type OutputContent = { pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array> };

export type Provider = {
  readonly id: string;
  /** The modes whose jobs it may be given. Test jobs never reach a provider that is not for them. */
  readonly modes: readonly Mode[];
  /** Whether it serves a model of the catalogue. */
  serves(model: string): boolean;
  /** Whether it could take the order now, without asking anybody. */
  canTake(order: Order): boolean;
  /**
   * Hands the order over. `attemptId` is ours and new for each attempt; a provider whose `submitIsRepeatable` is true
   * takes a second order with the same one for the first, and `rejected` then speaks for both.
   */
  submit(order: Order, attemptId: string, context: ProviderContext): Promise<AttemptOutcome>;
  readonly submitIsRepeatable: boolean;
  /** Asks how an accepted order goes; `failed` when the provider has never heard of it. */
  poll(providerJobId: string, context: ProviderContext): Promise<AttemptOutcome>;
  /** Stops the work; false when the provider cannot or it is too late. Absent where a provider has no such call. */
  cancel?(providerJobId: string, context: ProviderContext): Promise<boolean>;
  /** Opens an output for reading; `order` is what was ordered. */
  openOutput(output: ProviderOutput, order: Order, context: ProviderContext): Promise<OutputContent>;
};
