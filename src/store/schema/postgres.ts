// The tables as Postgres has them.
import { KITS } from './kit.ts';
import { defineTables } from './tables.ts';

export const postgresTables = defineTables(KITS.postgres);
