// The migrations that this build knows, in order, embedded so that the executable needs no file beside it.
import first from './sqlite/0001_first.sql' with { type: 'text' };

export type Migration = { id: number; name: string; sql: string };

export const SQLITE_MIGRATIONS: readonly Migration[] = [{ id: 1, name: 'first', sql: first }];
