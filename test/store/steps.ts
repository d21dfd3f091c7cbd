// A second migration for the tests of upgrades, and how a migration falls into statements.
import type { Migration } from '../../src/store/migrations/index.ts';

export const SECOND_STEP: Migration = {
  id: 2,
  name: 'second',
  sql: [
    'CREATE TABLE extra (id TEXT PRIMARY KEY) STRICT;',
    "UPDATE meta SET value = value || ' upgraded';",
    'ALTER TABLE meta ADD COLUMN note TEXT;',
    '',
  ].join('\n'),
};

/** In our migrations a semicolon at the end of a line ends a statement. */
export function statementsOf(sql: string): string[] {
  return sql
    .split(/;\n/)
    .filter((statement) => statement.trim() !== '')
    .map((statement) => `${statement};`);
}
