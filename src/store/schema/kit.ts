// The column builders that both databases offer under one name. Tables are written once over this kit and typed
// once, as SQLite tables; the one cast that makes Postgres wear the same type is at the end of this file.
import * as pg from 'drizzle-orm/pg-core';
import * as sqlite from 'drizzle-orm/sqlite-core';

const sqliteKit = {
  table: sqlite.sqliteTable,
  text: () => sqlite.text(),
  /** A text column that holds one of a few words. */
  word: <const Words extends readonly [string, ...string[]]>(words: Words) => sqlite.text({ enum: words }),
  /** A whole number of up to 53 bits: credits, instants, counts. */
  integer: () => sqlite.integer({ mode: 'number' }),
  json: <Value>() => sqlite.text({ mode: 'json' }).$type<Value>(),
  primaryKey: sqlite.primaryKey,
};

export type Kit = typeof sqliteKit;

/** Bun's client hands over objects as they are; drizzle's own jsonb would encode them twice. */
const pgJson = pg.customType<{ data: unknown; driverData: unknown }>({
  dataType: () => 'jsonb',
  toDriver: (value) => value,
  fromDriver: (value) => value,
});

const pgKit = {
  table: pg.pgTable,
  text: () => pg.text(),
  word: (words: readonly [string, ...string[]]) => pg.text({ enum: [...words] as [string, ...string[]] }),
  integer: () => pg.bigint({ mode: 'number' }),
  json: () => pgJson(),
  primaryKey: pg.primaryKey,
};

export const KITS: Readonly<Record<'sqlite' | 'postgres', Kit>> = {
  sqlite: sqliteKit,
  // The two builders agree in every call that tables.ts makes (a test compares the results column by column).
  postgres: pgKit as unknown as Kit,
};
