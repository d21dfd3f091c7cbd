// How a bench server tells the bench that it listens: one line of JSON on its standard output.
import type { ServerReport } from './cases.ts';

export function report(serverReport: ServerReport): void {
  process.stdout.write(`${JSON.stringify(serverReport)}\n`);
}
