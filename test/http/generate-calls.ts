// The same call on both generate routes, for tables of what both refuse alike.
import { freshKey, type Call, type Expected, type Scenario } from './scenario.ts';

export const GENERATE = ['/v1/images/generate', '/v1/videos/generate'] as const;
export const GOOD = '{"prompt":"a"}';

export function onBoth(name: string, call: Partial<Call>, answer: Expected): Scenario[] {
  return GENERATE.map((path) => ({
    name: `${name} on ${path}`,
    call: { method: 'POST', path, text: GOOD, idempotencyKey: freshKey(), ...call },
    answer,
  }));
}
