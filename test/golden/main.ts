// Writes the answers of the golden files anew: `bun test/golden/main.ts`, then read the difference.
import { rewriteGoldenFiles } from './replay.ts';

const changed = await rewriteGoldenFiles();
console.log(changed.length === 0 ? 'Nothing has changed.' : `Rewritten: ${changed.join(', ')}.`);
