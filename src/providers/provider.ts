// The contract between the engine and a provider's adapter. An adapter knows its wire format and nothing else: it
// never retries, never touches the database, and reports what happened as one of a few outcomes.
import type { ErrorCode } from '../errors.ts';
import type { Clock, Destination, Net } from '../runtime/index.ts';
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

/**
 * One output that a provider has ready: the URL under which `openOutput` finds it, or what `ProviderContext.keep` made
 * of bytes that came with the answer itself.
 */
export type ProviderOutput = { role: 'output' | 'poster'; url: string };

/** What a job has cost us, as the provider says it: a decimal, never added to one of another unit. */
export type Cost = { amount: string; unit: 'USD' | 'CNY' | 'credits' };

/**
 * Where it lies that a provider did not do it. `credential`: the key or session is refused. `balance`: the account has
 * not enough. `rate`: too many at once, or too fast. `model`: this account may not use the model. `provider`: the rest, and
 * what is not said.
 */
export type Fault = 'credential' | 'balance' | 'rate' | 'model' | 'provider';

export type AttemptOutcome =
  /** The provider has taken the order under this id and works on it. */
  | { kind: 'pending'; providerJobId: string; pollAt: number; cost?: Cost }
  | { kind: 'completed'; providerJobId: string; outputs: ProviderOutput[]; cost?: Cost }
  /** The provider refuses this order; another would be refused as well. */
  | { kind: 'rejected'; code: ErrorCode; reason: string }
  /** This provider did not do it and certainly will not; another may. `retryAt`: when its account may be tried again. */
  | { kind: 'failed'; code: ErrorCode; reason: string; fault?: Fault; retryAt?: number }
  /** Nothing was learned, and the same question may be asked again: polls and downloads only. */
  | { kind: 'unreachable'; reason: string; retryAt?: number }
  /** The order may have been taken, or not. It is looked into, never sent again. */
  | { kind: 'unknown'; reason: string };

/** A credential of an account, unsealed for the call. */
export type Credential =
  | {
      kind: 'api_key';
      apiKey: string;
      /** What its provider signs callbacks with, where that is made apart from the key and the operator has given it. */
      callbackSecret?: string;
    }
  | { kind: 'session'; token: string; cookie: string | null };

/** The account that was chosen for a job, and where its provider is. */
export type AccountAccess = {
  /** Ours; nothing of it is sent. */
  id: string;
  credential: Credential;
  /** The provider's own name of the account, once `verify` has told it. */
  remoteId: string | null;
  /** Without a slash at its end; the provider's own address unless the operator has set another. */
  baseUrl: string;
  /** Allows what the operator has set, and nothing private otherwise. For every URL at the provider. */
  destination: Destination;
  /** Where the provider may tell that something has happened to this attempt; null when we cannot be reached. */
  callbackUrl: string | null;
};

export type ProviderContext = {
  net: Net;
  clock: Clock;
  signal: AbortSignal;
  /** Null for a provider that needs none, such as the sandbox. */
  account: AccountAccess | null;
  /** Stores bytes that came with an answer, before anything else is done with it. */
  keep(role: ProviderOutput['role'], bytes: Uint8Array): Promise<ProviderOutput>;
};

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
  /** How long a submit may take, where it is longer than usual: the provider makes the output while we wait. */
  readonly submitTimeoutMs?: number;
  /** Asks how an accepted order goes; `failed` when the provider has never heard of it. */
  poll(providerJobId: string, context: ProviderContext): Promise<AttemptOutcome>;
  /** Stops the work; false when the provider cannot or it is too late. Absent where a provider has no such call. */
  cancel?(providerJobId: string, context: ProviderContext): Promise<boolean>;
  /** Opens an output for reading; `order` is what was ordered. */
  openOutput(output: ProviderOutput, order: Order, context: ProviderContext): Promise<OutputContent>;
  /** Absent for a provider that is no one else's: it has no accounts and no address. */
  readonly upstream?: Upstream;
};

/** A model as a provider serves it. */
export type ServedModel = {
  /** The provider's own id of it. */
  raw: string;
  /** What an order costs us; an estimate, for choosing an account and for the margin. Null when nobody published it. */
  cost: CostRule | null;
  /** The first day on which the provider serves it no more, `YYYY-MM-DD`. */
  retiresOn?: string;
};

/** `amount` for each job, second of video or million pixels; the first rate whose conditions all hold. */
export type CostRule = {
  per: 'job' | 'second' | 'megapixel';
  unit: Cost['unit'];
  rates: readonly {
    when?: Partial<Pick<Order, 'quality' | 'hasAudio'>> & { maxHeight?: number; maxPixels?: number };
    amount: string;
  }[];
  /** Where it was read, and when, `YYYY-MM-DD`. */
  source: string;
  asOf: string;
};

/** What a credential turned out to be. */
export type Verified =
  | { kind: 'ok'; remoteId: string | null; balance: Balance | null; slots: number | null }
  /** The provider refuses it. */
  | { kind: 'refused'; reason: string }
  | { kind: 'unreachable'; reason: string };

/** What an account can still spend, in all and in parts where the provider tells them apart. Decimals. */
export type Balance = { unit: Cost['unit']; available: string; subscription?: string; paid?: string };

/** A request that a provider sent to an attempt's callback URL. */
export type Callback = {
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  /** The catalogue's id of what the attempt ordered, for providers whose ids are complete only with it. */
  model?: string;
};

/** What is peculiar to a provider that is reached over the network, with an account. */
export type Upstream = {
  /** Where it is unless the operator says otherwise; without a slash at its end. */
  readonly baseUrl: string;
  /** The hosts besides that of `baseUrl` from which outputs may be fetched; a leading dot stands for all below it. */
  readonly outputHosts: readonly string[];
  readonly credentials: readonly Credential['kind'][];
  /** By the catalogue's id. */
  readonly models: Readonly<Record<string, ServedModel>>;
  /** What one of its credits costs in US dollars, where costs are in credits and all are sold at one price. */
  readonly creditUsd?: string;
  readonly capabilities: {
    cancel: 'none' | 'queued' | 'running';
    /** `unsigned` ones are told apart by the secret in their URL alone. */
    callback: 'none' | 'unsigned' | 'signed';
    hasBalance: boolean;
  };
  /** Looks whether a credential works, for free; with what else the same answer tells. */
  verify(context: ProviderContext): Promise<Verified>;
  /**
   * Looks for what a submit of unknown outcome may have made: `pending` or `completed` when it is there, `failed` when
   * it certainly is not, `unknown` when that cannot be told. Absent where a provider has nothing to look in.
   */
  findSubmitted?(
    order: Order,
    sent: {
      attemptId: string;
      sentAt: number;
      /** The jobs that other attempts have at this account already: none of them is what is looked for. */
      taken?: ReadonlySet<string>;
    },
    context: ProviderContext,
  ): Promise<AttemptOutcome>;
  /** The job that a callback is about, once it is certain that the provider has sent it; null otherwise. */
  readCallback?(callback: Callback, context: ProviderContext): Promise<string | null>;
};
