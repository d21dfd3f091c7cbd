// The frame of a slow suite that is a program of its own: proofs one after the other, a line for each, and at the end
// the line that `.ci/run` counts by.
import { messageOf } from '../../src/errors.ts';

export type Proofs = {
  /** Runs a proof and prints how it went, with what it returns as a remark. @returns whether it holds */
  prove(what: string, proof: () => Promise<string | void> | string | void): Promise<boolean>;
  /** Prints the count, and makes it the exit code. To be called once, at the end. */
  conclude(): void;
};

export function createProofs(): Proofs {
  let passed = 0;
  let failed = 0;
  return {
    async prove(what, proof) {
      try {
        const remark = await proof();
        console.log(`pass  ${what}${remark === undefined ? '' : `: ${remark}`}`);
        passed += 1;
        return true;
      } catch (thrown) {
        console.log(`FAIL  ${what}: ${messageOf(thrown)}`);
        failed += 1;
        return false;
      }
    },
    conclude() {
      console.log(`${passed} passed, ${failed} failed`);
      process.exitCode = failed === 0 ? 0 : 1;
    },
  };
}
