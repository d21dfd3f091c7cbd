// The providers, one line each, and the contract that each fulfils.
import { createBfl } from './bfl.ts';
import { createByteplus } from './byteplus.ts';
import { createDashscope } from './dashscope.ts';
import { createFal } from './fal.ts';
import { createGoogle } from './google.ts';
import { createKling } from './kling.ts';
import { createLeonardo } from './leonardo.ts';
import { createLuma } from './luma.ts';
import { createMinimax } from './minimax.ts';
import { createOpenai } from './openai.ts';
import type { Provider } from './provider.ts';
import { createReplicate } from './replicate.ts';
import { createRunway } from './runway.ts';

export { estimateCost, marginOf, type CostedOrder, type Estimate, type Margin } from './cost.ts';
export type {
  AccountAccess,
  AttemptOutcome,
  Balance,
  Cost,
  CostRule,
  Credential,
  Fault,
  Order,
  OutputContent,
  Provider,
  ProviderContext,
  ProviderOutput,
  Upstream,
  Verified,
} from './provider.ts';
export { createSandbox, type Paint, type PaintOrder } from './sandbox.ts';

/** Those that are reached over the network, with an account. */
export const PROVIDERS: readonly (() => Provider)[] = [
  // In alphabetical order.
  createBfl,
  createByteplus,
  createDashscope,
  createFal,
  createGoogle,
  createKling,
  createLeonardo,
  createLuma,
  createMinimax,
  createOpenai,
  createReplicate,
  createRunway,
];
