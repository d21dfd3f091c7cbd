// The provider behind test keys, examples and the demo: it serves every model of the catalogue, asks nobody, and
// delivers real files. It keeps nothing: its job id says how the job will go, so that it survives every restart.
import { JOB_TYPES, type JobType } from '../words.ts';
import type { AttemptOutcome, Order, Provider, ProviderOutput } from './provider.ts';

/** What is to be painted; the painter is handed in, so that this file stays about the protocol. */
export type PaintOrder = Omit<Order, 'model' | 'reference' | 'seed'> & {
  /** Stands small in the picture. */
  label: string;
  seed: number;
  reference: Uint8Array | null;
};
export type Paint = (order: PaintOrder) => Promise<Uint8Array>;

/** Words in a prompt that make the sandbox act out what providers do. */
const DIRECTIVES = {
  fail: '[test:fail]',
  reject: '[test:reject]',
  slow: '[test:slow]',
  unavailable: '[test:503]',
} as const;

/** About what a real provider takes on a good day, so that clients learn to wait. */
const LATENCY_MS = { image: 2000, video: 5000, slow: 60_000 } as const;

const ENDINGS = ['completes', 'fails', 'rejects'] as const;
type EndingWord = (typeof ENDINGS)[number];
type SandboxJob = { type: JobType; ending: EndingWord; readyAt: number };

export function createSandbox({ paint }: { paint: Paint }): Provider {
  return {
    id: 'sandbox',
    modes: ['test'],
    serves: () => true,
    canTake: (order) => !order.prompt.includes(DIRECTIVES.unavailable),
    submitIsRepeatable: true,
    async submit(order, attemptId, { clock }) {
      const latencyMs = order.prompt.includes(DIRECTIVES.slow) ? LATENCY_MS.slow : LATENCY_MS[order.type];
      const readyAt = clock.now() + latencyMs;
      const providerJobId = formatJobId({ type: order.type, ending: endingOf(order), readyAt, attemptId });
      return { kind: 'pending', providerJobId, pollAt: readyAt };
    },
    async poll(providerJobId, { clock }) {
      const job = parseJobId(providerJobId);
      if (job === null) return failed('the sandbox has no such job');
      if (isAtWork(job, clock.now())) return { kind: 'pending', providerJobId, pollAt: job.readyAt };
      return outcomeOf(job, providerJobId);
    },
    async cancel(providerJobId, { clock }) {
      const job = parseJobId(providerJobId);
      return job !== null && isAtWork(job, clock.now());
    },
    async openOutput(output, order) {
      const { model, reference, seed = 0, ...rest } = order;
      const type = output.role === 'poster' ? 'image' : order.type;
      return {
        pieces: [await paint({ ...rest, type, label: model, seed, reference: reference?.bytes ?? null })],
      };
    },
  };
}

/** Further off than any job takes means that the clock was set back meanwhile. */
function isAtWork({ readyAt }: SandboxJob, now: number): boolean {
  return now < readyAt && readyAt - now <= LATENCY_MS.slow;
}

function endingOf({ prompt }: Order): EndingWord {
  if (prompt.includes(DIRECTIVES.fail)) return 'fails';
  return prompt.includes(DIRECTIVES.reject) ? 'rejects' : 'completes';
}

function outcomeOf({ type, ending }: SandboxJob, providerJobId: string): AttemptOutcome {
  switch (ending) {
    case 'completes':
      return { kind: 'completed', providerJobId, outputs: outputsOf(type, providerJobId) };
    case 'fails':
      return failed(`the prompt contains ${DIRECTIVES.fail}`);
    case 'rejects':
      return {
        kind: 'rejected',
        code: 'content_policy_violation',
        reason: `the prompt contains ${DIRECTIVES.reject}`,
      };
  }
}

function failed(reason: string): AttemptOutcome {
  return { kind: 'failed', code: 'provider_error', reason };
}

/** A video has a picture of its first frame beside it. */
function outputsOf(type: JobType, providerJobId: string): ProviderOutput[] {
  const url = `sandbox:${providerJobId}`;
  const output: ProviderOutput = { role: 'output', url };
  return type === 'video' ? [output, { role: 'poster', url }] : [output];
}

function formatJobId({ type, ending, readyAt, attemptId }: SandboxJob & { attemptId: string }): string {
  return [type, ending, readyAt, attemptId].join('.');
}

/** Null for what is no job of the sandbox. */
function parseJobId(providerJobId: string): SandboxJob | null {
  const [typeWord, endingWord, readyAtText = ''] = providerJobId.split('.');
  const type = JOB_TYPES.find((known) => known === typeWord);
  const ending = ENDINGS.find((known) => known === endingWord);
  if (type === undefined || ending === undefined || !/^\d{1,15}$/.test(readyAtText)) return null;
  return { type, ending, readyAt: Number(readyAtText) };
}
