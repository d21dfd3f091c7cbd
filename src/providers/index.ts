// The providers, one line each, and the contract that each fulfils.
export type {
  AttemptOutcome,
  Order,
  OutputContent,
  Provider,
  ProviderContext,
  ProviderOutput,
} from './provider.ts';
export { createSandbox, type Paint, type PaintOrder } from './sandbox.ts';
