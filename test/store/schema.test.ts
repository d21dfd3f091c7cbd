// The tables as the code sees them, held against the schema that the migrations make and against the Postgres tables:
// the three must not drift apart.
import { afterAll, describe, expect, test } from 'bun:test';
import { getTableConfig as postgresConfig, type PgTable } from 'drizzle-orm/pg-core';
import { getTableConfig as sqliteConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import { postgresTables } from '../../src/store/schema/postgres.ts';
import { sqliteTables } from '../../src/store/schema/sqlite.ts';
import { handleOf, openDatabase } from '../support/database.ts';

const database = openDatabase();
const handle = handleOf(database.store.read);
afterAll(() => database.close());

type Column = { name: string; type: string; isRequired: boolean; isKey: boolean };
type Shape = Record<string, Column[]>;
type ColumnConfig = { name: string; primary: boolean; notNull: boolean; getSQLType(): string };
type TableConfig = {
  name: string;
  columns: ColumnConfig[];
  primaryKeys: { columns: { name: string }[] }[];
};

const snakeCase = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const byName = (columns: Column[]) => columns.sort((a, b) => (a.name < b.name ? -1 : 1));

function shapeOf(configs: TableConfig[], typeOf: (type: string) => string): Shape {
  return Object.fromEntries(
    configs.map(({ name, columns, primaryKeys }) => {
      const keys = new Set(primaryKeys.flatMap((key) => key.columns.map((column) => column.name)));
      const shapes = columns.map((column) => ({
        name: snakeCase(column.name),
        type: typeOf(column.getSQLType()),
        isRequired: column.notNull,
        isKey: column.primary || keys.has(column.name),
      }));
      return [name, byName(shapes)];
    }),
  );
}

const sqliteShape = shapeOf(
  Object.values<SQLiteTable>(sqliteTables).map((table) => sqliteConfig(table)),
  (type) => type.toUpperCase(),
);

test('the migrated schema has the tables of the code, column by column, and no others', () => {
  const names = handle
    .prepare<[], string>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_migrations' AND name NOT LIKE 'sqlite_%'",
    )
    .pluck()
    .all();
  const migrated: Shape = {};
  for (const table of names) {
    const columns = handle
      .prepare<[string], { name: string; type: string; notnull: number; pk: number }>(
        'SELECT * FROM pragma_table_xinfo(?)',
      )
      .all(table);
    migrated[table] = byName(
      columns.map(({ name, type, notnull, pk }) => ({
        name,
        type,
        isRequired: notnull === 1 || pk > 0,
        isKey: pk > 0,
      })),
    );
  }
  expect(migrated).toEqual(sqliteShape);
});

test('Postgres has the same tables and columns, with types that hold the same values', () => {
  const wide: Record<string, string> = { text: 'TEXT', bigint: 'INTEGER', jsonb: 'TEXT' };
  const postgresShape = shapeOf(
    Object.values(postgresTables).map((table) => postgresConfig(table as unknown as PgTable)),
    (type) => wide[type] ?? type,
  );
  expect(postgresShape).toEqual(sqliteShape);
});

describe('every table', () => {
  const tables = Object.keys(sqliteShape);

  test.each(tables)('%s is strict', (table) => {
    const [strict] = handle
      .prepare<[string], { strict: number }>('SELECT strict FROM pragma_table_list WHERE name = ?')
      .all(table);
    expect(strict).toEqual({ strict: 1 });
  });

  test('refers only to rows that exist', () => {
    expect(handle.pragma('foreign_key_check')).toEqual([]);
    expect(handle.pragma('foreign_keys', { simple: true })).toBe(1);
  });
});
