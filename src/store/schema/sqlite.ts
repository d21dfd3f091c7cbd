// The tables as SQLite has them.
import { KITS } from './kit.ts';
import { defineTables } from './tables.ts';

export const sqliteTables = defineTables(KITS.sqlite);
