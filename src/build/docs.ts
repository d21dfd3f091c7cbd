// `npm run docs`: writes the pages that are made from the code.
import { join } from 'node:path';
import { referencePages } from './reference.ts';

for (const [path, text] of Object.entries(referencePages())) {
  await Bun.write(join(import.meta.dir, '..', '..', path), text);
}
