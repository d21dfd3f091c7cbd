// A connection of the auditor's own: it reads what is committed, cannot write, and shares no code with the product.
import Database from '#sqlite';
import { join } from 'node:path';

export type Reader = InstanceType<typeof Database>;

export function openReader(dir: string): Reader {
  return new Database(join(dir, 'sluice.db'), { readonly: true });
}
